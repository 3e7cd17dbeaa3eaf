"""A gate before a service, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import urllib3

import pytest_cce_precheck
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.pacing import SharedBudget

BODY = b'{"kind":"AddonCheck","items":[]}'
bounds = pytest.mark.parametrize("seconds", [None, 60], ids=["any time", "a minute"])


def ends_in_our_code(raised: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether the traceback that pytest shows of an error ends in the package, not in the code that called it."""
    package = f"{Path(pytest_cce_precheck.__file__).parent}/"
    return str(raised.traceback.filter(raised)[-1].path).startswith(package)


class Guarded:
    """A gate before one service, with a meter of its own."""

    def __init__(self, endpoint: str, *, deadline: float | None = None, **bounds: Any) -> None:
        self.meter = SharedBudget(**bounds)
        self.gate = Gate()
        self.gate.put(endpoint, lambda: self.meter, deadline=deadline)

    def __enter__(self) -> SharedBudget:
        self.gate.__enter__()
        return self.meter

    def __exit__(self, *_: object) -> None:
        self.gate.__exit__()
        self.meter.close()


def by_a_manager(endpoint: str, **options: Any) -> Any:
    with urllib3.PoolManager() as manager:
        return manager.request("GET", endpoint, **options)
