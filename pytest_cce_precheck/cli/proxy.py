"""``cce-precheck proxy``: record, replay, judge and compare the calls of any client in any language."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck import _files
from pytest_cce_precheck._text import count_of, json_text
from pytest_cce_precheck.cassette.format import loads
from pytest_cce_precheck.cassette.importers.har import to_har
from pytest_cce_precheck.cli.arguments import whole
from pytest_cce_precheck.cli.printing import LineWriter
from pytest_cce_precheck.cli.proxying import (
    NOT_KNOWN,
    Upstream,
    client_credentials,
    own_words,
    record_command,
    record_of,
    settings_of,
    sorted_by_effect,
    text_of,
)
from pytest_cce_precheck.cli.settings import add_settings
from pytest_cce_precheck.environment import Environment
from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError
from pytest_cce_precheck.plugin.run_log import RunLog
from pytest_cce_precheck.proxy.answering import Proxy
from pytest_cce_precheck.proxy.modes import MODES, Means
from pytest_cce_precheck.proxy.open_tests import OpenTest, OpenTests
from pytest_cce_precheck.proxy.service import Ids, Service, local_credentials
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.texts import in_every_text, redactor_of
from pytest_cce_precheck.report.collect import write_report
from pytest_cce_precheck.report.language import language_of, text_in
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.report.text import one_line
from pytest_cce_precheck.wire.credentials import Credentials, secrets_in

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from pytest_cce_precheck.cassette.format import Origin, Recording
    from pytest_cce_precheck.config.options import Language
    from pytest_cce_precheck.report.record import RunRecord

_SETTINGS: Final = (
    *("cassette-dir", "report", "accept", "fail-on", "allow-writes", "project-id", "cluster-id", "token-command"),
    *("budget", "rate", "run-time", "timeout", "max-response-time", "lag", "pseudonyms", "record-in-ci", "lang"),
)
# seconds that calls may take that are asked when the proxy is ended
_GRACE: Final = 2.0
_TEXT: Final = """\
The proxy listens on {endpoint} in mode {mode}{upstream} (Ctrl-C ends it).

Give the client these credentials; they work here alone:

{exports}

Name the test that calls, with the header X-Cce-Test: NAME, or before and after it:

  curl -X POST -H "X-Auth-Token: $CCE_AUTH_TOKEN" $CCE_ENDPOINT/_cce/tests -d '{{"name": "NAME"}}'
  curl -X DELETE -H "X-Auth-Token: $CCE_AUTH_TOKEN" $CCE_ENDPOINT/_cce/tests/NAME

"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``proxy``."""
    parser.epilog = (
        "Example: cce-precheck proxy --mode=record --to https://cce.staging.example.com --test first. The real"
        " credentials come from the environment, and stay here. Ctrl-C (SIGINT) or SIGTERM ends it."
    )
    parser.set_defaults(interrupted=0, run=run)
    add = parser.add_argument
    add("--mode", choices=tuple(MODES), required=True, help="what happens to the calls of a client")
    add(
        "--to",
        metavar="URL",
        dest="cce_endpoint",
        help="scheme and host of the real service (record, judge, diff); or CCE_ENDPOINT",
    )
    add("--port", type=whole("a port", most=65535), default=0, metavar="N", help="the port; default: 0, any free one")
    add("--test", metavar="NAME", help="the test that calls belong to; it ends when the proxy ends")
    add("--har", metavar="FILE", help="write what passed to a HAR file, without secrets")
    add("--json", action="store_true", help="print a line of JSON for each event, for programs")
    add("--until-eof", action="store_true", help="end when standard input ends, as it does with who started the proxy")
    add_settings(parser, _SETTINGS)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted; return 1 if a test must not pass, or an answer breaks the contract."""
    try:
        with ExitStack() as stack:
            return _Run(options, stack).serve()
    except CcePrecheckError as error:
        raise ConfigurationError(own_words(str(error))) from None


class _Run:
    """One run of the proxy: its parts, what it prints, and its report."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self.options = options
        kind = MODES[options.mode]
        self.environment = Environment(os.environ)
        self.config = settings_of(options, kind, self.environment)
        if options.har:
            _files.prepare(Path(options.har), f"--har={options.har}")
        self.log = RunLog()
        # a signal handler may put something into it at any time; an Event, whose lock is held for a moment, would hang
        self.ended: SimpleQueue[None] = SimpleQueue()
        self._output = LineWriter(self._lost)
        stack.callback(self._output.close)
        self.local = local_credentials()
        self.known = client_credentials(self.environment)
        self.upstream = Upstream(self.config, self.environment, stack) if kind.needs_service else None
        self.tests = OpenTests()
        means = Means(
            folder=Path(self.config.cassette_dir),
            ask=self.upstream.ask if self.upstream is not None else _nobody,
            redaction=self.redaction,
            text_of=self.text_of,
            record_with=self.record_with,
            max_response_time=self.config.max_response_time,
            lag=self.config.lag,
        )
        own = self.upstream.own if self.upstream is not None else None
        ids = {name: getattr(self.config, name) or NOT_KNOWN for name in ("project_id", "cluster_id")}
        self.proxy = Proxy(
            kind(means),
            self.tests,
            ids,
            observe=self.observe,
            report=lambda: self.clean(self.record().to_dict(), *self._found),
            fails=lambda finding: bool(sorted_by_effect([finding], self.config).failing),
            signers=[each for each in (self.local, self.known, own) if each is not None and each.kind],
            keeps=bool(options.har),
        )
        own_log, handler = logging.getLogger("pytest_cce_precheck"), _AsProblems(self.proxy)
        stack.callback(setattr, own_log, "propagate", own_log.propagate)
        stack.callback(own_log.removeHandler, handler)
        own_log.addHandler(handler)
        own_log.propagate = False

    @property
    def language(self) -> Language:
        """The language of what is printed."""
        return language_of(self.config.lang, self.environment)

    def said(self, text: str) -> str:
        """Return a text in the language of this run."""
        return text_in(text, self.language)

    # ---- secrets

    @property
    def given(self) -> tuple[str, ...]:
        """The credentials that an answer, or an old cassette, may hold: not those that were made for this run."""
        fetched = self.upstream.secrets if self.upstream is not None else ()
        return (*secrets_in(self.environment), *fetched, *self.known.secrets)

    def secrets(self, *tests: OpenTest) -> tuple[str, ...]:
        """Return every credential that the run knows, of the tests only those of ``tests``."""
        own = (secret for each in tests for secret in each.credentials.secrets)
        return (*self.given, *self.local.secrets, *own)

    def redaction(self, test: OpenTest | None) -> Redaction:
        """Return what hides the credentials that were given, and for a test all that its client has."""
        return _redaction(self.given if test is None else self.secrets(test))

    def clean(self, data: Any, *tests: OpenTest) -> Any:
        """Return data for people or programs without secrets."""
        return in_every_text(data, redactor_of(self.secrets(*tests)).text)

    @property
    def _found(self) -> list[OpenTest]:
        """The tests with findings, which may quote what their clients sent."""
        return [each for each in self.proxy.all_tests if each.findings]

    # ---- cassettes and reports

    def text_of(self, test: OpenTest, recordings: Sequence[Recording], name: str) -> str:
        """Return the text of a test's cassette."""
        credentials = self.upstream.client.credentials if self.upstream is not None else None
        return text_of(test, recordings, name, self.config, credentials, self.secrets(test), self.environment)

    def record_with(self, test: str, origin: Origin | None) -> str | None:
        """Return the command that records the cassette of a test; None if it is pytest that records it."""
        if origin is not None and "::" in (origin.test or ""):
            return None
        return record_command(test, self.config, self.environment, origin)

    def record(self) -> RunRecord:
        """Return the record of the run so far."""
        sent = self.upstream.budget.sent if self.upstream is not None else 0
        kind = self.upstream.client.credentials.kind if self.upstream is not None else None
        redactor = redactor_of(self.secrets(*self._found))
        return record_of(self.proxy, self.log, self.config, redactor, kind=kind, sent=sent)

    # ---- serving

    def serve(self) -> int:
        """Serve until interrupted, then end the tests, and report."""
        for each in (signal.SIGINT, signal.SIGTERM):
            # a shell makes a process that it starts with & ignore SIGINT
            signal.signal(each, lambda *_: self.ended.put(None))
        if self.options.until_eof:
            threading.Thread(target=self._wait_for_eof, daemon=True).start()
        proxy = self.proxy
        ids = Ids(self.config.project_id or NOT_KNOWN, self.config.cluster_id or NOT_KNOWN)
        service = self._service(ids)
        if self.options.test:
            proxy.begin(self.options.test, ends_itself=True)
        with service:
            self._say_hello(service)
            self._wait()
            service.finish(_GRACE)
        proxy.end_all()
        return self._report()

    def _service(self, ids: Ids) -> Service:
        proxy, port = self.proxy, self.options.port
        try:
            return Service(
                proxy.answer,
                lambda: self.local,
                lambda: ids,
                port,
                also=lambda: proxy.accepted,
                waits=self.upstream is not None,
                failed=proxy.failed,
                refused=proxy.refused,
                region=self.config.region,
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ConfigurationError(f"cannot listen on port {port}: {reason}") from None

    def _wait(self) -> None:
        while True:
            # again and again: a signal that comes just before it waits does not wake it
            with suppress(Empty):
                return self.ended.get(timeout=0.5)

    def _wait_for_eof(self) -> None:
        with suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        self.ended.put(None)

    def _say_hello(self, service: Service) -> None:
        environment, to = service.environment, self.config.service if self.upstream is not None else None
        if self.options.json:
            facts = {"event": "started", "mode": self.options.mode, "endpoint": service.url, "to": to}
            self._output.put(json.dumps({**facts, **self.local.revealed(), "environment": environment}))
        else:
            exports = "\n".join(f"  export {name}={value}" for name, value in environment.items() if value != NOT_KNOWN)
            upstream = f", and asks {to}" if to else ", and asks nobody"
            self._output.put(
                self.said(
                    _TEXT.format(endpoint=service.url, mode=self.options.mode, upstream=upstream, exports=exports)
                )
            )

    def observe(self, event: dict[str, Any], test: OpenTest) -> None:
        """Print an event."""
        if self.options.json:
            if "target" in event:
                # apart: what looks like a secret in one would hide another one in the other
                event = {**event, "target": "?".join(self.clean(each, test) for each in event["target"].split("?"))}
            self._output.put(json.dumps(self.clean(event, test)))
            return
        for text in _in_words(event):
            # a client may have sent anything
            for line in own_words(self.clean(self.said(text), test)).splitlines():
                self._output.put(one_line(line))

    def _lost(self, number: int) -> str:
        if self.options.json:
            return json.dumps({"event": "lost", "count": number})
        return self.said(f"{count_of(number, 'line')} lost: nobody read this output")

    def _report(self) -> int:
        record = replace(self.record(), language=self.language)
        for path in self.config.report:
            write_report(Path(path), record, own_words)
        if self.options.har:
            self._write_har()
        status = record.exit_status
        if self.options.json:
            ended = {"event": "ended", "verdict": record.verdict, "headline": record.headline, "exit_status": status}
            self._output.put(own_words(json.dumps(self.clean(ended))), always=True)
        else:
            for line in (*map(self.said, _totals(self.proxy)), *(lines(record) if self.proxy.mode.judges else ())):
                self._output.put(own_words(self.clean(line)), always=True)
        return status

    def _write_har(self) -> None:
        name = f"--har={self.options.har}"
        test = OpenTest(name)
        document = to_har(loads(self.text_of(test, self.proxy.passed, name), name))
        data = json_text(document).encode("utf-8", "backslashreplace")
        _files.write(Path(self.options.har), data, name)


class _AsProblems(logging.Handler):
    """Makes a problem of what this program logs of itself: nobody may read standard error, and a full pipe blocks."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(logging.WARNING)
        self._proxy = proxy

    def emit(self, record: logging.LogRecord) -> None:
        text, error = record.getMessage(), record.exc_info and record.exc_info[1]
        if error:
            *_, last = traceback.extract_tb(error.__traceback__)
            text += (
                f": {type(error).__name__}: {error}, line {last.lineno} in {last.name} of {Path(last.filename).name}"
            )
        self._proxy.problem(self._proxy.rest, ConfigurationError(text))


def _nobody(_: Any) -> Any:
    raise AssertionError("a replay asks nobody")


def _in_words(event: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of an event; a request that was answered is none."""
    test = f"{event['test']}: " if event["test"] else ""
    if event["event"] == "test":
        state = {True: f"recorded in {event['cassette']}", False: "not recorded", None: "ended"}[event["kept"]]
        unused = f", {event['unused']} of {event['recordings']} recordings unused" if event.get("unused") else ""
        yield f"{test}{state}, {count_of(event['calls'], 'call')}{unused}" if event["calls"] else f"{test}{state}"
    elif "code" in event:
        # a service may have sent line breaks, which must not look like lines of ours
        yield f"{test}{event['severity']} {event['code']}: {one_line(event['message'])}"
    elif "message" in event:
        yield f"{test}{event['event']}: {event['message']}"


def _totals(proxy: Proxy) -> Iterator[str]:
    tests = proxy.ended
    kept = sum(each.kept is True for each in tests)
    wrong = sum(bool(each.problems) for each in proxy.all_tests)
    written = f", {count_of(kept, 'cassette')} written" if kept else ""
    yield f"{count_of(len(tests), 'test')}, {count_of(sum(each.sent for each in proxy.all_tests), 'call')}{written}"
    if wrong:
        yield f"{wrong} with a problem: " + ", ".join(each.name for each in proxy.all_tests if each.problems)


@lru_cache(maxsize=16)
def _redaction(secrets: tuple[str, ...]) -> Redaction:
    return Redaction(Credentials(), also=secrets)
