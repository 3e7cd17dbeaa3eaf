"""The lines that a cassette is written in: a recording is found, and its body spelled, without parsing JSON.

Two blanks a level and none after a colon, so a recording starts and ends with four blanks, its request and its response
with six. Line breaks within texts are escaped, so no line can look like one of these by what it holds.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

HEAD: Final = '\n  "recordings":[\n    {\n'
# split by an expression, three times as fast as by a text that begins as every other line does
_BETWEEN: Final = re.compile(r"\n    \},\n    \{\n")
_TAIL: Final = "\n    }\n  ]\n}\n"
_REQUEST: Final = '      "request":{\n'
_END_OF_REQUEST: Final = "\n      },\n"
_RESPONSE: Final = '      "response":{\n'
_BODY: Final = ',\n        "body":{\n          "json":'
_STYLE: Final = '\n          "style":'
_END_OF_BODY: Final = "\n        }"
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """One recording's text: its request, and what came of it."""

    request: str
    outcome: str

    def read_request(self) -> Any:
        """Parse the request; raises ValueError."""
        return json.loads(f"{{{self.request}}}}}")["request"]

    def read_outcome(self, *, as_written: bool) -> tuple[Any, bytes | None]:
        """Parse what came of it; raises ValueError.

        Most services send compact JSON, and to parse that and write it again would be half the cost of a replayed
        call: such a body is given as its bytes, apart. Only what is ``as_written`` is sure to be JSON unparsed.
        """
        text = self.outcome
        start = text.find(_BODY) if as_written and text.startswith(_RESPONSE) else -1
        # looked for from the end, which is where they are
        end = text.rfind(_END_OF_BODY)
        body = text[start + len(_BODY) : end]
        # within a text, what looks like the end of a line has an escape before it
        if start < 0 or end < start or text.startswith(_STYLE, text.rfind("\n", 0, end)) or "\n " not in body:
            return json.loads(f"{{{text}}}"), None
        # no line starts with white space of a text: these start with a quotation mark
        compact = "".join(map(str.lstrip, body.split("\n")))
        return json.loads(f"{{{text[:start]}{text[end + len(_END_OF_BODY) :]}}}"), compact.encode()


def split(recordings: str) -> list[Part] | None:
    """Return the recordings of a file, from behind `HEAD`; None if they are laid out otherwise."""
    if not recordings.endswith(_TAIL):
        return None
    pieces = (piece.partition(_END_OF_REQUEST) for piece in _BETWEEN.split(recordings[: -len(_TAIL)]))
    parts = [Part(request, outcome) if request.startswith(_REQUEST) else None for request, _, outcome in pieces]
    return [part for part in parts if part is not None] if None not in parts else None


def written(document: Any) -> str:
    """Write a cassette's document; raises ValueError where it holds what JSON cannot."""
    text = json.dumps(document, indent=2, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    # half a surrogate pair, which JSON can hold, cannot stand in a file
    return _HALF_PAIR.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
