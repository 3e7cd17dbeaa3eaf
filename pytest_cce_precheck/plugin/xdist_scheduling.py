"""Scheduling of pytest-xdist that sends all tests of a target to one worker, for ``--dist loadgroup``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest
    from xdist.remote import Producer


class TargetScheduling(LoadGroupScheduling):  # type: ignore[misc]  # it ships no types
    """Treats the tests of a target as a group, by the target's name in their ids; other tests as pytest-xdist does.

    pytest-xdist 3.8 appends a test's group to its id, which pytest 9.2 no longer allows.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, targets: Iterable[str]) -> None:
        super().__init__(config, log)
        # one name may be the beginning of another
        self._targets = sorted(targets, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        named = target_in(nodeid, self._targets)
        return named if named is not None else str(super()._split_scope(nodeid))


def target_in(nodeid: str, targets: Iterable[str]) -> str | None:
    """Return the first of ``targets`` that is in the parameters of a test's id.

    >>> target_in("test_x.py::test_it[eu-1-many]", ["eu-1", "eu"]), target_in("test_x.py::test_eu", ["eu"])
    ('eu-1', None)
    """
    _, _, parameters = nodeid.partition("[")
    return next((name for name in targets if re.search(rf"(?:^|-){re.escape(name)}(?=-|\]|$)", parameters)), None)
