"""The settings of a pytest run: from its command line, its environment and its ini or TOML file."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.config.options import OPTIONS, Option, not_on_the_command_line, resolve
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

config_key = pytest.StashKey["Config"]()
TARGETS_INPUT: Final = "cce_targets"
"""Under this name a worker of pytest-xdist is given the file of targets."""


def ini_type(option: Option) -> Any:
    """Return the type of a setting in pytest's own files; from pytest 9 on TOML has numbers and flags as such."""
    types: dict[str, Any] = {"list": "linelist"}
    if pytest.version_tuple >= (9, 2):
        # as a text, it is ours to say what is wrong with it
        types |= {"number": int | str, "flag": bool | str}
    elif pytest.version_tuple >= (9,):
        types |= {"number": "int", "flag": "bool"}
    return types.get(option.kind, "string")


def _from_ini(config: pytest.Config, option: Option, name: str) -> Any:
    try:
        return config.getini(option.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:
        # pytest names the setting and the file; what it got stands last
        text = str(error)
        reason = text[text.find("got ") :] if "got " in text else text
    if option.kind == "command":
        # its arguments may be nobody's business
        reason = "it is not one text"
    raise ConfigurationError(f"{option.flag} (from {name}) cannot be used: {reason}; expected {option.expected}")


def settings_of(config: pytest.Config) -> Config:
    """Return the settings of a run from all places; raises `ConfigurationError` for what cannot be used."""
    name = f"ini {config.inipath.name}" if config.inipath else "ini"
    with warnings.catch_warnings():
        # pytest warns of a list in place of a text, which is refused here
        warnings.simplefilter("ignore")
        return resolve(
            lambda option: config.getoption(option.ini),
            Environment(os.environ),
            lambda option: _from_ini(config, option, name),
            ini_name=name,
        )


def refuse_options_from_files(config: pytest.Config) -> None:
    """Refuse an option for the command line only that pytest itself has read from an ini file or the environment."""
    if hasattr(config, "workerinput"):
        # pytest-xdist hands on what its controller was given
        return
    for option in OPTIONS:
        typed = option.flag in config.invocation_params.args
        if option.command_line_only and config.getoption(option.ini) and not typed:
            raise not_on_the_command_line(option, "addopts, PYTEST_ADDOPTS or a file of arguments")


def targets_of(config: pytest.Config, settled: Config) -> tuple[NamedTarget, ...]:
    """Return the targets of a run, none if it names no file; raises `ConfigurationError` if that cannot be used."""
    if settled.targets is None:
        if settled.target:
            raise ConfigurationError("--cce-target chooses from a file of targets: name the file with --cce-targets")
        return ()
    if settled.mode == "simulate":
        return ()
    from pytest_cce_precheck.config.targets import parse_targets, text_of

    path = config.rootpath / settled.targets
    # a worker may be on another machine, which has no such file
    text = getattr(config, "workerinput", {}).get(TARGETS_INPUT) or text_of(path)
    return parse_targets(text, path.name, settled)


def refuse_real_services(settled: Config) -> None:
    """Refuse what names one on the command line, while the embedded service answers: a green run would mislead."""
    for key in ("endpoint", "region", "targets"):
        if settled.mode == "simulate" and settled.source(key) == "option":
            raise ConfigurationError(
                f"--cce-{key} names a real service, and in mode simulate nobody asks it:"
                " give --cce-mode=live, record or replay with it, or leave it out"
            )
