"""``cce-precheck sdk`` and ``cce-precheck corpus``, with SDKs that are fakes, on a handful of cases."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_cce_precheck.cli import sdk
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.sdk import driver, versions
from pytest_cce_precheck.sdk.cases import corpus_cases, find_case
from pytest_cce_precheck.sdk.faults import defects, faults
from pytest_cce_precheck.sdk.reports import bug_reports
from pytest_cce_precheck.sdk.run import run_sdks
from tests.processes import service
from tests.sdk import few_cases
from tests.sdk.fakes import answering, fake_sdk, script
from tests.sdk.few_cases import LOSING, NAMES, RIGHT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    few_cases.choose(monkeypatch)


def test_an_sdk_without_a_fault_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sdk", "run", "--driver", RIGHT]) == 0
    out = capsys.readouterr().out
    assert "whole            3\n" in out
    assert "distinct faults  0\n" in out
    assert "6 cases; 6 are not shown: every SDK reads the answer whole" in out


def test_a_loss_fails_and_is_reported_once_with_all_its_cases(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sdk", "run", "--driver", LOSING]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^every-field +silent loss PRE710$", out, re.MULTILINE)
    assert "distinct faults  1\n" in out
    assert out.endswith(
        "high: `spec` of the answer is lost\n"
        '  PRE710 $.items[0].spec was sent as {"addonTargetVersion": "1.28.4"}, and is gone [3 cases, conforming]\n'
    )


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        ("operations=[]", "the operations none and the authentication ak/sk, temporary"),
        ("authentication=[]", "the operations list, create and the authentication none"),
    ],
)
def test_an_sdk_that_was_asked_nothing_is_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], offered: str, said: str
) -> None:
    command = script(tmp_path, f"for line in sys.stdin: hello(json.loads(line), {offered})")
    assert main(["sdk", "run", "--driver", shlex.join(command)]) == 2
    assert f"fake 1.0 was asked nothing: its driver offers {said}, and every case" in capsys.readouterr().err


def test_markdown_has_a_bug_report_for_each_loss(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sdk", "run", "--driver", LOSING, "--markdown"])
    out = capsys.readouterr().out
    assert "| `every-field` | Every field is there. | silent loss PRE710 |" in out
    for part in (
        "### `spec` of the answer is lost",
        "- SDK: fake 1.0, Fake 1",
        "- Severity: high",
        "The object holds the field as it was sent.",
        '| `$.items[0].spec` | `{"addonTargetVersion": "1.28.4"}` | `nothing` |',
        "D, C: the fields of the answer",
        "https://support.huaweicloud.com/intl/en-us/api-cce/ListAddonPrecheckTasks.html",
        "- Shown by: `every-field`, `twelve-tasks`, `kind-is-text-cluster` (cases of the corpus: 3)",
        "```http\nHTTP/1.1 200\n",
        '"do":"call","endpoint":"http://127.0.0.1:4711"',
    ):
        assert part in out


def test_a_bug_report_describes_a_repetition(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sdk", "run", "--driver", shlex.join(fake_sdk("create-repeated")), "--markdown"])
    assert "The call:" not in capsys.readouterr().out
    results = run_sdks([fake_sdk("create-repeated")], [find_case("create-closed")])
    text = bug_reports(results[0].introduction, faults(defects(results[0])))
    assert re.search(r"^- The call: error PRE717, 2 requests after 0\.\d s$", text, re.MULTILINE)


def test_a_bug_report_shows_the_shortest_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, ("many-tasks", "twelve-tasks"))))
    main(["sdk", "run", "--driver", LOSING, "--markdown"])
    [_, report] = capsys.readouterr().out.split("\n### ")
    assert "- Shown by: `twelve-tasks`, `many-tasks` (cases of the corpus: 2)" in report
    whole = f"`cce-precheck corpus export DIR` writes it whole, as case {find_case('twelve-tasks').number}."
    assert whole in report
    assert find_case("twelve-tasks").cluster_id in report


def test_a_report_of_a_request_shows_what_was_sent_and_what_was_wanted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "reports"
    assert main(["sdk", "run", "--driver", shlex.join(fake_sdk("values-lost")), "--reports", str(folder)]) == 1
    names = sorted(path.name for path in folder.iterdir())
    stem = "01-PRE707-request-field-dropped-spec-addonlist-values"
    assert names == [f"{stem}.md", f"{stem}.zh.md"]
    english, chinese = (folder / name for name in names)
    text = english.read_text(encoding="utf-8")
    assert text.startswith("### `values: {")
    sent, wanted = text.partition("#### Request that was sent")[2].split("#### Request that was wanted")
    assert '"values"' not in sent
    assert "\n`$.spec.addonList[*].values`, object: " in text
    assert '"values": {"basic"' in wanted.partition("####")[0]
    assert "Authorization" not in text
    assert "创建请求中缺少 `values: {" in chinese.read_text(encoding="utf-8")


def test_reports_of_faults_that_are_gone_are_deleted_and_other_files_stay(tmp_path: Path) -> None:
    for name in ("01-PRE710-gone.md", "notes.md"):
        (tmp_path / name).write_text("x")
    assert main(["sdk", "run", "--driver", RIGHT, "--reports", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]


def test_with_a_baseline_only_what_is_new_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file, folder = str(tmp_path / "known.json"), tmp_path / "reports"
    main(["sdk", "run", "--driver", LOSING, "--baseline", file, "--update-baseline"])
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", file, "--reports", str(folder), "--markdown"]) == 0
    assert not folder.exists()
    assert "### " not in capsys.readouterr().out


def test_json_has_every_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sdk", "run", "--driver", LOSING, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["sdks"] == [{"sdk": "fake", "version": "1.0", "language": "Fake 1"}]
    first = document["cases"][0]
    assert (first["name"], first["cells"][0]["verdict"], first["cells"][0]["right"]) == (
        "every-field",
        "silent loss",
        False,
    )
    assert first["cells"][0]["findings"][0]["path"] == "$.items[0].spec"
    [[fault]] = document["faults"]
    assert (fault["severity"], fault["title"], fault["title_zh"]) == (
        "high",
        "`spec` of the answer is lost",
        "响应中的 `spec` 丢失",
    )
    assert fault["cases"] == ["every-field", "twelve-tasks", "kind-is-text-cluster"]


def test_a_table_sets_sdks_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sdk", "table", "--driver", RIGHT, "--driver", LOSING, "--markdown"]) == 0
    out = capsys.readouterr().out
    assert "| verdict | fake 1.0 (Fake 1) | fake 1.0 (Fake 1) |" in out
    assert "| whole | 3 | 1 |" in out
    assert "| `every-field` | Every field is there. | whole | silent loss PRE710 |" in out


def test_a_driver_that_dies_in_a_case_is_restarted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = "if 'case-0003' in line: sys.exit(9)\nsay(message, outcome='error', error={'class': 'E', 'expected': True})"
    main(["sdk", "table", "--driver", shlex.join(answering(tmp_path, body)), "--json"])
    results = [case["cells"][0] for case in json.loads(capsys.readouterr().out)["cases"]]
    assert [result["verdict"] for result in results] == ["crash", "error", "error", "error", "error", "error"]
    assert "ended with exit status 9" in results[0]["findings"][-1]["message"]


def test_a_driver_that_dies_in_every_case_ends_the_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["sdk", "table", "--driver", shlex.join(answering(tmp_path, "sys.exit(1)"))]) == 2
    assert "ended with exit status 1" in capsys.readouterr().err


ANSWERS = "say(message, outcome='error', error={'class': 'E', 'expected': True})"


def test_an_answer_that_is_not_json_is_a_case_that_fails_and_the_run_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [case.name for case in corpus_cases()[:14]]
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, names)))
    secret = "os.environ['HUAWEICLOUD_SDK_SK']"
    # one case is answered, and then nine in a row are not
    body = f"if 'case-0001' in line or int(message['cluster_id'][-4:]) > 10: {ANSWERS}\n"
    body += f"else: print('{{\"value\": NaN, ' + {secret} + 'x' * 900, flush=True)"
    junit, reports = tmp_path / "junit.xml", tmp_path / "reports"
    words = ["sdk", "run", "--driver", shlex.join(answering(tmp_path, body)), "--junit", str(junit)]
    assert main([*words, "--reports", str(reports), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    cells = [case["cells"][0] for case in document["cases"]]
    assert [cell["verdict"] for cell in cells] == ["error", *["crash"] * 9, *["error"] * 4]
    message = cells[1]["findings"][-1]["message"]
    assert message.startswith("the driver sent an invalid answer: NaN is not a JSON number; it sent ")
    assert 'it sent \'{"value": NaN, ***xxx' in message
    assert len(message) < 400
    [fault] = [fault for fault in document["faults"][0] if fault["kind"] == "driver-answer"]
    assert fault["title"] == "The driver answers a call with something that is not a message"
    case = ET.parse(junit).getroot()[0][1]
    assert f"\nPRE715 {message}\n" in (case[0].text or "")
    [report] = reports.glob("*-PRE715-driver-answer.md")
    assert "NaN, ***xxx" in report.read_text()


def test_a_driver_that_never_writes_a_message_ends_the_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["sdk", "run", "--driver", shlex.join(answering(tmp_path, "print('DEBUG calling', flush=True)"))]) == 2
    err = capsys.readouterr().err
    assert "sent an invalid answer: the line is not JSON" in err
    assert "it sent 'DEBUG calling" in err
    assert (
        "what to do: write each answer as one line of JSON, and all else, such as logs of the SDK, to standard" in err
    )


def test_a_driver_that_dies_is_not_taken_for_an_error_of_the_language(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    body = f"if 'case-0003' in line: sys.exit(9)\n{ANSWERS}"
    assert main(["sdk", "run", "--driver", shlex.join(answering(tmp_path, body))]) == 1
    out = capsys.readouterr().out
    assert (
        "high: The driver ends during a call, or does not answer it\n  PRE715 the driver ended with exit status 9"
        in out
    )


def test_a_driver_that_dies_in_many_cases_but_not_in_a_row_is_asked_for_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [case.name for case in corpus_cases()[:14]]
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, names)))
    body = "if int(message['cluster_id'][-4:]) % 2: sys.exit(9)\n"
    body += "say(message, outcome='error', error={'class': 'E', 'expected': True})"
    assert main(["sdk", "table", "--driver", shlex.join(answering(tmp_path, body)), "--json"]) == 0
    verdicts = [case["cells"][0]["verdict"] for case in json.loads(capsys.readouterr().out)["cases"]]
    assert verdicts == ["crash", "error"] * 7


def test_a_driver_that_hangs_in_two_cases_in_a_row_ends_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_EXIT_SECONDS", 0.1)
    slow = [replace(find_case(name), timeout=0.05) for name in NAMES]
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(slow))
    hanging = shlex.join(answering(tmp_path, "print('it waits', file=sys.stderr, flush=True); sys.stdin.read()"))
    assert main(["sdk", "run", "--driver", hanging, "--patience", "1"]) == 2
    err = capsys.readouterr().err
    assert "gave no answer to message 1 within 1.2 s" in err
    assert "    it waits\n" in err
    assert "give it more time with --patience" in err


def test_when_one_of_several_drivers_fails_the_others_are_not_waited_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hanging = shlex.join(answering(tmp_path, "sys.stdin.read()"))
    # a driver that is waited for is waited for longer than a test may take
    assert main(["sdk", "table", "--patience", "3600", "--driver", hanging, "--driver", "no-such-program"]) == 2
    assert "`no-such-program` could not be started" in capsys.readouterr().err


def test_an_interrupt_ends_a_run_at_once_with_status_130(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    hanging = answering(tmp_path, f"open({str(asked)!r}, 'w').close()\nsys.stdin.read()")
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "sdk", "run", "--driver", shlex.join(hanging)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not asked.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (130, b"", b"cce-precheck: interrupted\n")


def test_the_calls_that_are_refused_have_their_requests_and_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("every-field", "error-429-cce", "list-closed", "list-slow")
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, names)))
    impatient = shlex.join(fake_sdk("retry-after-ignored"))
    main(["sdk", "table", "--driver", RIGHT, "--driver", impatient, "--json"])
    calls = {
        case["name"]: [(result["requests"], len(result["waits"])) for result in case["cells"]]
        for case in json.loads(capsys.readouterr().out)["cases"]
    }
    assert calls == {
        "every-field": [(1, 0), (1, 0)],
        "error-429-cce": [(1, 0), (2, 1)],
        "list-closed": [(1, 0), (1, 0)],
        "list-slow": [(1, 0), (1, 0)],
    }
    main(["sdk", "table", "--driver", RIGHT, "--driver", impatient])
    out = capsys.readouterr().out.partition("refused, failing or slow")[2]
    assert re.search(r"^error-429-cce +error, 1 request +error PRE718, 2 requests after 0\.\d s$", out, re.MULTILINE)
    assert re.search(r"^list-slow +whole, 1 request, \d+ s +whole, 1 request, \d+ s$", out, re.MULTILINE)
    assert "every-field" not in out


def test_without_the_sdk_its_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "DISTRIBUTION", "no_such_sdk")
    assert main(["sdk", "run", "--python"]) == 2
    assert capsys.readouterr().err == (
        'cce-precheck: the vendor\'s Python SDK is not installed: pip install "pytest-cce-precheck[sdk]"\n'
    )


def test_what_an_sdk_does_not_offer_is_not_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = answering(tmp_path, "say(message, outcome='error', error={'class': 'E', 'expected': True})")
    script = tmp_path / "driver.py"
    script.write_text(script.read_text().replace("hello(message)", "hello(message, operations=[])"))
    assert main(["sdk", "table", "--driver", shlex.join(path)]) == 0
    assert "not offered      6\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--driver", RIGHT, "--update-baseline"], "give both"),
        (["run", "--driver", "no-such-program"], "could not be started: No such file or directory"),
        (["run", "--driver", "'"], "cannot be read: No closing quotation"),
        (["run", "--driver", " "], "the driver's command is empty"),
        (["table"], "a table needs SDKs: give --python, or --driver once for each"),
        (["compare", "--driver", RIGHT], "a comparison needs two drivers or more: give --driver once for each"),
        (["compare", "--python", "3.1.200"], "a comparison needs two versions or more: found 3.1.200"),
        (["compare", "--python", "3.1.200", "3.1.200"], "a comparison needs two versions or more: found 3.1.200"),
        (["compare", "--python", "latest", "3.1.200"], "'latest' is not a version"),
    ],
)
def test_invalid_arguments_exit_with_2(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["sdk", *words]) == 2
    assert said in capsys.readouterr().err


# --- comparisons


def test_two_drivers_are_compared_and_a_new_fault_exits_with_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "corpus_cases", lambda: tuple(map(find_case, NAMES)))
    assert main(["sdk", "compare", "--driver", RIGHT, "--driver", LOSING]) == 1
    assert "\nfake 1.0 -> fake 1.0\n  now wrong: `spec` of the answer is lost" in capsys.readouterr().out
    assert main(["sdk", "compare", "--driver", LOSING, "--driver", RIGHT]) == 0
    assert (
        "\n  no longer wrong: `spec` of the answer is lost (PRE710 at $.items[*].spec, 3 cases"
        in capsys.readouterr().out
    )


# --- the corpus


def test_the_corpus_is_written_to_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["corpus", "export", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out == f"6 cases in {tmp_path / 'new'}\n"
    assert len(list((tmp_path / "new").glob("[0-9]*.json"))) == 6


def test_the_corpus_is_written_as_an_archive(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["corpus", "archive", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(r"\S+/cce-precheck-corpus-\d+\.tar\.gz: number \d+ of the corpus, 6 cases\n", said)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["corpus", "export", str(tmp_path / "file" / "below")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"cce-precheck: the corpus file {tmp_path / 'file' / 'below'}")
    assert err.endswith(" cannot be written: Not a directory\n")


@pytest.mark.parametrize("patience", ["0", "-1", "nan", "x", "1e9"])
def test_a_patience_that_is_not_a_number_of_seconds_is_refused(
    capsys: pytest.CaptureFixture[str], patience: str
) -> None:
    with pytest.raises(SystemExit):
        main(["sdk", "run", "--driver", RIGHT, f"--patience={patience}"])
    assert f"'{patience}' is not a number of seconds: expected more than 0" in capsys.readouterr().err


def test_the_corpus_is_served_over_http() -> None:
    with service("--corpus") as facts:
        assert facts["endpoint"].startswith("http://127.0.0.1:")
        assert facts["cases"] > 300
        assert facts["access_key"].startswith("SIMULATED-AK-")


def test_a_corpus_with_a_fault_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--corpus", "--fault", "count-one-short"]) == 2
    assert "--corpus has a case for each fault and variation" in capsys.readouterr().err


def test_the_table_and_the_faults_are_in_chinese_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sdk", "run", "--driver", LOSING, "--lang=zh"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^完整 +\d+$", out, re.MULTILINE)
    assert re.search(r"^every-field +静默丢失 PRE710$", out, re.MULTILINE)
    assert re.search(r"^共 6 个用例；\d 个未列出：", out, re.MULTILINE)
    assert out.endswith(
        "高：响应中的 `spec` 丢失\n"
        '  PRE710 $.items[0].spec 在响应中为 {"addonTargetVersion": "1.28.4"}，读取后丢失 [3 个用例，响应符合文档]\n'
    )
    # columns of a terminal, in which a Chinese character takes two
    columns = {len(line.encode("gbk")) for line in out.splitlines()[1:4]}
    assert len(columns) == 1
