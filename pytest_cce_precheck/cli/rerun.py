"""``cce-precheck rerun``: ask again for causes that a run found, each in 15 requests at most."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cli.arguments import duration
from pytest_cce_precheck.cli.exit_statuses import INCOMPLETE, INTERRUPTED, NOT_REACHABLE, OK
from pytest_cce_precheck.cli.output import complain, print_json, print_lines
from pytest_cce_precheck.cli.progress import ProgressLine
from pytest_cce_precheck.cli.settings import add_settings, settings_of
from pytest_cce_precheck.config.options import Mode
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.plugin.session import Harness
from pytest_cce_precheck.plugin.validation import refuse_the_unusable
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.language import language_of
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.suite.conftest import settings_for
from pytest_cce_precheck.suite.inspection import Inspection
from pytest_cce_precheck.suite.kept_failures import FOLDER, chosen, kept_failures
from pytest_cce_precheck.suite.rerun import MOST, Rerun, rerun
from pytest_cce_precheck.transport.gate import Gate
from pytest_cce_precheck.transport.guard import WriteGuard
from pytest_cce_precheck.transport.live import TIMEOUTS
from pytest_cce_precheck.transport.pacing import SharedBudget
from pytest_cce_precheck.wire.hosts import is_loopback

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.config.options import Config, Language
    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.suite.kept_failures import KeptFailure

_SETTINGS: Final = (
    *("mode", "endpoint", "region", "project-id", "cluster-id", "other-cluster-id", "foreign-project-id"),
    *(
        "foreign-cluster-id",
        "token-command",
        "allow-writes",
        "allow-destructive",
        "fault",
        "rate",
        "lag",
        "timeout",
        "lang",
    ),
)
# what the file says of the run that found it, unless the command line or the environment does
_KEPT: Final = ("mode", "seed", "lag", "other_cluster_id", "foreign_project_id", "foreign_cluster_id")
_OF_THE_VENDOR: Final = ".myhuaweicloud.com"
_EVERY: Final = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``rerun``."""
    parser.epilog = (
        f"Each cause costs {MOST} requests at most. Exit status: 0 all FIXED, 1 one is STILL there or CHANGED, 2 wrong"
        " use, 3 one could not be decided, 4 nobody answered."
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="ID", help="the causes to ask for, such as PRE401-3f2a9c; without any, all")
    add("--list", action="store_true", help="list the kept causes, and ask nothing")
    add("--folder", default=str(FOLDER), metavar="DIR", help=f"where they are kept; default: {FOLDER}")
    add("--until-fixed", type=duration, metavar="TIME", help="ask again and again, for so long at most: 30s, 5m, 2h")
    add("--every", type=duration, default=_EVERY, metavar="TIME", help="with --until-fixed, the pause; default: 5m")
    add("--json", action="store_true", help="print JSON")
    add_settings(parser, _SETTINGS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Ask for each cause; return the status for the worst result."""
    folder = Path(options.folder)
    waiting = chosen(folder, options.names)
    if options.list:
        _print_list(waiting, as_json=options.json)
        return OK
    config = settings_of(options)
    known = [kept.cause.finding for kept in kept_failures(folder)]
    results: dict[str, tuple[KeptFailure, Rerun]] = {}
    interrupted = False
    with ExitStack() as stack:
        service = _Services(config, stack)
        try:
            _ask_until_fixed(service, waiting, known, options, results)
        except KeyboardInterrupt:
            interrupted = True
            complain([f"interrupted: {len(results)} of {count_of(len(waiting), 'cause')} asked for"])
        if options.json:
            print_json([_as_data(*each) for each in results.values()], service.redactor)
    return INTERRUPTED if interrupted else _status([result for _, result in results.values()])


def _ask_until_fixed(
    service: _Services,
    waiting: Sequence[KeptFailure],
    known: Sequence[Finding],
    options: argparse.Namespace,
    results: dict[str, tuple[KeptFailure, Rerun]],
) -> None:
    """Ask for each cause, and again for those that are not fixed while there is time; fill in the results."""
    ends = time.monotonic() + (options.until_fixed or 0)
    while True:
        for number, kept in enumerate(waiting, 1):
            others = [finding for finding in known if finding.identity != kept.cause.finding.identity]
            with ProgressLine() as progress:
                progress.show(f"asking for {kept.name}, {number} of {len(waiting)}")
                results[kept.name] = kept, _asked(service, kept, others)
            if not options.json:
                print_lines(_lines(*results[kept.name]), service.redactor, language=service.language)
        left_out = [name for name, (kept, _) in results.items() if service.why_not(kept)]
        waiting = [
            kept for name, (kept, result) in results.items() if result.outcome != "FIXED" and name not in left_out
        ]
        pause = min(options.every, ends - time.monotonic())
        if not waiting or pause <= 0:
            return
        again = f"{count_of(len(waiting), 'cause')} not fixed, asked again in {pause:.0f} s"
        if not options.json:
            print_lines([again], language=service.language)
        with ProgressLine() as progress:
            progress.show(again)
            time.sleep(pause)


def _asked(services: _Services, kept: KeptFailure, others: Sequence[Any]) -> Rerun:
    if why := services.why_not(kept):
        return Rerun("UNDECIDED", why)
    harness = services.of(kept)
    inspection = Inspection(harness.client(harness.mode.credentials()), settings_for(harness))
    result = rerun(inspection, kept.cause, others)
    if harness.config.mode.is_simulated:
        result = replace(result, why=f"{result.why}, on the simulator; no real service was contacted")
    return result


class _Services:
    """The services that are asked, each set up when the first cause needs it."""

    def __init__(self, config: Config, stack: ExitStack) -> None:
        self._config = config
        self._stack = stack
        self._gate = stack.enter_context(Gate())
        self._harnesses: dict[tuple[Any, ...], Harness] = {}

    @property
    def language(self) -> Language:
        """The language of what is printed."""
        return language_of(self._config.lang, os.environ)

    @property
    def redactor(self) -> Redactor:
        """What masks every credential that is known."""
        return Redactor([secret for harness in self._harnesses.values() for secret in harness.secrets])

    def why_not(self, kept: KeptFailure) -> str:
        """Return why a cause is not asked for, empty if it is."""
        if kept.cause.why_not:
            return f"{kept.cause.why_not}; run its check: cce-precheck run -k {kept.origin.test or ''}"
        if kept.mode.is_simulated and self._config.service and "mode" not in self._config.sources:
            # a service that never had the fault of the simulator has not fixed it
            return (
                f"left out: it was found on the simulator, not at {self._config.service}; add --mode=live to ask there,"
                " or --mode=simulate to ask the simulator"
            )
        return ""

    def of(self, kept: KeptFailure) -> Harness:
        """Return the harness for a cause; raises `ConfigurationError` if its service cannot be asked."""
        key = (*kept.place, *(kept.settings.get(name) for name in _KEPT), *kept.settings.get("fault", ()))
        if key not in self._harnesses:
            self._harnesses[key] = self._new(_settings_for(self._config, kept))
        return self._harnesses[key]

    def _new(self, config: Config) -> Harness:
        environment = Environment(os.environ)
        refuse_the_unusable(config, environment, of_the_suite=True)
        budget = guard = None
        if config.mode.is_real:
            budget = SharedBudget(rate=config.rate or None)
            self._stack.callback(budget.close)
            guard = WriteGuard(
                config.project_id or "",
                config.cluster_id or "",
                writes=config.allow_writes,
                destructive=config.allow_destructive,
            )
            self._gate.put(config.service or "", lambda: budget, deadline=TIMEOUTS * config.timeout, refuse=guard.check)
        harness = Harness(config, environment, budget, guard)
        self._stack.enter_context(harness.session())
        return harness


def _settings_for(config: Config, kept: KeptFailure) -> Config:
    """Return the settings to ask for a cause with: those that are given, else those of the run that found it."""
    given = config.sources
    mode = config.mode if "mode" in given else kept.mode
    if mode.replays:
        raise ConfigurationError("--mode=replay asks nobody: a cause is asked for again in mode live or simulate")
    # a recording run writes cassettes; here it is enough to ask
    mode = Mode.LIVE if mode.is_real else mode
    changes: dict[str, Any] = {name: kept.settings.get(name) for name in _KEPT[1:] if name not in given}
    if mode.is_simulated and "fault" not in given:
        # without it, the simulator never shows the cause, and nothing has been fixed
        changes["fault"] = tuple(kept.settings.get("fault", ()))
    if mode.is_real:
        endpoint, project, cluster = kept.place
        if config.service is None:
            _refuse_unknown_host(endpoint, kept)
            changes["endpoint"] = endpoint
        changes |= {} if config.project_id else {"project_id": project}
        changes |= {} if config.cluster_id else {"cluster_id": cluster}
    return replace(config, mode=mode, **changes)


def _refuse_unknown_host(endpoint: str, kept: KeptFailure) -> None:
    # a file that somebody else wrote must not choose who gets the credentials
    host = urlsplit(endpoint).hostname or ""
    if not is_loopback(host) and not host.endswith(_OF_THE_VENDOR):
        raise ConfigurationError(
            f"{kept.name} was found at {endpoint}, and credentials are sent to no host that only a file names:"
            f" add --endpoint={endpoint}"
        )


def _lines(kept: KeptFailure, result: Rerun) -> Iterator[str]:
    cost = f" ({count_of(result.requests, 'request')})" if result.requests else ""
    yield one_line(f"{result.outcome:<9}  {kept.name}  {result.why}{cost}")
    if result.outcome in ("FIXED", "CHANGED"):
        yield one_line(f"           it was, at {kept.found_at}: {kept.cause.finding.message}")


def _print_list(kept: Sequence[KeptFailure], *, as_json: bool) -> None:
    if as_json:
        print_json([_identity(each) for each in kept])
        return
    for each in kept:
        print_lines([one_line(f"{each.name}  {each.origin.recorded_at:%Y-%m-%d %H:%M}  {each.cause.finding.message}")])
        print_lines([f"    on {each.found_at}"])
        if each.cause.why_not:
            print_lines([f"    cannot be asked again by requests alone: {each.cause.why_not}"])


def _identity(kept: KeptFailure) -> dict[str, Any]:
    finding = kept.cause.finding
    return {
        "id": kept.name,
        "code": finding.code,
        "message": finding.message,
        "endpoint": kept.origin.endpoint,
        "mode": kept.mode,
    }


def _as_data(kept: KeptFailure, result: Rerun) -> dict[str, Any]:
    return {**_identity(kept), "outcome": result.outcome, "why": result.why, "requests": result.requests}


def _status(results: Sequence[Rerun]) -> int:
    outcomes = {result.outcome for result in results}
    if outcomes & {"STILL", "CHANGED"}:
        return 1
    if not all(result.reached for result in results):
        return NOT_REACHABLE
    return INCOMPLETE if "UNDECIDED" in outcomes else OK
