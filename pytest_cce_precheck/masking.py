"""Reports of tests against a real service: of what a test printed, logged or held in a local, no credential shows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import targets
from pytest_cce_precheck.fixtures import running_key, targets_key
from pytest_cce_precheck.wire.redaction import MASK, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

_OURS: Final = "cce_"
# what stands for the middle of a value that pytest has shortened
_CUT: Final = "..."
# so much of a secret tells that it is one
_PIECE: Final = 6


def mask(report: pytest.TestReport, item: pytest.Item) -> None:
    """Mask every credential that is known in what a test's report shows, before anybody gets to see it."""
    secrets = secrets_of(item)
    # ours are written without
    others = any(not name.startswith(_OURS) for name, _ in report.user_properties)
    if secrets and (report.longrepr or report.sections or others):
        shown = _shown_by(secrets)
        report.longrepr = _each_text(report.longrepr, shown)
        report.sections = [(shown(title), shown(text)) for title, text in report.sections]
        report.user_properties = [(name, _each_text(value, shown)) for name, value in report.user_properties]


def secrets_of(item: pytest.Item) -> tuple[str, ...]:
    """Give every secret that a test may have met: the run's, and those of the environment."""
    asked = item.config.stash[targets_key]
    found = targets.secrets_of(asked, os.environ)
    known = item.stash[running_key][0].secrets if running_key in item.stash else ()
    return tuple(secret for secret in dict.fromkeys((*known, *found)) if secret.strip())


def _shown_by(secrets: Sequence[str]) -> Callable[[str], str]:
    redactor = Redactor(secrets)

    def shown(text: str) -> str:
        return redactor.known(_without_pieces(text, secrets))

    return shown


def _each_text(shown: Any, change: Callable[[str], str]) -> Any:
    """Change every text in what pytest shows of an exception: texts, and objects that hold them."""
    if isinstance(shown, str):
        return change(shown)
    if type(shown) in (list, tuple):
        return type(shown)(_each_text(each, change) for each in shown)
    if hasattr(shown, "toterminal") and hasattr(shown, "__dict__"):
        # in place: parts are parts of several
        for name, part in vars(shown).items():
            setattr(shown, name, _each_text(part, change))
    return shown


def _without_pieces(text: str, secrets: Sequence[str]) -> str:
    """Mask what is left of a secret where a long value was shortened: ``s3cr3t-wi...``."""
    pieces = text.split(_CUT)
    for secret in secrets:
        for number in range(len(pieces) - 1):
            pieces[number] = _without_beginning_of(secret, pieces[number])
            pieces[number + 1] = _without_beginning_of(secret[::-1], pieces[number + 1][::-1])[::-1]
    return _CUT.join(pieces)


def _without_beginning_of(secret: str, text: str) -> str:
    start = text.find(secret[:_PIECE], max(0, len(text) - len(secret))) if len(secret) > _PIECE else -1
    while start >= 0:
        if secret.startswith(text[start:]):
            return text[:start] + MASK
        start = text.find(secret[:_PIECE], start + 1)
    return text
