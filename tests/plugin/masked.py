"""What the tests of masking share."""

from __future__ import annotations

from typing import Final

ALL: Final = ("-vv", "-rA", "--tb=long", "--showlocals", "--junitxml=junit.xml", "-o", "junit_logging=all")
