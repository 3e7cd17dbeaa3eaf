"""The settings of a pytest run: from its command line, its environment and its ini or TOML file; nothing heavy."""

from __future__ import annotations

import os
import re
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.config.options import OPTIONS, Option, not_on_the_command_line, resolve
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

config_key = pytest.StashKey["Config"]()
targets_key = pytest.StashKey["tuple[NamedTarget, ...]"]()
environment_key = pytest.StashKey[dict[str, str]]()
"""The environment as it was before any conftest.py was loaded."""
TARGETS_INPUT: Final = "cce_targets"
"""The name under which a worker of pytest-xdist receives the file of targets."""
SUITE: Final = "pytest_cce_precheck.suite"
# the end of the year 9999
_LATEST: Final = 253402300799
_FOLDER: Final = Path(__file__).resolve().parents[1] / "suite"


def runs_the_suite(config: pytest.Config) -> bool:
    """Whether the shipped suite, or a part of it, was asked for by its name or by its path."""
    here = config.invocation_params.dir
    return any(
        SUITE in argument or (here / argument.partition("::")[0]).resolve().is_relative_to(_FOLDER)
        for argument in map(str, config.args)
    )


def uses_the_plugin(node: Any) -> bool:
    """Whether a test, or its definition, uses the plugin: by the marker ``cce``, or by one of our fixtures."""
    names = getattr(node, "fixturenames", ())
    return node.get_closest_marker("cce") is not None or any(name.startswith(("cce_", "_cce_h")) for name in names)


def time_of_writing(environment: Mapping[str, str]) -> datetime:
    """Return the present time, or SOURCE_DATE_EPOCH (reproducible-builds.org), which makes files byte-stable.

    Raises `ConfigurationError` if that is not a time.
    """
    given = environment.get("SOURCE_DATE_EPOCH", "")
    if not given:
        return datetime.now(UTC)
    if re.fullmatch("[0-9]{1,12}", given) and int(given) <= _LATEST:
        return datetime.fromtimestamp(int(given), UTC)
    raise ConfigurationError(
        f"SOURCE_DATE_EPOCH (from environment) is {given!r}: expected the seconds since 1970, from 0 to {_LATEST}"
    )


def ini_type(option: Option) -> Any:
    """Return the type of a setting in pytest's own files; since pytest 9 TOML has numbers and flags of its own."""
    types = {"list": "linelist"}
    if pytest.version_tuple >= (9,):
        types |= {"number": "int", "flag": "bool"}
    return types.get(option.kind, "string")


def _from_ini(config: pytest.Config, option: Option, name: str) -> Any:
    try:
        return config.getini(option.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:
        # pytest's message names the setting and the file, and ends with what it got
        text = str(error)
        reason = text[text.find("got ") :] if "got " in text else text
    if option.kind == "command":
        # no message shows the arguments, which may be secret
        reason = "it is not one text"
    raise ConfigurationError(f"{option.flag} (from {name}) cannot be used: {reason}; expected {option.expected}")


def settings_of(config: pytest.Config) -> Config:
    """Return the settings of a run from all places; raises `ConfigurationError` for what cannot be used."""
    name = f"ini {config.inipath.name}" if config.inipath else "ini"
    with warnings.catch_warnings():
        # pytest warns about a list instead of a text, which is refused here
        warnings.simplefilter("ignore")
        return resolve(
            # before the command line is read in full, what is known of it
            lambda option: getattr(config.option, option.ini, getattr(config.known_args_namespace, option.ini, None)),
            Environment(os.environ),
            lambda option: _from_ini(config, option, name),
            ini_name=name,
        )


def may_be_real(config: pytest.Config) -> bool:
    """Whether a run may have real credentials; `pytest_configure` refuses wrong settings, which may hold one."""
    try:
        return settings_of(config).mode.is_real
    except ConfigurationError:
        return True


def refuse_options_from_files(config: pytest.Config) -> None:
    """Refuse an option for the command line only that pytest itself has read from an ini file or the environment."""
    if hasattr(config, "workerinput"):
        # pytest-xdist passes on the options of the controller
        return
    for option in OPTIONS:
        typed = option.flag in config.invocation_params.args
        if option.command_line_only and config.getoption(option.ini) and not typed:
            raise not_on_the_command_line(option, "addopts, PYTEST_ADDOPTS or a file of arguments")


def targets_of(config: pytest.Config, settings: Config) -> tuple[NamedTarget, ...]:
    """Return the targets of a run, none if it has no file of them; raises `ConfigurationError` if it is unusable."""
    if settings.targets is None and settings.target:
        raise ConfigurationError("--cce-target chooses from a file of targets: name the file with --cce-targets")
    if settings.targets is None or settings.mode.is_simulated:
        return ()
    from pytest_cce_precheck.config.targets import parse_targets, text_of

    path = config.rootpath / settings.targets
    # a worker may be on another machine, which has no such file
    text = getattr(config, "workerinput", {}).get(TARGETS_INPUT) or text_of(path)
    return parse_targets(text, path.name, settings)


def refuse_real_services(settings: Config) -> None:
    """Refuse a real service on the command line of a simulated run: its success would mislead."""
    for key in ("endpoint", "region", "targets"):
        if settings.mode.is_simulated and settings.source(key) == "option":
            raise ConfigurationError(
                f"--cce-{key} names a real service, which a run in mode {settings.mode} does not contact:"
                " add --cce-mode=live, record or replay, or leave it out"
            )
