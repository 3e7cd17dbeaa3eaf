"""The services and clusters that one run goes over: ``cce-targets.toml``, each a `Config` of its own."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck._files import read_text
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.config.options import OPTIONS, Config, Option, not_on_the_command_line, parsed
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.credentials import SECRET_VARIABLES, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_OPTIONS: Final[Mapping[str, Option]] = {option.key: option for option in OPTIONS}
# what names a service and a cluster, and what may differ from one to the next
_PLACE: Final = ("endpoint", "region", "project_id", "other_cluster_id", "foreign_project_id", "foreign_cluster_id")
_MANNER: Final = ("allow_writes", "budget", "rate", "lag", "timeout", "token_command")
_TOP: Final = ("write_hosts", "defaults", "target")
_KEYS: Final = ("name", "clusters", *_PLACE, *_MANNER, "accept", "credentials")
_DEFAULTS: Final = (*_MANNER, "accept")
# the members of a table `credentials`, and the variables that the rest of the project reads
_VARIABLES: Final[Mapping[str, str]] = {
    "token": "CCE_AUTH_TOKEN",
    "access_key": "HUAWEICLOUD_SDK_AK",
    "secret_key": "HUAWEICLOUD_SDK_SK",
    "security_token": "HUAWEICLOUD_SDK_SECURITY_TOKEN",
    "iam_user": "CCE_IAM_USER",
    "iam_password": "CCE_IAM_PASSWORD",
    "iam_domain": "CCE_IAM_DOMAIN",
    "iam_endpoint": "CCE_IAM_ENDPOINT",
}
_STANDARD: Final = frozenset({*_VARIABLES.values(), *SECRET_VARIABLES})
# a place is not made of pieces of another; only the project may be everybody's
_ELSEWHERE: Final = dict.fromkeys(key for key in _PLACE if key != "project_id")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,79}")


@dataclass(frozen=True)
class NamedTarget:
    """One cluster of one service, with the settings of a run that has no other.

    ``variables`` says which environment variable holds which of the credentials, where the usual ones do not.
    """

    name: str
    config: Config
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment with this target's credentials, and nobody else's, under their usual names."""
        if not self.variables:
            return environment
        own = {usual: environment[name] for usual, name in self.variables.items() if environment.get(name)}
        return {**{name: value for name, value in environment.items() if name not in _STANDARD}, **own}

    def refuse_unset(self, environment: Mapping[str, str]) -> None:
        """Raise `ConfigurationError` where a variable that it wants a credential from is not there."""
        unset = [name for name in self.variables.values() if not environment.get(name)]
        if unset:
            raise ConfigurationError(
                f"the credentials of target {self.name} are not in the environment: set {', '.join(unset)}"
            )


def text_of(path: Path) -> str:
    """Return a target file's text; raises `ConfigurationError` if it cannot be read."""
    return read_text(path, f"--cce-targets={path}")


def parse_targets(text: str, name: str, base: Config) -> tuple[NamedTarget, ...]:
    """Read a target file's text: those of ``--cce-target``, or all.

    ``base`` has the settings of the run; what stands on the command line or in the environment goes before the file.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name} is not valid TOML: {error}") from None
    _refuse_unknown(document, _TOP, name)
    for key in (*_PLACE, "cluster_id"):
        if base.source(key) == "option":
            raise ConfigurationError(
                f"--cce-{key.replace('_', '-')} and --cce-targets are both given: the targets of {name} say which"
                " service and cluster, so leave it out (--cce-target=NAME chooses one)"
            )
    defaults = _table(document, "defaults", name)
    _refuse_unknown(defaults, _DEFAULTS, f"{name}, defaults")
    targets = [
        target
        for number, table in enumerate(_tables(document, name), 1)
        for target in _targets(table, number, defaults, name, base)
    ]
    if not targets:
        raise ConfigurationError(f"{name} has no [[target]]: expected at least one")
    _refuse_twice(targets, name)
    hosts = _texts(document.get("write_hosts", []), f"{name}: write_hosts")
    for target in targets:
        _refuse_writes(target, hosts, name)
    return _chosen(targets, base.target, name)


def secrets_of(targets: Iterable[NamedTarget], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every credential that any target's run may use, and those of the environment itself."""
    environments = [environment, *(target.environment(environment) for target in targets)]
    return tuple(dict.fromkeys(secret for each in environments for secret in secrets_in(each)))


# ---- one table


def _targets(
    table: Mapping[str, Any], number: int, defaults: Mapping[str, Any], file: str, base: Config
) -> Iterator[NamedTarget]:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{file}, target {number}: name is {name!r}: expected letters, digits, '.', '_' and '-', such as eu-1"
        )
    where = f"{file}, target {name}"
    _refuse_unknown(table, _KEYS, where)
    given = {**defaults, **table}
    clusters = _clusters(given.get("clusters"), where)
    variables = _credentials(given.get("credentials", {}), where)
    settings = {key: _setting(key, given[key], where) for key in (*_PLACE, *_MANNER) if key in given}
    # of what is said nearer to the run, the run's word counts
    nearer = [key for key in _MANNER if base.source(key).startswith(("option", "environment"))]
    settings = {key: value for key, value in settings.items() if key not in nearer}
    own = (_texts(each.get("accept", []), f"{where}: accept") for each in (defaults, table))
    accepted = (*base.accept, *chain.from_iterable(own))
    config = replace(
        base,
        **{**_ELSEWHERE, **settings},
        accept=accepted,
        sources={**base.sources, **dict.fromkeys((*settings, "cluster_id"), file)},
    )
    _refuse_half(config, where)
    others = [*list(clusters.values())[1:], *list(clusters.values())[:1]]
    for (suffix, cluster), other in zip(clusters.items(), others, strict=True):
        neighbour = config.other_cluster_id or (other if other != cluster else None)
        yield NamedTarget(name + suffix, replace(config, cluster_id=cluster, other_cluster_id=neighbour), variables)


def _refuse_half(config: Config, where: str) -> None:
    if config.service is None or config.project_id is None:
        raise ConfigurationError(f"{where} needs endpoint (or region) and project_id")
    if config.endpoint and config.region:
        raise ConfigurationError(f"{where} has endpoint and region: one says the same as the other, leave one out")
    if bool(config.foreign_project_id) != bool(config.foreign_cluster_id):
        raise ConfigurationError(f"{where}: foreign_project_id and foreign_cluster_id belong together")


def _clusters(given: Any, where: str) -> dict[str, str]:
    """Return what each cluster adds to the target's name: nothing where there is one."""
    wanted = 'expected a list of ids, or a table of names and ids, such as clusters = { blue = "ID" }'
    if isinstance(given, list) and given and all(isinstance(each, str) and each for each in given):
        named = {f"-{each}": each for each in given} if len(given) > 1 else {"": given[0]}
        if len(named) < len(given):
            raise ConfigurationError(f"{where}: clusters names one twice")
    elif isinstance(given, dict) and given and all(isinstance(each, str) and each for each in given.values()):
        named = {f"-{name}": each for name, each in given.items()}
    else:
        raise ConfigurationError(f"{where}: clusters {f'is {given!r}' if given else 'is missing'}: {wanted}")
    odd = next((name for name in named if name and not _NAME.fullmatch(name[1:])), None)
    if odd is not None:
        raise ConfigurationError(f"{where}: the cluster {odd[1:]!r} cannot be part of a test's name; {wanted}")
    return named


def _credentials(given: Any, where: str) -> dict[str, str]:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: credentials is no table; expected such as {{ token = 'EU_TOKEN' }}")
    _refuse_unknown(given, _VARIABLES, f"{where}, credentials")
    for key, variable in given.items():
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            # it may be the credential itself
            raise ConfigurationError(
                f"{where}: credentials.{key} is not the name of an environment variable (capitals, digits and _);"
                " credentials themselves never stand in a file"
            )
    return {_VARIABLES[key]: variable for key, variable in given.items()}


def _setting(key: str, value: Any, where: str) -> Any:
    option = _OPTIONS[key]
    kinds: dict[str, type] = {"number": int, "flag": bool}
    wanted = kinds.get(option.kind, str)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)) or value == "":
        words = {int: "a whole number", bool: "true or false", str: "a text"}[wanted]
        raise ConfigurationError(f"{where}: {key} is {value!r}: expected {words}")
    return value if wanted is bool else parsed(option, str(value), f"{where}: {key}")


# ---- the file


def _tables(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    tables = document.get("target", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"{name}: target is no list of tables; write each under [[target]]")
    return tables


def _table(document: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name}: {key} is no table; write it under [{key}]")
    return table


def _texts(given: Any, where: str) -> Sequence[str]:
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        raise ConfigurationError(f"{where} is {given!r}: expected a list of texts")
    return given


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key in _OPTIONS and _OPTIONS[key].command_line_only:
            raise not_on_the_command_line(_OPTIONS[key], where)
        if key not in names:
            more = f"; {key} for all targets belongs under [defaults]" if key in _DEFAULTS else ""
            raise ConfigurationError(
                f"{where} has the unknown key {key!r}; there may be {', '.join(names)}{did_you_mean(key, names)}{more}"
            )


def _refuse_twice(targets: Sequence[NamedTarget], name: str) -> None:
    names: set[str] = set()
    for target in targets:
        # some reports and files do not tell capitals apart
        if target.name.lower() in names:
            raise ConfigurationError(f"{name} has two targets of the name {target.name}: give one another name")
        names.add(target.name.lower())


def _refuse_writes(target: NamedTarget, hosts: Sequence[str], name: str) -> None:
    host = urlsplit(target.config.service or "").hostname
    if target.config.allow_writes and host not in [each.lower() for each in hosts]:
        raise ConfigurationError(
            f"{name}, target {target.name}: checks may create tasks there ({_said(target.config)}), and its host {host}"
            f" is not among write_hosts ({', '.join(hosts) or 'there are none'}): add the host to write_hosts at the"
            " top of the file if it is one for tests, or leave writes out"
        )


def _said(config: Config) -> str:
    source = config.source("allow_writes")
    return "--cce-allow-writes" if source == "option" else f"allow_writes from {source}"


def _chosen(targets: Sequence[NamedTarget], names: Sequence[str], name: str) -> tuple[NamedTarget, ...]:
    known = [target.name for target in targets]
    for each in names:
        if each not in known:
            near = did_you_mean(each, known) or f"; there are {', '.join(known)}"
            raise ConfigurationError(f"--cce-target={each}: {name} has no such target{near}")
    return tuple(target for target in targets if not names or target.name in names)
