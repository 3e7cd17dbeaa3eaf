"""The Chinese pages say the same as the English ones, and what a page says that a command prints is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PAIRS: Final = {
    "README.md": "README.zh-CN.md",
    "docs/tutorial.md": "docs/zh/tutorial.md",
    "docs/findings.md": "docs/zh/findings.md",
    "docs/how-to-driver.md": "docs/zh/driver.md",
    "docs/how-to-recordings.md": "docs/zh/recordings.md",
    "docs/how-to-clients.md": "docs/zh/clients.md",
    "docs/how-to-challenge.md": "docs/zh/challenge.md",
    "docs/how-to-proxy.md": "docs/zh/proxy.md",
}


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def code_blocks(text: str) -> list[str]:
    # what a run prints of a finding is written in the language of the page
    rest = re.sub(r"^<!-- (finding\w*) -->.*?^<!-- /\1 -->$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^```.*?^```$", rest, re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    """Return the level of each heading, with the codes and literals in it, which no language changes."""
    plain = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [
        f"{level} {re.findall(r'`[^`]+`|PRE[0-9]{3}', line)}" for level, line in re.findall(r"^(#+) (.*)$", plain, re.M)
    ]


def tables(text: str) -> list[int]:
    """Return the number of rows of each table."""
    return [table.count("\n") for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_a_page_in_two_languages_has_the_same_headings_tables_and_code(english: str, chinese: str) -> None:
    one, other = text_of(english), text_of(chinese)
    assert headings(one) == headings(other)
    assert tables(one) == tables(other)
    assert code_blocks(one) == code_blocks(other)


@pytest.mark.parametrize(
    "page", ["README.zh-CN.md", *(f"docs/zh/{path.name}" for path in (ROOT / "docs/zh").iterdir())]
)
def test_a_chinese_page_links_to_chinese_pages_if_there_are_any(page: str) -> None:
    # a page names its other language at its head
    links = re.findall(r"\[(?!English\]|英文页面\])[^]]*\]\(([^)#]+)", text_of(page))
    targets = {os.path.relpath((ROOT / page).parent / each, ROOT) for each in links}
    assert targets & set(PAIRS) == set()


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_a_page_in_two_languages_links_to_the_same_places_of_the_web(english: str, chinese: str) -> None:
    web = re.compile(r"\]\((https?://[^)]+)\)")
    assert web.findall(text_of(english)) == web.findall(text_of(chinese))


def test_a_page_in_chinese_has_no_english_sentence_and_no_half_width_comma() -> None:
    pages = {*PAIRS.values(), *(str(path.relative_to(ROOT)) for path in (ROOT / "docs" / "zh").glob("*.md"))}
    # a code that nobody has put in Chinese yet is shown in English
    for name in sorted(pages - {"docs/zh/findings.md"}):
        # the sentence that excludes something is quoted as it is written
        prose = re.sub(
            r"^ *```.*?^ *```$|^- 规定：.*?$|`[^`]*`|\]\([^)]*\)|<!--.*?-->|\*[^*]+\*",
            "",
            text_of(name),
            flags=re.M | re.S,
        )
        assert re.findall(r"[\u4e00-\u9fff][,;:?!](?=[\s\u4e00-\u9fff])", prose) == [], name
        assert [line for line in prose.splitlines() if re.search(r"\b(the|which|with)\b (?!report)", line)] == [], name


DOORS: Final = re.findall(r"^\| [^|`]+ \| `([^`]+)` \| `([^`]+)` \|", text_of("README.md"), re.MULTILINE)


def test_the_readme_opens_three_doors() -> None:
    assert len(DOORS) == 3


@pytest.mark.parametrize(("command", "printed"), DOORS, ids=[command for command, _ in DOORS])
def test_the_first_command_of_each_door_prints_what_the_readme_says(command: str, printed: str, tmp_path: Path) -> None:
    if " sdk " in command:
        pytest.importorskip("huaweicloudsdkcce")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("CCE_", "PYTEST_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    wanted = re.compile(re.escape(printed).replace("…", r".*"))
    with subprocess.Popen(
        command.split(), cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        try:
            assert any(wanted.search(line) for line in running.stdout), printed
        finally:
            running.terminate()


def shown_after(page: str) -> list[tuple[str, str]]:
    """Return each shell block of a page, with the text block that follows it and shows what it prints."""
    return re.findall(
        r"^```sh\n((?:(?!```)[^\n]*\n)*)```\n\n```text\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("page", ["docs/tutorial.md", "docs/how-to-contract.md", "docs/how-to-recordings.md"])
def test_each_command_of_a_page_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    for example in re.findall(r"^```python file=(\S+)$", text_of(page), re.MULTILINE):
        (tmp_path / Path(example).name).write_text(text_of(example))
    for text in re.findall(r"^```json\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL):
        (tmp_path / "newer.json").write_text(text)
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("CCE_", "PYTEST_", "CI"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    blocks = shown_after(page)
    assert blocks
    for command, printed in blocks:
        # to install anew would change the environment that the tests run in
        script = command.partition("pip install -e . && ")[2] or command
        ran = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        rest = ran.stdout
        for line in printed.splitlines():
            found = re.search(f"^.*{re.escape(line).replace('…', '.*')}", rest, re.MULTILINE)
            assert found, f"{script}: does not print {line!r} in:\n{ran.stdout}{ran.stderr}"
            rest = rest[found.end() :]
