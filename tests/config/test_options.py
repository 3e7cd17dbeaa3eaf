"""The settings: their precedence, the message for each wrong value, what a live run still needs."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.config.options import OPTIONS, Config, Option, resolve
from pytest_cce_precheck.errors import ConfigurationError

BY_KEY = {option.key: option for option in OPTIONS}


def settled(
    option: dict[str, Any] | None = None, environment: dict[str, str] | None = None, ini: dict[str, Any] | None = None
) -> Config:
    def of(given: dict[str, Any] | None) -> Any:
        return lambda each: (given or {}).get(each.key)

    return resolve(of(option), environment or {}, of(ini))


def refused(**places: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        settled(**places)
    return str(raised.value)


# ---- names


def test_every_option_has_a_field_of_its_own_in_the_config() -> None:
    assert set(BY_KEY) == set(Config.__dataclass_fields__) - {"sources"}
    assert len(BY_KEY) == len(OPTIONS)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_option_ini_and_variable_are_the_same_words(option: Option) -> None:
    words = option.name.split("-")
    assert option.flag == "--cce-" + "-".join(words)
    assert option.ini == "cce_" + "_".join(words)
    assert option.variables[0] == "CCE_" + "_".join(words).upper()
    assert option.help
    assert not option.help.endswith(".")


def test_no_option_takes_a_credential() -> None:
    words = {option.name: option.name.removesuffix("-command").split("-") for option in OPTIONS}
    assert [name for name in words if {"token", "secret", "ak", "sk", "key"} & set(words[name])] == ["token-command"]
    assert BY_KEY["token_command"].kind == "command"


# ---- precedence and sources


def test_without_any_setting_everything_is_a_default() -> None:
    config = settled()
    assert config == Config()
    assert config.shown == {}
    assert config.source("mode") == "default"
    assert (config.mode, config.fail_on, config.budget, config.seed, config.allow_writes) == (
        "simulate",
        "error",
        250,
        0,
        False,
    )


def test_the_command_line_wins_over_the_environment_and_that_over_the_ini_file() -> None:
    ini, environment, option = {"budget": "31"}, {"CCE_BUDGET": "32"}, {"budget": "33"}
    assert (settled(ini=ini).budget, settled(ini=ini).source("budget")) == (31, "ini")
    middle = settled(environment=environment, ini=ini)
    assert (middle.budget, middle.source("budget")) == (32, "environment CCE_BUDGET")
    last = settled(option, environment, ini)
    assert (last.budget, last.source("budget")) == (33, "option")


def test_each_setting_has_a_source_of_its_own() -> None:
    config = settled({"seed": "7"}, {"CCE_CLUSTER_ID": "c"}, {"mode": "live", "fault": ["a", "b"]})
    assert config.shown == {
        "--cce-mode": ("live", "ini"),
        "--cce-cluster-id": ("c", "environment CCE_CLUSTER_ID"),
        "--cce-fault": ("a, b", "ini"),
        "--cce-seed": ("7", "option"),
    }


def test_the_vendors_variable_names_the_project_too_and_ours_goes_first() -> None:
    vendors = {"HUAWEICLOUD_SDK_PROJECT_ID": "theirs"}
    assert settled(environment=vendors).project_id == "theirs"
    assert settled(environment=vendors).source("project_id") == "environment HUAWEICLOUD_SDK_PROJECT_ID"
    assert settled(environment={**vendors, "CCE_PROJECT_ID": "ours"}).project_id == "ours"
    assert settled(environment={**vendors, "CCE_PROJECT_ID": ""}).project_id == "theirs"


@pytest.mark.parametrize("empty", [None, "", []])
def test_what_is_empty_in_the_environment_or_the_ini_file_counts_as_not_given(empty: Any) -> None:
    config = settled({}, {"CCE_ENDPOINT": ""}, {"endpoint": "https://cce.example", "fault": empty, "budget": empty})
    assert config.endpoint == "https://cce.example"
    assert config.fault == ()
    assert config.budget == Config().budget


@pytest.mark.parametrize("option", [each for each in OPTIONS if each.kind != "flag"], ids=lambda each: each.name)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_option_with_an_empty_value_is_refused_rather_than_taken_from_elsewhere(option: Option, empty: str) -> None:
    given = [empty] if option.kind == "list" else empty
    told = refused(option={option.key: given}, ini={option.key: "5"})
    assert told == f"{option.flag} (from option) is empty: expected {option.expected}; leave it out if nothing is meant"


@pytest.mark.parametrize(("key", "value"), [("allow_writes", False), ("run_time", 0), ("rate", 0)])
def test_false_and_zero_are_settings_like_others(key: str, value: Any) -> None:
    config = settled(ini={key: value})
    assert getattr(config, key) is value
    assert config.source(key) == "ini"


def test_false_in_the_environment_goes_before_true_in_the_ini_file() -> None:
    config = settled(environment={"CCE_ALLOW_WRITES": "false"}, ini={"allow_writes": True})
    assert config.allow_writes is False
    assert config.source("allow_writes") == "environment CCE_ALLOW_WRITES"


def test_what_is_overridden_is_not_even_looked_at() -> None:
    def ini(option: Option) -> Any:
        if option.key == "budget":
            raise ConfigurationError("not a number")

    assert resolve(lambda each: "50" if each.key == "budget" else None, {}, ini).budget == 50
    assert resolve(lambda _: None, {"CCE_BUDGET": "50"}, ini).budget == 50
    with pytest.raises(ConfigurationError, match="not a number"):
        resolve(lambda _: None, {}, ini)


def test_other_peoples_variables_do_not_matter() -> None:
    assert (
        settled(environment={"MODE": "live", "CCE_MODES": "live", "cce_mode": "live", "CCE_AUTH_TOKEN": "t"})
        == Config()
    )


def test_the_sources_do_not_make_two_equal_configs_differ() -> None:
    assert settled({"seed": "7"}) == settled(ini={"seed": "7"})


# ---- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("YES", True),
        ("1", True),
        ("On", True),
        ("false", False),
        ("no", False),
        ("0", False),
        ("OFF", False),
    ],
)
def test_a_flag_is_written_in_the_usual_words(text: str, value: bool) -> None:
    assert settled(environment={"CCE_ALLOW_WRITES": text}).allow_writes is value
    assert settled(ini={"allow_writes": text}).allow_writes is value


def test_a_flag_that_is_off_in_the_environment_overrides_the_ini_file() -> None:
    assert settled(environment={"CCE_ALLOW_WRITES": "false"}, ini={"allow_writes": "true"}).allow_writes is False


def test_a_list_is_repeated_on_the_command_line_and_has_lines_elsewhere() -> None:
    assert settled({"fault": ["a", "b"]}).fault == ("a", "b")
    assert settled(environment={"CCE_FAULT": "a\nb\n\n"}).fault == ("a", "b")
    assert settled(ini={"accept": ["PRE302: why", "PRE210: because"]}).accept == ("PRE302: why", "PRE210: because")


@pytest.mark.parametrize("number", ["0", "250", "007", " 5 "])
def test_a_number_is_a_whole_one(number: str) -> None:
    assert settled({"seed": number}).seed == int(number)


def test_a_region_makes_the_public_endpoint() -> None:
    assert settled({"region": "eu-west-101"}).service == "https://cce.eu-west-101.myhuaweicloud.com"
    assert settled({"endpoint": "https://cce.example"}).service == "https://cce.example"
    assert settled().service is None


# ---- wrong values


@pytest.mark.parametrize("key", [option.key for option in OPTIONS if option.kind == "number"])
@pytest.mark.parametrize("number", ["many", "-1", "1.5", "1e3", "0x10", "1e300", "9" * 25, "9" * 5000])
def test_what_is_no_whole_number_is_named_with_its_place(key: str, number: str) -> None:
    option = BY_KEY[key]
    said = f"is {number!r}: expected {option.expected}"
    assert refused(option={key: number}) == f"{option.flag} (from option) {said}"
    told = refused(environment={option.variables[0]: number})
    assert told == f"{option.flag} (from environment {option.variables[0]}) {said}"
    assert refused(ini={key: number}) == f"{option.flag} (from ini) {said}"


@pytest.mark.parametrize("option", [each for each in OPTIONS if each.least], ids=lambda each: each.name)
def test_the_least_number_is_taken_and_one_less_is_refused(option: Option) -> None:
    least = option.least
    assert getattr(settled(option={option.key: str(least)}), option.key) == least
    told = f"{option.flag} (from ini) is {least - 1}: expected {option.expected}"
    assert refused(ini={option.key: least - 1}) == told


@pytest.mark.parametrize("option", [each for each in OPTIONS if each.kind == "number"], ids=lambda each: each.name)
def test_the_largest_number_is_taken_and_one_more_is_refused_wherever_it_comes_from(option: Option) -> None:
    most = option.most
    assert getattr(settled(option={option.key: str(most)}), option.key) == most
    said = f"expected a whole number from {option.least} to {most}"
    for places in (
        {"option": {option.key: str(most + 1)}},
        {"environment": {option.variables[0]: str(most + 1)}},
        {"ini": {option.key: most + 1}},
        {"ini": {option.key: str(most + 1)}},
    ):
        assert refused(**places).endswith(said)


@pytest.mark.parametrize("key", [option.key for option in OPTIONS if option.choices])
@pytest.mark.parametrize("word", ["lve", "Live", "errors"])
def test_what_is_no_choice_is_named_with_the_choices(key: str, word: str) -> None:
    option = BY_KEY[key]
    told = f"{option.flag} (from ini) is {word!r}: expected one of {', '.join(option.choices)}"
    assert refused(ini={key: word}) == told


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("budget", 1.5, "a whole number from 30 to 1000000"),
        ("budget", True, "a whole number from 30 to 1000000"),
        ("budget", ["60"], "a whole number from 30 to 1000000"),
        ("allow_writes", ["true"], "true or false"),
        ("accept", ["PRE302: why", 3], "a list of texts"),
        ("endpoint", ["https://cce.example"], "a text"),
        ("fail_on", ["note"], "one of error, warning, note, never, new"),
        ("max_age", ["30d"], "a number with h, d or w, such as 30d"),
    ],
)
def test_a_value_of_another_type_is_named_with_the_file(key: str, given: Any, expected: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resolve(lambda _: None, {}, lambda each: given if each.key == key else None, ini_name="ini pyproject.toml")
    flag = BY_KEY[key].flag
    assert str(raised.value) == f"{flag} (from ini pyproject.toml) is {given!r}: expected {expected}"


def test_the_words_of_a_command_of_another_type_are_not_shown() -> None:
    told = refused(ini={"token_command": ["vault", "--password=PLANTED"]})
    assert told == "--cce-token-command (from ini) is not one text: expected a command and its arguments"


@pytest.mark.parametrize("word", ["maybe", "2", "y"])
def test_what_is_no_flag_is_named(word: str) -> None:
    told = f"--cce-allow-writes (from environment CCE_ALLOW_WRITES) is {word!r}: expected true or false"
    assert refused(environment={"CCE_ALLOW_WRITES": word}) == told


def test_a_wrong_value_that_is_overridden_does_not_matter() -> None:
    assert settled({"budget": "50"}, {"CCE_BUDGET": "many"}, {"budget": "more"}).budget == 50


def test_endpoint_and_region_exclude_each_other_wherever_they_come_from() -> None:
    told = refused(option={"endpoint": "https://cce.example"}, environment={"CCE_REGION": "eu-west-101"})
    assert "--cce-endpoint and --cce-region are both given" in told
    assert "leave one out" in told


@pytest.mark.parametrize("key", ["foreign_project_id", "foreign_cluster_id"])
def test_half_a_foreign_cluster_is_refused(key: str) -> None:
    assert "give both or neither" in refused(option={key: "x"})
    both = {"foreign_project_id": "x", "foreign_cluster_id": "y"}
    assert settled(both).foreign_cluster_id == "y"


# ---- live


def test_everything_that_a_live_run_still_needs_is_told_at_once() -> None:
    missing = Config(mode="live").missing_for_live(credentials=False)
    assert missing[:3] == ["--cce-endpoint (or --cce-region)", "--cce-project-id", "--cce-cluster-id"]
    assert len(missing) == 4
    for name in ("CCE_AUTH_TOKEN", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "CLOUD_SDK_AK", "CLOUD_SDK_SK"):
        assert name in missing[3]


@pytest.mark.parametrize("left_out", ["service", "project_id", "cluster_id", "credentials"])
def test_only_what_is_missing_is_told(left_out: str) -> None:
    given = {"region": "eu-west-101", "project_id": "p", "cluster_id": "c"}
    given.pop("region" if left_out == "service" else left_out, None)
    [missing] = Config(mode="live", **given).missing_for_live(credentials=left_out != "credentials")  # type: ignore[arg-type]
    told = {"service": "--cce-endpoint", "credentials": "CCE_AUTH_TOKEN"}.get(left_out, left_out.replace("_", "-"))
    assert told in missing


def test_a_complete_live_config_needs_nothing() -> None:
    config = Config(mode="live", endpoint="https://cce.example", project_id="p", cluster_id="c")
    assert config.missing_for_live(credentials=True) == []
