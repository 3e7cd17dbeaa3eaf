"""``cce-precheck sdk site``: pages from saved results."""

from __future__ import annotations

import json
import shlex
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pytest_cce_precheck.cli import sdk
from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.sdk.cases import find_case
from tests.sdk.fakes import fake_sdk
from tests.toolchains import require_module

if TYPE_CHECKING:
    from pathlib import Path

require_module("jinja2")

NAMES = ("every-field", "error-403-cce", "create-one")
Capture = pytest.CaptureFixture[str]


class Tags(HTMLParser):
    """Collects the tags of a page, and fails if they are not closed in their order."""

    VOID = ("meta", "input", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [name] if (name := dict(attrs).get("id")) else []
        self.links += [link] if tag == "a" and (link := dict(attrs).get("href")) else []
        if tag == "td" and (kind := dict(attrs).get("class")):
            self.cells.append(kind)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def results(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the results of an SDK that loses a field."""
    monkeypatch.setattr(sdk, "corpus_cases", lambda: tuple(map(find_case, NAMES)))
    main(["sdk", "run", "--driver", shlex.join(fake_sdk("field-lost")), "--json"])
    path = tmp_path / "results.json"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def other(results: Path, change: dict[str, str]) -> Path:
    text = results.read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    path = results.with_name("other.json")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_page_shows_every_case_and_fault_in_both_languages(results: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new" / "site"
    assert main(["sdk", "site", "--out", str(out), str(results)]) == 0
    assert capsys.readouterr().out == f"{out / 'index.html'}\n"
    page = (out / "index.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    # the cases that are wrong, and then all
    assert tags.cells == ["wrong", "wrong", "right", "right"]
    for part in (
        "silent loss",
        "静默丢失",
        "<code>spec</code> of the answer",
        "响应中的 <code>spec</code> 丢失",
        "PRE710",
    ):
        assert part in page
    assert "`" not in page.partition("</style>")[2]
    assert "http://" not in page.replace("http://127.0.0.1", "")


def test_fault_case_and_code_link_to_each_other(results: Path, tmp_path: Path) -> None:
    main(["sdk", "site", "--out", str(tmp_path), str(results)])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert len(tags.ids) == len(set(tags.ids))
    # the fault to its code and case, the case (in both tables) to both, the code to the fault
    links = ["#PRE710", "#case-1", *["#PRE710", "#fault-1-1"] * 2, "#fault-1-1"]
    assert tags.links == links
    assert set(links) <= {f"#{name}" for name in tags.ids}
    fact, _, _ = page.partition('<dt id="PRE710">')[2].partition("<br>")
    assert rules()["PRE710"].title in unescape(fact)


def test_what_this_version_does_not_have_is_no_link(results: Path, tmp_path: Path) -> None:
    changes = {
        '"codes": [\n          "PRE710"': '"codes": [\n          "<b>"',
        '"cases": [\n          "every-field"': '"cases": [\n          "<i>"',
    }
    main(["sdk", "site", "--out", str(tmp_path), str(other(results, changes))])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    assert "<i>" not in page
    tags = Tags()
    tags.feed(page)
    assert {link[1:] for link in tags.links} <= set(tags.ids)


def test_the_summary_and_the_badge_have_the_totals(results: Path, tmp_path: Path) -> None:
    main(["sdk", "site", "--out", str(tmp_path), str(results)])
    [summary] = json.loads((tmp_path / "summary.json").read_bytes())["sdks"]
    assert (summary["name"], summary["cases"], summary["right"], summary["wrong"]) == ("fake 1.0", 3, 2, 1)
    assert summary["faults"] == {"high": 1, "medium": 0, "low": 0}
    badge = ET.parse(tmp_path / summary["badge"]).getroot()
    assert badge.get("aria-label") == "CCE precheck: 2/3"


def test_several_files_are_columns_and_a_case_that_one_lacks_is_empty(results: Path, tmp_path: Path) -> None:
    second = other(results, {'"version": "1.0"': '"version": "2.0"', '"every-field"': '"another-case"'})
    main(["sdk", "site", "--out", str(tmp_path), str(results), str(second)])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.cells[:4] == ["wrong", "none", "none", "wrong"]
    assert [sdk["name"] for sdk in json.loads((tmp_path / "summary.json").read_bytes())["sdks"]] == [
        "fake 1.0",
        "fake 2.0",
    ]


def test_text_of_an_sdk_is_text_on_the_page(results: Path, tmp_path: Path) -> None:
    second = other(results, {'"language": "Fake 1"': '"language": "<script>x</script>"'})
    main(["sdk", "site", "--out", str(tmp_path), str(second)])
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory; cce-precheck sdk table --json writes one"),
        ("{", "has no results of SDKs"),
        ('{"format": 9}', "has format 9; this version reads 1"),
        ('{"format": 1, "sdks": [{}], "cases": [], "faults": [[]]}', "has no results of SDKs"),
        (
            '{"format": 1, "sdks": [{"language": "", "sdk": "", "version": ""}], "cases": [], "faults": [[{}]]}',
            "a fault has not all of its members",
        ),
    ],
)
def test_a_file_that_is_something_else_exits_with_2(
    tmp_path: Path, capsys: Capture, text: str | None, said: str
) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    assert main(["sdk", "site", "--out", str(tmp_path / "site"), str(path)]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_the_same_sdk_twice_is_refused(results: Path, tmp_path: Path, capsys: Capture) -> None:
    assert main(["sdk", "site", "--out", str(tmp_path), str(results), str(results)]) == 2
    assert "the results of fake 1.0 are there twice" in capsys.readouterr().err
