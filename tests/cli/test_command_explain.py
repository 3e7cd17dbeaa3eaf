"""``cce-precheck explain`` and ``cce-precheck faults``: what there is, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("word", ["PRE302", "pre302", "final-without-expiry"])
def test_a_code_or_a_name_is_explained(capsys: Captured, word: str) -> None:
    assert main(["explain", word]) == 0
    text = capsys.readouterr().out
    assert text.startswith("PRE302 final-without-expiry\n")
    for label in ("kind ", "contract ", "remedy ", "accept ", "see it "):
        assert f"\n  {label}" in text


@pytest.mark.parametrize("code", rules())
def test_every_code_has_an_entry(capsys: Captured, code: str) -> None:
    assert main(["explain", code]) == 0
    assert capsys.readouterr().out.startswith(f"{code} ")


def test_several_codes_are_explained_in_the_order_given(capsys: Captured) -> None:
    assert main(["explain", "PRE401", "PRE101"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("PRE")] == [
        f"{code} {rules()[code].name}" for code in ("PRE401", "PRE101")
    ]


def test_without_a_code_all_are_listed(capsys: Captured) -> None:
    assert main(["explain"]) == 0
    assert [line[:6] for line in capsys.readouterr().out.splitlines()] == list(rules())


@pytest.mark.parametrize(
    ("word", "near"), [("PRE3O2", "did you mean PRE"), ("final-without-expire", "did you mean final-without-expiry?")]
)
def test_an_unknown_code_exits_with_2_and_its_near_matches(capsys: Captured, word: str, near: str) -> None:
    assert main(["explain", word]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("cce-precheck: unknown finding code")
    assert near in captured.err


def test_faults_and_variations_are_listed_with_their_codes(capsys: Captured) -> None:
    assert main(["faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for fault in FAULTS.values():
        assert any(line.split()[:2] == [fault.name, "/".join(fault.codes)] and fault.summary in line for line in lines)
    assert all(any(line.split()[:1] == [name] for line in lines) for name in VARIATIONS)


def test_faults_are_listed_for_programs(capsys: Captured) -> None:
    assert main(["faults", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [fault["name"] for fault in listed["faults"]] == list(FAULTS)
    assert [variation["name"] for variation in listed["variations"]] == list(VARIATIONS)


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["check"], ["serve", "--port", "99999"], ["serve", "--port", "-1"], ["serve", "--tasks", "-1"]],
)
def test_a_command_that_cannot_be_used_so_exits_with_2(capsys: Captured, words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: cce-precheck" in capsys.readouterr().err


def test_what_each_endpoint_answers_in_some_way_is_said_to_fail_no_run(capsys: Captured) -> None:
    assert main(["explain", "PRE490", "PRE290"]) == 0
    [open_question, new_field] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  kind ")]
    assert "it fails nothing, whatever --cce-fail-on says" in open_question
    assert "it fails nothing unless --cce-fail-on=note" in new_field
