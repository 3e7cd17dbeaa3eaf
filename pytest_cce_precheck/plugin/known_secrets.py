"""The credentials that a run of pytest knows at this moment, which are masked in its output."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from pytest_cce_precheck.config import targets
from pytest_cce_precheck.plugin.fixtures import harnesses_key, returned_key
from pytest_cce_precheck.plugin.settings import config_key, environment_key, targets_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
# a shorter argument of a command is not taken for a secret
_LEAST_LENGTH: Final = 6


def secrets_of(config: pytest.Config) -> Iterator[str]:
    """Yield every credential that the environment, a client or a fixture has, and the passwords of proxies."""
    named = config.stash.get(targets_key, ())
    # a test may remove a variable after it has read its value
    for environment in (config.stash.get(environment_key, {}), os.environ):
        yield from targets.secrets_of(named, environment)
        yield from _proxy_passwords(environment)
    for harness in config.stash.get(harnesses_key, ()):
        yield from harness.secrets
    for returned in config.stash.get(returned_key, ()):
        yield from returned.secrets


def _proxy_passwords(environment: Mapping[str, str]) -> Iterator[str]:
    return map(_password_in, filter(None, map(environment.get, _PROXIES)))


@lru_cache
def _password_in(url: str) -> str:
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        # the connection will fail with a message
        return ""


def token_commands(config: pytest.Config) -> Iterator[str]:
    """Yield the commands that print tokens, and their arguments, which may be secrets."""
    configs = [target.config for target in config.stash.get(targets_key, ())]
    configs += [config.stash[config_key]] if config_key in config.stash else []
    given = filter(None, (os.environ.get("CCE_TOKEN_COMMAND"), config.getoption("cce_token_command")))
    for command in dict.fromkeys((*given, *(shlex.join(each.token_command) for each in configs))):
        words = _words_of(command)
        if " " in command:
            # as it was written, and without its quotes
            yield from (command, " ".join(words))
        for word in words[1:]:
            # the value of an option; the path of a file is no secret
            value = word.partition("=")[2] if word.startswith("-") else word
            if len(value) >= _LEAST_LENGTH and not os.path.exists(value):
                yield value


@lru_cache
def _words_of(command: str) -> tuple[str, ...]:
    with suppress(ValueError):
        return tuple(shlex.split(command))
    return ()
