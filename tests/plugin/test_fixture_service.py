"""The fixture `cce_service`, and the states and answers that a test arranges for every client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.toolchains import require_module

if TYPE_CHECKING:
    from tests.conftest import Run

OWN = """
import json
import urllib.error
import urllib.request

import pytest
import requests

def listing(service):
    return f"{service.url}/api/v3/projects/{service.project_id}/clusters/{service.cluster_id}/addons/precheck/tasks"

def ask(service, query="", method="GET", data=None):
    # urllib, which nothing intercepts
    headers = {**service.headers(), "Content-Type": "application/json"}
    request = urllib.request.Request(listing(service) + query, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")

def states(service):
    return [task["status"]["status"] for task in ask(service)[1]["items"]]
"""


def test_the_marker_arranges_the_tasks_for_every_client_and_for_no_other_test(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_it=OWN
        + """
@pytest.mark.cce(tasks=[{"state": "Failed", "risks": [("AddonValidate", "Fatal")]}, {"state": "Running"}])
def test_arranged(cce_client, cce_service, cce_server, cce_contract, cce_simulator):
    exchange = cce_client.list_tasks()
    cce_contract.verify(exchange)
    items = exchange.document["items"]
    assert [task["status"]["status"] for task in items] == ["Failed", "Running"] == states(cce_service)
    url = listing(cce_service).replace(cce_service.url, cce_server.endpoint)
    assert requests.get(url, headers=cce_service.headers()).json()["items"] == items

def test_added(cce_client, cce_service, cce_simulator):
    assert len(states(cce_service)) == 12
    cce_simulator.add_task(id="mine", state="Init", waits=5, runs=5)
    assert cce_client.list_tasks(task_id="mine").document["items"][0]["status"]["status"] == "Init"
    cce_simulator.advance(5)
    assert ask(cce_service, "?task_id=mine")[1]["items"][0]["status"]["status"] == "Running"

def test_dynamic(request, cce_service):
    simulator = request.getfixturevalue("cce_simulator")
    simulator.clear()
    assert states(cce_service) == []

@pytest.mark.cce(tasks=[])
def test_none(cce_service): assert states(cce_service) == []

def test_others(cce_client, cce_service):
    assert len(cce_client.list_tasks().document["items"]) == len(states(cce_service)) == 12
    assert cce_client.list_tasks(task_id="mine").document["items"] == []
"""
    )
    for order in ([], ["-p", "randomly"]):
        run(*order).assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        (
            "tasks='x'",
            "@pytest.mark.cce(tasks='x'): expected a list of dicts, each with the arguments of cce_simulator.",
        ),
        ("tasks=[{'state': 'Faild'}]", "@pytest.mark.cce(tasks=[[]…]): add_task: the state 'Faild' is unknown: *"),
        ("tasks=[{'risks': ['a']}]", "@pytest.mark.cce(tasks=[[]…]): the risk 'a' has no level: *"),
        ("tasks=[{'id': 'x'}, {'id': 'x'}]", "@pytest.mark.cce(tasks=[[]…]): add_task: PRE304 task-id-twice: *"),
        ("mode='live', tasks=[]", "@pytest.mark.cce(mode='live', tasks=[[]…]): only the simulator's tasks can be *"),
    ],
)
def test_a_marker_that_arranges_nothing_possible_stops_the_run(
    pytester: pytest.Pytester, run: Run, marker: str, told: str
) -> None:
    pytester.makepyfile(test_it=f"import pytest\n@pytest.mark.cce({marker})\ndef test_it(cce_client): pass")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: test_it.py::test_it: {told}*"])


def test_tasks_need_the_simulator(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it="import pytest\n@pytest.mark.cce(tasks=[])\ndef test_it(cce_client): pass")
    result = run("--cce-mode=replay")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*only the simulator's tasks can be arranged, and this run is in mode replay*"])


def test_an_answer_of_ones_own_reaches_every_client_and_a_test_that_never_asks_fails(
    pytester: pytest.Pytester, run: Run
) -> None:
    pytester.makepyfile(
        test_it=OWN
        + """
def test_answered(cce_client, cce_service, cce_simulator):
    for _ in range(2):
        cce_simulator.answer(type="addonUpgrade", status=503)
    assert cce_client.list_tasks(type="addonUpgrade").status == 503
    assert ask(cce_service, "?type=addonUpgrade")[0] == 503
    assert ask(cce_service, "?type=addonUpgrade")[0] == 200
    cce_simulator.answer(lost="connection-lost")
    with pytest.raises(Exception, match="closed connection"):
        ask(cce_service)

def test_unused(cce_client, cce_simulator):
    cce_simulator.answer(type="addonUpgrad", status=503)
    cce_client.list_tasks(type="addonUpgrade")
"""
    )
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "the test passed, but:",
            "an answer was given for GET type=addonUpgrad, and nobody asked that; asked since then: GET type=addon*",
        ]
    )


def test_hypothesis_and_async_tests_use_it_too(pytester: pytest.Pytester, run: Run) -> None:
    require_module("httpx")
    pytester.makepyfile(
        test_it=OWN
        + """
import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["addonStatic", "addonUpgrade"]))
def test_drawn(cce_service, type):
    assert {task["metadata"]["type"] for task in ask(cce_service, f"?type={type}")[1]["items"]} == {type}

@pytest.fixture
def anyio_backend(): return "asyncio"

@pytest.mark.anyio
async def test_async(cce_service, cce_exchanges):
    async with httpx.AsyncClient(headers=cce_service.headers()) as client:
        assert (await client.get(listing(cce_service))).status_code == 200
    assert [exchange.status for exchange in cce_exchanges] == [200]
"""
    )
    result = run()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*2 of 2 examples listed a task"])


REFUSED = (
    OWN
    + """
def test_write(cce_service):
    status, answer = ask(cce_service, method="DELETE")
    assert status == 501

def test_override(cce_service):
    headers = {**cce_service.headers(), "X-Original-Method": "DELETE"}
    assert requests.get(listing(cce_service), headers=headers).status_code == 501

def test_read(cce_service):
    assert ask(cce_service)[0] == 200

def test_wrong(cce_service):
    assert requests.get(listing(cce_service), headers={"X-Auth-Token": "wrong"}).status_code == 401
"""
)


def test_a_real_service_is_written_to_only_with_leave_and_counted(
    pytester: pytest.Pytester, run: Run, service: object, record: Run, replay: Run
) -> None:
    pytester.makepyfile(test_it=REFUSED)
    result = record()
    result.assert_outcomes(passed=2, failed=2)
    # what was refused, here or by the real service's write guard, was not sent
    for what in ("DELETE */tasks", "GET */tasks with X-Original-Method"):
        result.stdout.fnmatch_lines(
            ["the test passed, but:", f"{what} was not sent: this run may only read; *", "*, 1 request, seed 0"]
        )
    result = replay("-k", "not write and not override")
    result.assert_outcomes(passed=2, deselected=2)


def test_the_budget_ends_what_clients_may_ask(pytester: pytest.Pytester, record: Run) -> None:
    pytester.makepyfile(test_it=OWN + "\ndef test_it(cce_service):\n    for _ in range(31): ask(cce_service)\n")
    result = record("--cce-budget=30")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["all 30 requests of the budget are sent (--cce-budget)", "*, 30 requests, seed 0"])


def test_a_request_without_a_recording_fails_the_test_and_names_its_line(
    pytester: pytest.Pytester, record: Run, replay: Run
) -> None:
    source = OWN + "\ndef test_it(cce_service):\n    ask(cce_service, '?type=addonStatic')\n"
    pytester.makepyfile(test_it=source)
    record().assert_outcomes(passed=1)
    pytester.makepyfile(test_it=source.replace("addonStatic", "addonUpgrade"))
    result = replay()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "the test passed, but a request had no recording:",
            "no recording for GET *type=addonUpgrade",
            "  asked at: test_it.py:*, in ask",
            "    pytest --cce-mode=record --cce-endpoint=http://127.0.0.1:* test_it.py::test_it",
        ]
    )


def test_the_summary_and_junit_name_the_miss_though_the_client_failed_with_an_error_of_its_own(
    pytester: pytest.Pytester, record: Run, replay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = OWN + "\ndef test_it(cce_service):\n    assert ask(cce_service, '?type=addonStatic')[0] == 200\n"
    pytester.makepyfile(test_it=source)
    record().assert_outcomes(passed=1)
    pytester.makepyfile(test_it=source.replace("addonStatic", "addonUpgrade"))
    monkeypatch.setenv("COLUMNS", "400")
    result = replay("--junitxml=junit.xml", "--tb=no")
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_it - no recording for GET *type=addonUpgrade (*"])
    assert 'message="no recording for GET ' in (pytester.path / "junit.xml").read_text("utf-8")


ELSEWHERE = (
    OWN
    + """
import socket

def test_service(cce_client):
    try:
        urllib.request.urlopen(cce_client.endpoint, timeout=5)
    except urllib.error.URLError:
        pass

def test_other(cce_client):
    # a name that nobody has, and an address that nobody routes
    for place in ("cce.other.example", "192.0.2.1"):
        with pytest.raises(Exception) as raised:
            socket.create_connection((place, 443), timeout=0.2)
        print(type(raised.value).__name__)

def test_here(cce_service):
    assert ask(cce_service)[0] == 200

def test_ordinary():
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 443), timeout=0.01)
"""
)


def test_a_client_that_is_not_intercepted_is_told_so_and_what_to_use(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it=ELSEWHERE)
    result = run("-k", "service or here")
    result.assert_outcomes(passed=1, failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        [
            "* was not connected to cce.simulated.example:443: the service is simulated or replayed here, and of this*",
            "  asked at: test_it.py:*, in test_service",
            "  way out:  call cce_service.url, which every client reaches, with cce_service.headers()",
        ]
    )


@pytest.mark.parametrize("blocked", [True, False])
def test_other_machines_are_refused_if_asked_for_in_tests_that_use_the_plugin(
    pytester: pytest.Pytester, run: Run, blocked: bool
) -> None:
    pytester.makepyfile(test_it=ELSEWHERE)
    result = run("-k", "not service", *(["--cce-block-network"] if blocked else []), "-rA")
    result.assert_outcomes(passed=2 if blocked else 3, failed=int(blocked), deselected=1)
    told = result.stdout.str()
    assert told.count("NetworkRefusedError") == 2 * blocked
    assert ("cce.other.example:443: --cce-block-network refuses other machines" in told) == blocked
