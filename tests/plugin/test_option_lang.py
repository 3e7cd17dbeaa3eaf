"""``--cce-lang``: the summary, the failures and the codes in Chinese, beside the English lines that programs read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.states import Simulator
from tests.recordings import CASSETTES, credentials_of, recording_from
from tests.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Run

BROKEN: Final = """
import pytest

@pytest.mark.cce(mode="simulate", faults=["final-without-expiry"])
def test_tasks(cce_client, cce_contract):
    cce_contract.verify(cce_client.list_tasks())
"""
CHINESE: Final = re.compile("[\u4e00-\u9fff]")


@pytest.fixture
def plain_language(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "CCE_LANG"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def printed(pytester: pytest.Pytester, run: Run) -> Callable[..., str]:
    pytester.makepyfile(BROKEN)
    return lambda *arguments: run(*arguments).stdout.str()


def test_a_run_in_chinese_says_the_verdict_the_cause_and_what_to_do_in_chinese(
    printed: Callable[..., str], plain_language: pytest.MonkeyPatch
) -> None:
    text = printed("--cce-lang=zh")
    assert "\ncce-precheck：模式 simulate（默认）" in text
    # the English lines stay, for programs and for the vendor
    assert "\nthe contract does not hold: 1 cause\n不符合接口契约\N{FULLWIDTH COLON}共 1 个问题\n" in text
    assert "\n  PRE302 " in text
    assert "\n    已结束的任务没有 `expireTimeStamp`。所有终态任务都应返回超时时间。\n" in text
    assert re.search(r"^E +说明 +已结束的任务没有 `expireTimeStamp`$", text, re.MULTILINE)
    assert re.search(r"^E +依据 +列表接口文档（D）：", text, re.MULTILINE)
    assert re.search(r"^E +处理 +所有终态任务都应返回超时时间。$", text, re.MULTILINE)


# the names of classes of filter values are names too
NAMES: Final = re.compile(
    r"`[^`]*`|--[\w-]+|https?://\S+|\S+\.(?:json|html|py)\S*|test_\w+|'[^']*'|\{.*\}|[A-Z_]{2,}"
    r"|(?:pytest|cce-precheck) .*|PRE\d+|Connection refused|未覆盖：.*"
)
ENGLISH: Final = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")


def half_translated(text: str) -> list[str]:
    """Return the lines of the summary below the English verdict that have English words beside names."""
    summary = text.partition("= cce-precheck =")[2].partition("short test summary")[0].splitlines()[2:]
    assert len(summary) > 1
    return [line for line in summary if ENGLISH.search(NAMES.sub("", line))]


@pytest.mark.parametrize("fault", ["", "--cce-fault=type-filter-ignored", "--cce-fault=always-throttled"])
def test_the_end_of_a_run_of_the_suite_is_all_in_chinese(
    run: Run, plain_language: pytest.MonkeyPatch, fault: str
) -> None:
    plain_language.setenv("LANG", "zh_CN.UTF-8")
    text = run("--pyargs", "pytest_cce_precheck.suite", "--cce-report=r.json", *filter(None, [fault])).stdout.str()
    assert "\n模式 simulate：模拟器（未访问真实服务），" in text
    assert "\n报告已写入 r.json\n" in text
    assert half_translated(text) == []


def test_the_end_of_a_run_without_a_service_or_with_wrong_credentials_is_all_in_chinese(
    run: Run, plain_language: pytest.MonkeyPatch
) -> None:
    plain_language.setenv("CCE_AUTH_TOKEN", "wrong")
    with SimulatorServer(Simulator()) as server:
        for endpoint, said in ((server.endpoint, "访问被拒绝："), (f"http://127.0.0.1:{free_port()}", "服务不可达：")):
            text = run(
                "--pyargs", "pytest_cce_precheck.suite", "--cce-mode=live", f"--cce-endpoint={endpoint}",
                "--cce-project-id=p", "--cce-cluster-id=c", "--cce-lang=zh",
            ).stdout.str()  # fmt: skip
            assert f"\n{said}{endpoint} " in text
            assert half_translated(text) == []


def test_a_failed_test_has_its_labels_in_chinese(
    printed: Callable[..., str], plain_language: pytest.MonkeyPatch
) -> None:
    text = printed("--cce-lang=zh", "--tb=short")
    labels = re.findall(r"^E     (\S+) ", text, re.MULTILINE)
    assert {"说明", "请求", "响应", "请求ID", "复现", "位置", "所在位置", "依据", "处理", "更多"} <= set(labels)
    assert [label for label in labels if label.islower()] == []


MISS: Final = """
def test_types(cce_client):
    cce_client.list_tasks(type="TYPE")
"""


def test_a_miss_says_in_chinese_what_differs_and_what_to_do(
    pytester: pytest.Pytester, run: Run, plain_language: pytest.MonkeyPatch
) -> None:
    def printed(type_: str, *options: str) -> str:
        pytester.makepyfile(MISS.replace("TYPE", type_))
        return run(*options, "--cce-lang=zh", "--tb=short").stdout.str()

    with SimulatorServer(Simulator()) as server:
        for name, value in credentials_of(server).items():
            plain_language.setenv(name, value)
        assert "  已写入 1 个录制文件\n" in printed("addonStatic", *recording_from(server))
        text = printed("addonUpgrade", "--cce-mode=replay", CASSETTES)
    assert "\n没有该请求的录制内容：GET /api/v3/" in text
    assert "\n  差异：      参数 type 为 'addonUpgrade'，录制时为 'addonStatic'\n" in text
    assert re.search(
        "^  解决办法：  重新录制（需设置环境变量 .*），或只发送录制过的请求\n    pytest --cce-mode=record ", text, re.M
    )


def test_the_language_is_that_of_the_environment_unless_the_option_names_another(
    printed: Callable[..., str], plain_language: pytest.MonkeyPatch
) -> None:
    plain_language.setenv("LANG", "zh_CN.UTF-8")
    assert CHINESE.search(printed())
    assert not CHINESE.search(printed("--cce-lang=en"))


def test_without_either_a_run_speaks_english(printed: Callable[..., str], plain_language: pytest.MonkeyPatch) -> None:
    assert not CHINESE.search(printed())


def test_another_language_is_refused_with_those_that_there_are(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(BROKEN)
    result = run("--cce-lang=fr")
    assert result.ret == 4
    assert "--cce-lang (from option)" in result.stderr.str()
    assert "one of en, zh" in result.stderr.str()


def test_explain_prints_every_code_in_chinese(
    plain_language: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--lang=zh"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:6] for line in lines] == list(rules())
    assert main(["explain", "final-without-expiry", "--lang", "zh"]) == 0
    entry = capsys.readouterr().out
    assert "  已结束的任务没有 `expireTimeStamp`。\n" in entry
    assert "--cce-fault=final-without-expiry" in entry


def test_explain_takes_the_language_of_the_environment(
    plain_language: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_language.setenv("LC_ALL", "zh_CN.UTF-8")
    main(["explain", "PRE401"])
    assert "过滤后返回了不符合条件的任务" in capsys.readouterr().out


def test_check_explains_in_chinese_too(
    plain_language: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain_language.setenv("LANG", "zh_CN.UTF-8")
    body = tmp_path / "body.json"
    body.write_text('{"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": 1}, "items": []}')
    assert main(["check", str(body)]) == 1
    assert re.search(r"^  处理 +\S", capsys.readouterr().out, re.MULTILINE)
