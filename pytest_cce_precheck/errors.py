"""Errors outside of the contract: misuse of the tool, and answers that never arrived.

None is a verdict on the service; verdicts are findings (``contract.findings``).
"""

from __future__ import annotations

from typing import Literal

TransportReason = Literal[
    "unreachable", "name-not-found", "timeout", "tls", "connection-lost", "truncated", "too-large", "not-http"
]

MissReason = Literal["no-such-request", "used-up", "no-test"]


class CcePrecheckError(Exception):
    """Base class of every error that this project raises on purpose."""


class ConfigurationError(CcePrecheckError):
    """An option, file or argument cannot be used as given."""


class MissingFileError(ConfigurationError):
    """A file that is needed does not exist."""


class UnsafeCredentialsError(ConfigurationError):
    """Credentials would travel unencrypted, or to a host that they are not meant for."""


class MissingCredentialsError(ConfigurationError):
    """A call needs credentials, and none are configured."""


class WriteRefusedError(ConfigurationError):
    """A request that could change something in a real service was not permitted."""


class NetworkRefusedError(CcePrecheckError):
    """A client tried to reach a machine that a simulated or replayed run must not reach."""


class BudgetExhaustedError(CcePrecheckError):
    """The run has sent as many requests as its budget allows, or its time is over.

    ``was_sent`` is set if the request was sent and its answer cut off.
    """

    was_sent: bool = False


class BodyError(CcePrecheckError):
    """A body is not strict UTF-8 JSON; ``reason`` is for programs, ``detail`` for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ReleasedBodyError(CcePrecheckError):
    """A large body was released after others had arrived, and cannot be judged any more."""


class CassetteError(CcePrecheckError):
    """A recording cannot be used."""


class CassetteMissingError(CassetteError):
    """A cassette that is needed does not exist."""


class CassetteCorruptError(CassetteError):
    """A file is not a valid cassette; the message says where."""


class CassetteMissError(CassetteError):
    """The cassette has no answer to a request; ``reason`` is for programs."""

    def __init__(self, reason: MissReason, message: str) -> None:
        super().__init__(message)
        self.reason: MissReason = reason
