"""Validation of settings at the start of a run, as far as it needs heavier modules: faults, codes, live settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.client import checked_endpoint
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.report.proved import requirements
from pytest_cce_precheck.report.saved import SavedReport
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, TokenCommand, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.signing import authenticate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

# a placeholder for a token that will be fetched
_TO_COME: Final = Credentials(token=Secret("to-come"))


def refuse_the_unusable(
    config: Config, environment: Mapping[str, str], *, of_the_suite: bool = False, targets: Sequence[NamedTarget] = ()
) -> None:
    """Raise `ConfigurationError` for the first setting that no test could use.

    A run ``of_the_suite`` needs all settings of a real service; other tests may have credentials from elsewhere (the
    fixture ``cce_credentials``).
    """
    Simulator(faults=config.fault)
    tuple(map(Acceptance.parse, config.accept))
    requirements(config.require)
    if config.baseline:
        SavedReport.read(Path(config.baseline))
    for path in config.report:
        writer_for(Path(path))
    _refuse_for_mode(config, environment, of_the_suite, [target.config for target in targets] or [config])
    if not targets:
        _refuse_service(config, environment, of_the_suite=of_the_suite)
    for target in targets:
        if of_the_suite and config.mode.is_real:
            target.refuse_unset(environment)
        try:
            tuple(map(Acceptance.parse, target.config.accept))
            _refuse_service(target.config, target.environment(environment), of_the_suite=of_the_suite)
        except ConfigurationError as error:
            raise type(error)(f"target {target.name} of {config.targets}: {error}") from None


def _refuse_for_mode(
    config: Config, environment: Mapping[str, str], of_the_suite: bool, configs: Sequence[Config]
) -> None:
    mode = config.mode
    in_ci = environment.get("CI", "").lower() in ("1", "true")
    refusals = {
        "--cce-fault injects faults into the simulator alone: leave it out, or use --cce-mode=simulate": (
            config.fault and not mode.is_simulated
        ),
        "--cce-mode=record is refused if CI is set: a build should not replace the recordings that it is tested"
        " against; use --cce-mode=replay or live, or add --cce-record-in-ci": (
            mode.records and in_ci and not config.record_in_ci
        ),
        "--cce-lag works with --cce-mode=live only: a recording keeps no times, so that a replay could not tell a late"
        " answer from a wrong one; leave it out, or record a service without replicas": (
            of_the_suite and mode.records and any(each.lag for each in configs)
        ),
        "--cce-allow-destructive needs permission to write as well: add --cce-allow-writes, or leave it out": (
            mode.is_real and config.allow_destructive and not any(each.allow_writes for each in configs)
        ),
    }
    for message, is_wrong in refusals.items():
        if is_wrong:
            raise ConfigurationError(message)


def _refuse_service(config: Config, environment: Mapping[str, str], *, of_the_suite: bool) -> None:
    if not config.mode.is_real:
        return
    credentials = _TO_COME if tokens_for(config, environment) else Credentials.from_environment(environment)
    if of_the_suite or config.missing_for_live(credentials=True):
        refuse_incomplete(config, credentials)
    if config.service is not None:
        endpoint = checked_endpoint(config.service, credentials)
        if credentials.kind:
            authenticate(Request("GET", endpoint, "/"), credentials, now=datetime.now(UTC))


def tokens_for(
    config: Config, environment: Mapping[str, str], remaining: Callable[[], float | None] = lambda: None
) -> Tokens | None:
    """Return what fetches tokens, None if none are fetched: a token in the environment goes first, keys before IAM.

    ``remaining`` returns how many seconds the run has left. Raises `ConfigurationError` if the settings are unusable.
    Nothing is fetched here.
    """
    found = Credentials.from_environment(environment)
    if found.token is not None:
        return None
    if config.token_command:
        return Tokens(TokenCommand(config.token_command, environment, remaining=remaining))
    if found.kind is not None:
        return None
    account = IamAccount.from_environment(environment, region=config.region, project_id=config.project_id or "")
    if account is None:
        return None
    try:
        endpoint = checked_endpoint(account.endpoint, _TO_COME)
    except ConfigurationError as error:
        raise type(error)(f"CCE_IAM_ENDPOINT: {error}") from None
    return Tokens(IamTokens(replace(account, endpoint=endpoint), timeout=config.timeout, remaining=remaining))


def refuse_incomplete(config: Config, credentials: Credentials) -> None:
    """Raise one `ConfigurationError` that lists all that a run against a real service still needs."""
    missing = config.missing_for_live(credentials=credentials.kind is not None)
    if missing:
        raise ConfigurationError(f"--cce-mode={config.mode} still needs: " + "; ".join(missing))
