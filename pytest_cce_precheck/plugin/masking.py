"""Masks every credential that the run knows in the output of pytest, whoever wrote it there; in live and record runs.

Output is what pytest passes to the hooks that show things, the exceptions that leave a hook, the terminal, the log
file, the JUnit report, the ids of tests, and what allure writes.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest.junitxml import xml_key

from pytest_cce_precheck.plugin.fixtures import returned_key
from pytest_cce_precheck.plugin.known_secrets import secrets_of, token_commands
from pytest_cce_precheck.plugin.run_log import mask_key
from pytest_cce_precheck.redaction.spellings import Pieces
from pytest_cce_precheck.redaction.texts import Redactor, in_every_text
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from pluggy import Result

# arguments of hooks, pytest's and other plugins', that contain what will be shown
_SHOWN: Final = frozenset({"report", "excrepr", "excinfo", "call", "warning_message", "json_report"})
# called again and again for one report, which is masked by then
_REPEATED: Final = frozenset({"pytest_report_teststatus"})
# parts of a report that identify its test and are not shown; ids are masked when tests are collected
_IDENTITY: Final = frozenset({"_id", "nodeid", "location", "outcome", "when", "result", "cce_records"})
# modules whose objects exist to be shown
_SHOWING: Final = ("_pytest.subtests", "pytest_subtests", "allure_commons.")
_HOLDERS: Final = (list, tuple, set, frozenset)
# these contain no text that is shown, or must stay as they are for others
_PLAIN: Final = (int, float, type, pytest.Item, pytest.Collector)
# hooks of other plugins through which anybody may write into a report
_FILLED: Final = ("pytest_html_", "pytest_json_modifyreport", "pytest_metadata")
# an OSError keeps its texts here, unlike other exceptions
_FIELDS: Final = ("strerror", "filename", "filename2")


def mask_everything_shown(config: pytest.Config) -> None:
    """Mask, from now on, what this run of pytest shows."""
    mask = Mask(partial(secrets_of, config), partial(token_commands, config))
    config.stash[mask_key] = lambda data: in_every_text(data, mask.text)
    masking = Masking(mask)
    config.pluginmanager.register(masking, "cce-masking")
    config.pluginmanager.add_hookcall_monitoring(masking.before_a_hook, masking.after_a_hook)


def mask_of_environment(config: pytest.Config) -> Mask:
    """Return what masks the credentials that are known, before the settings are and after the run too."""
    return Mask(partial(secrets_of, config))


def mask_exception(error: BaseException, config: pytest.Config) -> None:
    """Mask the environment's credentials in an exception that is raised before the settings are known."""
    mask_of_environment(config).exception(error)


def mask_captured(config: pytest.Config) -> None:
    """Mask the environment's credentials in what pytest has captured, and will show with an exception."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None and capture.is_globally_capturing():
        # what is written here is captured again
        for stream, text in zip((sys.stdout, sys.stderr), capture.read_global_capture(), strict=True):
            stream.write(mask_of_environment(config).text(text))


class Mask:
    """Masks all that ``secrets`` ever returned, in texts and in what contains texts."""

    def __init__(self, secrets: Callable[[], Iterable[str]], whole: Callable[[], Iterable[str]] = tuple) -> None:
        """``whole`` returns what is masked as a whole only: a piece of it may be a path that is no secret."""
        self._current, self._whole = secrets, whole
        self._secrets: tuple[str, ...] = ()
        self._redactor = Redactor(())
        self._pieces = Pieces(())

    def text(self, text: str) -> str:
        """Return a text without the secrets, and without long pieces of them."""
        self._update()
        return self._text(text)

    def _text(self, text: str) -> str:
        return self._pieces.masked(self._redactor.known(text)) if self._secrets else text

    def _update(self) -> None:
        # tokens are fetched during a run
        whole = dict.fromkeys(self._whole())
        secrets = tuple(dict.fromkeys((*self._secrets, *filter(str.strip, (*self._current(), *whole)))))
        if secrets != self._secrets:
            self._secrets, self._redactor = secrets, Redactor(secrets)
            self._pieces = Pieces(secret for secret in secrets if secret not in whole)

    def anything(self, shown: Any) -> Any:
        """Return an object with each text in it masked; the same object if nothing changes, or if it is pytest's."""
        self._update()
        return self._anything(shown)

    def _anything(self, shown: Any) -> Any:
        if isinstance(shown, str):
            return self._text(shown)
        if isinstance(shown, bytes):
            text = shown.decode("utf-8", "surrogateescape")
            masked = self._text(text)
            return shown if masked == text else masked.encode("utf-8", "surrogateescape")
        kind = next((kind for kind in _HOLDERS if isinstance(shown, kind)), None)
        if kind is not None:
            parts = [self._anything(part) for part in shown]
            return shown if all(map(_same, parts, shown)) else kind(parts)
        if isinstance(shown, Mapping):
            members = list(shown.items())
            masked_members = self._anything(members)
            return shown if masked_members is members else dict(masked_members)
        return shown if shown is None or isinstance(shown, _PLAIN) or self._pytests(shown) else self._object(shown)

    def pytests(self, shown: object) -> bool:
        """Mask an object in place if it is pytest's or exists to be shown; return whether it is."""
        self._update()
        return self._pytests(shown)

    def _pytests(self, shown: object) -> bool:
        if not hasattr(type(shown), "toterminal") and not type(shown).__module__.startswith(_SHOWING):
            return False
        self._parts(shown)
        return True

    def _object(self, shown: object) -> object:
        """Return an object; if its ``str`` or ``repr`` shows a secret, return that, masked."""
        is_machinery = type(shown).__module__.startswith("_pytest.")
        for written in (str, repr) if self._secrets and not is_machinery else ():
            with suppress(Exception):
                text = written(shown)
                masked = self._text(text)
                if masked != text:
                    return masked
        return shown

    def in_place(self, value: dict[Any, Any]) -> None:
        """Mask a dictionary that somebody else keeps: its values, and its keys."""
        masked = self.anything(value)
        value.clear()
        value |= masked

    def parts(self, shown: Any, but: Iterable[str] = ()) -> None:
        """Mask every text in the attributes of an object, in place."""
        self._update()
        self._parts(shown, but)

    def _parts(self, shown: Any, but: Iterable[str] = ()) -> None:
        names = vars(shown) if hasattr(shown, "__dict__") else getattr(shown, "__slots__", ())
        for name in [each for each in names if each not in but]:
            part = getattr(shown, name)
            masked = self._anything(part)
            if masked is not part:
                # a frozen dataclass refuses setattr
                object.__setattr__(shown, name, masked)

    def exception(self, error: object) -> None:
        """Mask the texts of an exception, of its causes and of its group, in place."""
        waiting: list[object] = [error]
        seen: set[int] = set()
        while waiting:
            each = waiting.pop()
            if not isinstance(each, BaseException) or id(each) in seen:
                continue
            seen.add(id(each))
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
            for name in ("args", *vars(each), *_FIELDS):
                # some attributes cannot be set
                with suppress(Exception):
                    held = getattr(each, name)
                    masked = self._texts_of(held)
                    if masked != held:
                        setattr(each, name, masked)

    def uncaught(self, caught: Any) -> Any:
        """Mask a warning, or what nobody caught: the exception, the name of its thread, the object it came from."""
        if isinstance(caught, BaseException):
            self.exception(caught)
            return caught
        self.exception(caught.exc_value)
        thread = getattr(caught, "thread", None)
        if thread is not None:
            thread.name = self.text(thread.name)
        found = self.anything(getattr(caught, "object", None))
        same = found is getattr(caught, "object", None)
        # as Python's own hook wants it
        return caught if same else type(caught)((*caught[:-1], found))

    def _texts_of(self, held: Any) -> Any:
        # other objects stay as they are: their owners go on using them
        if isinstance(held, str | bytes):
            return self.anything(held)
        return type(held)(map(self._texts_of, held)) if type(held) in (list, tuple) else held


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str) and one == other)


class Masking:
    """The plugin of pytest that masks its output."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Take note of the credentials that a fixture overriding ``cce_credentials`` returns, whoever uses them."""
        value = yield
        if fixturedef.argname == "cce_credentials" and isinstance(value, Credentials):
            returned = request.config.stash.setdefault(returned_key, [])
            # each once, however often the fixture is set up: every text is compared with all of them
            returned += [] if value in returned else [value]
        return value

    # ---- arguments of hooks, and exceptions that leave them

    def before_a_hook(self, name: str, _: object, arguments: Mapping[str, Any]) -> None:
        """Mask the arguments of a hook that will be shown, before any plugin sees them."""
        for argument in _SHOWN & arguments.keys() if name not in _REPEATED else ():
            value = arguments[argument]
            if argument == "report":
                self._mask.parts(value, but=_IDENTITY)
            elif isinstance(value, dict):
                # in place, since the caller keeps its dictionary
                self._mask.in_place(value)
            else:
                self._mask.pytests(value)
                excinfo = getattr(value, "excinfo", value)
                self._mask.exception(getattr(value, "message", getattr(excinfo, "value", None)))

    def after_a_hook(self, outcome: Result[Any], name: str, _: object, arguments: Mapping[str, Any]) -> None:
        """Mask an exception that leaves a hook, and what hooks have added to a report."""
        self._mask.exception(outcome.exception)
        if name in _REPEATED and outcome.exception is None:
            outcome.force_result(self._mask.anything(outcome.get_result()))
        for value in arguments.values() if name.startswith(_FILLED) else ():
            if isinstance(value, list):
                value[:] = self._mask.anything(value)
            elif isinstance(value, dict):
                self._mask.in_place(value)
            elif name == "pytest_html_report_title":
                self._mask.parts(value)

    # both innermost: other plugins wrap them to see the reports

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mask a test's report."""
        report = yield
        self._mask.parts(report, but=_IDENTITY)
        return report

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Mask a collector's report, and the names of what it collected."""
        report = yield
        self._mask.parts(report, but=_IDENTITY)
        taken = {node.name for node in report.result or ()}
        for node in report.result or ():
            self._rename(node, taken)
        return report

    def _rename(self, node: pytest.Item | pytest.Collector, taken: set[str]) -> None:
        name, nodeid = self._mask.text(node.name), self._mask.text(node.nodeid)
        if (name, nodeid) == (node.name, node.nodeid):
            return
        number = 2
        while name in taken:
            # two ids that differ only in a secret stay different
            name, nodeid = (_numbered(self._mask.text(each), number) for each in (node.name, node.nodeid))
            number += 1
        taken.add(name)
        node.name = name
        identity = getattr(node, "_id", None)
        # an object since pytest 9.2, a text before
        setattr(node, *(("_nodeid", nodeid) if identity is None else ("_id", type(identity).parse(nodeid))))

    # ---- output

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Mask what is written to the terminal."""
        writer = getattr(config.pluginmanager.get_plugin("terminalreporter"), "_tw", None)
        # `write_raw` exists since pytest 9
        for name in ("write", "write_raw"):
            if hasattr(writer, name):
                setattr(writer, name, partial(_masked_write, getattr(writer, name), self._mask.text))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Mask the log file, uncaught exceptions, and what allure writes."""
        plugins = session.config.pluginmanager
        logs = plugins.get_plugin("logging-plugin")
        if logs is not None:
            logs.log_file_handler.setFormatter(_Formatter(logs.log_file_handler.formatter, self._mask.text))
        # pytest has set these hooks, and restores the former ones
        if plugins.has_plugin("unraisableexception"):
            sys.unraisablehook = partial(self._uncaught, sys.unraisablehook)
        if plugins.has_plugin("threadexception"):
            threading.excepthook = partial(self._uncaught, threading.excepthook)
        self._mask_metadata(session.config)
        if "allure_commons" in sys.modules:
            allure: Any = sys.modules["allure_commons"].plugin_manager
            session.config.add_cleanup(allure.add_hookcall_monitoring(self._before_allure, lambda *_: None))

    def _mask_metadata(self, config: pytest.Config) -> None:
        if "pytest_metadata.plugin" in sys.modules:
            self._mask.in_place(config.stash.get(sys.modules["pytest_metadata.plugin"].metadata_key, {}))

    def _uncaught(self, hook: Callable[[Any], object], caught: Any) -> object:
        return hook(self._mask.uncaught(caught))

    def _before_allure(self, name: str, _: object, arguments: dict[str, Any]) -> None:
        if name.startswith("report_"):
            arguments |= {argument: self._mask.anything(value) for argument, value in arguments.items()}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Mask what the JUnit report contains besides the reports of tests, and the table of pytest-metadata."""
        self._mask_metadata(session.config)
        xml = session.config.stash.get(xml_key, None)
        if xml is None:
            return
        xml.suite_name = self._mask.text(xml.suite_name)
        xml.global_properties[:] = self._mask.anything(xml.global_properties)
        for reporter in xml.node_reporters_ordered:
            testcase = reporter.to_xml()
            for element in testcase.iter():
                element.text = self._mask.anything(element.text)
                element.attrib |= {name: self._mask.text(value) for name, value in element.attrib.items()}
            # pytest calls it at the end
            reporter.to_xml = partial(_itself, testcase)  # type: ignore[method-assign]


class _Formatter(logging.Formatter):
    """Formats a log record as another formatter does, and masks it."""

    def __init__(self, formatter: logging.Formatter | None, masked: Callable[[str], str]) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()
        self._masked = masked

    def format(self, record: logging.LogRecord) -> str:
        return self._masked(self._formatter.format(record))


def _masked_write(write: Callable[..., None], masked: Callable[[str], str], text: str, **how: bool) -> None:
    write(masked(text), **how)


def _itself(given: Any) -> Any:
    return given


def _numbered(name: str, number: int) -> str:
    return f"{name[:-1]}-{number}]" if name.endswith("]") else f"{name}-{number}"
