"""The table of hazards is complete: each fact with each guide word, each code and each fault."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from pathlib import Path

from pytest_cce_precheck.contract.rules import Kind, rules
from pytest_cce_precheck.simulator.faults import FAULTS

_SPEC = importlib.util.spec_from_file_location("docs_generate", Path(__file__).parent.parent / "docs" / "generate.py")
assert _SPEC is not None
assert _SPEC.loader is not None
generate = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(generate)

TABLE = generate.read_hazards()
HAZARDS = generate.hazards_of(TABLE)


def test_each_fact_has_one_entry_for_each_word() -> None:
    counted = Counter((each.fact, each.word) for each in HAZARDS)
    assert [key for key, number in counted.items() if number > 1] == []
    having = {(each.fact, each.word) for each in HAZARDS}
    assert [(fact, word) for fact in TABLE["facts"] for word in TABLE["words"] if (fact, word) not in having] == []


def test_only_known_words_and_kinds_are_used() -> None:
    assert {each.word for each in HAZARDS} == set(TABLE["words"])
    assert {entry["kind"] for entry in TABLE["facts"].values()} == set(TABLE["shared"])
    parts = {"kind", "source", "text", "faults", "noticed", "none", "gap"}
    assert all(entry.keys() <= parts for entry in TABLE["facts"].values())


def test_each_fault_of_the_catalogue_is_in_the_table_once() -> None:
    named = Counter(name for each in HAZARDS for name in each.faults)
    assert named == Counter(FAULTS.keys())


def test_each_code_exists_and_each_failing_rule_is_named() -> None:
    said = {code for each in HAZARDS for code in re.findall(r"PRE\d+", each.text)}
    by_faults = {code for each in HAZARDS for name in each.faults for code in FAULTS[name].codes}
    assert (said | by_faults) - rules().keys() == set()
    # about recordings, the user's own limits and several runs: no fact of the vendor's documents
    elsewhere = {"PRE123", "PRE120", "PRE520", "PRE521", "PRE522"}
    failing = {code for code, rule in rules().items() if rule.kind is not Kind.OBSERVATION and code < "PRE7"}
    assert failing - elsewhere - said - by_faults == set()


def test_what_would_be_noticed_names_a_code_or_says_that_the_row_has_one() -> None:
    assert [
        each for each in HAZARDS if each.how == "noticed" and not re.search(r"PRE\d+|the code of this row", each.text)
    ] == []
    assert all(len(each.text) > 8 for each in HAZARDS if each.how in ("none", "gap"))
