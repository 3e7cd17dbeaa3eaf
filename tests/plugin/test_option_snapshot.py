"""``--cce-snapshot``: the end of a run reports how the answers differ from those of earlier runs."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.files import write as write_cassette
from pytest_cce_precheck.cassette.format import dumps as cassette
from pytest_cce_precheck.drift.memory import DAYS
from pytest_cce_precheck.drift.snapshot import SnapshotTarget, read
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from tests.contract.answers import listing, task
from tests.contract.documents import drop
from tests.plugin.projects import ORDINARY
from tests.recordings import REPLAY, answered, credentials_of, origin
from tests.toolchains import require_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Run

    Night = Callable[..., pytest.RunResult]

LISTS: Final = """
import pytest

@pytest.mark.parametrize("query", [{}, {"type": "addonStatic"}, {"type": "addonUpgrade"}, {"type": "addonStatic"}])
def test_lists(cce_client, query):
    assert cce_client.list_tasks(**query).status == 200
"""
SNAPSHOT: Final = "--cce-snapshot=s.json"
EMBEDDED: Final = SnapshotTarget("simulate", "the simulator")
FIRST: Final = date(2026, 11, 1)


@pytest.fixture
def night(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> Night:
    """Run pytest with the snapshot, so many days after the first."""
    pytester.makepyfile(test_api=LISTS, test_ordinary=ORDINARY)

    def night(day: int, *arguments: str, by: Run = run) -> pytest.RunResult:
        moment = datetime(FIRST.year, FIRST.month, FIRST.day, 3, tzinfo=UTC) + timedelta(day)
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(moment.timestamp())))
        return by(SNAPSHOT, *arguments)

    return night


def drift_in(result: pytest.RunResult) -> list[str]:
    """Return what the run printed of its snapshot."""
    lines = result.stdout.str().splitlines()
    start = lines.index("drift against s.json:")
    return [line for line in lines[start + 1 :] if line.startswith("  ")]


def findings(pytester: pytest.Pytester) -> list[tuple[str, str]]:
    report = json.loads((pytester.path / "r.json").read_bytes())
    return [(each["code"], each["verdict"]) for each in report["findings"]]


# ---- night by night


def test_the_first_run_writes_it_and_the_second_is_held_against_it(pytester: pytest.Pytester, night: Night) -> None:
    assert drift_in(night(0)) == [
        "  simulate: the simulator: seen for the first time; later runs are compared with 4 answers"
    ]
    before = (pytester.path / "s.json").read_bytes()
    result = night(0)
    assert result.ret == 0
    assert drift_in(result) == [
        "  simulate: the simulator: 4 answers compared with what was seen since 2026-11-01: nothing differs"
    ]
    assert (pytester.path / "s.json").read_bytes() == before


def test_an_error_fails_the_run_although_no_test_does(pytester: pytest.Pytester, night: Night) -> None:
    night(0)
    result = night(1, "--cce-fault=count-as-text", "--cce-report=r.json")
    result.assert_outcomes(passed=5)
    assert result.ret == 1
    fact = "list 200 $.pageInfo.currentCount its type has changed: integer → string"
    assert drift_in(result)[1:] == [f"    error: {fact} (since today)"]
    result.stdout.fnmatch_lines([f"  PRE520 {fact} (since 2026-11-02, simulate: the simulator)"])
    assert findings(pytester) == [("PRE520", "failing")]


@pytest.mark.parametrize("ending", [".md", ".html"])
def test_the_reports_for_people_have_it_too(pytester: pytest.Pytester, night: Night, ending: str) -> None:
    night(0)
    night(1, "--cce-fault=count-as-text", f"--cce-report=r{ending}")
    assert "its type has changed: integer → string" in (pytester.path / f"r{ending}").read_text("utf-8")


def test_a_warning_is_shown_and_fails_those_who_ask_for_it(pytester: pytest.Pytester, night: Night) -> None:
    night(0)
    result = night(1, "--cce-fault=level-undocumented-in-one-risk", "--cce-report=r.json")
    assert result.ret == 0
    assert (
        "    warning: list 200 $.items[*].status.riskList[*].level an undocumented value: Fatal, Warning"
        in (drift_in(result)[1])
    )
    assert findings(pytester) == [("PRE521", "shown")]
    assert night(1, "--cce-fault=level-undocumented-in-one-risk", "--cce-fail-on=warning").ret == 1
    assert night(1, "--cce-fault=count-as-text", "--cce-fail-on=never").ret == 0


def test_a_change_is_told_for_a_week_and_is_then_known(night: Night) -> None:
    night(0)
    for day in (1, 2, DAYS):
        result = night(day, "--cce-fault=count-as-text")
        assert result.ret == 1
        assert drift_in(result)[1].endswith("integer → string (since " + ("today)" if day == 1 else "2026-11-02)"))
    result = night(DAYS + 1, "--cce-fault=count-as-text")
    assert result.ret == 0
    assert drift_in(result)[1].startswith(
        "    not reported again: list 200 $.pageInfo.currentCount its type has changed"
    )
    assert len(drift_in(night(DAYS + 2, "--cce-fault=count-as-text"))) == 1


def test_what_a_night_told_that_nobody_looked_at_is_not_lost_with_it(night: Night) -> None:
    night(0)
    night(1, "--cce-fault=count-as-text")
    result = night(2)
    assert result.ret == 0
    key = "list 200 $.pageInfo.currentCount type"
    assert drift_in(result)[1:] == [f"    last seen 2026-11-02, not seen today: {key} (since 2026-11-02)"]


def test_a_deviation_that_a_service_takes_up_is_a_warning_with_both_days(night: Night) -> None:
    night(0)
    result = night(1, "--cce-fault=final-without-expiry")
    assert result.ret == 0
    [line] = drift_in(result)[1:]
    assert line.startswith("    warning: list PRE302 final-without-expiry is shown: 0 of ")
    assert line.endswith(" on 2026-11-02 (since today)")


# ---- what is accepted


def test_what_is_accepted_for_the_run_is_listed_and_does_not_fail(pytester: pytest.Pytester, night: Night) -> None:
    night(0)
    result = night(1, "--cce-fault=count-as-text", "--cce-accept=PRE520: release 24.1", "--cce-report=r.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  accepted: PRE520 list 200 $.pageInfo.currentCount *- release 24.1"])
    assert "unused acceptance" not in result.stdout.str()
    assert findings(pytester) == [("PRE520", "accepted")]


def test_the_ledger_may_know_it_and_counts_it_as_met(pytester: pytest.Pytester, night: Night) -> None:
    known = '[[known]]\ncode = "PRE520"\nreason = "24.1"\nowner = "me"\nuntil = 2999-01-01\nwhere = "$.{}"\n'
    (pytester.path / "cce-known.toml").write_text(known.format("pageInfo.currentCount"))
    night(0)
    result = night(1, "--cce-fault=count-as-text", "--cce-ledger-strict")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["  known from cce-known.toml: 1 finding (PRE520 at $.pageInfo.currentCount)"])
    (pytester.path / "cce-known.toml").write_text(known.format("kind"))
    assert night(1, "--cce-fault=count-as-text").ret == 1


# ---- what takes part


def test_a_run_of_a_part_misses_nothing(night: Night) -> None:
    night(0, "--pyargs", "pytest_cce_precheck.suite", "test_api.py")
    result = night(1, "test_api.py::test_lists[query1]")
    assert result.ret == 0
    assert len(drift_in(result)) == 1


def test_a_test_that_asks_for_a_defect_says_nothing_of_the_service(pytester: pytest.Pytester, night: Night) -> None:
    night(0)
    pytester.makepyfile(
        test_more="import pytest\n@pytest.mark.cce(faults=['count-as-text'])\ndef test_it(cce_client):\n"
        "    cce_client.list_tasks()"
    )
    assert len(drift_in(night(1))) == 1


def test_a_test_that_fails_is_evidence_as_well(pytester: pytest.Pytester, night: Night) -> None:
    pytester.makepyfile(test_api="def test_it(cce_client):\n    assert cce_client.list_tasks().status == 500")
    assert "later runs are compared with 1 answer" in drift_in(night(0))[0]


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v3/projects"), ("POST", "{}/tasks"), ("GET", "{}")])
def test_what_is_none_of_the_two_calls_is_left_alone(
    pytester: pytest.Pytester, night: Night, method: str, path: str
) -> None:
    pytester.makepyfile(
        test_api="from dataclasses import replace\ndef test_it(cce_client):\n"
        "    request = cce_client.list_request()\n"
        f"    path = {path!r}.format(request.path.removesuffix('/tasks'))\n"
        f"    assert cce_client.send(replace(request, method={method!r}, path=path)).status >= 400"
    )
    assert night(0).ret == 0
    assert not (pytester.path / "s.json").exists()


def test_a_run_that_asks_nothing_writes_nothing(pytester: pytest.Pytester, night: Night) -> None:
    result = night(0, "test_ordinary.py")
    assert result.ret == 0
    assert "drift" not in result.stdout.str()
    assert not (pytester.path / "s.json").exists()


def test_workers_send_what_they_saw_and_no_report_carries_it(
    pytester: pytest.Pytester, night: Night, run_apart: Run
) -> None:
    require_module("xdist")
    night(0)
    result = night(1, "-n", "2", "--cce-fault=count-as-text", "--junit-xml=j.xml", by=run_apart)
    result.assert_outcomes(passed=5)
    assert result.ret == 1
    lines = drift_in(result)
    assert " 4 answers compared with " in lines[0]
    assert lines[1].startswith("    error: list 200 $.pageInfo.currentCount its type has changed")
    assert "snapshot" not in (pytester.path / "j.xml").read_text()


def test_recorded_answers_are_held_against_those_of_the_same_endpoint_and_two_endpoints_against_each_other(
    pytester: pytest.Pytester, night: Night
) -> None:
    pytester.makepyfile(
        test_api="import pytest\n@pytest.mark.parametrize('region', ['eu', 'cn'])\n"
        "def test_it(cce_client, region):\n    assert cce_client.list_tasks().status == 200"
    )
    tasks = [task(number, "Failed") for number in range(6)]
    bodies = {"eu": listing(tasks), "cn": listing([drop(each, "metadata", "expireTimeStamp") for each in tasks])}
    for region, body in bodies.items():
        known: dict[str, Any] = {"endpoint": f"https://{region}.example", "project_id": "p", "cluster_id": "c"}
        write_cassette(
            pytester.path / "cassettes" / "test_api" / f"test_it[{region}].json",
            cassette(
                origin(credentials=("token",), **known), [answered(body=json.dumps(body).encode())], redacted=True
            ),
        )
    result = night(0, *REPLAY, "--cce-report=r.json")
    assert result.ret == 0
    shown, plain = (f"replay: https://{each}.example, cluster c" for each in ("cn", "eu"))
    fact = f"list PRE302 final-without-expiry is shown by {shown} (6 of 6), and not by {plain} (0 of 6), on 2026-11-01"
    assert drift_in(result)[2:] == [f"  warning: {fact}"]
    assert ("PRE522", "shown") in findings(pytester)
    assert list(read(pytester.path / "s.json")) == [
        SnapshotTarget("replay", f"https://{each}.example", "c") for each in ("cn", "eu")
    ]


def test_a_real_service_is_known_by_endpoint_and_cluster(
    pytester: pytest.Pytester, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatorServer(Simulator()) as server:
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        simulator = server.simulator
        result = night(
            0,
            "--cce-mode=live",
            f"--cce-endpoint={server.endpoint}",
            f"--cce-project-id={simulator.project_id}",
            f"--cce-cluster-id={simulator.cluster_id}",
        )
    assert result.ret == 0
    assert list(read(pytester.path / "s.json")) == [SnapshotTarget("live", server.endpoint, simulator.cluster_id)]


# ---- what goes wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "s.json is not a snapshot: *; take an earlier one from *"),
        ('{"snapshot": 9}', "s.json is a snapshot of version 9, and this is a tool for version 1*"),
    ],
)
def test_a_file_that_is_no_snapshot_stops_the_run(
    pytester: pytest.Pytester, night: Night, content: str, message: str
) -> None:
    (pytester.path / "s.json").write_text(content)
    result = night(0)
    assert result.ret == 4
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert (pytester.path / "s.json").read_text() == content


def test_a_snapshot_that_is_lost_during_the_run_costs_no_summary(pytester: pytest.Pytester, night: Night) -> None:
    pytester.makepyfile(test_more="import pathlib\ndef test_blocks_it(): pathlib.Path('s.json').mkdir()")
    result = night(0, "--cce-report=r.json")
    assert result.ret == 4
    result.stdout.fnmatch_lines(
        ["report written to r.json", "ERROR: the snapshot s.json cannot be read: it is a directory; *"]
    )


def test_no_secret_gets_into_it(pytester: pytest.Pytester, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatorServer(Simulator()) as server:
        [token] = credentials_of(server).values()
        for name, value in credentials_of(server).items():
            monkeypatch.setenv(name, value)
        document = {**listing(), token: 1, "kind": token, f"a {token[-20:]} b": 1, token[:20].upper(): 1}
        pytester.makeconftest(
            "import pytest\nfrom pytest_cce_precheck import Exchange, Response\n"
            "@pytest.fixture\ndef says(cce_exchanges, cce_client):\n"
            f"    answer = cce_client.list_tasks()\n    body = {json.dumps(document).encode()!r}\n"
            "    cce_exchanges.append(Exchange(answer.request, Response(200, answer.response.headers, body)))\n"
        )
        pytester.makepyfile(test_api="def test_it(says): pass")
        result = night(0)
    assert result.ret == 0
    written = (pytester.path / "s.json").read_text()
    assert [piece for piece in (token, token[-20:], token[:20].upper()) if piece in written] == []
    assert token not in result.stdout.str()


def test_a_run_without_it_loads_nothing_of_it(pytester: pytest.Pytester, run_apart: Run) -> None:
    pytester.makeconftest(
        "import sys\ndef pytest_unconfigure():\n"
        "    print('loaded:', sorted(name for name in sys.modules if '.drift' in name or '.traits' in name))"
    )
    pytester.makepyfile(LISTS)
    result = run_apart("-s")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["loaded: []"])
