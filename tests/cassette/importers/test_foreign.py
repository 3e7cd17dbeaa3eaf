"""What is common to the files of other tools: which of their calls are taken in, and how they are read."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_cce_precheck.cassette.importers.foreign import (
    as_received,
    as_request,
    is_call,
    is_call_to,
    member,
    optional,
    reading,
    shown,
)
from pytest_cce_precheck.errors import ConfigurationError

CREATE = "/api/v3/projects/p/clusters/c/addons/precheck"


@pytest.mark.parametrize(
    ("method", "path", "is_one"),
    [
        ("GET", f"{CREATE}/tasks", True),
        ("GET", f"{CREATE}/tasks/", True),
        ("POST", CREATE, True),
        ("DELETE", f"{CREATE}/tasks", True),
        ("OPTIONS", f"{CREATE}/tasks", False),
        ("GET", f"{CREATE}/tasks/t-1", False),
        ("GET", f"{CREATE}/tasks\n", False),
        ("GET", "/api/v3/projects", False),
    ],
)
def test_a_request_is_a_call_by_the_end_of_its_path(method: str, path: str, *, is_one: bool) -> None:
    assert is_call(method, path) is is_call_to(method, f"HTTPS://cce.example{path}".replace("\n", "%0A")) is is_one


@pytest.mark.parametrize("url", [f"ftp://cce.example{CREATE}", f"https://[{CREATE}", CREATE, ""])
def test_what_is_no_url_of_http_is_no_call(url: str) -> None:
    assert not is_call_to("GET", url)


def test_a_request_is_read_without_user_and_password_and_without_what_only_http_2_has() -> None:
    headers = [(":path", "/x"), ("Accept", "a")]
    request = as_request("GET", f"HTTPS://me:s3cr3t@CCE.example:8443{CREATE}?type=A", headers, b"x")
    assert (request.endpoint, request.path, request.query) == ("https://cce.example:8443", CREATE, "type=A")
    assert (request.method, request.headers.pairs, request.body) == ("GET", (("Accept", "a"),), b"x")


def test_an_answer_has_no_headers_of_its_bodys_transfer() -> None:
    names = ("content-encoding", "Transfer-Encoding", "Content-Length", ":status", "Content-Type")
    assert as_received((name, "x") for name in names).pairs == (("Content-Type", "x"),)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ({}, dict, "its a is missing; expected an object"),
        ({"a": None}, list, "its a is missing; expected an array"),
        ([], str, "its a is missing; expected a text"),
        ({"a": True}, int, "its a is 'True'; expected a number"),
        # half of a word may be half of a secret
        ({"a": "x" * 50}, int, "its a is 'xxxx'; expected a number"),
        ({"a": {"b": 1}}, list, "its a is an object; expected an array"),
        ({"a": [1]}, dict, "its a is an array; expected an object"),
    ],
)
def test_a_member_of_another_kind_is_told_in_words(data: Any, kind: type, said: str) -> None:
    with pytest.raises(ValueError, match="its a is") as raised:
        member(data, "a", kind)
    assert str(raised.value) == said


def test_a_member_is_given_as_it_is_and_one_that_may_be_missing_as_an_empty_one() -> None:
    assert (member({"a": 0}, "a", int), optional({"a": "x"}, "a", str)) == (0, "x")
    assert (optional({}, "a", list), optional({"a": None}, "a", dict), optional({}, "a", str)) == ([], {}, "")
    for data in ([], {"a": 1}):
        with pytest.raises(ValueError, match="its a is"):
            optional(data, "a", dict)


def test_of_a_container_its_kind_is_shown() -> None:
    assert [shown(each) for each in ({}, [1], "it's", 1.5)] == ["an object", "an array", '"it\'s"', "'1.5'"]


def test_what_cannot_be_read_is_a_mistake_in_the_file_that_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"^a\.har cannot be imported: no number$"), reading("a.har"):
        raise ValueError("no number")
