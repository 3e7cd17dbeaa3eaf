"""``cce-precheck proxy --mode=judge`` and ``--mode=diff``: what they find, and that they change no answer."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest
import requests
from jsonschema import Draft202012Validator

from pytest_cce_precheck import Simulator, SimulatorServer
from pytest_cce_precheck.report.files import FORMS
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.wire.exchange import LARGE
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.proxies import RunningProxy, proxy, real, tasks_of
from tests.servers import Handler, always, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Answer


# ---- judge, diff


def ask_the_usual(running: RunningProxy, tasks: str) -> None:
    for query in ("", "?type=addonStatic", "?type=addonUpgrade", "?type=addonStatic", ""):
        running.get(tasks + query)


def test_a_service_that_follows_the_contract_is_judged_and_served_unchanged(
    server: SimulatorServer, tmp_path: Path
) -> None:
    with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, "--report=r.json", **real(server)) as running:
        direct = requests.get(
            server.endpoint + tasks_of(server), headers={"X-Auth-Token": real(server)["CCE_AUTH_TOKEN"]}, timeout=10
        )
        assert running.get(tasks_of(server)).json() == direct.json()
        ask_the_usual(running, tasks_of(server))
        assert running.stop() == 0, running.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["exit_status"], report["findings"]) == (0, [])
    assert report["reason"] == "all judged answers meet the contract: 6 answers"
    assert report["proved"]["rules"]["times"]["PRE401"]


def test_a_finding_names_the_test_fails_the_run_and_is_in_every_report(tmp_path: Path) -> None:
    reports = [f"--report=out{ending}" for ending in FORMS]
    with SimulatorServer(Simulator(faults=["unfiltered-list-hides-init", "count-one-short"])) as server:  # noqa: SIM117
        with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, *reports, **real(server)) as running:
            running.begin("TestUsual")
            ask_the_usual(running, tasks_of(server))
            found = running.end("TestUsual")["findings"]
            assert {each["code"] for each in found} >= {"PRE309", "PRE405"}
            assert running.stop() == 1
            # of what each answer shows there is one finding, and one event, all of which are printed when it has ended
            codes = [each["code"] for each in running.of("finding")]
            assert (codes.count("PRE309"), len(codes)) == (1, len(found))
    for ending in FORMS:
        assert "PRE309" in (tmp_path / f"out{ending}").read_text(), ending
    report = json.loads((tmp_path / "out.json").read_text())
    assert list(Draft202012Validator(load_schema("report")).iter_errors(report)) == []
    assert report["verdict"] == "does-not-hold"
    assert [each["nodeid"] for each in report["tests"]] == ["TestUsual"]


def test_an_accepted_finding_does_not_fail_the_run(tmp_path: Path) -> None:
    with SimulatorServer(Simulator(faults=["count-one-short"])) as server:
        accepted = ("--accept=PRE309: known", "--accept=PRE310: known")
        with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, *accepted, **real(server)) as running:
            ask_the_usual(running, tasks_of(server))
            assert running.stop() == 0, running.output


def test_no_answer_is_a_finding_of_judge(tmp_path: Path) -> None:
    def lost(handler: Handler) -> None:
        handler.close_connection = True

    with serving(lost) as broken:
        with proxy(tmp_path, "--mode=judge", "--to", broken.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            for number in range(2):
                with pytest.raises(requests.ConnectionError):
                    running.get(list_path("p", "c"))
                # one connection may be lost anywhere on the way
                assert [each["code"] for each in running.report()["findings"]] == ["PRE101"] * number
        with proxy(tmp_path, "--mode=judge", "--to", broken.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            with pytest.raises(requests.ConnectionError):
                running.get(list_path("p", "c"))
            assert running.stop() == 1
            assert [each["code"] for each in running.of("finding")] == ["PRE101"]


def test_a_finding_in_an_answer_of_megabytes_is_in_the_report(tmp_path: Path) -> None:
    document = {"kind": "Wrong", "apiVersion": "v3", "pageInfo": {"currentCount": 0}, "items": [], "x": "x" * LARGE}
    with serving(always(200, json.dumps(document).encode())) as server:
        endpoint = ("--to", server.endpoint)
        with proxy(tmp_path, "--mode=judge", *endpoint, "--report=r.json", CCE_AUTH_TOKEN="t-0123456789") as running:
            running.get(list_path("p", "c"), "T")
            running.get(list_path("p", "c"), "T")
            assert running.stop() == 1, running.output
    report = json.loads((tmp_path / "r.json").read_text())
    assert "PRE203" in {each["code"] for each in report["findings"]}


@pytest.mark.parametrize(
    ("answer", "path", "verdict", "headline"),
    [
        (None, None, "incomplete", "no answer was judged against the contract"),
        (always(200, b"{}"), "/api/v3/projects/p/clusters/c/addons", "incomplete", "no answer was judged against *"),
        (always(503, b"<h1>down</h1>", "text/html"), list_path("p", "c"), "incomplete", "no answer was judged *"),
        (
            always(401, b'{"error_code":"APIGW.0301","error_msg":"no","request_id":"1"}', **{"X-Request-Id": "1"}),
            list_path("p", "c"),
            "not-let-in",
            "not let in: http* answered the first list with 401",
        ),
    ],
    ids=["nothing", "another path", "down", "refused"],
)
def test_a_run_that_looked_at_nothing_is_not_green(
    tmp_path: Path, answer: Answer | None, path: str | None, verdict: str, headline: str
) -> None:
    with serving(answer or always(200, b"{}")) as server:  # noqa: SIM117
        with proxy(tmp_path, "--mode=judge", "--to", server.endpoint, CCE_AUTH_TOKEN="t-0123456789") as running:
            for _ in range(2 if path else 0):
                running.get(path or "", "T")
            assert running.stop() == 1
    [ended] = running.of("ended")
    assert (ended["verdict"], ended["exit_status"]) == (verdict, 1)
    assert fnmatch(ended["headline"], headline)


def test_diff_reports_what_differs_from_the_recorded_answers(recorded: Path, server: SimulatorServer) -> None:
    tasks = tasks_of(server)
    with proxy(recorded, "--mode=diff", "--to", server.endpoint, **real(server)) as running:
        assert running.get(f"{tasks}?type=addonStatic", "TestList/static").status_code == 200
        assert running.stop() == 0, running.output
    with SimulatorServer(Simulator(faults=["count-as-text"])) as changed:  # noqa: SIM117  the server comes first
        with proxy(recorded, "--mode=diff", "--to", changed.endpoint, "--report=diff.json", **real(changed)) as running:
            running.get(f"{tasks}?type=addonStatic", "TestList/static")
            missing = running.get(tasks, "TestUnknown")
            assert "there is no cassette cce-cassettes/TestUnknown.json" in missing.json()["errorMessage"]
            assert running.stop() == 1
    found = [
        each for each in json.loads((recorded / "diff.json").read_text())["findings"] if each["severity"] == "error"
    ]
    assert [(each["code"], each["path"]) for each in found] == [("PRE520", "$.pageInfo.currentCount")]
