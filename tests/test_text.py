from __future__ import annotations

from pytest_cce_precheck._text import did_you_mean


def test_a_mistyped_word_has_its_near_matches() -> None:
    assert did_you_mean("simulte", ["simulate", "live"]) == "; did you mean simulate?"
    assert did_you_mean("xyz", ["simulate", "live"]) == ""
