"""Check at start-up what can only be checked with the heavier modules: names of faults and codes, live settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.client import checked_endpoint
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.files import writer_for
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, TokenCommand, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.signing import authenticate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.config.targets import NamedTarget

# what stands for a token that nobody has fetched yet
_TO_COME: Final = Credentials(token=Secret("to-come"))


def refuse_the_unusable(
    config: Config,
    environment: Mapping[str, str],
    *,
    of_the_suite: bool = False,
    targets: Sequence[NamedTarget] = (),
) -> None:
    """Raise `ConfigurationError` for the first setting that no test could use.

    Credentials may come from elsewhere (the fixture ``cce_credentials``) in any run but one ``of_the_suite``. Where
    there are ``targets``, each is a service of the run.
    """
    Simulator(faults=config.fault)
    _refuse_unusable_acceptances(config)
    for path in config.report:
        writer_for(Path(path))
    if config.fault and config.mode != "simulate":
        raise ConfigurationError(
            "--cce-fault works on the embedded service alone: leave it out, or use --cce-mode=simulate"
        )
    if config.mode == "record" and environment.get("CI", "").lower() in ("1", "true") and not config.record_in_ci:
        raise ConfigurationError(
            "--cce-mode=record is refused where CI is set: a build should not replace the recordings that it is held"
            " against; use --cce-mode=replay or live, or ask for it outright with --cce-record-in-ci"
        )
    if of_the_suite:
        for each in (config, *(target.config for target in targets)):
            _refuse_lag_where_recorded(each)
    if config.mode in ("live", "record"):
        _refuse_destruction_without_writes(config, targets)
    if config.mode in ("live", "record") and not targets:
        _refuse_for_live(config, environment, of_the_suite=of_the_suite)
    for target in targets:
        _refuse_target(target, environment, of_the_suite=of_the_suite)


def _refuse_destruction_without_writes(config: Config, targets: Sequence[NamedTarget]) -> None:
    configs = [target.config for target in targets] or [config]
    if config.allow_destructive and not any(each.allow_writes for each in configs):
        raise ConfigurationError(
            "--cce-allow-destructive needs permission to write as well: add --cce-allow-writes, or leave it out"
        )


def _refuse_unusable_acceptances(config: Config) -> None:
    for text in config.accept:
        Acceptance.parse(text)


def _refuse_lag_where_recorded(config: Config) -> None:
    if config.lag and config.mode == "record":
        raise ConfigurationError(
            "--cce-lag works with --cce-mode=live alone: a recording keeps no times, and on replay nothing would tell"
            " an answer that was late from one that is wrong; leave it out, or record where no replicas answer"
        )


def _refuse_target(target: NamedTarget, environment: Mapping[str, str], *, of_the_suite: bool) -> None:
    is_live = target.config.mode in ("live", "record")
    if of_the_suite and is_live:
        target.refuse_unset(environment)
    try:
        _refuse_unusable_acceptances(target.config)
        if is_live:
            _refuse_for_live(target.config, target.environment(environment), of_the_suite=of_the_suite)
    except ConfigurationError as error:
        raise type(error)(f"target {target.name} of {target.config.targets}: {error}") from None


def _refuse_for_live(config: Config, environment: Mapping[str, str], *, of_the_suite: bool) -> None:
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
    """Return what fetches tokens, where the settings say how; a token of the environment goes before, keys before IAM.

    ``remaining`` says how many seconds the run has left. Raises `ConfigurationError` if that cannot be used. Nothing
    is fetched here.
    """
    found = Credentials.from_environment(environment)
    if found.token is not None:
        return None
    if config.token_command:
        return Tokens(TokenCommand(config.token_command, environment))
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
    """Raise one `ConfigurationError` that lists everything that a run against a real service still needs."""
    missing = config.missing_for_live(credentials=credentials.kind is not None)
    if missing:
        raise ConfigurationError(f"--cce-mode={config.mode} still needs: " + "; ".join(missing))
