"""A file of targets: the settings of each target, and the message for each mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.config.targets import NamedTarget, parse_targets, secrets_of, text_of
from pytest_cce_precheck.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

ONE = """
[[target]]
name = "eu-1"
endpoint = "https://cce.eu.staging.example.com"
project_id = "p"
clusters = ["c"]
"""


def parse(text: str, **settings: Any) -> tuple[NamedTarget, ...]:
    sources = {name: "option" for name in settings if name not in ("target", "mode")}
    return parse_targets(text, "cce-targets.toml", Config(mode="live", **settings, sources=sources))


def refusal(text: str, **settings: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, **settings)
    return str(caught.value)


def test_a_target_is_the_runs_settings_with_a_place_of_its_own() -> None:
    (target,) = parse(ONE, timeout=7)
    assert target.name == "eu-1"
    assert target.config.service == "https://cce.eu.staging.example.com"
    assert (target.config.project_id, target.config.cluster_id) == ("p", "c")
    assert target.config.timeout == 7
    assert target.config.source("endpoint") == "cce-targets.toml"


def test_several_clusters_are_several_targets_and_each_others_neighbours() -> None:
    listed = parse(ONE.replace('["c"]', '["a", "b", "c"]'))
    assert [(each.name, each.config.cluster_id) for each in listed] == [
        ("eu-1-a", "a"),
        ("eu-1-b", "b"),
        ("eu-1-c", "c"),
    ]
    assert [each.config.other_cluster_id for each in listed] == ["b", "c", "a"]
    named = parse(ONE.replace('["c"]', '{ blue = "4f", green = "0b" }'))
    assert [(each.name, each.config.cluster_id) for each in named] == [("eu-1-blue", "4f"), ("eu-1-green", "0b")]


def test_one_cluster_has_no_neighbour_but_the_one_that_is_named() -> None:
    assert parse(ONE)[0].config.other_cluster_id is None
    assert parse(ONE + 'other_cluster_id = "d"')[0].config.other_cluster_id == "d"


def test_what_all_have_in_common_stands_under_defaults() -> None:
    first, second = parse(
        f'[defaults]\nlag = 5\nbudget = 99\naccept = ["PRE302: agreed"]\n{ONE}budget = 60\n'
        + ONE.replace("eu-1", "eu-2")
    )
    assert (first.config.lag, first.config.budget) == (5, 60)
    assert (second.config.lag, second.config.budget) == (5, 99)
    assert first.config.accept == second.config.accept == ("PRE302: agreed",)


def test_each_setting_that_may_differ_is_taken_from_the_target() -> None:
    (target,) = parse(
        f'write_hosts = ["cce.eu.staging.example.com"]\n{ONE}allow_writes = true\nbudget = 61\nrate = 3\nlag = 4\n'
        'timeout = 7\ntoken_command = "a-command"'
    )
    config = target.config
    assert (config.allow_writes, config.budget, config.rate, config.lag, config.timeout) == (True, 61, 3, 4, 7)
    assert config.source("token_command") == "cce-targets.toml"
    assert "a-command" in str(config.token_command)


@pytest.mark.parametrize(
    ("member", "variable"),
    [
        ("token", "CCE_AUTH_TOKEN"),
        ("access_key", "HUAWEICLOUD_SDK_AK"),
        ("secret_key", "HUAWEICLOUD_SDK_SK"),
        ("security_token", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
        ("iam_user", "CCE_IAM_USER"),
        ("iam_password", "CCE_IAM_PASSWORD"),
        ("iam_domain", "CCE_IAM_DOMAIN"),
        ("iam_endpoint", "CCE_IAM_ENDPOINT"),
    ],
)
def test_each_member_of_credentials_goes_by_its_usual_name(member: str, variable: str) -> None:
    (target,) = parse(f'{ONE}credentials = {{ {member} = "OF_EU" }}')
    assert target.environment({"OF_EU": "x", variable: "of another"}) == {"OF_EU": "x", variable: "x"}


def test_the_command_line_goes_before_the_file() -> None:
    assert parse(f"{ONE}budget = 60\n", budget=40)[0].config.budget == 40


def test_accepted_deviations_add_up() -> None:
    (target,) = parse(f'{ONE}accept = ["PRE303: theirs"]', accept=("PRE302: everybody's",))
    assert target.config.accept == ("PRE302: everybody's", "PRE303: theirs")


def test_a_region_of_the_file_is_not_mixed_with_an_endpoint_from_elsewhere() -> None:
    base = Config(mode="live", endpoint="https://other.example.com", sources={"endpoint": "ini"})
    text = ONE.replace('endpoint = "https://cce.eu.staging.example.com"', 'region = "eu-west-101"')
    assert parse_targets(text, "t.toml", base)[0].config.service == "https://cce.eu-west-101.myhuaweicloud.com"


def test_credentials_are_read_from_the_variables_that_the_file_names() -> None:
    (target,) = parse(ONE + 'credentials = { access_key = "EU_AK", secret_key = "EU_SK" }')
    everybody = {
        "EU_AK": "ak",
        "EU_SK": "sk",
        "CCE_AUTH_TOKEN": "of another",
        "CLOUD_SDK_AK": "of another",
        "PATH": "/bin",
    }
    own = target.environment(everybody)
    assert own["HUAWEICLOUD_SDK_AK"] == "ak"
    assert own["PATH"] == "/bin"
    assert "of another" not in own.values()
    assert set(secrets_of([target], everybody)) == {"ak", "sk", "of another"}


def test_a_target_without_credentials_of_its_own_has_the_usual_ones() -> None:
    environment = {"CCE_AUTH_TOKEN": "t"}
    assert parse(ONE)[0].environment(environment) is environment


def test_a_variable_that_is_not_there_is_named() -> None:
    (target,) = parse(ONE + 'credentials = { token = "EU_TOKEN" }')
    target.refuse_unset({"EU_TOKEN": "t"})
    with pytest.raises(ConfigurationError, match=r"target eu-1 are not in the environment: set EU_TOKEN"):
        target.refuse_unset({"EU_TOKEN": ""})


def test_what_looks_like_a_credential_in_the_file_is_refused_and_not_shown() -> None:
    secret = "aB3" * 12
    text = refusal(f'{ONE}credentials = {{ token = "{secret}" }}')
    assert "credentials.token is not the name of an environment variable" in text
    assert secret not in text


def test_one_of_them_can_be_chosen() -> None:
    both = ONE + ONE.replace("eu-1", "eu-2")
    assert [each.name for each in parse(both, target=("eu-2",))] == ["eu-2"]
    assert refusal(both, target=("eu-22",)) == (
        "--cce-target=eu-22: cce-targets.toml has no such target; did you mean eu-2?"
    )


def test_writes_need_a_host_that_the_file_lists() -> None:
    text = refusal(f"{ONE}allow_writes = true")
    assert "its host cce.eu.staging.example.com is not among write_hosts (there are none)" in text
    assert "allow_writes from cce-targets.toml" in text
    assert "(--cce-allow-writes)" in refusal('write_hosts = ["other.example.com"]' + ONE, allow_writes=True)
    listed = parse('write_hosts = ["CCE.eu.staging.example.com"]' + ONE, allow_writes=True)
    assert listed[0].config.allow_writes


@pytest.mark.parametrize(
    "listed",
    [
        "eu.staging.example.com",
        ".staging.example.com",
        "com",
        "cce",
        "cce.eu.staging",
        "a.cce.eu.staging.example.com",
        "cce.eu.staging.example.com.example.org",
        "*.staging.example.com",
        "*",
        "https://cce.eu.staging.example.com",
    ],
)
def test_a_host_for_writes_is_named_in_full_and_allows_no_other(listed: str) -> None:
    assert "is not among write_hosts" in refusal(f'write_hosts = ["{listed}"]\n{ONE}allow_writes = true')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[target]", "is not valid TOML"),
        ("", "has no [[target]]: expected at least one"),
        ("[target]\n", "target is not a list of tables"),
        ("targets = 1", "unknown key 'targets'; there may be write_hosts, defaults, target; did you mean target?"),
        ("[[target]]\n", "target 1: name is None"),
        (ONE.replace("eu-1", "eu 1"), "target 1: name is 'eu 1': expected letters, digits"),
        (ONE + ONE.replace("eu-1", "EU-1"), "two targets of the name EU-1"),
        (ONE.replace('["c"]', "[]"), "target eu-1: clusters is missing: expected a list of ids"),
        (ONE.replace('["c"]', "7"), "target eu-1: clusters is 7"),
        (ONE.replace('["c"]', '["a", "a"]'), "clusters names one twice"),
        (ONE.replace('["c"]', '["a/b", "a"]'), "the cluster 'a/b' cannot be part of a test's name"),
        (ONE.replace('project_id = "p"', ""), "target eu-1 needs endpoint (or region) and project_id"),
        (ONE + 'region = "x"', "target eu-1: endpoint and region are both given"),
        (ONE + 'foreign_project_id = "x"', "foreign_project_id and foreign_cluster_id belong together"),
        (ONE + "budget = -1", "budget is -1: expected a whole number"),
        (ONE + "budget = 29", "target eu-1: budget is 29: expected a whole number from 30 to 1000000"),
        (
            ONE + "timeout = 9999999999",
            "target eu-1: timeout is 9999999999: expected a whole number from 1 to 86400",
        ),
        (ONE + "timeout = 0", "target eu-1: timeout is 0: expected a whole number from 1 to 86400"),
        (ONE + 'budget = "9"', "budget is '9': expected a whole number"),
        (ONE + "budget = true", "budget is True: expected a whole number"),
        (ONE + 'allow_writes = "yes"', "allow_writes is 'yes': expected true or false"),
        (ONE + "endpoints = 1", "unknown key 'endpoints'"),
        (ONE + 'accept = "PRE302: x"', "accept is 'PRE302: x': expected a list of texts"),
        (ONE + 'credentials = "EU_TOKEN"', "credentials is not a table"),
        (ONE + 'credentials = { tokn = "EU_TOKEN" }', "did you mean token?"),
        (f"[defaults]\nendpoint = 'https://x'\n{ONE}", "defaults has the unknown key 'endpoint'"),
        (f"defaults = 3\n{ONE}", "defaults is not a table"),
        (f"write_hosts = 'a'\n{ONE}", "write_hosts is 'a': expected a list of texts"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_place(text: str, said: str) -> None:
    message = refusal(text)
    assert message.startswith("cce-targets.toml")
    assert said in message


def test_a_place_on_the_command_line_contradicts_a_file_of_targets() -> None:
    assert "--cce-project-id and --cce-targets are both given" in refusal(ONE, project_id="p")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.toml cannot be read: No such file"):
        text_of(tmp_path / "missing.toml")
    (tmp_path / "other.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        text_of(tmp_path / "other.toml")
