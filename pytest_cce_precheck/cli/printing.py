"""Write to standard output; that this fails is one clear line, and not a traceback."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from pytest_cce_precheck.errors import CcePrecheckError


class OutputError(CcePrecheckError):
    """Standard output cannot be written to."""


def print_text(text: str) -> None:
    """Print a text at once; raises `OutputError` if that fails for another reason than that nobody reads it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with suppress(OSError, ValueError):
            # what is left is written once more when Python ends, and would fail again
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"the output cannot be written: {error.strerror or error}") from None
