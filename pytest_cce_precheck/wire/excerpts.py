"""Texts of a service, shortened to what a message has room for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# half of a secret is not known as one any more and would not be masked: of a word that is cut, so much stays
_KEPT: Final = 4
_WORD: Final = r"[^\s\"'<>()\[\]{},;:=&?]"
_CUT_AT_THE_END: Final = re.compile(rf"(?<!{_WORD})({_WORD}{{{_KEPT}}}){_WORD}+\Z")
_CUT_AT_THE_START: Final = re.compile(rf"\A{_WORD}+?({_WORD}{{{_KEPT}}})(?!{_WORD})")


def shortened(text: str, longest: int) -> str:
    """Return ``text`` with at most ``longest`` characters: with its length in place of its middle.

    >>> shortened("the task 0123456789abcdef is listed two times", 44)
    'the task 0123 … (45 characters) … o times'
    """
    if len(text) <= longest:
        return text
    gap = f"… ({len(text):,} characters) …"
    room = longest - len(gap) - 2
    head = _CUT_AT_THE_END.sub(r"\1", text[: room * 2 // 3])
    tail = _CUT_AT_THE_START.sub(r"\1", text[len(text) - room // 3 :])
    return f"{head.rstrip()} {gap} {tail.lstrip()}"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return the first names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")
