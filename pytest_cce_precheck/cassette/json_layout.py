"""The layout of a cassette's JSON, by which a recording is found and a body is read without parsing.

Two blanks a level and none after a colon: a recording begins and ends with four blanks, its request and its response
with six. Line breaks within texts are escaped, so no text can look like such a line.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from pytest_cce_precheck._text import with_escaped_halves

HEAD: Final = '\n  "recordings":[\n    {\n'
_TAIL: Final = b"\n    }\n  ]\n}\n"
# found by an expression, twice as fast as by a text that begins as every other line does
_BETWEEN: Final = re.compile(rb"\n    \},\n    \{\n")
_REQUEST: Final = b'      "request":{\n'
_END_OF_REQUEST: Final = b"\n      },\n"
_BODY: Final = re.compile(rb',\n {8}"body":\{\n {10}"json":(.+)\n {8}\}', re.DOTALL)
_STYLE: Final = b'          "style":'


class Part(NamedTuple):
    """The place of one recording in the bytes of its file."""

    file: bytes
    start: int
    end: int

    def read_request(self) -> Any:
        """Parse the request; raises ValueError."""
        inside = self.file[self.start + len(_REQUEST) : self._end_of_request]
        return json.loads(f"{{{inside.decode()}}}")

    def read_outcome(self, *, as_written: bool) -> tuple[Any, bytes | None]:
        """Parse the outcome; raises ValueError. A body of compact JSON is returned apart, as its bytes.

        Most services send compact JSON. Parsing it and writing it again would take half as long again.
        Only what is ``as_written`` is known to be JSON without being parsed.
        """
        outcome = self.file[self._end_of_request + len(_END_OF_REQUEST) : self.end]
        match = _BODY.search(outcome) if as_written else None
        if match is None or match[1].startswith(_STYLE, match[1].rfind(b"\n") + 1):
            return json.loads(b"{%b}" % outcome), None
        # a line begins with JSON, never with a blank of a text: line breaks within texts are escaped
        body = b"".join(map(bytes.lstrip, match[1].split(b"\n")))
        return json.loads(b"{%b%b}" % (outcome[: match.start()], outcome[match.end() :])), body

    @property
    def _end_of_request(self) -> int:
        end = self.file.find(_END_OF_REQUEST, self.start, self.end)
        if end < 0:
            raise ValueError("it has no response")
        return end


def split(file: bytes, start: int) -> list[Part] | None:
    """Return the recordings of a file, which begin at ``start``, behind `HEAD`; None if it has another layout."""
    if not file.endswith(_TAIL):
        return None
    between = [match.span() for match in _BETWEEN.finditer(file, start)]
    starts = [start, *(end for _, end in between)]
    ends = [*(begin for begin, _ in between), len(file) - len(_TAIL)]
    if not all(file.startswith(_REQUEST, each) for each in starts):
        return None
    return [Part(file, *place) for place in zip(starts, ends, strict=True)]


def written(document: Any) -> str:
    """Return a cassette's document as text; raises ValueError if it holds what JSON cannot."""
    text = json.dumps(document, indent=2, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    return with_escaped_halves(text)
