"""Curl lines: what they send is what was sent, whatever a shell makes of its characters, and no credential."""

from __future__ import annotations

import os
import stat
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.redaction.texts import Redactor, curl
from pytest_cce_precheck.wire.exchange import Headers, Request
from pytest_cce_precheck.wire.hosts import SIMULATED
from tests.redaction.spelt import SPELLINGS, secrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.wire.credentials import AuthKind

TOKEN = "to ken$HOME`id`\"'"


class Shell(NamedTuple):
    run: Callable[[str], tuple[list[str], bytes]]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Run a line in a shell whose curl writes down its arguments and what it is fed."""
    folder = tmp_path_factory.mktemp("shell")
    arguments, fed = folder / "arguments", folder / "fed"
    stub = folder / "curl"
    stub.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >'{arguments}'\ncat >'{fed}'\n")
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "CCE_AUTH_TOKEN": TOKEN}

    def run(line: str) -> tuple[list[str], bytes]:
        arguments.unlink(missing_ok=True)
        done = subprocess.run(
            ["sh", "-c", line], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=10
        )
        assert (done.stdout, done.stderr) == (b"", b"")
        return arguments.read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1], fed.read_bytes()

    return Shell(run)


def request(**changes: object) -> Request:
    fields: dict[str, object] = {"method": "GET", "endpoint": "https://cce.test", "path": "/api/v3/tasks", **changes}
    return Request(**fields)  # type: ignore[arg-type]  # checked by what is built of it


def values_after(option: str, arguments: list[str]) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


awkward = st.text("aB3 '\"$`\\!*?#;&|<>(){}[]~%\n\té中-@", max_size=10)


# two processes an example take what time the machine gives them
@settings(max_examples=60, deadline=None)
@given(query=awkward, value=awkward, body=awkward.map(str.encode) | st.binary(max_size=8))
@example(query="a='$(id)'`id`\n", value="a\nb", body=b"")
@example(query="", value="it's", body=b"-n\\n\\0101\n%s\x00\xff")
@example(query="", value="", body=b"@/etc/passwd")
def test_every_argument_survives_the_shell(shell: Shell, query: str, value: str, body: bytes) -> None:
    sent = request(method="POST", query=query, headers=Headers({"User-Agent": value}), body=body)
    line = curl(sent, Redactor([]), kind="token")
    arguments, fed = shell.run(line)
    url = sent.url.replace("\n", "%0A").replace("\t", "%09").replace(" ", "%20")
    assert url in arguments
    assert values_after("-X", arguments) == ["POST"]
    headers = values_after("-H", arguments)
    assert f"X-Auth-Token: {TOKEN}" in headers
    shown = value.replace("\n", " ")
    assert (f"User-Agent: {shown}" if value.strip() else "User-Agent;") in headers
    raw = [text.encode() for text in values_after("--data-raw", arguments)]
    assert (fed if "--data-binary" in arguments else b"".join(raw)) == body
    assert "\n" not in line


def test_a_curl_line_reads_like_this() -> None:
    sent = request(
        query="type=addonStatic",
        headers=Headers(
            [("Content-Type", "application/json"), ("X-Auth-Token", "iam-token"), ("Host", "cce.test"), ("X-New", "n")]
        ),
    )
    assert curl(sent, Redactor(["iam-token"]), kind="token") == (
        "curl -sS -i -H 'Content-Type: application/json' -H 'X-New: ***'"
        " 'https://cce.test/api/v3/tasks?type=addonStatic'"
        ' -H "X-Auth-Token: $CCE_AUTH_TOKEN"'
    )


def test_a_request_that_had_a_token_is_not_called_signed_whatever_the_run_uses() -> None:
    line = curl(request(headers=Headers({"X-Auth-Token": "iam-token"})), Redactor(["iam-token"]), kind="ak/sk")
    assert line == 'curl -sS -i https://cce.test/api/v3/tasks -H "X-Auth-Token: $CCE_AUTH_TOKEN"'


def test_a_request_to_the_simulator_is_repeated_with_one_that_is_served() -> None:
    line = curl(request(endpoint=SIMULATED), Redactor([]), kind="token")
    assert line == (
        'curl -sS -i "$CCE_ENDPOINT"/api/v3/tasks -H "X-Auth-Token: $CCE_AUTH_TOKEN" # the simulator answered:'
        " CCE_ENDPOINT is what cce-precheck serve prints, with the same --fault"
    )


def test_a_signed_request_is_repeated_with_a_token_and_says_so(shell: Shell) -> None:
    names = ("Authorization", "X-Sdk-Date", "X-Security-Token", "X-Sdk-Content-Sha256", "X-Project-Id")
    line = curl(request(headers=Headers(dict.fromkeys(names, "v"))), Redactor([]), kind="ak/sk")
    assert line.endswith(' -H "X-Auth-Token: $CCE_AUTH_TOKEN" # was signed with AK/SK; needs a token to repeat')
    arguments, _ = shell.run(line)
    assert values_after("-H", arguments) == ["X-Project-Id: v", f"X-Auth-Token: {TOKEN}"]


def test_a_request_without_credentials_is_repeated_without() -> None:
    assert curl(request(), Redactor([]), kind=None) == "curl -sS -i https://cce.test/api/v3/tasks"


def test_credentials_that_are_nobodys_are_named_and_not_shown() -> None:
    line = curl(request(headers=Headers({"X-Auth-Token": "wrong"})), Redactor([]), kind=None)
    assert line == "curl -sS -i -H 'X-Auth-Token: ***' https://cce.test/api/v3/tasks"


@given(secret=secrets, kind=st.sampled_from(["token", "ak/sk", None]), spelling=st.sampled_from(sorted(SPELLINGS)))
def test_no_curl_line_holds_a_secret(secret: str, kind: AuthKind | None, spelling: str) -> None:
    # of other characters than the line's own text, so that none is in it by chance
    secret = "Ω" + secret
    spelt = SPELLINGS[spelling](secret)
    sent = request(
        method="POST",
        path=f"/api/{spelt}",
        query=f"a={spelt}",
        headers=Headers({"Host": spelt, "User-Agent": spelt, "X-Auth-Token": spelt}),
        body=spelt.encode(),
    )
    assert not Redactor([secret]).found_in(curl(sent, Redactor([secret]), kind=kind))


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"method": "HEAD"}, ["--head"]),
        ({"method": "DELETE"}, ["-X", "DELETE"]),
        ({"body": b"{}"}, ["-X", "GET", "-H", "Content-Type:", "--data-raw", "{}"]),
        ({"path": "/a/../b"}, ["--path-as-is"]),
        ({"query": "a=[1]{2}"}, ["--globoff"]),
        ({"headers": Headers({"Host": "other.test", "Content-Length": "0"})}, ["-H", "Host: other.test"]),
        ({"headers": Headers({"Accept": ""})}, ["-H", "Accept;"]),
        ({"headers": Headers({"Accept-Encoding": "gzip", "Connection": "close", "Accept": "a"})}, ["-H", "Accept: a"]),
        ({"headers": Headers({"Transfer-Encoding": "chunked", "X-Sdk-Date": "d", "X-Sdk-Content-Sha256": "s"})}, []),
    ],
)
def test_curl_is_told_to_send_what_was_sent(shell: Shell, changes: dict[str, object], options: list[str]) -> None:
    arguments, _ = shell.run(curl(request(**changes), Redactor([]), kind=None))
    assert arguments == ["-sS", "-i", *options, request(**changes).url]


def test_a_body_with_a_control_character_is_fed_to_curl_as_an_escape() -> None:
    assert curl(request(body=b"a\x7fb"), Redactor([]), kind=None).startswith("printf %b 'a\\0177b' | curl")
