"""``cce-precheck sdk run`` with a baseline: what is known does not fail, what is new does."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_cce_precheck.cli import sdk
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.sdk.cases import find_case
from tests.sdk import few_cases
from tests.sdk.fakes import fake_sdk
from tests.sdk.few_cases import LOSING, NAMES, RIGHT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    few_cases.choose(monkeypatch)


def test_a_known_defect_does_not_fail(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = str(tmp_path / "known.json")
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", file, "--update-baseline"]) == 0
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", file]) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong except what the baseline lists\n")


def test_a_new_defect_fails_and_one_that_is_gone_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "known.json"
    main(["sdk", "run", "--driver", RIGHT, "--baseline", str(file), "--update-baseline"])
    assert json.loads(file.read_bytes())["known"] == []
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", str(file)]) == 1
    assert "\nnew, high: `spec` of the answer is lost\n  PRE710 $.items[0].spec was sent as" in capsys.readouterr().out
    main(["sdk", "run", "--driver", LOSING, "--baseline", str(file), "--update-baseline"])
    capsys.readouterr()
    assert main(["sdk", "run", "--driver", RIGHT, "--baseline", str(file), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)["baseline"]
    assert compared["version"] == "1.0"
    assert (compared["new"], [gone[0] for gone in compared["gone"]]) == ([], ["PRE710", "PRE710"])


def test_what_is_new_comes_last_and_what_is_known_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "known.json"
    crashing = shlex.join(fake_sdk("crash"))
    main(["sdk", "run", "--driver", LOSING, "--baseline", str(file), "--update-baseline"])
    document = json.loads(file.read_bytes())
    assert capsys.readouterr().out.endswith(f"\n{file} has what is wrong (2 facts): --baseline {file} reads it\n")
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", str(file)]) == 0
    out = capsys.readouterr().out
    assert "\n3 cases known to fail\nnothing is wrong except" in out
    assert "every-field" not in out
    # one of the known errors is new now
    document["known"] = document["known"][:1]
    file.write_text(json.dumps(document))
    assert main(["sdk", "run", "--driver", LOSING, "--baseline", str(file)]) == 1
    _, _, after = capsys.readouterr().out.partition("\n1 case known to fail\n")
    assert after.startswith("new, high: `spec` of the answer is lost\n")
    assert main(["sdk", "run", "--driver", crashing, "--baseline", str(file)]) == 1
    out = capsys.readouterr().out
    assert out.index("gone: PRE710") < out.index("new, high: ")
    assert re.search(r"^list-closed +crash PRE715$", out, re.MULTILINE)


def test_with_a_baseline_the_junit_file_fails_only_for_what_is_new(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, junit = tmp_path / "known.json", tmp_path / "junit.xml"
    words = ["sdk", "run", "--driver", LOSING, "--baseline", str(file), "--junit", str(junit)]

    def states() -> dict[str, str]:
        suite = ET.parse(junit).getroot()[0]
        return {str(case.get("name")): case[0].tag if len(case) else "passed" for case in suite}

    known = {**dict.fromkeys(NAMES[:3], "skipped"), **dict.fromkeys(NAMES[3:], "passed")}
    assert main([*words, "--update-baseline"]) == 0
    assert states() == known
    assert main(words) == 0
    assert states() == known
    document = json.loads(file.read_bytes())
    document["known"] = [each for each in document["known"] if each["identity"][-1] == "broken"]
    file.write_text(json.dumps(document))
    assert main(words) == 1
    assert states() == {**known, **dict.fromkeys(NAMES[:2], "failure")}
    assert "new, high: " in capsys.readouterr().out


def test_what_cannot_be_seen_is_not_gone_from_the_baseline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "corpus_cases", lambda: (find_case("every-field"),))
    file = str(tmp_path / "known.json")
    main(["sdk", "run", "--driver", LOSING, "--baseline", file, "--update-baseline"])
    refusing = ["sdk", "run", "--driver", shlex.join(fake_sdk("not-readable")), "--baseline", file]
    assert main(refusing) == 1
    out = capsys.readouterr().out
    assert "\nnot seen: PRE710 $.items[*].spec conforming, because every-field has PRE713 " in out
    assert "gone: " not in out
    assert main([*refusing, "--json"]) == 1
    compared = json.loads(capsys.readouterr().out)["baseline"]
    assert (compared["gone"], len(compared["unseen"])) == ([], 1)


def test_a_baseline_of_another_version_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    main(["sdk", "run", "--driver", RIGHT, "--baseline", str(file), "--update-baseline"])
    file.write_text(file.read_text().replace('"1.0"', '"0.9"'))
    assert main(["sdk", "run", "--driver", RIGHT, "--baseline", str(file)]) == 0
    assert capsys.readouterr().out.endswith(
        "the baseline is of version 0.9\nnothing is wrong except what the baseline lists\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory; --update-baseline writes one"),
        ("{", "is not a baseline"),
        ("[]", "is not a baseline"),
        ('{"format": 2}', "has format 2; this version reads 1"),
        ('{"format": 1, "sdk": "other", "version": "1", "known": []}', "is of other, but the driver is of fake"),
    ],
)
def test_an_invalid_baseline_exits_with_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "known.json"
    if text is not None:
        file.write_text(text)
    assert main(["sdk", "run", "--driver", RIGHT, "--baseline", str(file)]) == 2
    assert said in capsys.readouterr().err
