"""The tests of other programs whose calls a proxy answers: which are open, and to which of them a request belongs."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cassette.files import file_name, place
from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.errors import CassetteMissError, ConfigurationError
from pytest_cce_precheck.proxy.service import local_credentials
from pytest_cce_precheck.wire.vocabulary import TEST_HEADER, TOKEN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.wire.credentials import Credentials
    from pytest_cce_precheck.wire.exchange import Request, Response

_ACCESS: Final = re.compile(r"Access=([^\s,]+)")
_LONGEST: Final = 1000


@dataclass(eq=False)
class Call:
    """One request of a test, in the order of arrival, and its outcome as soon as there is one."""

    request: Request
    outcome: Response | Failure | None = None


@dataclass
class OpenTest:
    """A test of another program, or all requests that belong to none.

    ``credentials`` are its own: who authenticates with them belongs to this test. If its recordings ``repeat``, each
    answers many calls. With ``ends_itself`` nobody has to end it; if it is ``named``, each of its calls has its name.
    ``problems`` say why it must not pass.
    """

    name: str
    repeats: bool = False
    ends_itself: bool = False
    named: bool = False
    credentials: Credentials = field(default_factory=local_credentials)
    began: float = field(default_factory=monotonic)
    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    problems_left_out: int = 0
    """How many were counted and not kept."""
    findings: list[Finding] = field(default_factory=list)
    told: int = 0
    """How many of the findings were reported as events."""
    sent: int = 0
    answered: int = 0
    judged: int = 0
    listed: bool = False
    first_list: int | None = None
    cassette: Path | None = None
    kept: bool | None = None
    used: dict[str, Any] = field(default_factory=dict)

    def called(self, request: Request) -> Call:
        """Add a request that has arrived."""
        call = Call(request)
        self.calls.append(call)
        return call

    @property
    def recordings(self) -> Iterator[Recording]:
        """The calls that have an outcome."""
        return (Recording(each.request, each.outcome) for each in self.calls if each.outcome is not None)

    def place_in(self, folder: Path) -> Path:
        """Return the path of the test's cassette: that of a pytest test with the same name, or of the name itself.

        Raises `ConfigurationError` if the name cannot be that of a cassette.
        """
        place(folder, self.name)
        module, is_pytest, test = self.name.partition("::")
        if not is_pytest:
            module, _, test = self.name.removesuffix(".json").rpartition("/")
        return place(folder, file_name(module, test))

    def summary(self, fails: Callable[[Finding], bool]) -> dict[str, Any]:
        """Return how the test ended, for the program that ran it; ``fails`` says which findings fail a test."""
        return {
            "test": self.name,
            "kept": self.kept,
            "cassette": str(self.cassette) if self.cassette else None,
            "calls": self.sent,
            **self.used,
            "problems": self.problems + ([f"and {more:,} more"] if (more := self.problems_left_out) else []),
            "findings": [{"code": each.code, "message": each.message, "fails": fails(each)} for each in self.findings],
        }


class OpenTests:
    """The tests that have begun and not ended; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, OpenTest] = {}

    def __iter__(self) -> Iterator[OpenTest]:
        return iter(list(self._open.values()))

    def begin(self, test: OpenTest) -> OpenTest:
        """Add a test; raises `ConfigurationError` if its name is open already, or is none."""
        if not 0 < len(test.name) <= _LONGEST or not test.name.isprintable():
            raise ConfigurationError(f"a test's name is a text of 1 to {_LONGEST} printable characters")
        with self._lock:
            if test.name in self._open:
                raise ConfigurationError(
                    f"the test {test.name} is open already: end it with DELETE /_cce/tests/{test.name}"
                )
            self._open[test.name] = test
        return test

    def end(self, name: str) -> OpenTest:
        """Remove a test and return it; raises `ConfigurationError` if there is none of that name."""
        with self._lock:
            test = self._open.pop(name, None)
        if test is None:
            names = ", ".join(self._open) or "none"
            raise ConfigurationError(f"there is no open test {name!r}; open: {names}")
        test.seconds = monotonic() - test.began
        return test

    def of(self, request: Request) -> OpenTest | None:
        """Return the test of a request: named by its header, known by its credentials, or the only other one.

        None means that no such test is open, or that nobody can tell.
        """
        name = named_by(request)
        if name is not None:
            return self._open.get(name)
        signed = _ACCESS.search(request.headers.get("Authorization", ""))
        sent = {request.headers.get(TOKEN_HEADER), signed and signed[1]} - {None}
        tests = list(self)
        known = next((each for each in tests if sent & {*each.credentials.secrets}), None)
        others = [each for each in tests if not each.named]
        return known or (others[0] if len(others) == 1 else None)

    def unknown(self) -> CassetteMissError:
        """Return the error about a request whose test nobody knows."""
        names = [each.name for each in self if not each.named]
        return CassetteMissError(
            "no-test",
            (f"{len(names)} tests are open ({', '.join(names[:5])})" if names else "no test is open")
            + ", so nobody knows to which cassette this call belongs\n"
            f"  way out:  name the test with the header {TEST_HEADER}, or begin it with POST /_cce/tests, or start"
            " the proxy with --test NAME" + ("; each test that was begun has credentials of its own" if names else ""),
        )


def named_by(request: Request) -> str | None:
    """Return the name of a test in a request's header, None if it has none."""
    name = request.headers.get(TEST_HEADER)
    try:
        # many clients send UTF-8, and servers read Latin-1
        return name and name.encode("latin-1").decode()
    except UnicodeError:
        return name
