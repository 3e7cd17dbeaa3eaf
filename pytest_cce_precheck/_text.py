"""Texts that several messages need: near matches for a mistyped word, a number with its noun."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Write the near matches of a mistyped word as the end of a message; empty if nothing is near.

    >>> did_you_mean("PRE31", ["PRE301", "PRE401"])
    '; did you mean PRE301 or PRE401?'
    >>> did_you_mean("colour", ["PRE301", "PRE401"])
    ''
    """
    by_folded = {word.lower(): word for word in known}
    near = difflib.get_close_matches(given.lower(), list(by_folded), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(by_folded[word] for word in near)}?" if near else ""


def number_of(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or the plural.

    >>> number_of(1, "request"), number_of(2_000, "request")
    ('1 request', '2000 requests')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
