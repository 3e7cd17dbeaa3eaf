"""What all tests share: pytester, and hypothesis settings that make every run the same."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["pytester"]

settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")
