"""No output of a run shows a credential."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from tests.plugin.projects import LIVE
from tests.servers import Handler, serving

if TYPE_CHECKING:
    from tests.conftest import Run

TOKEN: Final = {"CCE_AUTH_TOKEN": "PLANTED-token+/MIIabc=="}
KEYS: Final = {
    "HUAWEICLOUD_SDK_AK": "PLANTEDACCESSKEY",
    "HUAWEICLOUD_SDK_SK": "PLANTED/secret+key",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": "PLANTED-security-token",
}
FAILS = """
import logging

import pytest
from hypothesis import given, settings, strategies

def test_a_violation(cce_client, cce_contract):
    credentials = cce_client.credentials
    exchange = cce_client.list_tasks(type="addonStatic")
    request, headers = exchange.request, exchange.request.headers
    logging.getLogger().debug("%s %r %s", exchange, credentials, headers)
    cce_contract.verify(exchange)

def test_an_assertion(cce_client, cce_exchanges, cce_config):
    exchange = cce_client.list_tasks()
    assert (exchange.request, exchange.request.headers, cce_client.credentials, cce_exchanges, cce_config) == 5

def test_a_lost_answer(cce_client):
    cce_client.list_tasks(task_id="close")

def test_a_wrong_argument(cce_client, cce_contract):
    cce_client.create_tasks([{"values": object()}])

@settings(database=None, max_examples=5)
@given(task_id=strategies.sampled_from(["a", "b"]))
def test_a_drawn_question(cce_client, task_id):
    assert cce_client.list_tasks(task_id=task_id).status == 999

@pytest.fixture
def broken(cce_client):
    exchange = cce_client.list_tasks()
    raise RuntimeError(exchange)

def test_a_broken_fixture(broken): pass
"""


def tell_tales(handler: Handler) -> None:
    """Answer with everything that was asked, credentials included."""
    if "task_id=close" in handler.path:
        handler.close_connection = True
        return
    told = {"errorCode": "CCE.01500001", "errorMessage": str(handler.headers)}
    for name in ("X-Auth-Token", "X-Security-Token", "Authorization"):
        told[name] = handler.headers.get(name) or ""
    told["reveals"] = "".join({**TOKEN, **KEYS}.values())
    handler.reply(500, json.dumps(told).encode(), X_Request_Id=told["reveals"], Location=f"/?t={told['reveals']}")


@pytest.mark.parametrize("credentials", [TOKEN, KEYS], ids=["token", "keys"])
def test_secrets_are_nowhere_in_a_failing_run(
    pytester: pytest.Pytester, run_apart: Run, monkeypatch: pytest.MonkeyPatch, credentials: dict[str, str]
) -> None:
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(FAILS)
    with serving(tell_tales) as server:
        loud = ("-vv", "--tb=long", "--showlocals", "--log-level=DEBUG", "-o", "log_cli=true", "-ra")
        result = run_apart(
            *LIVE, f"--cce-endpoint={server.endpoint}", *loud, "--junitxml=junit.xml", "--cce-report=findings.json"
        )
        result.assert_outcomes(failed=5, errors=1)
        sent = "".join(str(handler.headers) for handler in server.seen)
    written = [(pytester.path / name).read_text("utf-8") for name in ("junit.xml", "findings.json")]
    shown = [*written, result.stdout.str(), result.stderr.str()]
    # the run did show what it did, and did send what it hides
    assert all("PRE608" in text for text in shown[:3])
    assert next(iter(credentials.values())) in sent
    assert_silent(shown, credentials)


@pytest.mark.parametrize(("credentials", "ending"), [(TOKEN, "md"), (KEYS, "html")], ids=["token", "keys"])
def test_secrets_are_nowhere_in_a_red_suite(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch, credentials: dict[str, str], ending: str
) -> None:
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    with serving(tell_tales) as server:
        loud = ("-vv", "--tb=long", "--showlocals", "--log-level=DEBUG", "-o", "log_cli=true", "-ra")
        report = f"--cce-report=findings.{ending}"
        result = run("--pyargs", "pytest_cce_precheck.suite", *LIVE, f"--cce-endpoint={server.endpoint}", *loud, report)
    assert result.ret == 1
    shown = [result.stdout.str(), result.stderr.str(), (pytester.path / f"findings.{ending}").read_text("utf-8")]
    assert "PRE608" in shown[0]
    assert_silent(shown, credentials)


def assert_silent(shown: list[str], credentials: dict[str, str]) -> None:
    for secret in credentials.values():
        octets = secret.encode()
        spellings = (secret, quote(secret, safe=""), quote(secret), base64.b64encode(octets).decode())
        for text in shown:
            assert not [spelling for spelling in spellings if spelling in text], text
