"""Nobody gets to see more of the environment than it needs: no traceback, and no program that is started."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.config.options import OPTIONS, Config, resolve
from pytest_cce_precheck.environment import PROGRAMS, Environment, Words, environment_of_child, without_frames_of
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.modes.live import LiveMode
from pytest_cce_precheck.plugin.modes.recording import RecordMode
from pytest_cce_precheck.sdk import versions
from pytest_cce_precheck.simulator.tls import private_ca
from pytest_cce_precheck.transport.tokens import TokenCommand

if TYPE_CHECKING:
    from pathlib import Path

# of ours, of other tools, and of no name that anybody could know beforehand
PLANTED: Final = {
    name: f"PLANTED-{name}"
    for name in (
        *("CCE_AUTH_TOKEN", "CCE_IAM_PASSWORD", "CCE_TOKEN_COMMAND", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        *("HUAWEICLOUD_SDK_SECURITY_TOKEN", "CLOUD_SDK_AK", "CLOUD_SDK_SK", "AWS_SECRET_ACCESS_KEY", "STAGING_EU_SK"),
    )
}
LIVE: Final = {"CCE_ENDPOINT": "https://cce.example", "CCE_PROJECT_ID": "p", "CCE_CLUSTER_ID": "c"}
PRINTS: Final = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)


# ---- programs that are started


def test_what_installs_an_sdk_gets_no_credential_and_all_that_pip_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"PIP_NO_COLOR": "1", "https_proxy": "http://127.0.0.1:9", "REQUESTS_CA_BUNDLE": "ca.pem", "XDG_X": "x"}
    for name, value in needed.items():
        monkeypatch.setenv(name, value)
    seen = json.loads(versions._run([sys.executable, "-S", "-c", PRINTS], "-"))
    assert "PLANTED" not in str(seen)
    assert seen.items() >= {**needed, "PATH": os.environ["PATH"]}.items()


def test_what_makes_a_certificate_gets_no_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, told = tmp_path / "openssl", tmp_path / "told"
    program.write_text(f"#!/bin/sh\nenv > {told}\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ConfigurationError), private_ca():
        pass
    seen = told.read_text()
    assert f"PATH={tmp_path}" in seen
    assert "PLANTED" not in seen


def test_a_child_sees_what_is_named_and_nothing_else() -> None:
    given = {"PATH": "p", "NAMED": "n", "OPENSSL_CONF": "o", "OTHER": "x"}
    assert environment_of_child(given) == {"PATH": "p"}
    assert environment_of_child(given, {"NAMED"}) == {"PATH": "p", "NAMED": "n"}
    assert environment_of_child(given, prefixes=("OPENSSL_",)) == {"PATH": "p", "OPENSSL_CONF": "o"}
    assert not any(word in name for name in PROGRAMS for word in ("TOKEN", "KEY", "SECRET", "PASS"))


# ---- what prints the environment


@pytest.mark.parametrize("mode", [LiveMode, RecordMode])
def test_a_mode_does_not_show_the_environment(mode: type[LiveMode]) -> None:
    made = mode(Config(mode="live"), Environment(os.environ))
    assert "PLANTED" not in repr(made) + repr(vars(made))
    # it does hold it
    assert "PLANTED-CCE_AUTH_TOKEN" in made.secrets


def test_the_settings_show_a_commands_name_and_none_of_its_arguments() -> None:
    environment = Environment({**LIVE, "CCE_TOKEN_COMMAND": "vault read PLANTED"})
    config = resolve(lambda option: None, environment, lambda option: None)
    assert config.token_command == ("vault", "read", "PLANTED")
    for shown in (repr(config), repr(vars(config)), repr(asdict(config)), repr(config.shown)):
        assert "vault" in shown
        assert "PLANTED" not in shown
    assert any(option.kind == "command" for option in OPTIONS)


def test_a_token_command_shows_neither_its_arguments_nor_its_environment() -> None:
    command = TokenCommand(("vault", "PLANTED"), os.environ)
    assert "PLANTED" not in repr(command) + repr(vars(command))
    assert command.words == ("vault", "PLANTED")


def test_the_environment_reads_like_the_mapping_that_it_is() -> None:
    environment = Environment({"A": "1"})
    assert (dict(environment), environment.get("B"), len(environment)) == ({"A": "1"}, None, 1)
    assert (repr(Words()), repr(Words(["id"])), repr(Words(["id", "-u"]))) == ("<>", "<id>", "<id …>")


def test_a_traceback_loses_the_frames_of_a_package_and_keeps_the_others() -> None:
    try:
        json.loads("{")
    except ValueError as error:
        left = without_frames_of(error.__traceback__, {"json"})
    assert left is not None
    assert left.tb_frame.f_code.co_name == "test_a_traceback_loses_the_frames_of_a_package_and_keeps_the_others"
    assert left.tb_next is None
    assert without_frames_of(left, {__name__.partition(".")[0]}) is None
