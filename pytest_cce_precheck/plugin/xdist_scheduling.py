"""Return each target to one worker of pytest-xdist: ``--dist loadgroup``, whatever pytest makes of a group's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest
    from xdist.remote import Producer


class TargetScheduling(LoadGroupScheduling):  # type: ignore[misc]  # it ships no types
    """Takes the tests of a target for a group, by the target's name in their ids; others are as pytest-xdist has them.

    pytest-xdist 3.8 writes a test's group behind its id, which pytest from 9.2 on does not let it.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, targets: Iterable[str]) -> None:
        super().__init__(config, log)
        # a name may begin as another one does
        self._targets = sorted(targets, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        named = target_in(nodeid, self._targets)
        return named if named is not None else str(super()._split_scope(nodeid))


def target_in(nodeid: str, targets: Iterable[str]) -> str | None:
    """Return the first of ``targets`` that a test's parameters name.

    >>> target_in("test_x.py::test_it[eu-1-many]", ["eu-1", "eu"]), target_in("test_x.py::test_eu", ["eu"])
    ('eu-1', None)
    """
    _, _, parameters = nodeid.partition("[")
    return next((name for name in targets if re.search(rf"(?:^|-){re.escape(name)}(?=-|\]|$)", parameters)), None)
