"""``cce-precheck report``: a saved report is shown as its run was, compared with another, merged with others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cli.main import main
from tests.saved_reports import NO_EXPIRY, UNSOUND, UNSOUND_TASK, as_data, record_of

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_cce_precheck.contract.findings import Finding
    from tests.conftest import Captured

CHECK: Final = "test_it"
RULES: Final = {"rules": {"proved": 1, "of": 3, "times": {"PRE401": 2}, "nothing": ["PRE402"], "not_asked": ["PRE403"]}}
LISTED: Final = {"rules": {"proved": 2, "of": 2, "times": {"PRE401": 2, "PRE302": 5}, "nothing": [], "not_asked": []}}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def saved(path: Path, *findings: Finding, state: str = "judged", **members: Any) -> str:
    """Write a report of these findings; its one check was judged unless another ``state`` is given."""
    document = record_of(*map(as_data, findings)).to_dict()
    document["checks"] = [{"name": CHECK, "target": "", "state": state, "why": ""}]
    path.write_text(json.dumps({**document, **members}), "utf-8")
    return str(path)


def test_two_reports_are_compared_fact_by_fact(tmp_path: Path, capsys: Captured) -> None:
    old = saved(tmp_path / "old.json", UNSOUND, NO_EXPIRY)
    new = saved(tmp_path / "new.json", UNSOUND, UNSOUND_TASK, proved=LISTED)
    assert main(["report", "diff", old, new]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "new      PRE401 ?task_id=t1 shows task t2",
        "still    PRE401 ?type=addonStatic shows task t1",
        "fixed    PRE302 A finished task has no `expireTimeStamp` in 6 places (final-without-expiry)",
        "1 new, 1 still, 1 fixed, 0 unknown",
    ]
    assert main(["report", "diff", new, new, "--json"]) == 0
    assert {name: len(each) for name, each in json.loads(capsys.readouterr().out).items()} == {
        "new": 0, "still": 2, "fixed": 0, "unknown": 0
    }  # fmt: skip


def test_reports_of_different_services_are_compared_with_a_warning(tmp_path: Path, capsys: Captured) -> None:
    old = saved(tmp_path / "old.json", UNSOUND, service="https://a.example", cluster="c")
    new = saved(tmp_path / "new.json", service="the simulator", cluster="")
    assert main(["report", "diff", old, new]) == 0
    said = "WARNING: the reports are of https://a.example c and of the simulator"
    assert capsys.readouterr().err == f"cce-precheck: {said}\n"
    assert main(["report", "diff", old, old]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "later",
    [{"state": "not-judged", "proved": LISTED}, {"proved": {"rules": {**LISTED["rules"], "times": {"PRE101": 4}}}}],
    ids=["its check", "its rule, for want of complete answers"],
)
def test_what_a_later_run_did_not_judge_is_not_called_fixed(
    tmp_path: Path, capsys: Captured, later: dict[str, Any]
) -> None:
    old, new = saved(tmp_path / "old.json", UNSOUND), saved(tmp_path / "new.json", **later)
    assert main(["report", "diff", old, new]) == 0
    assert "unknown  PRE401 ?type=addonStatic shows task t1" in capsys.readouterr().out


def test_a_report_that_is_shown_and_written_again_is_the_same(tmp_path: Path, capsys: Captured) -> None:
    assert main(["run", "--budget=60", "--fault=type-filter-ignored", "--report=r.json"]) == 1
    printed = capsys.readouterr().out
    assert main(["report", "show", "r.json", "--report=again.json", "--report=page.html", "--report=r.sarif"]) == 0
    shown = capsys.readouterr().out.replace("again.json", "r.json").splitlines()
    assert shown[0].startswith("the contract does not hold: 1 cause")
    assert [line for line in shown[:-3] if line not in printed] == []
    assert json.loads((tmp_path / "again.json").read_text("utf-8")) == json.loads(
        (tmp_path / "r.json").read_text("utf-8")
    )
    assert "PRE401" in (tmp_path / "page.html").read_text("utf-8")


def test_the_shards_of_a_suite_are_merged_to_a_complete_run(tmp_path: Path, capsys: Captured) -> None:
    assert main(["run", "-k", "filter", "--report=one.json"]) == 3
    assert main(["run", "-k", "not filter", "--report=two.json"]) == 3
    one, two = (json.loads((tmp_path / name).read_text("utf-8")) for name in ("one.json", "two.json"))
    capsys.readouterr()
    assert main(["report", "merge", "one.json", "two.json", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert (both["verdict"], both["exit_status"]) == ("holds", 0)
    assert both["requests"] == one["requests"] + two["requests"]
    assert {check["state"] for check in both["checks"]} == {"judged"}
    assert len(both["tests"]) == len(one["tests"]) + len(two["tests"])
    assert both["proved"]["rules"]["proved"] >= max(each["proved"]["rules"]["proved"] for each in (one, two))


def test_a_fault_that_one_shard_found_is_a_fault_of_the_whole(capsys: Captured) -> None:
    main(["run", "-k", "filter", "--fault=type-filter-ignored", "--report=one.json"])
    main(["run", "-k", "not filter", "--report=two.json"])
    capsys.readouterr()
    assert main(["report", "merge", "two.json", "one.json"]) == 1
    assert capsys.readouterr().out.startswith("the contract does not hold: 1 cause")


def test_reports_of_several_services_become_targets_by_the_names_of_their_files(
    tmp_path: Path, capsys: Captured
) -> None:
    one = saved(tmp_path / "beijing.json", UNSOUND)
    two = saved(tmp_path / "paris.json", service="https://cce.paris.example", proved=RULES)
    main(["report", "merge", one, two, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert [target["name"] for target in document["targets"]] == ["beijing", "paris"]
    assert [each["targets"] for each in document["findings"]] == [["beijing"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", "none.json"], "the report none.json cannot be read: No such file"),
        (["merge", "a.json", "a.json"], "a report is given twice"),
        (["merge", "a.json", "./a.json"], "a report is given twice, as a.json and "),
        (["merge", "a.json", "copy.json"], "a report is given twice, as a.json and copy.json: each counts once"),
        (["merge", "a.json", "b.json"], "runs in mode live and replay cannot be merged"),
        (
            ["show", "c.json"],
            "c.json is not a report of pytest-cce-precheck: at $.tests, 'tests' is a required",
        ),
        (["show", "a.json", "--report=x.pdf"], "expected a name that ends in"),
    ],
    ids=["missing", "twice", "two spellings", "a copy", "modes", "incomplete", "form"],
)
def test_wrong_use_is_named_with_the_way_out(tmp_path: Path, capsys: Captured, words: list[str], expected: str) -> None:
    saved(tmp_path / "a.json")
    saved(tmp_path / "copy.json")
    saved(tmp_path / "b.json", mode="replay")
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    del document["tests"]
    (tmp_path / "c.json").write_text(json.dumps(document), "utf-8")
    assert main(["report", *words]) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"mode": []}, "$.mode"),
        ({"headline": 5}, "$.headline"),
        ({"settings": {"--lag": 5}}, '$.settings["--lag"]'),
        ({"findings": [[1]]}, "$.findings[0]"),
        ({"requests": [[1]]}, "$.requests"),
        ({"lag": [[1]]}, "$.lag"),
        ({"created": [[1]]}, "$.created[0]"),
        ({"observations": [[1]]}, "$.observations"),
        ({"findings": [as_data(UNSOUND, "accepted")]}, "$.findings[0].reason"),
        ({"lives": [{"task": "t", "target": "", "states": [[None, "Init"]]}]}, "$.lives[0].states[0][0]"),
        ({"started": "yesterday"}, "$.started"),
    ],
)
@pytest.mark.parametrize("words", [["show"], ["diff", "good.json"], ["merge", "good.json"]])
def test_a_report_whose_form_is_wrong_is_refused_with_the_place(
    tmp_path: Path, capsys: Captured, words: list[str], members: dict[str, Any], place: str
) -> None:
    saved(tmp_path / "good.json")
    saved(tmp_path / "bad.json", **members)
    assert main(["report", *words, "bad.json"]) == 2
    assert f"bad.json is not a report of pytest-cce-precheck: at {place}, " in capsys.readouterr().err


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400])
def test_a_number_that_no_run_measures_is_refused(tmp_path: Path, capsys: Captured, number: str) -> None:
    path = saved(tmp_path / "r.json", duration=12.5)
    text = (tmp_path / "r.json").read_text("utf-8")
    (tmp_path / "r.json").write_text(text.replace("12.5", number), "utf-8")
    assert main(["report", "show", path]) == 2
    assert "r.json is not a JSON report" in capsys.readouterr().err


def test_nothing_that_a_report_holds_is_obeyed_by_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J"
    members: dict[str, Any] = {
        **dict.fromkeys(("service", "headline"), evil),
        **{key: [evil] for key in ("inconclusive", "not_asked_for", "classes_reached", "acceptances_expired")},
        "observations": {evil: [evil]},
        "created": [{"task_id": evil, "type": evil, "instance_id": evil}],
    }
    assert main(["report", "show", saved(tmp_path / "r.json", UNSOUND, **members)]) == 0
    out = capsys.readouterr().out
    assert out.count("\\x1b]0;owned\\x07\\x1b[2J") >= 9
    assert all(line.isprintable() for line in out.splitlines())


def test_only_what_the_baseline_does_not_have_fails_a_run(capsys: Captured) -> None:
    known = "--fault=type-in-any-case"
    assert main(["run", known, "--report=base.json"]) == 1
    baseline = ("--baseline=base.json", "--fail-on=new")
    assert main(["run", known, *baseline]) == 0
    assert "  accepted: PRE406 ?type=addonstatic wrongly shows 6 tasks" in capsys.readouterr().out
    assert main(["run", known, "--fault=count-one-short", *baseline]) == 1
    assert "the contract does not hold: 1 cause\n" in capsys.readouterr().out
