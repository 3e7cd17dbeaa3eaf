"""The environment variables of this process, and how much of them programs, messages and tracebacks get to see."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from types import TracebackType
from typing import Final

PROGRAMS: Final = frozenset(
    {
        *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE"),
        *("TMPDIR", "TEMP", "TMP"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "COMSPEC", "PATHEXT"),
    }
)
"""The variables that any program may need; none holds a credential."""

NETWORK: Final = frozenset(
    {
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
"""The variables that a program needs to download something."""


class Environment(Mapping[str, str]):
    """Environment variables that no repr and no traceback with locals shows.

    >>> Environment({"CCE_AUTH_TOKEN": "s3cr3t"})
    <Environment>
    """

    __slots__ = ("_variables",)

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return "<Environment>"


class Words(tuple[str, ...]):
    """The words of a command, of which only the first is shown, since arguments may hold secrets.

    >>> Words(["vault", "read", "s3cr3t"])
    <vault …>
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{self[0]} …>" if len(self) > 1 else f"<{''.join(self)}>"


def environment_of_child(
    environment: Mapping[str, str], names: Container[str] = (), *, prefixes: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return the environment of a program: `PROGRAMS`, and the variables with these names or prefixes."""
    return {
        name: text
        for name, text in environment.items()
        if name in PROGRAMS or name in names or (prefixes and name.startswith(prefixes))
    }


def without_frames_of(trace: TracebackType | None, packages: Container[str]) -> TracebackType | None:
    """Return a traceback without the frames of these packages or modules, whose locals hold secrets."""
    kept = []
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module not in packages and module.partition(".")[0] not in packages:
            kept.append(trace)
        trace = trace.tb_next
    for above, below in zip(kept, [*kept, None][1:], strict=True):
        above.tb_next = below
    return kept[0] if kept else None


def prefers_chinese(environment: Mapping[str, str]) -> bool:
    """Whether the language of messages is Chinese, by the variables of POSIX in their order."""
    chosen = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return chosen.lower().startswith("zh")
