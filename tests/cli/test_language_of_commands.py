"""``--lang`` and ``LANG``: what commands print first and last, in Chinese; what programs read is the same in each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

CHINESE: Final = re.compile("[\u4e00-\u9fff]")


def screen_of(*words: str) -> str:
    """Return what a command that serves prints until it is interrupted."""
    command = [sys.executable, "-m", "pytest_cce_precheck.cli", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=20)
    return first + rest


def in_english(text: str) -> list[str]:
    """Return the lines that are neither Chinese nor commands."""
    return [line for line in text.splitlines() if line.strip() and not CHINESE.search(line) and line[:2] != "  "]


@pytest.mark.parametrize(
    "words",
    [
        ("serve",),
        ("serve", "--staging=busy"),
        ("serve", "--corpus"),
        ("proxy", "--mode=replay"),
    ],
)
def test_what_serves_says_in_chinese_how_to_call_it(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = screen_of(*words, "--lang=zh")
    assert re.match(r"\D+正在监听 http://127\.0\.0\.1:\d+", text)
    assert in_english(text) == []
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert CHINESE.search(screen_of(*words))
    assert not CHINESE.search(screen_of(*words, "--lang=en"))


def test_what_a_program_reads_is_not_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert json.loads(screen_of("serve", "--json"))["faults"] == []


def test_a_challenge_ends_with_a_table_and_a_score_in_chinese(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_it.py").write_text("def test_it(cce_client):\n    assert cce_client.list_tasks().status == 200\n")
    words = ("--faults=always-throttled", "--faults=count-one-short", "--lang=zh", "--jobs=1")
    assert main(["challenge", *words, "--", sys.executable, "-m", "pytest", "-q", "test_it.py"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +发现 +漏过 +不适用\n", out)
    assert re.search(r"^全部故障 +1 +1 +0$", out, re.MULTILINE)
    assert re.search(r"^漏过  count-one-short：", out, re.MULTILINE)
    assert re.search(r"^得分          50%：改变了响应的 2 种故障，测试发现了 1 种$", out, re.MULTILINE)


def test_a_saved_report_is_shown_and_compared_in_chinese(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["run", "--report=old.json", "-k", "unfiltered_list_meets"])
    main(["run", "--report=new.json", "-k", "unfiltered_list_meets", "--fault=final-without-expiry"])
    capsys.readouterr()
    assert main(["report", "show", "new.json", "--lang=zh"]) == 0
    shown = capsys.readouterr().out
    assert "\n模式 simulate：模拟器（未访问真实服务），" in shown
    # a program reads the first line, and a person the second
    assert shown.startswith("the contract does not hold: ")
    assert shown.count("不符合接口契约：") == 1
    assert main(["report", "diff", "old.json", "new.json", "--lang=zh"]) == 1
    out = capsys.readouterr().out
    assert re.match(r"新增 +PRE302 已结束的任务没有 `expireTimeStamp`（共 \d+ 处）（final-without-expiry）\n", out)
    assert out.endswith("新增 1 个，仍存在 0 个，已修复 0 个，未知 0 个\n")


def test_a_rerun_says_in_chinese_what_became_of_a_cause(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["run", "-k", "unfiltered_list_meets", "--fault=final-without-expiry"])
    capsys.readouterr()
    assert main(["rerun", "--fault=final-without-expiry", "--lang=zh"]) == 1
    assert re.match(r"未修复  PRE302-\w+  已结束的任务没有", capsys.readouterr().out)
    assert main(["rerun", "--fault=unknown-cluster-answered", "--lang=zh"]) == 0
    assert re.match(
        r"已修复  PRE302-\w+  \d+ 个请求中没有再出现（在模拟器上，未访问真实服务）", capsys.readouterr().out
    )
