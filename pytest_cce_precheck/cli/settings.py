"""The options of a run as options of a command: made from the one table, without the ``cce-`` of pytest's options."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.config.options import OPTIONS, resolve
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.plugin.settings import SUITE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Container

    from pytest_cce_precheck.config.options import Config

_SUITE: Final = f"pytest --pyargs {SUITE}"
_PREFIX: Final = re.compile(r"(\bpytest --.*)|--cce-(?=[a-z])")


def add_settings(parser: argparse.ArgumentParser, names: Container[str] | None = None) -> None:
    """Add the options with these names, or all; each may be set by its environment variable too."""
    group = parser.add_argument_group("settings", "each has an environment variable too: --cluster-id, CCE_CLUSTER_ID")
    for option in OPTIONS:
        if names is None or option.name in names:
            action = {"flag": "store_true", "list": "append"}.get(option.kind, "store")
            metavar = "{" + ",".join(option.choices) + "}" if option.choices else option.metavar
            extra: dict[str, Any] = {"metavar": metavar} if action != "store_true" else {}
            text = as_option(option.help).replace("%", "%%")
            group.add_argument(f"--{option.name}", dest=option.ini, action=action, default=None, help=text, **extra)


def settings_of(options: argparse.Namespace) -> Config:
    """Return the settings from the command line and the environment; raises `ConfigurationError`."""
    return resolve(lambda option: getattr(options, option.ini, None), Environment(os.environ), lambda _: None)


def as_option(text: str) -> str:
    """Return a text with pytest's options as the command's; commands of pytest stay, except that of the suite.

    >>> as_option("--cce-mode=live still needs --cce-endpoint")
    '--mode=live still needs --endpoint'
    >>> as_option(f"{_SUITE} --cce-lag=3"), as_option("record it: pytest --cce-mode=record test_it.py")
    ('cce-precheck run --lag=3', 'record it: pytest --cce-mode=record test_it.py')
    """
    return _PREFIX.sub(lambda found: found[1] or "--", text.replace(_SUITE, "cce-precheck run"))
