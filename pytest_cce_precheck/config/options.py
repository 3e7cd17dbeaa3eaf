"""The settings of a run: one table of what they are, and where each value came from."""

# ruff: noqa: RUF009  `_option` makes a field of a dataclass

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Literal, get_args

from pytest_cce_precheck.environment import Words
from pytest_cce_precheck.errors import ConfigurationError

FailOn = Literal["error", "warning", "note", "never", "new"]
Language = Literal["en", "zh"]
Kind = Literal["text", "number", "flag", "list", "age", "seconds", "command"]

DEFAULT_BUDGET: Final = 250
LEAST_BUDGET: Final = 30
DEFAULT_MAX_CREATED: Final = 12
SIMULATED_SERVICE: Final = "the simulator"
"""What reports, histories and snapshots call the simulator."""
_DAY: Final = 24 * 3600
_UNITS: Final = {"h": "hours", "d": "days", "w": "weeks"}
_LONGEST: Final = 86_400
_FLAGS: Final = {**dict.fromkeys(("true", "yes", "1", "on"), True), **dict.fromkeys(("false", "no", "0", "off"), False)}


class Mode(StrEnum):
    """Where the answers of a run come from. Other modules ask what is true of a mode, and never which one it is."""

    SIMULATE = "simulate"
    REPLAY = "replay"
    RECORD = "record"
    LIVE = "live"

    @property
    def is_simulated(self) -> bool:
        """Whether the simulator answers."""
        return self is Mode.SIMULATE

    @property
    def is_real(self) -> bool:
        """Whether a real service answers."""
        return self in (Mode.RECORD, Mode.LIVE)

    @property
    def replays(self) -> bool:
        """Whether the answers are read from cassettes."""
        return self is Mode.REPLAY

    @property
    def records(self) -> bool:
        """Whether the answers are written to cassettes."""
        return self is Mode.RECORD


@dataclass(frozen=True)
class Option:
    """One setting: ``--cce-<name>``, ini ``cce_<name>`` and environment ``CCE_<NAME>`` are the same words.

    An option that is ``command_line_only`` is refused in all other places: whoever starts the run decides it each time.
    """

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    environment: tuple[str, ...] = ()
    command_line_only: bool = False
    least: int = 0
    most: int = 1_000_000

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
        """The environment variables; the first one that is set counts."""
        return (self.ini.upper(), *self.environment)

    @property
    def expected(self) -> str:
        """What a value has to be, for messages."""
        by_kind = {
            "number": f"a whole number from {self.least} to {self.most}",
            "flag": "true or false",
            "list": "a list of texts",
            "seconds": "a number of seconds above 0, such as 2 or 0.5",
            "age": "a number with h, d or w, such as 30d",
            "command": "a command and its arguments",
        }
        return f"one of {', '.join(self.choices)}" if self.choices else by_kind.get(self.kind, "a text")


_KINDS: Final[Mapping[str, Kind]] = {
    "int": "number",
    "bool": "flag",
    "tuple[str, ...]": "list",
    "timedelta | None": "age",
    "float | None": "seconds",
    "Words": "command",
}
"""How the value of a field of `Config` is read, by the field's type; any other is a text."""


def _option(default: Any, help: str, metavar: str | None = None, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, "metavar": metavar, **more})


@dataclass(frozen=True)
class Config:
    """The settings of a run, each field with the option that sets it; ``sources`` says where each came from."""

    mode: Mode = _option(
        Mode.SIMULATE, "where answers come from: the simulator, cassettes, or a real service", choices=tuple(Mode)
    )
    endpoint: str | None = _option(None, "scheme and host of the service to test (live, record)", "URL")
    region: str | None = _option(None, "region of the public service, instead of an endpoint (live, record)", "NAME")
    project_id: str | None = _option(
        None, "the project (live, record)", "ID", environment=("HUAWEICLOUD_SDK_PROJECT_ID",)
    )
    cluster_id: str | None = _option(None, "the cluster whose tasks are listed (live, record)", "ID")
    targets: str | None = _option(None, "a file of services and clusters to test (live, record, replay)", "PATH")
    target: tuple[str, ...] = _option((), "test only this target of the file (repeatable)", "NAME")
    other_cluster_id: str | None = _option(None, "another cluster of the project, to check isolation against", "ID")
    foreign_project_id: str | None = _option(
        None, "a project that these credentials must not be able to read, to check isolation against", "ID"
    )
    foreign_cluster_id: str | None = _option(None, "a cluster of that project", "ID")
    token_command: Words = _option(
        Words(), "a command that prints an IAM token, run again for a new one (live, record)", "CMD"
    )
    allow_writes: bool = _option(
        False,
        "let the suite use the create call, and try other methods on a cluster that does not exist (live, record)",
    )
    max_created_tasks: int = _option(
        DEFAULT_MAX_CREATED, "number of check tasks that the suite may create, 1 or more (live, record)", "N", least=1
    )
    allow_destructive: bool = _option(
        False,
        "let the suite send DELETE, PUT and PATCH to the cluster itself, which may lose all its tasks (live, record)",
        command_line_only=True,
    )
    cassette_dir: str = _option("cce-cassettes", "the folder of the cassettes (record, replay)", "PATH")
    max_age: timedelta | None = _option(None, "report a cassette that is older: 12h, 30d, 8w (replay)", "AGE")
    pseudonyms: bool = _option(False, "replace project, cluster, instance and task ids with pseudonyms (record)")
    block_network: bool = _option(
        False, "refuse connections to other machines in tests that use the plugin (simulate, replay)"
    )
    record_in_ci: bool = _option(False, "record although CI is set in the environment (record)")
    fault: tuple[str, ...] = _option((), "a fault to inject into the simulator (repeatable; simulate)", "NAME")
    fail_on: FailOn = _option(
        "error", "minimum severity that fails the run; new: errors that the baseline has not", choices=get_args(FailOn)
    )
    baseline: str | None = _option(None, "an earlier JSON report, whose findings are known (--cce-fail-on=new)", "PATH")
    accept: tuple[str, ...] = _option(
        (), "CODE: REASON [until YYYY-MM-DD], a finding that does not fail the run (repeatable)", "TEXT"
    )
    ledger: str | None = _option(None, "the file of known failures; cce-known.toml if it exists", "PATH")
    ledger_strict: bool = _option(False, "fail if a known failure has expired, or did not occur in a complete run")
    budget: int = _option(
        DEFAULT_BUDGET, f"number of requests that a run may send, {LEAST_BUDGET} or more", "N", least=LEAST_BUDGET
    )
    rate: int = _option(0, "requests per second of all workers together; 0, the default: no limit (live, record)", "N")
    run_time: int = _option(
        0, "seconds after which no request is sent; 0, the default: no limit (live, record)", "SECONDS", most=366 * _DAY
    )
    lag: int = _option(0, "seconds by which the answer of a replica may be out of date (live)", "SECONDS", most=_DAY)
    seed: int = _option(
        0, "number that determines the plan, the drawn values and the simulator's state", "N", most=2**64 - 1
    )
    timeout: int = _option(
        30,
        "seconds to wait for a connection and for each part of an answer, 1 or more (live)",
        "SECONDS",
        least=1,
        most=_DAY,
    )
    max_response_time: float | None = _option(
        None, "report an answer that takes longer; retries and waits are not counted (live, record)", "SECONDS"
    )
    require: tuple[str, ...] = _option(
        (),
        "fail if less is proved: rules, classes, statuses or fields, a colon, and a share or a number, such as"
        " rules:95% or statuses:8 (repeatable)",
        "KIND:N[%]",
    )
    driver: tuple[str, ...] = _option((), "the command of a driver for the fixture cce_sdk (repeatable)", "CMD")
    history: str | None = _option(None, "an SQLite file that records the outcome of each test from run to run", "PATH")
    snapshot: str | None = _option(
        None, "a JSON file that records the shape of answers; the next run reports what differs", "PATH"
    )
    report: tuple[str, ...] = _option(
        (), "write the record of the run to a file, in the form that its name ends in (repeatable)", "PATH"
    )
    lang: Language | None = _option(None, "language of the summary and HTML report", choices=get_args(Language))
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", Mode(self.mode))

    @property
    def service(self) -> str | None:
        """The endpoint, as given or made from the region."""
        return self.endpoint or (f"https://cce.{self.region}.myhuaweicloud.com" if self.region else None)

    @property
    def answered_by(self) -> str:
        """Who answers, in words: the service, or what answers in its place."""
        instead = {Mode.SIMULATE: SIMULATED_SERVICE, Mode.REPLAY: "recorded answers"}
        return instead.get(self.mode, str(self.service))

    def source(self, key: str) -> str:
        """Return where a setting came from."""
        return self.sources.get(key, "default")

    @property
    def shown(self) -> dict[str, tuple[str, str]]:
        """The settings that somebody set, by their flags: each as text and with its source."""
        return {
            option.flag: (_shown(option, getattr(self, option.key)), self.sources[option.key])
            for option in OPTIONS
            if option.key in self.sources
        }

    def missing_for_live(self, *, credentials: bool) -> list[str]:
        """Return what a run against a real service still needs; ``credentials`` says whether there are any."""
        needed = {
            "--cce-endpoint (or --cce-region)": self.service,
            "--cce-project-id": self.project_id,
            "--cce-cluster-id": self.cluster_id,
            "credentials in the environment: CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK with HUAWEICLOUD_SDK_SK"
            " (CLOUD_SDK_AK with CLOUD_SDK_SK), or CCE_IAM_USER with CCE_IAM_PASSWORD and CCE_IAM_DOMAIN;"
            " or --cce-token-command": credentials or None,
        }
        return [name for name, given in needed.items() if given is None]


OPTIONS: Final = tuple(
    Option(each.name.replace("_", "-"), _KINDS.get(str(each.type), "text"), **each.metadata)
    for each in fields(Config)
    if each.metadata
)
OPTION_OF: Final[Mapping[str, Option]] = {option.key: option for option in OPTIONS}
"""The option that sets a field of `Config`."""

Lookup = Callable[[Option], Any]


def resolve(option: Lookup, environment: Mapping[str, str], ini: Lookup, *, ini_name: str = "ini") -> Config:
    """Return each setting from the command line, else the environment, else the ini file, else its default.

    ``option`` and ``ini`` return what is written there, None or empty if nothing is; false and 0 are values.
    ``ini_name`` is what messages call the file. Raises `ConfigurationError` that names the setting, the place and what
    was expected.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for each in OPTIONS:
        for source, given in _places(each, option, environment, ini):
            place = ini_name if source == "ini" else source
            name = f"{each.flag} (from {place})"
            if source == "option" and _is_blank(given):
                # a shell makes this of "$UNSET": the value of another place would be a surprise
                raise ConfigurationError(f"{name} is empty: expected {each.expected}; leave it out if nothing is meant")
            if given not in (None, "") and given != []:
                if each.command_line_only and source != "option":
                    raise not_on_the_command_line(each, place)
                values[each.key] = parsed(each, given, name)
                sources[each.key] = source
                break
    config = Config(**values, sources=sources)
    refuse_contradictions(config, {option.key: option.flag for option in OPTIONS})
    return config


def refuse_contradictions(config: Config, names: Mapping[str, str], where: str = "") -> None:
    """Raise `ConfigurationError` for settings that exclude or need each other; ``names`` is what messages call them."""
    if config.endpoint and config.region:
        raise ConfigurationError(
            f"{where}{names['endpoint']} and {names['region']} are both given, and both name the service: leave one out"
        )
    if bool(config.baseline) != (config.fail_on == "new"):
        raise ConfigurationError(
            f"{where}{names['baseline']} and {names['fail_on']}=new belong together: give both or neither"
        )
    if bool(config.foreign_project_id) != bool(config.foreign_cluster_id):
        raise ConfigurationError(
            f"{where}{names['foreign_project_id']} and {names['foreign_cluster_id']} belong together: give both or"
            " neither"
        )


def not_on_the_command_line(option: Option, where: str) -> ConfigurationError:
    """Return the error for an option that may be given on the command line only, and was found elsewhere."""
    return ConfigurationError(
        f"{option.flag} (from {where}) is accepted on the command line only, so that a forgotten setting never destroys"
        " anything: remove it there"
    )


def _places(each: Option, option: Lookup, environment: Mapping[str, str], ini: Lookup) -> Iterator[tuple[str, Any]]:
    # one place after the other: a wrong value that is overridden does not matter
    yield "option", option(each)
    for name in each.variables:
        yield f"environment {name}", environment.get(name)
    yield "ini", ini(each)


def _is_blank(given: Any) -> bool:
    return any(isinstance(text, str) and not text.strip() for text in (given if isinstance(given, list) else [given]))


def parsed(option: Option, given: Any, name: str) -> Any:
    """Return the value of one setting; raises `ConfigurationError` that calls it ``name``."""
    if option.kind == "command":
        return _command(option, given, name)
    value = _PARSERS[option.kind](given)
    out_of_range = option.kind == "number" and value is not None and not option.least <= value <= option.most
    if value is None or out_of_range or (option.choices and value not in option.choices):
        raise ConfigurationError(f"{name} is {given!r}: expected {option.expected}")
    return value


def _number(given: Any) -> int | None:
    try:
        return int(given) if isinstance(given, str | int) and not isinstance(given, bool) else None
    except ValueError:
        return None


def _list(given: Any) -> tuple[str, ...] | None:
    parts = [part for part in given.splitlines() if part.strip()] if isinstance(given, str) else given
    return tuple(parts) if all(isinstance(part, str) for part in parts) else None


def _seconds(given: Any) -> float | None:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < _LONGEST else None


def _age(given: Any) -> timedelta | None:
    age = re.fullmatch(r"(\d{1,4})([hdw])", str(given).strip())
    return timedelta(**{_UNITS[age[2]]: int(age[1])}) if age else None


_PARSERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": lambda given: given if isinstance(given, str) else None,
    "number": _number,
    "flag": lambda given: _FLAGS.get(str(given).strip().lower()),
    "list": _list,
    "age": _age,
    "seconds": _seconds,
}


def _command(option: Option, given: Any, name: str) -> Words:
    # no message shows the arguments, which may be secret
    if not isinstance(given, str):
        raise ConfigurationError(f"{name} is not one text: expected {option.expected}")
    try:
        words = Words(shlex.split(given))
    except ValueError as error:
        raise ConfigurationError(f"{name} is not a valid command: {str(error).lower()}") from None
    if not words:
        raise ConfigurationError(f"{name} is empty: expected {option.expected}")
    return words


def _shown(option: Option, value: Any) -> str:
    if option.kind == "command":
        return value[0] if len(value) == 1 else f"{value[0]} …"
    if isinstance(value, timedelta):
        return f"{value // timedelta(hours=1)}h" if value % timedelta(days=1) else f"{value.days}d"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
