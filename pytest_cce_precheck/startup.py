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
from pytest_cce_precheck.suite.budget import Shares
from pytest_cce_precheck.transport.tokens import IamAccount, IamTokens, TokenCommand, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.signing import authenticate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.config import Config

# what stands for a token that nobody has fetched yet
_TO_COME: Final = Credentials(token=Secret("to-come"))


def refuse_the_unusable(config: Config, environment: Mapping[str, str], *, of_the_suite: bool = False) -> None:
    """Raise `ConfigurationError` for the first setting that no test could use.

    Credentials may come from elsewhere (the fixture ``cce_credentials``) in any run but one ``of_the_suite``.
    """
    Simulator(faults=config.fault)
    for text in config.accept:
        Acceptance.parse(text)
    Shares.of(config.budget, writes=config.allow_writes)
    if config.timeout < 1:
        raise ConfigurationError(f"--cce-timeout is {config.timeout}: expected at least 1 second")
    if config.report is not None:
        writer_for(Path(config.report))
    if config.fault and config.mode != "simulate":
        raise ConfigurationError(
            "--cce-fault works on the embedded service alone: leave it out, or use --cce-mode=simulate"
        )
    if config.mode == "record" and environment.get("CI", "").lower() in ("1", "true") and not config.record_in_ci:
        raise ConfigurationError(
            "--cce-mode=record is refused where CI is set: a build should not replace the recordings that it is held"
            " against; use --cce-mode=replay or live, or ask for it outright with --cce-record-in-ci"
        )
    if config.lag and config.mode == "record" and of_the_suite:
        raise ConfigurationError(
            "--cce-lag works with --cce-mode=live alone: a recording keeps no times, and on replay nothing would tell"
            " an answer that was late from one that is wrong; leave it out, or record where no replicas answer"
        )
    if config.mode in ("live", "record"):
        credentials, tokens = Credentials.from_environment(environment), tokens_for(config, environment)
        _refuse_for_live(config, _TO_COME if tokens else credentials, of_the_suite=of_the_suite)


def _refuse_for_live(config: Config, credentials: Credentials, *, of_the_suite: bool) -> None:
    if of_the_suite or config.missing_for_live(credentials=True):
        refuse_incomplete(config, credentials)
    if config.service is not None:
        endpoint = checked_endpoint(config.service, credentials)
        if credentials.kind:
            authenticate(Request("GET", endpoint, "/"), credentials, now=datetime.now(UTC))


def tokens_for(config: Config, environment: Mapping[str, str]) -> Tokens | None:
    """Give what fetches tokens, where the settings say how; a token of the environment goes before, keys before IAM.

    Raises `ConfigurationError` where that cannot be used. Nothing is fetched here.
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
    return Tokens(IamTokens(replace(account, endpoint=endpoint), timeout=config.timeout))


def refuse_incomplete(config: Config, credentials: Credentials) -> None:
    """Raise one `ConfigurationError` that lists everything that a run against a real service still needs."""
    missing = config.missing_for_live(credentials=credentials.kind is not None)
    if missing:
        raise ConfigurationError(f"--cce-mode={config.mode} still needs: " + "; ".join(missing))
