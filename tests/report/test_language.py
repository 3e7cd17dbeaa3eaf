"""The texts of a run in Chinese, as far as there are any."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.report.language import reason_in


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("1 cause", "共 1 个问题"),
        ("14 checks judged, except for what was accepted", "已判定 14 项检查\N{FULLWIDTH COMMA}已豁免的问题除外"),
        (
            "2 causes; the run is incomplete: 3 checks not judged",
            "共 2 个问题\N{FULLWIDTH SEMICOLON}检查不完整\N{FULLWIDTH COMMA}有 3 项未能判定",
        ),
        ("the simulator answered none of 1 request", "the simulator 对 1 个请求均无响应"),
    ],
)
def test_the_reason_for_a_verdict_is_said_in_chinese(english: str, chinese: str) -> None:
    assert reason_in(english, "zh") == chinese
    assert reason_in(english, "en") == english


def test_a_reason_is_not_half_in_chinese() -> None:
    reason = "2 causes; another reason that is in no table"
    assert reason_in(reason, "zh") == reason
