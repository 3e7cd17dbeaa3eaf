"""The settings of a run, each with the place that it came from: marker, option, environment, ini, default."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, get_args

from pytest_cce_precheck.environment import Words
from pytest_cce_precheck.errors import ConfigurationError

Mode = Literal["simulate", "replay", "record", "live"]
FailOn = Literal["error", "warning", "note", "never"]
Kind = Literal["text", "number", "flag", "list", "age", "command"]

MODES: Final = get_args(Mode)
LEAST_BUDGET: Final = 30
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Option:
    """One setting: ``--cce-<name>``, ini ``cce_<name>`` and environment ``CCE_<NAME>`` are the same words.

    One that is ``command_line_only`` is refused in all other places: who starts the run decides it, each time anew.
    """

    name: str
    help: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    environment: tuple[str, ...] = ()
    command_line_only: bool = False
    least: int = 0

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return f"--cce-{self.name}"

    @property
    def key(self) -> str:
        """The field of `Config`."""
        return self.name.replace("-", "_")

    @property
    def ini(self) -> str:
        """The name in the ini file."""
        return f"cce_{self.key}"

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables, the first one that is set counts."""
        return (self.ini.upper(), *self.environment)

    @property
    def expected(self) -> str:
        """What a value has to be, for messages."""
        by_kind = {
            "number": f"a whole number, {self.least} or more",
            "flag": "true or false",
            "list": "a list of texts",
            "age": "a number with h, d or w, such as 30d",
            "command": "a command and its arguments",
        }
        return f"one of {', '.join(self.choices)}" if self.choices else by_kind.get(self.kind, "a text")


OPTIONS: Final[tuple[Option, ...]] = (
    Option("mode", "where answers come from: the embedded service, cassettes, or a real service", choices=MODES),
    Option("endpoint", "scheme and host of the service to test (live, record)", metavar="URL"),
    Option("region", "region of the public service, in place of an endpoint (live, record)", metavar="NAME"),
    Option("project-id", "the project (live, record)", metavar="ID", environment=("HUAWEICLOUD_SDK_PROJECT_ID",)),
    Option("cluster-id", "the cluster whose tasks are listed (live, record)", metavar="ID"),
    Option("targets", "a file of services and clusters to run over (live, record, replay)", metavar="PATH"),
    Option("target", "run over this one of them alone (repeatable)", kind="list", metavar="NAME"),
    Option("other-cluster-id", "another cluster of the project, to check isolation against", metavar="ID"),
    Option("foreign-project-id", "a project that the credentials must not read", metavar="ID"),
    Option("foreign-cluster-id", "a cluster of that project", metavar="ID"),
    Option(
        "token-command",
        "a command that prints an IAM token, run again for a new one (live, record)",
        "command",
        metavar="CMD",
    ),
    Option(
        "allow-writes",
        "let the suite use the create call, and try other methods on a cluster that does not exist (live, record)",
        kind="flag",
    ),
    Option(
        "allow-destructive",
        "let the suite send DELETE, PUT and PATCH to the cluster itself, which may lose all its tasks (live, record)",
        kind="flag",
        command_line_only=True,
    ),
    Option("cassette-dir", "the folder of the cassettes (record, replay)", metavar="PATH"),
    Option("max-age", "an older cassette is a finding: 12h, 30d, 8w (replay)", kind="age", metavar="AGE"),
    Option("pseudonyms", "keep stand-ins in place of project, cluster, instance and task ids (record)", kind="flag"),
    Option("record-in-ci", "record although CI is set in the environment (record)", kind="flag"),
    Option(
        "fault", "a defect that the embedded service shall have (repeatable; simulate)", kind="list", metavar="NAME"
    ),
    Option("fail-on", "the least severity that fails", choices=("error", "warning", "note", "never")),
    Option(
        "accept",
        "CODE: REASON [until YYYY-MM-DD], a finding that shall not fail (repeatable)",
        kind="list",
        metavar="TEXT",
    ),
    Option("ledger", "the file of known failures; cce-known.toml where there is one", metavar="PATH"),
    Option("ledger-strict", "fail where a known failure has expired, or a whole run did not meet it", kind="flag"),
    Option(
        "budget",
        f"the number of requests that a run may send, {LEAST_BUDGET} or more",
        kind="number",
        metavar="N",
        least=LEAST_BUDGET,
    ),
    Option(
        "rate",
        "requests a second, of all workers together; 0, the default: any (live, record)",
        kind="number",
        metavar="N",
    ),
    Option(
        "run-time",
        "seconds after which nothing is sent; 0, the default: never (live, record)",
        kind="number",
        metavar="SECONDS",
    ),
    Option(
        "lag", "seconds that an answer may be behind, where replicas give it (live)", kind="number", metavar="SECONDS"
    ),
    Option(
        "seed", "the number that fixes the plan, the draws and the embedded service's world", kind="number", metavar="N"
    ),
    Option(
        "timeout",
        "seconds to wait for a connection and for each part of an answer, 1 or more (live)",
        kind="number",
        metavar="SECONDS",
        least=1,
    ),
    Option("driver", "the command of a driver for the fixture cce_sdk (repeatable)", kind="list", metavar="CMD"),
    Option("history", "an SQLite file that keeps what becomes of each test from run to run", metavar="PATH"),
    Option(
        "snapshot", "a JSON file that keeps the shape of answers: the next run tells what is otherwise", metavar="PATH"
    ),
    Option(
        "report", "write the record of the run to a file: .json, .md or .html (repeatable)", kind="list", metavar="PATH"
    ),
)


@dataclass(frozen=True)
class Config:
    """The settings in force; ``sources`` says for each where it came from."""

    mode: Mode = "simulate"
    endpoint: str | None = None
    region: str | None = None
    project_id: str | None = None
    cluster_id: str | None = None
    targets: str | None = None
    target: tuple[str, ...] = ()
    other_cluster_id: str | None = None
    foreign_project_id: str | None = None
    foreign_cluster_id: str | None = None
    token_command: Words = field(default_factory=Words)
    allow_writes: bool = False
    allow_destructive: bool = False
    cassette_dir: str = "cce-cassettes"
    max_age: timedelta | None = None
    pseudonyms: bool = False
    record_in_ci: bool = False
    fault: tuple[str, ...] = ()
    fail_on: FailOn = "error"
    accept: tuple[str, ...] = ()
    ledger: str | None = None
    ledger_strict: bool = False
    budget: int = 250
    rate: int = 0
    run_time: int = 0
    lag: int = 0
    seed: int = 0
    timeout: int = 30
    driver: tuple[str, ...] = ()
    history: str | None = None
    snapshot: str | None = None
    report: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def service(self) -> str | None:
        """The endpoint, as given or made from the region."""
        return self.endpoint or (f"https://cce.{self.region}.myhuaweicloud.com" if self.region else None)

    def source(self, key: str) -> str:
        """Say where a setting came from."""
        return self.sources.get(key, "default")

    @property
    def shown(self) -> dict[str, tuple[str, str]]:
        """The settings that somebody set, each as text and with its source."""
        return {
            option.flag: (_shown(option, getattr(self, option.key)), self.sources[option.key])
            for option in OPTIONS
            if option.key in self.sources
        }

    @property
    def settled(self) -> dict[str, str]:
        """The settings that somebody set, as text with their sources, for the report header."""
        return {flag: f"{value} ({source})" for flag, (value, source) in self.shown.items()}

    def missing_for_live(self, *, credentials: bool) -> list[str]:
        """Name everything that a real service still needs; ``credentials`` tells whether there are any."""
        missing = []
        if self.service is None:
            missing.append("--cce-endpoint (or --cce-region)")
        missing += [
            f"--cce-{name}" for name in ("project-id", "cluster-id") if getattr(self, name.replace("-", "_")) is None
        ]
        if not credentials:
            missing.append(
                "credentials in the environment: CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK with HUAWEICLOUD_SDK_SK"
                " (CLOUD_SDK_AK with CLOUD_SDK_SK), or CCE_IAM_USER with CCE_IAM_PASSWORD and CCE_IAM_DOMAIN;"
                " or --cce-token-command"
            )
        return missing


Lookup = Callable[[Option], Any]


def resolve(option: Lookup, environment: Mapping[str, str], ini: Lookup, *, ini_name: str = "ini") -> Config:
    """Resolve each setting from the command line, else the environment, else the ini file, else its default.

    ``option`` and ``ini`` return what was written there, None or empty if nothing was; false and 0 are something.
    ``ini_name`` is what messages call the file. Raises `ConfigurationError` that names the setting, the place and what
    was expected.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for each in OPTIONS:
        for source, given in _places(each, option, environment, ini):
            where = f"{each.flag} (from {ini_name if source == 'ini' else source})"
            if source == "option" and _is_blank(given):
                # as "$UNSET" is in a shell: the value of another place would be a surprise
                raise ConfigurationError(
                    f"{where} is empty: expected {each.expected}; leave it out if nothing is meant"
                )
            if given not in (None, "") and given != []:
                if each.command_line_only and source != "option":
                    raise not_on_the_command_line(each, ini_name if source == "ini" else source)
                values[each.key] = parsed(each, given, where)
                sources[each.key] = source
                break
    config = Config(**values, sources=sources)
    if config.endpoint and config.region:
        raise ConfigurationError(
            "--cce-endpoint and --cce-region are both given: one says the same as the other, leave one out"
        )
    if bool(config.foreign_project_id) != bool(config.foreign_cluster_id):
        raise ConfigurationError(
            "--cce-foreign-project-id and --cce-foreign-cluster-id belong together: give both or neither"
        )
    return config


def not_on_the_command_line(option: Option, where: str) -> ConfigurationError:
    """Return the error for an option that may be given on the command line only, and was found elsewhere."""
    return ConfigurationError(
        f"{option.flag} (from {where}) is accepted on the command line only, so that nobody destroys anything by a"
        " setting that was left somewhere: remove it there"
    )


def _places(each: Option, option: Lookup, environment: Mapping[str, str], ini: Lookup) -> Iterator[tuple[str, Any]]:
    """Yield what each place says of a setting; one that is not asked for may be wrong."""
    yield "option", option(each)
    for name in each.variables:
        yield f"environment {name}", environment.get(name)
    yield "ini", ini(each)


def _is_blank(given: Any) -> bool:
    return any(isinstance(text, str) and not text.strip() for text in (given if isinstance(given, list) else [given]))


def parsed(option: Option, given: Any, where: str) -> Any:
    """Return one setting's value; raises `ConfigurationError`."""
    if option.kind == "command":
        return _command(option, given, where)
    value = _READ[option.kind](given)
    too_small = option.kind == "number" and value is not None and value < option.least
    if value is None or too_small or (option.choices and value not in option.choices):
        raise ConfigurationError(f"{where} is {given!r}: expected {option.expected}")
    return value


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _number(given: Any) -> int | None:
    try:
        return int(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
    except ValueError:
        return None


def _flag(given: Any) -> bool | None:
    words = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    return words.get(str(given).strip().lower())


def _list(given: Any) -> tuple[str, ...] | None:
    parts = [part for part in given.splitlines() if part.strip()] if isinstance(given, str) else given
    return tuple(parts) if all(isinstance(part, str) for part in parts) else None


def _age(given: Any) -> timedelta | None:
    age = re.fullmatch(r"(\d{1,4})([hdw])", str(given).strip())
    return timedelta(**{_UNITS[age[2]]: int(age[1])}) if age else None


_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _text,
    "number": _number,
    "flag": _flag,
    "list": _list,
    "age": _age,
}


def _command(option: Option, given: Any, where: str) -> Words:
    # its arguments may be nobody's business, so no message shows it
    if not isinstance(given, str):
        raise ConfigurationError(f"{where} is not one text: expected {option.expected}")
    try:
        words = Words(shlex.split(given))
    except ValueError as error:
        raise ConfigurationError(f"{where} is no command: {str(error).lower()}") from None
    if not words:
        raise ConfigurationError(f"{where} is empty: expected {option.expected}")
    return words


def _shown(option: Option, value: Any) -> str:
    if option.kind == "command":
        return value[0] if len(value) == 1 else f"{value[0]} …"
    if isinstance(value, timedelta):
        return f"{value // timedelta(hours=1)}h" if value % timedelta(days=1) else f"{value.days}d"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
