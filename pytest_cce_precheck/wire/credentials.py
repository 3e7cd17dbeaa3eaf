"""Credentials as values that no repr and no traceback shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, NoReturn

AuthKind = Literal["token", "ak/sk"]

SECRET_VARIABLES: Final = (
    "CCE_AUTH_TOKEN",
    "HUAWEICLOUD_SDK_AK",
    "HUAWEICLOUD_SDK_SK",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    "CLOUD_SDK_AK",
    "CLOUD_SDK_SK",
    "CCE_IAM_PASSWORD",
)
"""The environment variables that hold credentials, whichever of them a run authenticates with."""


def secrets_in(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every credential in an environment, used or not."""
    return tuple(environment[name] for name in SECRET_VARIABLES if environment.get(name))


class Secret:
    """A text that no repr, format or traceback prints; ``reveal()`` returns it.

    >>> Secret("s3cr3t")
    <Secret>
    >>> f"{Secret('s3cr3t')}"
    '<Secret>'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "<Secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        # the pickle would hold it in the clear
        raise TypeError("a secret is not pickled: pass the name of its environment variable")


@dataclass(frozen=True)
class Credentials:
    """An IAM token, or an access key with its secret (and a security token if the keys are temporary)."""

    token: Secret | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None
    security_token: Secret | None = None

    @property
    def kind(self) -> AuthKind | None:
        """``"token"``, ``"ak/sk"``, or None if there is nothing to authenticate with; AK/SK goes first."""
        if self.access_key and self.secret_key:
            return "ak/sk"
        return "token" if self.token else None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be shown, for the redactor."""
        return tuple(self.revealed().values())

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that are set."""
        return tuple(each.name for each in fields(self) if getattr(self, each.name) is not None)

    def revealed(self) -> dict[str, str]:
        """Return the fields that are set, in plain text."""
        return {name: getattr(self, name).reveal() for name in self.names}

    def only(self, names: Iterable[str]) -> Credentials:
        """Return these credentials with the fields of ``names`` alone; unknown names are ignored."""
        return Credentials(**{name: getattr(self, name) for name in names if name in self.names})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Credentials:
        """Read the variables that the vendor's SDK and samples use.

        ``CLOUD_SDK_AK``/``CLOUD_SDK_SK`` or ``HUAWEICLOUD_SDK_AK``/``HUAWEICLOUD_SDK_SK`` with
        ``HUAWEICLOUD_SDK_SECURITY_TOKEN``, and a token as ``CCE_AUTH_TOKEN``. Empty values count as absent.
        """

        def secret(name: str) -> Secret | None:
            return Secret(environment[name]) if environment.get(name) else None

        prefixes = ("HUAWEICLOUD_SDK", "CLOUD_SDK")
        # a key of one pair with the secret of the other would always be refused
        prefix = next((p for p in prefixes if secret(f"{p}_AK") and secret(f"{p}_SK")), prefixes[0])
        return cls(
            token=secret("CCE_AUTH_TOKEN"),
            access_key=secret(f"{prefix}_AK"),
            secret_key=secret(f"{prefix}_SK"),
            security_token=secret("HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        )
