"""The parts of ``cce-precheck proxy``: its settings, the service behind it, what it writes."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_cce_precheck.cassette.format import Origin
from pytest_cce_precheck.cassette.record import sealed
from pytest_cce_precheck.cli.settings import as_option
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.config.options import resolve
from pytest_cce_precheck.contract.acceptance import Acceptance
from pytest_cce_precheck.contract.findings import gathered
from pytest_cce_precheck.errors import BudgetExhaustedError, ConfigurationError, WriteRefusedError
from pytest_cce_precheck.plugin.run_log import ReportedTest, acceptance_as_data, records_of_verdict
from pytest_cce_precheck.plugin.settings import time_of_writing
from pytest_cce_precheck.plugin.validation import refuse_the_unusable, tokens_for
from pytest_cce_precheck.proxy.forwarding import asked_anew
from pytest_cce_precheck.proxy.modes import JudgingProxy
from pytest_cce_precheck.redaction.pseudonyms import pseudonyms_for
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.texts import in_every_text
from pytest_cce_precheck.report.collect import collect
from pytest_cce_precheck.report.excerpts import finding_as_data
from pytest_cce_precheck.report.verdict import sort_findings
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.transport.live import TIMEOUTS, HttpTransport
from pytest_cce_precheck.transport.pacing import SharedBudget
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import ExitStack

    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.config.options import Config
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.plugin.run_log import Record, RunLog
    from pytest_cce_precheck.proxy.answering import Proxy
    from pytest_cce_precheck.proxy.modes import ProxyMode
    from pytest_cce_precheck.proxy.open_tests import OpenTest
    from pytest_cce_precheck.redaction.texts import Redactor
    from pytest_cce_precheck.report.record import RunRecord
    from pytest_cce_precheck.report.verdict import Verdict
    from pytest_cce_precheck.wire.credentials import AuthKind
    from pytest_cce_precheck.wire.exchange import Exchange, Request

_IDS: Final = re.compile(r"/projects/([^/]+)/clusters/([^/]+)/")
_CLIENT: Final = {"token": "CCE_CLIENT_TOKEN", "access_key": "CCE_CLIENT_AK", "secret_key": "CCE_CLIENT_SK"}
NOT_KNOWN: Final = "not-recorded"
"""The project and the cluster that a client is told of if neither the settings nor its cassette have any."""
# where the settings need not name a project and a cluster: requests do
_ANY: Final = "any"
_RECORD_WITH: Final = "CCE_RECORD_WITH"


def settings_of(options: argparse.Namespace, kind: type[ProxyMode], environment: Mapping[str, str]) -> Config:
    """Return the settings of a run, from its options and the environment; raises `ConfigurationError`."""
    given = {**vars(options), "cce_mode": str(kind.mode)}
    if options.cce_fail_on == "new":
        raise ConfigurationError(
            "--fail-on=new needs an earlier report, and the proxy compares with none: leave it out"
        )
    config = resolve(lambda option: given.get(option.ini), environment, lambda _: None)
    if kind.needs_service and config.service is None:
        raise ConfigurationError(f"--mode={options.mode} needs --to URL (or CCE_ENDPOINT), the real service")
    if not kind.needs_service and options.cce_endpoint:
        raise ConfigurationError(f"--mode={options.mode} asks nobody: leave --to out")
    if not kind.needs_service and options.cce_cassette_dir and not Path(options.cce_cassette_dir).is_dir():
        raise ConfigurationError(
            f"--cassette-dir={options.cce_cassette_dir}: there is no such folder to replay; record it:"
            f" {record_command(options.test or 'NAME', config, environment)}"
        )
    if config.allow_writes and not (config.project_id and config.cluster_id):
        raise ConfigurationError(
            "--allow-writes permits the create call of one cluster: name it with --project-id and --cluster-id"
        )
    refuse_the_unusable(
        replace(config, project_id=config.project_id or _ANY, cluster_id=config.cluster_id or _ANY), environment
    )
    return config


def record_command(test: str, config: Config, environment: Mapping[str, str], origin: Origin | None = None) -> str:
    """Return the command that records the cassette of a test.

    A program that starts the proxy has its own: `CCE_RECORD_WITH`, in which ``{settings}`` are replaced with variables
    that name the service, and ``{test}`` with the test.
    """
    known = origin is not None and not origin.pseudonyms
    endpoint = (origin and origin.endpoint) or config.service or "https://HOST"
    own = environment.get(_RECORD_WITH)
    if not own:
        words = ("--to", endpoint, "--cassette-dir", config.cassette_dir, "--test", test)
        return f"cce-precheck proxy --mode=record {shlex.join(words)}"
    settings = {
        "CCE_ENDPOINT": endpoint,
        "CCE_PROJECT_ID": (origin.project_id if origin and known else config.project_id) or "PROJECT_ID",
        "CCE_CLUSTER_ID": (origin.cluster_id if origin and known else config.cluster_id) or "CLUSTER_ID",
    }
    named = " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
    return own.replace("{settings}", named).replace("{test}", test)


def client_credentials(environment: Mapping[str, str]) -> Credentials:
    """Return the credentials that the client is said to have; raises `ConfigurationError` for half a pair."""
    found = {name: environment.get(variable, "") for name, variable in _CLIENT.items()}
    if bool(found["access_key"]) != bool(found["secret_key"]):
        raise ConfigurationError("CCE_CLIENT_AK and CCE_CLIENT_SK belong together: set both or neither")
    return Credentials(**{name: Secret(value) for name, value in found.items() if value})


def own_words(text: str) -> str:
    """Return a message of the plugin as the proxy has to say it: its options have no ``cce-``."""
    return as_option(text.replace(" (cce_contract.verify)", "")).replace("--endpoint", "--to")


class Upstream:
    """The real service: asked within the budget, the rate, the deadlines and the permissions of the settings."""

    def __init__(self, config: Config, environment: Mapping[str, str], stack: ExitStack) -> None:
        self.budget = SharedBudget(
            limit=config.budget if config.source("budget") != "default" else None,
            rate=config.rate or None,
            seconds=config.run_time or None,
        )
        stack.callback(self.budget.close)
        self._guard = WriteGuard(
            config.project_id or "", config.cluster_id or "", writes=config.allow_writes, destructive=False
        )
        self.tokens = tokens_for(config, environment, lambda: self.budget.remaining)
        found = Credentials.from_environment(environment)
        self.own = found if found.kind else None
        self.client = PrecheckClient(
            HttpTransport(timeout=config.timeout, remaining=lambda: self.budget.remaining),
            endpoint=config.service or "",
            project_id=config.project_id or _ANY,
            cluster_id=config.cluster_id or _ANY,
            credentials=Credentials(token=self.tokens.current()) if self.tokens is not None else found,
            tokens=self.tokens,
        )
        stack.callback(self.client.close)
        # a request that cannot be authenticated is refused here, and not when a client calls
        self.client.authenticated(self.client.list_request())
        gate = Gate()
        deadline = TIMEOUTS * config.timeout
        gate.put(self.client.endpoint, lambda: self.budget, deadline=deadline, refuse=self._guard.check)
        stack.enter_context(gate)

    def ask(self, request: Request) -> Exchange:
        """Send a request with the run's own credentials."""
        if f"/{NOT_KNOWN}/" in request.path:
            raise ConfigurationError(
                f"{request.method} {request.path} was not sent: {NOT_KNOWN!r} stands for a project and a cluster that"
                " nobody named: set CCE_PROJECT_ID and CCE_CLUSTER_ID, or let the client name them"
            )
        try:
            exchange = asked_anew(request, self.client)
        except (WriteRefusedError, BudgetExhaustedError) as error:
            raise type(error)(own_words(str(error))) from None
        self._guard.observe(exchange)
        return exchange

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every token that was fetched so far."""
        return self.tokens.secrets if self.tokens is not None else ()


def text_of(
    test: OpenTest,
    recordings: Sequence[Recording],
    name: str,
    config: Config,
    credentials: Credentials | None,
    secrets: Sequence[str],
    environment: Mapping[str, str],
) -> str:
    """Return the text of a cassette, the same as pytest's plugin writes; raises `SecretInCassetteError`."""
    endpoint = config.service or next((each.request.endpoint for each in recordings), "")
    recordings = [replace(each, request=replace(each.request, endpoint=endpoint)) for each in recordings]
    asked = (_IDS.search(each.request.path) for each in recordings)
    found = next(([*map(unquote, match.groups())] for match in asked if match), [None, None])
    project, cluster = config.project_id or found[0], config.cluster_id or found[1]
    pseudonyms = None
    if config.pseudonyms:
        pseudonyms = pseudonyms_for([each for each in (project, cluster) if each], recordings)
    credentials = credentials or Credentials()
    redaction = Redaction(credentials, also=secrets, pseudonyms=pseudonyms)
    origin = Origin(
        tool=f"pytest-cce-precheck {version('pytest-cce-precheck')}",
        recorded_at=time_of_writing(environment),
        endpoint=endpoint,
        test=test.name,
        project_id=project and redaction.text(project),
        cluster_id=cluster and redaction.text(cluster),
        credentials=credentials.names,
        pseudonyms=config.pseudonyms,
    )
    redacted = (redaction.recording(each) for each in recordings)
    return sealed(origin, redacted, (credentials, *secrets), name, repeats=test.repeats)


# ---- the record of a run


def sorted_by_effect(findings: Sequence[Finding], config: Config) -> Verdict:
    """Return which findings fail a test by the settings, and which are accepted."""
    acceptances = [Acceptance.parse(text) for text in config.accept]
    today = datetime.now(UTC).date()
    return sort_findings(gathered(findings), fail_on=config.fail_on, acceptances=acceptances, today=today)


def record_of(
    proxy: Proxy, log: RunLog, config: Config, redactor: Redactor, *, kind: AuthKind | None, sent: int
) -> RunRecord:
    """Return the record of a run of the proxy: what its tests asked, and what was found."""
    is_wrong = False
    for test in proxy.all_tests:
        outcome = sorted_by_effect(test.findings, config)
        # the credentials are the run's own, so its tests did not expect that none is let in
        failed = bool(outcome.failing or test.problems or (test.judged and proxy.mode.is_refused))
        is_wrong = is_wrong or failed
        records = [("cce_answers", json.dumps(_answers(test, config))), *_cassette_records(test)]
        for finding, more in records_of_verdict(outcome):
            data = in_every_text({**finding_as_data(finding, redactor, kind), **more}, redactor.text)
            records.append(("cce_finding", json.dumps(data)))
        records += [("cce_accepted", json.dumps(acceptance_as_data(by))) for _, by in outcome.accepted]
        phases = {"call": "failed" if failed else "passed"}
        log.add(ReportedTest(redactor.text(test.name), phases, test.seconds, records=records))
    beside = []
    if isinstance(proxy.mode, JudgingProxy):
        proof = proxy.mode.captured.proof
        counts = {"rules": dict(proof.rules), "statuses": dict(proof.statuses), "fields": dict(proof.fields)}
        beside.append(("the proxy", "cce_proved", json.dumps(counts)))
    # a run that looked at nothing has shown nothing
    is_wrong |= proxy.mode.judges and not any(test.judged for test in proxy.all_tests)
    return collect(log, config, redactor=redactor, beside=beside, sent={"": sent}, exit_status=int(is_wrong))


def _answers(test: OpenTest, config: Config) -> dict[str, Any]:
    return {
        "services": [config.answered_by] if test.answered else [],
        "sent": test.sent,
        "answered": test.answered,
        "judged": test.judged,
        "read": test.listed or test.first_list == 200,
        "listed": test.listed,
        "first_list": test.first_list,
        "on_simulator": False,
    }


def _cassette_records(test: OpenTest) -> Iterator[Record]:
    if test.kept is not None:
        yield "cce_recorded", "kept" if test.kept else "left"
    if "recorded_at" in test.used:
        names = ("endpoint", "recorded_at", "recordings", "unused")
        data = {"name": str(test.cassette), **{name: test.used[name] for name in names}, "classes": []}
        yield "cce_cassette", json.dumps(data)
