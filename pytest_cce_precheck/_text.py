"""Words for messages: near matches of a mistyped word, plurals, lists that end, long texts shortened; JSON to show."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from unicodedata import east_asian_width

from pytest_cce_precheck._secret_patterns import looks_like_secret

# half of a secret is not recognised and would not be masked, so only this much of a word that is cut stays
_KEPT: Final = 4
# beside what JSON escapes itself
_ACTS_ON_A_TERMINAL: Final = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
_IN_A_WORD: Final = r"[^\s\"'<>()\[\]{},;:=&?]"
_CUT_AT_THE_END: Final = re.compile(rf"(?<!{_IN_A_WORD})({_IN_A_WORD}{{{_KEPT}}}){_IN_A_WORD}+\Z")
_CUT_AT_THE_START: Final = re.compile(rf"\A{_IN_A_WORD}+?({_IN_A_WORD}{{{_KEPT}}})(?!{_IN_A_WORD})")
# so far beyond what stays, a text is searched for a name that makes a secret of what stays, and for its end
_AROUND: Final = 2_000


def json_text(document: Any, *, indent: int | None = 2) -> str:
    """Return a document as JSON that a terminal may show: control and bidi characters are escaped.

    >>> print(json_text({"x": "插\\x9b\\u202e"}, indent=None))
    {"x": "插\\u009b\\u202e"}
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _ACTS_ON_A_TERMINAL.sub(_escape, text)


def has_half_pair(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which JSON can write as an escape and UTF-8 cannot encode."""
    return _HALF_PAIR.search(text) is not None


def with_escaped_halves(text: str) -> str:
    """Return JSON that can be encoded: each half of a surrogate pair is escaped."""
    return _HALF_PAIR.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return the near matches of a mistyped word as the end of a message; empty if there are none.

    >>> did_you_mean("PRE31", ["PRE301", "PRE401"])
    '; did you mean PRE301 or PRE401?'
    >>> did_you_mean("colour", ["PRE301", "PRE401"])
    ''
    """
    by_folded = {word.lower(): word for word in known}
    near = difflib.get_close_matches(given.lower(), list(by_folded), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(by_folded[word] for word in near)}?" if near else ""


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count_of(1, "finding"), count_of(2, "finding")
    ('1 finding', '2 findings')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def padded(text: str, columns: int) -> str:
    """Return ``text`` with blanks, so that it is at least so many columns wide in a terminal.

    >>> padded("位置", 6), padded("at", 6)
    ('位置  ', 'at    ')
    """
    return text + " " * (columns - columns_of(text))


def columns_of(text: str) -> int:
    """Return how many columns a terminal needs for ``text``."""
    return len(text) + sum(east_asian_width(char) in "WF" for char in text)


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return the first names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def shortened(text: str, longest: int) -> str:
    """Return ``text`` with at most ``longest`` characters: if it has more, its length replaces its middle.

    What looks like a secret is masked before: what tells that it is one may be what is cut away.

    >>> shortened("the task 0123456789abcdef is listed two times", 44)
    'the task 0123 … (45 characters) … o times'
    """
    if len(text) <= longest:
        return text
    gap = f"… ({len(text):,} characters) …"
    room = longest - len(gap) - 2
    first, last = room * 2 // 3, room // 3
    beginning = _without_look_alikes(text[: first + _AROUND])
    end = _without_look_alikes(text[max(0, len(text) - last - _AROUND) :])
    head = _CUT_AT_THE_END.sub(r"\1", beginning[:first])
    tail = _CUT_AT_THE_START.sub(r"\1", end[max(0, len(end) - last) :])
    return f"{head.rstrip()} {gap} {tail.lstrip()}"


def excerpt(text: str, start: int, length: int) -> str:
    """Return ``length`` characters of ``text`` from ``start``; what looks like a secret in the whole is masked.

    >>> excerpt('{"password": hunter2hunter}', 13, 20)
    '***}'
    """
    before = max(0, start - _AROUND)
    at = start - before
    shown = _without_look_alikes(text[before : start + length + _AROUND], at, at + length)
    return _CUT_AT_THE_END.sub(r"\1", shown) if start + length < len(text) else shown


def _without_look_alikes(text: str, start: int = 0, stop: int | None = None) -> str:
    stop = len(text) if stop is None else stop
    pieces, end = [], start
    for each in sorted(looks_like_secret(text), key=lambda each: (each.start, -each.end)):
        if each.end > end and each.start < stop:
            pieces += [text[end : each.start], "***"]
            end = each.end
    return "".join(pieces) + text[end:stop]
