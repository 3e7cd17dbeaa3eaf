"""``--cce-lang``: the summary, the failures and the codes in Chinese, beside the English lines that programs read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract.rules import rules

if TYPE_CHECKING:
    from pathlib import Path

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


def printed(pytester: pytest.Pytester, *arguments: str) -> str:
    pytester.makepyfile(BROKEN)
    return pytester.runpytest_subprocess("-p", "no:randomly", *arguments).stdout.str()


def test_a_run_in_chinese_says_the_verdict_the_cause_and_what_to_do_in_chinese(
    pytester: pytest.Pytester, plain_language: pytest.MonkeyPatch
) -> None:
    text = printed(pytester, "--cce-lang=zh")
    # the English lines stay, for programs and for the vendor
    assert "\nthe contract does not hold: 1 cause\n不符合接口契约\N{FULLWIDTH COLON}共 1 个问题\n" in text
    assert "\n  PRE302 " in text
    assert "\n    已结束的任务没有 `expireTimeStamp`。所有终态任务都应返回超时时间。\n" in text
    assert re.search(r"^E +说明 +已结束的任务没有 `expireTimeStamp`$", text, re.MULTILINE)
    assert re.search(r"^E +依据 +D：", text, re.MULTILINE)
    assert re.search(r"^E +处理 +所有终态任务都应返回超时时间。$", text, re.MULTILINE)


def test_the_language_is_that_of_the_environment_unless_the_option_names_another(
    pytester: pytest.Pytester, plain_language: pytest.MonkeyPatch
) -> None:
    plain_language.setenv("LANG", "zh_CN.UTF-8")
    assert CHINESE.search(printed(pytester))
    assert not CHINESE.search(printed(pytester, "--cce-lang=en"))


def test_without_either_a_run_speaks_english(pytester: pytest.Pytester, plain_language: pytest.MonkeyPatch) -> None:
    assert not CHINESE.search(printed(pytester))


def test_another_language_is_refused_with_those_that_there_are(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(BROKEN)
    result = pytester.runpytest_subprocess("--cce-lang=fr")
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
