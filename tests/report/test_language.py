"""The texts of a run in Chinese, as far as there are any."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from pytest_cce_precheck.cli.main import COMMANDS, main
from pytest_cce_precheck.explore.coverage import every_class
from pytest_cce_precheck.report.language import line_in, reason_in, table
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.staging.profiles import PROFILES
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.suite import authentication, filters
from pytest_cce_precheck.suite.selftest import inspection_of

ROOT: Final = Path(__file__).resolve().parents[2]
CHINESE: Final = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("1 cause", "共 1 个问题"),
        ("14 checks judged, except for what was accepted", "已判定 14 项检查\N{FULLWIDTH COMMA}已豁免的问题除外"),
        (
            "2 causes; the run is incomplete: 3 checks not judged",
            "共 2 个问题\N{FULLWIDTH SEMICOLON}检查不完整\N{FULLWIDTH COMMA}有 3 项未能判定",
        ),
        ("the simulator answered none of 1 request", "模拟器对 1 个请求均无响应"),
        (
            "2 of 14 checks not judged (test_a: not tried, the endpoint does not answer (timeout); and 1 more)",
            "共 14 项检查\N{FULLWIDTH COMMA}有 2 项未能判定（例如 test_a：未尝试：服务没有响应（timeout））",
        ),
    ],
)
def test_the_reason_for_a_verdict_is_said_in_chinese(english: str, chinese: str) -> None:
    assert reason_in(english, "zh") == chinese
    assert reason_in(english, "en") == english


def test_a_reason_is_not_half_in_chinese() -> None:
    reason = "2 causes; another reason that is in no table"
    assert reason_in(reason, "zh") == reason


TASK: Final = "ec188efb-d080-466e-952f-233a8c25166a"
FOUND: Final = {
    "PRE102": 'status 400, but 200 was expected: {"errorCode":"CCE.03400001"}',
    "PRE105": "Content-Type is 'text/plain; charset=utf-8'; application/json was expected",
    "PRE109": 'status 200 carries the error {"errorCode":"CCE.03400001"}',
    "PRE110": "429 without Retry-After",
    "PRE117": "405 without Allow",
    "PRE201": 'kind is missing: ListAnswer requires it, and here is an object of "apiVersion", "items"',
    "PRE202": 'currentCount must be an integer, not "12"',
    "PRE203": 'kind must be "AddonCheck", not "addoncheck"',
    "PRE206": "taskID must not be empty, but is",
    "PRE301": f"task {TASK} is Running and has an expireTimeStamp",
    "PRE302": "A finished task has no `expireTimeStamp` in 6 places (final-without-expiry)",
    "PRE303": f"task {TASK} was created 2025-08-14T06:20:31+08:00 and expires 2025-08-13T06:18:22+08:00",
    "PRE304": f"the task id {TASK} is listed 2 times",
    "PRE305": f"task {TASK} is Failed, and of its 4 listed risks none is",
    "PRE306": f"task {TASK} is Success, and its risk AddonValidate is Failed",
    "PRE309": "currentCount is 11, and 12 tasks are listed",
    "PRE310": "currentCount is 5: neither the 6 that match nor all 12 tasks of the cluster",
    "PRE321": f"task {TASK} was just created and is Running already",
    "PRE322": "3 checks were asked for, 2 tasks created",
    "PRE401": f"?type=addonStatic wrongly shows 6 tasks, {TASK} first (type addonUpgrade)",
    "PRE402": f"?type=addonStatic wrongly leaves out task {TASK} (type addonStatic)",
    "what PRE401 must select": "6 of the 12 tasks that both unfiltered lists show",
    "PRE403": f'?type=addonStatic shows task {TASK} with another content than the unfiltered list (message: "a" / "b")',
    "PRE404": f"?type=addonStatic&task_id=x wrongly shows task {TASK} (taskID {TASK}, type addonStatic)",
    "PRE405": f"?type=addonUpgrade shows task {TASK}, which the unfiltered lists before and after do not",
    "PRE409": f"?limit=1 wrongly leaves out 11 tasks, {TASK} first",
    "PRE411": f"the unfiltered list wrongly leaves out task {TASK}",
    "PRE501": f"task {TASK} moved from Running to Init",
    "PRE502": f'task {TASK} is Success and changed: message: "a" / "b"',
    "PRE504": f"task {TASK} changed an immutable field: createTimeStamp 'a' -> 'b'",
    "PRE506": f"task {TASK} was missing from an unfiltered list and is there again",
    "PRE507": f"the unfiltered list does not show task {TASK}, created 120 s ago",
    "PRE609": "POST on the list path was answered with 200",
    "PRE610": f"?task_id={TASK} in the other cluster shows task {TASK}, which is another cluster's",
    "PRE611": "a cluster that does not exist was answered with 200 and 12 tasks",
}


@pytest.mark.parametrize("code", FOUND)
def test_what_was_found_is_said_in_chinese_with_each_value_of_the_answer(code: str) -> None:
    english = FOUND[code]
    chinese = line_in(english, "zh")
    assert re.search("[\u4e00-\u9fff]", chinese), chinese
    values = re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{3,}|\?\S+=\S+", english)
    assert [value for value in values if value not in chinese] == []
    assert line_in(english, "en") == english


def test_what_has_no_chinese_text_stays_in_english() -> None:
    assert line_in("something else was found", "zh") == "something else was found"


SAMPLES: Final = json.loads((ROOT / "docs" / "samples.json").read_text("utf-8"))


@pytest.mark.parametrize("code", SAMPLES)
def test_what_the_suite_finds_is_said_in_chinese(code: str) -> None:
    message = SAMPLES[code].splitlines()[0].removeprefix(f"{code} ")
    # one that is too long for the page has lost its end
    assert message.endswith("…") or CHINESE.search(line_in(message, "zh"))


@pytest.mark.parametrize("covered", every_class())
def test_each_class_of_filter_values_has_a_chinese_name(covered: str) -> None:
    assert "：" in line_in(covered, "zh")


ONE_LINERS: Final = {
    *(each.summary for each in (*FAULTS.values(), *VARIATIONS.values(), *PROFILES.values())),
    *(fault.category for fault in FAULTS.values()),
    *(command.description for command in COMMANDS.values()),
    "conforming variations",
} - {"HTTP"}


def test_each_fault_variation_profile_and_command_has_a_chinese_summary_and_no_other_has() -> None:
    assert {text for text in ONE_LINERS if not CHINESE.search(line_in(text, "zh"))} == set()
    assert set(table("summaries_zh.toml")) == ONE_LINERS


@pytest.mark.parametrize("arguments", [["--help"], ["faults", "--help"], ["faults"]])
def test_a_command_describes_itself_and_lists_faults_in_chinese(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    with suppress(SystemExit):
        main(arguments)
    assert "列出模拟器的故障和合规差异" in (said := capsys.readouterr().out) or "列表响应没有 `kind`。" in said


def test_each_way_of_bad_credentials_is_said_in_chinese() -> None:
    run = inspection_of(budget=1000)
    run.run(filters.the_unfiltered_list_meets_the_contract)
    english = [f"GET /x with {probe.what} was answered with 200" for probe in authentication._probes(run)]
    assert len(english) > 20
    assert [each for each in english if re.search(r"[a-z] [a-z]", line_in(each, "zh"))] == []


PATTERNS: Final = [
    (pattern, chinese) for section in table("texts_zh.toml").values() for pattern, chinese in section.items()
]


@pytest.mark.parametrize(("pattern", "chinese"), PATTERNS)
def test_a_chinese_text_uses_only_parts_that_its_pattern_has(pattern: str, chinese: str) -> None:
    used = re.findall(r"{(\d+)(?::(?:zh|reason|then|aside))?}", chinese)
    assert chinese.count("{") == len(used)
    assert all(int(each) < re.compile(pattern).groups for each in used)
    assert not re.search(r"[\u4e00-\u9fff][,;:!?(](?=[\s\u4e00-\u9fff])", chinese)


def test_a_part_that_is_missing_leaves_no_comma_and_no_parentheses() -> None:
    assert line_in("2 tests, 3 calls", "zh") == "2 个测试\N{FULLWIDTH COMMA}3 个请求"
    assert line_in("2 tests, 3 calls, 1 cassette written", "zh").endswith("\N{FULLWIDTH COMMA}已写入 1 个录制文件")


def test_what_a_service_said_stays_as_it_is() -> None:
    said = '{"errorCode":"CCE.01400001","errorMessage":"1 cause, incomplete"}'
    assert said in line_in(f"status 400, but 200 was expected: {said}", "zh")
    assert line_in(f"  request   GET https://cce.example.com/?type={said}", "zh").endswith(said)
