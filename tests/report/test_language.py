"""The texts of a run in Chinese, as far as there are any."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Final, get_args

import pytest

from pytest_cce_precheck._text import columns_of
from pytest_cce_precheck.cli.main import COMMANDS, main, parser_of
from pytest_cce_precheck.config.options import Language
from pytest_cce_precheck.contract.rules import find_rule
from pytest_cce_precheck.explore.coverage import every_class
from pytest_cce_precheck.report import terminal
from pytest_cce_precheck.report.language import in_language, line_in, reason_in, source_in, table
from pytest_cce_precheck.report.record import ResponseTimes
from pytest_cce_precheck.sdk.cases import corpus_cases
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


EXACTLY: Final = {
    "items must be an array, not null": "items 应为数组，实际为 null",
    "createTimeStamp must be a string, not 1755030998000": "createTimeStamp 应为字符串，实际为 1755030998000",
    "the body is an array; an object was expected": "响应体应为对象，实际为数组",
    'riskList must be an array, not an object of "A", "B"': 'riskList 应为数组，实际为含有 "A"、"B" 的对象',
    'x must be a string, not an object of "A", "B", 3 more': 'x 应为字符串，实际为含有 "A"、"B" 等（另有 3 个）的对象',
    "currentCount must be at least 0, not -1": "currentCount 不得小于 0，实际为 -1",
    "currentCount must be at most 2147483647, not 4294967308": "currentCount 不得大于 2147483647，实际为 4294967308",
    "currentCount is -1, and 12 tasks are listed": "currentCount 为 -1，列表中却有 12 个任务",
    "currentCount is missing: PageInfo requires it, and here is an empty object": (
        "缺少 currentCount：PageInfo 要求有该字段，此处是空对象"
    ),
    'status must be "Init", "Running" or "Failed", not "a, b"': (
        'status 应为 "Init"、"Running" 或 "Failed"，实际为 "a, b"'
    ),
    "GET /x: the simulated service gave no answer": "GET /x：模拟的服务没有返回响应",
    "the answer to GET /x holds a credential": "GET /x 的响应中含有认证信息",
    f"?task_id={TASK} in this cluster shows task {TASK}, which is another cluster's": (
        f"在本集群中查询 ?task_id={TASK}，返回了另一集群的任务 {TASK}"
    ),
    "task A is listed in this cluster and in B": "任务 A 同时出现在本集群和集群 B 的列表中",
    "GET /x was refused: its X-Auth-Token is none that this proxy knows": (
        "GET /x 已被拒绝：X-Auth-Token 不是本代理认识的"
    ),
    "task A moved from Failed to Success": "任务 A 的状态从 Failed 变成了 Success",
    "the body is not JSON: Expecting value at line 1 column 6, near ']}'": (
        "响应体不是 JSON：第 1 行第 6 列应为一个值，附近的内容为 ']}'"
    ),
    # a fault that a challenge tries, and how far apart an SDK's requests are
    '    after    "Addon task"': '    故障后    "Addon task"',
    "    before   missing": "    故障前    （不存在）",
    "    at       the status": "    位置      状态码",
    '    after    11 tasks, with "a", without "b"': '    故障后    11 个任务，多出 "a"，缺少 "b"',
    "3 requests after 1.0 s, 2.5 s": "3 个请求（间隔 1.0 秒、2.5 秒）",
    "unknown finding code 'PRE999'; cce-precheck explain lists all": (
        "没有编号 'PRE999'；执行 cce-precheck explain 可列出全部编号"
    ),
    "cannot accept 'PRE302': expected CODE: REASON [until YYYY-MM-DD]": (
        "豁免 'PRE302' 无效，格式应为 CODE: REASON [until YYYY-MM-DD]（编号和原因）"
    ),
    "  expired acceptance: PRE302 (a) until 2020-01-01": "  已过期的豁免：PRE302（原因：a；截止日期：2020-01-01）",
    "  unused acceptance: PRE305 (a)": "  未用到的豁免：PRE305（原因：a）",
    "  recorded  2026-11-28 10:00 UTC by pytest-cce-precheck 0.1.0 (record)": (
        "  录制于  2026-11-28 10:00 UTC，由 pytest-cce-precheck 0.1.0 录制（record）"
    ),
    "    4,508 bytes of JSON: 6 tasks (1 Failed, 5 Init)": "    JSON，4,508 字节：6 个任务（1 Failed, 5 Init）",
    "1 cassette compared: the answers have the same shape": "比较了 1 个录制文件：响应的形状相同",
    "list 429, create 403": "列表接口 429、创建接口 403",
    "error $.error_code": "错误 $.error_code",
    "curl -sS $X/y # the simulator answered: CCE_ENDPOINT is what cce-precheck serve prints, with the same --fault": (
        "curl -sS $X/y # 由模拟器应答：CCE_ENDPOINT 为 cce-precheck serve 输出的地址，并使用相同的 --fault"
    ),
    # of SDKs, and of a driver
    "The body is words. The call ended in ValueError: x": "响应体为普通文本。调用以 ValueError 结束：x",
    "504 without a body. The call ended in ValueError": "504，没有响应体。调用以 ValueError 结束",
    "$.a was sent as 1, and is gone (and in 3 more places)": "$.a 在响应中为 1，读取后丢失（另有 3 处）",
    "  in $.a, $.b[*] and 2 more": "  位置：$.a、$.b[*]（另有 2 个）",
    "the driver `cat` could not be started: No such file": "无法启动驱动程序 `cat`：No such file",
    "the driver ended with exit status 1 before it answered message 3": "驱动程序在应答第 3 条消息之前退出，退出码为 1",
    "  what to do: build the driver, or give its path": "  处理方法：请先构建驱动程序，或给出其路径",
    "httpx was not connected to cce.example:443: the service is simulated or replayed here, and of this process only"
    " calls of requests are intercepted": (
        "httpx 访问 cce.example:443 被拒绝：此处的服务是模拟或回放的，本进程中只拦截 requests 的请求"
    ),
    "  way out:  call cce_service.url, which every client reaches, with cce_service.headers()": (
        "  解决办法：  访问 cce_service.url（任何客户端都可使用），请求头用 cce_service.headers()"
    ),
    "cce-precheck: mode live (option); --cce-endpoint https://x (environment CCE_ENDPOINT); --cce-budget 9 (ini)": (
        "cce-precheck：模式 live（选项），--cce-endpoint https://x（环境变量 CCE_ENDPOINT），--cce-budget 9（配置文件）"
    ),
}


@pytest.mark.parametrize("english", EXACTLY)
def test_a_text_is_in_chinese_from_its_beginning_to_its_end(english: str) -> None:
    assert line_in(english, "zh") == EXACTLY[english]


def test_response_times_stand_in_columns_in_each_language() -> None:
    times = [ResponseTimes(kind, 3, 0.1, 0.1, 0.1, 0.1) for kind in ("several filters", "refusals", "type")]
    for language in get_args(Language):
        _, *rows = (line_in(line, language) for line in terminal._times_lines("", times, language))
        assert len({columns_of(row.partition("0.100")[0]) for row in rows}) == 1
        assert [bool(CHINESE.search(row)) for row in rows] == [language == "zh"] * 3


def test_each_case_of_the_corpus_has_a_chinese_title() -> None:
    assert [case.title for case in corpus_cases() if not CHINESE.search(line_in(case.title, "zh"))] == []


def test_the_source_of_a_rule_names_its_document_in_chinese() -> None:
    assert source_in(find_rule("PRE301"), "zh").startswith("列表接口文档（D）：")
    assert source_in(find_rule("PRE301"), "en").startswith("D: ")
    assert source_in(find_rule("PRE121"), "zh") == in_language(find_rule("PRE121"), "zh")["source"]


SAMPLES: Final = json.loads((ROOT / "docs" / "samples.json").read_text("utf-8"))


@pytest.mark.parametrize("code", SAMPLES)
def test_what_the_suite_finds_is_said_in_chinese(code: str) -> None:
    message = SAMPLES[code]["en"].splitlines()[0].removeprefix(f"{code} ")
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


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_can_do_is_said_in_chinese(command: str) -> None:
    told = parser_of([command, "--lang=zh"]).format_help()
    assert "契约检查。" in told
    assert "示例：" in told
    commands = next(each for each in parser_of([command, "--lang=zh"])._actions if isinstance(each.choices, dict))
    assert commands.choices is not None
    chosen = commands.choices[command]
    helps = [each.help for actions in chosen._actions for each in getattr(actions, "_choices_actions", ())]
    assert [each for each in helps if not CHINESE.search(each)] == []


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
    used = re.findall(r"{(\d+)(?::(?:zh|reason|then|aside|value|colon))?}", chinese)
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
