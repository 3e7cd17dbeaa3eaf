"""Mask what Python itself shows, from before the first conftest.py is loaded: warnings, and errors that nobody catches.

While pytest's own plugins show these, `plugin.masking` masks them; before and after that, Python writes to stderr.
Nothing heavy is imported unless there is something to show.
"""

from __future__ import annotations

import sys
import threading
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

_HOOKS: Final = ((sys, "unraisablehook"), (threading, "excepthook"), (warnings, "showwarning"))


def mask_uncaught(config: pytest.Config) -> None:
    """Mask what Python shows until the last cleanup of the run; what comes later, when Python ends, is not masked.

    It may be called again, since pytest restores the hook for warnings when it has loaded the first conftest.py.
    """
    for module, name in _HOOKS:
        before = getattr(module, name)
        if getattr(before, "func", None) is not _shown_masked:
            hook = partial(_shown_masked, config, before)
            setattr(module, name, hook)
            config.add_cleanup(partial(_restore, module, name, hook, before))


def _restore(module: Any, name: str, hook: object, before: object) -> None:
    # somebody may have set another one, and not set it back
    if getattr(module, name) is hook:
        setattr(module, name, before)


def _shown_masked(config: pytest.Config, hook: Callable[..., object], shown: Any, *more: Any, **named: Any) -> object:
    from pytest_cce_precheck.plugin.masking import mask_of_environment

    return hook(mask_of_environment(config).uncaught(shown), *more, **named)
