from __future__ import annotations

import copy
import logging
import pickle
import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "correct-horse-battery"


@pytest.mark.parametrize(
    "show", [repr, str, ascii, "{}".format, "%s".__mod__, "%r".__mod__, lambda secret: f"{secret!s:>10}"]
)
def test_a_secret_does_not_show_itself(show: Callable[[Secret], str]) -> None:
    assert TEXT not in show(Secret(TEXT))


def test_a_secret_refuses_a_format_that_it_does_not_know() -> None:
    with pytest.raises(TypeError) as caught:
        format(Secret(TEXT), ">30")
    assert TEXT not in str(caught.value)


def test_a_secret_does_not_show_in_a_traceback_with_locals() -> None:
    def fail(secret: Secret, credentials: Credentials) -> None:
        raise RuntimeError(f"{secret} {credentials}")

    with pytest.raises(RuntimeError) as caught:
        fail(Secret(TEXT), Credentials(token=Secret(TEXT)))
    report = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert TEXT not in "".join(report.format())


def test_a_secret_does_not_show_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger(__name__).warning("using %s of %r", Secret(TEXT), [Credentials(token=Secret(TEXT))])
    assert TEXT not in caplog.text


def test_a_secret_has_no_dict_for_a_debugger_to_print() -> None:
    assert not hasattr(Secret(TEXT), "__dict__")


def test_a_secret_is_not_pickled_and_copied_as_it_is() -> None:
    credentials = Credentials(token=Secret(TEXT))
    with pytest.raises(TypeError, match="a secret is not pickled") as caught:
        pickle.dumps(credentials)
    assert TEXT not in str(caught.value)
    assert copy.copy(credentials) == credentials
    assert TEXT not in repr(asdict(credentials)) + repr(vars(credentials))


def test_secrets_compare_and_hash_by_their_text() -> None:
    assert Secret(TEXT) == Secret(TEXT) == copy.deepcopy(Secret(TEXT))
    assert Secret(TEXT) != Secret("other")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1


def test_a_secret_reveals_its_text_when_asked() -> None:
    assert Secret(TEXT).reveal() == TEXT


def test_the_repr_of_credentials_shows_which_are_there_and_none_of_them() -> None:
    shown = repr(Credentials(access_key=Secret("AK-1"), secret_key=Secret(TEXT)))
    assert shown == "Credentials(token=None, access_key=<Secret>, secret_key=<Secret>, security_token=None)"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, None),
        ({"token": "t"}, "token"),
        ({"access_key": "a"}, None),
        ({"secret_key": "s"}, None),
        ({"security_token": "x"}, None),
        ({"access_key": "a", "token": "t"}, "token"),
        ({"access_key": "a", "secret_key": "s"}, "ak/sk"),
        ({"access_key": "a", "secret_key": "s", "token": "t"}, "ak/sk"),
    ],
)
def test_a_whole_key_pair_goes_before_a_token(fields: dict[str, str], kind: str | None) -> None:
    assert Credentials(**{name: Secret(text) for name, text in fields.items()}).kind == kind


def test_credentials_name_every_text_that_must_not_be_shown() -> None:
    texts = ("t", "a", "s", "x")
    assert Credentials(*map(Secret, texts)).secrets == texts
    assert Credentials().secrets == ()


def test_the_environment_is_read_under_the_names_of_the_vendors_sdk() -> None:
    found = Credentials.from_environment(
        {
            "CCE_AUTH_TOKEN": "t",
            "HUAWEICLOUD_SDK_AK": "a",
            "HUAWEICLOUD_SDK_SK": "s",
            "HUAWEICLOUD_SDK_SECURITY_TOKEN": "x",
        }
    )
    assert found == Credentials(Secret("t"), Secret("a"), Secret("s"), Secret("x"))


def test_the_environment_is_read_under_the_names_of_the_vendors_samples() -> None:
    found = Credentials.from_environment({"CLOUD_SDK_AK": "a", "CLOUD_SDK_SK": "s"})
    assert found == Credentials(access_key=Secret("a"), secret_key=Secret("s"))


def test_an_empty_variable_counts_as_absent() -> None:
    names = ("CCE_AUTH_TOKEN", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")
    assert Credentials.from_environment(dict.fromkeys(names, "")) == Credentials()


def test_a_key_is_never_paired_with_the_secret_of_another_name() -> None:
    mixed = {"HUAWEICLOUD_SDK_AK": "a", "CLOUD_SDK_SK": "s"}
    assert Credentials.from_environment(mixed).kind is None
    both = {**mixed, "CLOUD_SDK_AK": "b"}
    assert Credentials.from_environment(both).access_key == Secret("b")


def test_half_a_pair_is_read_under_the_name_of_the_vendors_sdk_alone() -> None:
    assert Credentials.from_environment({"HUAWEICLOUD_SDK_AK": "a"}).names == ("access_key",)
    assert Credentials.from_environment({"CLOUD_SDK_AK": "a"}).names == ()


def test_credentials_are_named_and_taken_by_their_names() -> None:
    both = Credentials(token=Secret("t"), access_key=Secret("a"), secret_key=Secret("s"))
    assert both.names == ("token", "access_key", "secret_key")
    assert both.only(["token", "security_token"]) == Credentials(token=Secret("t"))
    assert both.only([]).names == Credentials().names == ()
