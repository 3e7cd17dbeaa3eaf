"""Words for messages: near matches of a mistyped word, plurals, lists that end, long texts shortened."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final
from unicodedata import east_asian_width

# half of a secret is not recognised and would not be masked, so only this much of a word that is cut stays
_KEPT: Final = 4
_IN_A_WORD: Final = r"[^\s\"'<>()\[\]{},;:=&?]"
_CUT_AT_THE_END: Final = re.compile(rf"(?<!{_IN_A_WORD})({_IN_A_WORD}{{{_KEPT}}}){_IN_A_WORD}+\Z")
# the name that tells that a value is a secret may be what was cut away, so the words behind the gap are cut too
_BEHIND_THE_GAP: Final = re.compile(rf"(?<!{_IN_A_WORD}){_IN_A_WORD}*?({_IN_A_WORD}{{{_KEPT}}})(?!{_IN_A_WORD})")
_WORDS_BEHIND: Final = 3


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

    >>> shortened("the task 0123456789abcdef is listed two times", 44)
    'the task 0123 … (45 characters) … o imes'
    """
    if len(text) <= longest:
        return text
    gap = f"… ({len(text):,} characters) …"
    room = longest - len(gap) - 2
    head = _CUT_AT_THE_END.sub(r"\1", text[: room * 2 // 3])
    tail = _BEHIND_THE_GAP.sub(r"\1", text[len(text) - room // 3 :], count=_WORDS_BEHIND)
    return f"{head.rstrip()} {gap} {tail.lstrip()}"
