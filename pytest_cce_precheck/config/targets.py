"""The services and clusters that one run tests: ``cce-targets.toml``, each with a `Config` of its own."""

from __future__ import annotations

import re
import tomllib
from collections import ChainMap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pytest_cce_precheck._files import read_text
from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.config.options import OPTION_OF, Config, not_on_the_command_line, parsed, refuse_contradictions
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.credentials import SECRET_VARIABLES, secrets_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

# the settings that name a service, and the other ones that may differ from target to target
_PLACE: Final = ("endpoint", "region", "project_id", "other_cluster_id", "foreign_project_id", "foreign_cluster_id")
_MANNER: Final = ("allow_writes", "max_created_tasks", "budget", "rate", "lag", "timeout", "token_command")
_TOP: Final = ("write_hosts", "defaults", "target")
_KEYS: Final = ("name", "clusters", *_PLACE, *_MANNER, "accept", "credentials")
_DEFAULTS: Final = (*_MANNER, "accept")
# no target has half of its place from elsewhere: only the project may be the same for all
_NOT_INHERITED: Final = dict.fromkeys(key for key in _PLACE if key != "project_id")
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
# what TOML calls a number and a flag
_TYPES: Final[Mapping[str, tuple[type, str]]] = {"number": (int, "a whole number"), "flag": (bool, "true or false")}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]{0,79}")


@dataclass(frozen=True)
class NamedTarget:
    """One cluster of one service, with its settings.

    ``variables`` maps the usual environment variables of credentials to those that hold the target's.
    """

    name: str
    config: Config
    variables: Mapping[str, str] = field(default_factory=dict)

    def environment(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment with the credentials of this target alone, under their usual names."""
        if not self.variables:
            return environment
        own = {usual: environment[name] for usual, name in self.variables.items() if environment.get(name)}
        return {**{name: value for name, value in environment.items() if name not in _STANDARD}, **own}

    def refuse_unset(self, environment: Mapping[str, str]) -> None:
        """Raise `ConfigurationError` if a variable of its credentials is not set."""
        unset = [name for name in self.variables.values() if not environment.get(name)]
        if unset:
            raise ConfigurationError(
                f"the credentials of target {self.name} are not in the environment: set {', '.join(unset)}"
            )


def text_of(path: Path) -> str:
    """Return the text of a file of targets; raises `ConfigurationError` if it cannot be read."""
    return read_text(path, f"--cce-targets={path}")


def parse_targets(text: str, name: str, base: Config) -> tuple[NamedTarget, ...]:
    """Return the targets of a file, or those of ``--cce-target``.

    A setting comes from the command line or the environment, else from the target, else from ``[defaults]``, else from
    ``base``, the settings of the run. Raises `ConfigurationError` if the file cannot be used.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name} is not valid TOML: {error}") from None
    _refuse_unknown(document, _TOP, name)
    for key in (*_PLACE, "cluster_id"):
        if base.source(key) == "option":
            raise ConfigurationError(
                f"{OPTION_OF[key].flag} and --cce-targets are both given: the targets of {name} name the service and"
                " the cluster, so leave it out (--cce-target=NAME chooses one)"
            )
    defaults = document.get("defaults", {})
    if not isinstance(defaults, dict):
        raise ConfigurationError(f"{name}: defaults is not a table; write it under [defaults]")
    _refuse_unknown(defaults, _DEFAULTS, f"{name}, defaults")
    tables = document.get("target", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"{name}: target is not a list of tables; write each under [[target]]")
    targets = [
        target for number, table in enumerate(tables, 1) for target in _targets(table, number, defaults, name, base)
    ]
    if not targets:
        raise ConfigurationError(f"{name} has no [[target]]: expected at least one")
    _refuse_twice(targets, name)
    hosts = _texts(document, "write_hosts", name)
    for target in targets:
        _refuse_writes(target, hosts, name)
    return _chosen(targets, base.target, name)


def secrets_of(targets: Iterable[NamedTarget], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return every credential that a target may use, and those of the environment itself."""
    environments = [environment, *(target.environment(environment) for target in targets)]
    return tuple(dict.fromkeys(secret for each in environments for secret in secrets_in(each)))


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
    clusters = _clusters(table.get("clusters"), where)
    variables = _credentials(table.get("credentials", {}), where)
    in_defaults = f"{file}, defaults"
    of_the_file = {**_settings(defaults, in_defaults), **_settings(table, where)}
    of_the_run = {key: getattr(base, key) for key in _MANNER if base.source(key).startswith(("option", "environment"))}
    from_the_file = dict.fromkeys((*of_the_file.keys() - of_the_run.keys(), "cluster_id"), file)
    config = replace(
        base,
        **ChainMap(of_the_run, of_the_file, _NOT_INHERITED),
        accept=(*base.accept, *_texts(defaults, "accept", in_defaults), *_texts(table, "accept", where)),
        sources={**base.sources, **from_the_file},
    )
    if config.service is None or config.project_id is None:
        raise ConfigurationError(f"{where} needs endpoint (or region) and project_id")
    refuse_contradictions(config, {key: key for key in _PLACE}, f"{where}: ")
    # each cluster has the next one for its neighbour
    ids = list(clusters.values())
    for (suffix, cluster), following in zip(clusters.items(), [*ids[1:], ids[0]], strict=True):
        neighbour = config.other_cluster_id or (following if following != cluster else None)
        yield NamedTarget(name + suffix, replace(config, cluster_id=cluster, other_cluster_id=neighbour), variables)


def _clusters(given: Any, where: str) -> dict[str, str]:
    """Return the id of each cluster, by what it adds to the target's name: nothing if it is the only one."""
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
        raise ConfigurationError(f"{where}: credentials is not a table; expected one such as {{ token = 'EU_TOKEN' }}")
    _refuse_unknown(given, _VARIABLES, f"{where}, credentials")
    for key, variable in given.items():
        if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable):
            # it may be the credential itself
            raise ConfigurationError(
                f"{where}: credentials.{key} is not the name of an environment variable (capitals, digits and _);"
                " no credential itself may stand in a file"
            )
    return {_VARIABLES[key]: variable for key, variable in given.items()}


def _settings(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the settings in a table; TOML has numbers and flags of its own, so none is accepted as a text."""
    settings = {}
    for key, value in table.items():
        if key in (*_PLACE, *_MANNER):
            option = OPTION_OF[key]
            type_, words = _TYPES.get(option.kind, (str, "a text"))
            # True is an int
            if type(value) is not type_ or value == "":
                raise ConfigurationError(f"{where}: {key} is {value!r}: expected {words}")
            settings[key] = parsed(option, value, f"{where}: {key}")
    return settings


def _texts(table: Mapping[str, Any], key: str, where: str) -> Sequence[str]:
    given = table.get(key, [])
    if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
        raise ConfigurationError(f"{where}: {key} is {given!r}: expected a list of texts")
    return given


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key in OPTION_OF and OPTION_OF[key].command_line_only:
            raise not_on_the_command_line(OPTION_OF[key], where)
        if key not in names:
            more = f"; {key} for all targets belongs under [defaults]" if key in _DEFAULTS else ""
            raise ConfigurationError(
                f"{where} has the unknown key {key!r}; there may be {', '.join(names)}{did_you_mean(key, names)}{more}"
            )


def _refuse_twice(targets: Sequence[NamedTarget], name: str) -> None:
    names: set[str] = set()
    for target in targets:
        # some reports and file systems ignore case
        if target.name.lower() in names:
            raise ConfigurationError(f"{name} has two targets of the name {target.name}: rename one of them")
        names.add(target.name.lower())


def _refuse_writes(target: NamedTarget, hosts: Sequence[str], name: str) -> None:
    host = urlsplit(target.config.service or "").hostname
    if target.config.allow_writes and host not in [each.lower() for each in hosts]:
        source = target.config.source("allow_writes")
        permission = "--cce-allow-writes" if source == "option" else f"allow_writes from {source}"
        raise ConfigurationError(
            f"{name}, target {target.name}: checks may create tasks there ({permission}), and its host {host} is not"
            f" among write_hosts ({', '.join(hosts) or 'there are none'}): add the host to write_hosts at the top of"
            " the file if it may be written to, or do not allow writes"
        )


def _chosen(targets: Sequence[NamedTarget], names: Sequence[str], name: str) -> tuple[NamedTarget, ...]:
    known = [target.name for target in targets]
    for each in names:
        if each not in known:
            near = did_you_mean(each, known) or f"; there are {', '.join(known)}"
            raise ConfigurationError(f"--cce-target={each}: {name} has no such target{near}")
    return tuple(target for target in targets if not names or target.name in names)
