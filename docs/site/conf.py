"""The documentation as a site: ``sphinx-build -W -c docs/site . SITE`` builds it from the pages as they are.

The pages are plain Markdown, with links that work where the repository is shown; the list of contents is docs/index.md.
Nothing of the site comes from another host, and its search works without a server.
"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.search import SearchLanguage

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

project = PROJECT["name"]
version = release = PROJECT["version"]
copyright = "The pytest-cce-precheck maintainers, Apache-2.0"  # noqa: A001  the name is Sphinx's
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/**.md", "drivers/README.md"]
exclude_patterns = [".*", "**/node_modules", "docs/site"]
root_doc = "docs/index"
nitpicky = True
language = "en"
html_search_language = "both"
html_title = f"{project} {version}"
html_theme = "furo"
# the first page of the site is where one expects it
html_extra_path = ["extra"]
html_copy_source = False
html_show_sphinx = False
myst_heading_anchors = 4
pygments_style = "friendly"

_LINK = re.compile(r"^- \[(?P<title>.+)\]\((?P<target>[^)#]+)\)$", re.MULTILINE)


class BothLanguages(SearchLanguage):
    """Words for English; every two neighbouring characters for Chinese, which has no blanks between words."""

    lang = "both"
    language_name = "English and Chinese"
    stopwords = frozenset({"a", "an", "and", "is", "of", "the", "to"})
    js_splitter_code = """
function splitQuery(query) {
  const words = query.match(/[\\u4e00-\\u9fff]+|[\\p{Letter}\\p{Number}_]+/gu) || [];
  return words.flatMap((word) => !/[\\u4e00-\\u9fff]{3}/.test(word) ? [word]
    : [...word].slice(1).map((second, at) => word[at] + second));
}
"""

    def split(self, input: str) -> list[str]:
        """Return the words of a text, as the same code does in a browser."""
        words = []
        for word in re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+", input):
            is_chinese = len(word) > 1 and "\u4e00" <= word[0] <= "\u9fff"
            words += map("".join, pairwise(word)) if is_chinese else [word]
        return words

    def word_filter(self, stemmed_word: str) -> bool:
        """Keep two Chinese characters too, which are a word."""
        return stemmed_word not in self.stopwords


def contents(_: Sphinx, docname: str, source: list[str]) -> None:
    """Add what the list of docs/index.md links to as the contents of the site, a part for each heading."""
    if docname != root_doc:
        return
    for part in source[0].split("\n## ")[1:]:
        caption, _, links = part.partition("\n")
        lines = [f"{each['title']} </{_page(each['target'])}>" for each in _LINK.finditer(links)]
        source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", "", *lines, "```", ""])


def _page(target: str) -> str:
    return (ROOT / "docs" / target).resolve().relative_to(ROOT).with_suffix("").as_posix()


def setup(app: Sphinx) -> None:
    """Register what this file adds."""
    app.add_search_language(BothLanguages)
    app.connect("source-read", contents)
