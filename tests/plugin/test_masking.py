"""The credentials in use are masked in the report of a test that stores, prints or logs them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest
from requests.structures import CaseInsensitiveDict

from pytest_cce_precheck.plugin.masking import Mask
from tests.plugin.projects import LIVE
from tests.servers import always, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

TOKEN: Final = "PLANTED-token+/" + "MIIabc" * 60
FAILS: Final = """
import logging
import os
import sys

import pytest

def test_locals(cce_client):
    headers = dict(cce_client.list_tasks().request.headers)
    environment = os.environ
    token = os.environ["CCE_AUTH_TOKEN"]
    copied = ["x" * 100 + token]
    assert headers == token

def test_output(cce_client, request):
    token = os.environ["CCE_AUTH_TOKEN"]
    request.node.user_properties.append(("mine", f"recorded {token}"))
    print("printed", token)
    print("printed", token, file=sys.stderr)
    logging.getLogger().warning("logged %s", token)

@pytest.fixture
def broken(cce_client):
    token = os.environ["CCE_AUTH_TOKEN"]
    try:
        raise LookupError(token)
    except LookupError as error:
        raise RuntimeError(f"cannot {token}") from error

def test_setup(broken): pass

def test_of_nobody():
    raise RuntimeError(os.environ["CCE_AUTH_TOKEN"])
"""


@pytest.mark.parametrize("style", ["long", "short", "line", "native", "auto"])
@pytest.mark.parametrize("verbosity", ["-q", "-vvv"])
def test_a_users_own_test_shows_no_credential(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, style: str, verbosity: str
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", TOKEN)
    pytester.makepyfile(FAILS)
    with serving(always(200, b"{}")) as server:
        more = ("--showlocals", f"--tb={style}", verbosity, "-rA", "--full-trace", "-o", "junit_logging=all")
        result = run(*LIVE, f"--cce-endpoint={server.endpoint}", *more, "--junitxml=junit.xml")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    shown = result.stdout.str() + result.stderr.str()
    assert "printed ***" in shown
    assert "cannot ***" in shown
    written = (pytester.path / "junit.xml").read_text("utf-8")
    assert "logged ***" in written
    assert 'value="recorded ***"' in written
    for text in (shown, written):
        # no long piece of it either
        assert not any(TOKEN[start : start + 8] in text for start in range(24)), text


def test_in_a_simulated_run_nothing_is_changed(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile("def test_it(cce_client): assert cce_client.credentials == 'the words of the test'")
    result = run()
    result.stdout.fnmatch_lines("*the words of the test*")


@pytest.mark.parametrize(
    "error", [OSError(2, "no file"), OSError("x"), KeyError("x"), ExceptionGroup("x", [OSError()])]
)
def test_an_exception_that_holds_no_secret_is_left_as_it_is(error: Exception) -> None:
    before = str(error), repr(error), vars(error).copy()
    Mask(lambda: ["s3cr3t-key"]).exception(error)
    assert (str(error), repr(error), vars(error)) == before


Pair = namedtuple("Pair", "name value")


class Shown:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<{self.text}>"


@dataclass
class Data:
    text: str


@pytest.mark.parametrize(
    ("make", "masked"),
    [
        (lambda text: OrderedDict(a=text), {"a": "***"}),
        (lambda text: OrderedDict({text: 1}), {"***": 1}),
        (lambda text: defaultdict(list, a=[text]), {"a": ["***"]}),
        (lambda text: MappingProxyType({"a": text}), {"a": "***"}),
        (lambda text: CaseInsensitiveDict(a=text), {"a": "***"}),
        (lambda text: Pair("a", text), ("a", "***")),
        (lambda text: {text}, {"***"}),
        (lambda text: frozenset([text]), {"***"}),
        (lambda text: deque([text]), "deque(['***'])"),
        (lambda text: bytearray(text.encode()), "bytearray(b'***')"),
        (Shown, "<***>"),
        (Data, "Data(text='***')"),
        (lambda text: SimpleNamespace(a=text), "namespace(a='***')"),
        (lambda text: [{"a": (Shown(text),)}], [{"a": ("<***>",)}]),
        (type("Text", (str,), {}), "***"),
        (ValueError, "***"),
    ],
)
def test_whatever_holds_a_secret_is_masked(make: Callable[[str], object], masked: object) -> None:
    mask = Mask(lambda: ["s3cr3t-key"])
    harmless = make("harmless")
    assert mask.anything(harmless) is harmless
    assert mask.anything(make("s3cr3t-key")) == masked


def test_an_object_that_cannot_be_written_is_left_to_others() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    broken = [Broken()]
    assert Mask(lambda: ["s3cr3t-key"]).anything(broken) is broken


def test_an_exception_is_masked_with_all_that_it_comes_from() -> None:
    cause = FileNotFoundError(2, "no file", "s3cr3t-key")
    error = ExceptionGroup("a group", [ValueError("s3cr3t-key", 5, ["s3cr3t-key"])])
    error.__cause__ = cause
    cause.__context__ = error
    error.add_note("of s3cr3t-key")
    Mask(lambda: ["s3cr3t-key"]).exception(error)
    assert str(cause) == "[Errno 2] no file: '***'"
    assert error.exceptions[0].args == ("***", 5, ["***"])
    assert error.__notes__ == ["of ***"]


def test_a_command_is_masked_as_a_whole_and_paths_like_its_own_are_shown() -> None:
    mask = Mask(tuple, lambda: ["python /home/me/project/token.py s3cr3t"])
    assert mask.text("CCE_TOKEN_COMMAND=python /home/me/project/token.py s3cr3t") == "CCE_TOKEN_COMMAND=***"
    assert mask.text("/home/me/project/token.py:5: AssertionError") == "/home/me/project/token.py:5: AssertionError"


def test_a_token_that_is_fetched_on_the_way_is_known_from_then_on() -> None:
    known = ["s3cr3t-key"]
    mask = Mask(lambda: known)
    assert mask.text("s3cr3t-key an0ther-key") == "*** an0ther-key"
    known.append("an0ther-key")
    assert mask.text("s3cr3t-key an0ther-key") == "*** ***"
