"""The schemas of calls and of drivers' messages, without those of the project's own files."""

from __future__ import annotations

from pytest_cce_precheck import schema_files

OF_FILES = ("openapi", "cassette", "snapshot", "report", "kept_failure", "state")


def schema_names() -> tuple[str, ...]:
    return tuple(name for name in schema_files._file_names() if name not in OF_FILES)
