"""The client: what it writes, what it refuses to send, and that it gives whatever came back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.client import PrecheckClient, checked_endpoint
from pytest_cce_precheck.errors import ConfigurationError, MissingCredentialsError, UnsafeCredentialsError
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response, TransportError
from pytest_cce_precheck.wire.signing import verify

NOW = datetime(2025, 8, 5, 12, tzinfo=UTC)
TOKEN = Credentials(token=Secret("PLANTED-TOKEN"))
KEYS = Credentials(access_key=Secret("AK"), secret_key=Secret("PLANTED-SK"))
NONE = Credentials()


class Recorder:
    """A transport that remembers what it is given and answers with 200 and an empty object."""

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.open = True

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        return Exchange(request, Response(200, body=b"{}"))

    def close(self) -> None:
        self.open = False


def client(transport: Recorder | None = None, **options: Any) -> PrecheckClient:
    settings = {"endpoint": "https://cce.example", "project_id": "p", "cluster_id": "c", "credentials": TOKEN}
    return PrecheckClient(transport or Recorder(), **{**settings, "now": lambda: NOW, **options})


# ---- requests


def test_an_unfiltered_list_has_no_query() -> None:
    request = client().list_tasks().request
    assert (request.method, request.url) == (
        "GET", "https://cce.example/api/v3/projects/p/clusters/c/addons/precheck/tasks"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        ({"type": "addonStatic"}, "type=addonStatic"),
        ({"task_id": "a b+c/é"}, "task_id=a%20b%2Bc%2F%C3%A9"),
        ({"addon_instance_id": "a&b=c%"}, "addon_instance_id=a%26b%3Dc%25"),
        ({"type": ""}, "type="),
        ({"addon_instance_id": "i", "task_id": "t", "type": "x"}, "type=x&task_id=t&addon_instance_id=i"),
        ({"task_id": "a\r\nX: y\x00"}, "task_id=a%0D%0AX%3A%20y%00"),
        ({"type": None}, ""),
    ],
)  # fmt: skip
def test_filters_are_encoded_and_those_left_out_are_not_there(filters: dict[str, Any], query: str) -> None:
    assert client().list_tasks(**filters).request.query == query


@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_arrives_as_it_was_given(value: str) -> None:
    request = client().list_tasks(task_id=value).request
    assert request.params == (("task_id", value),)
    assert request.query.isascii()


def test_ids_are_encoded_into_the_path() -> None:
    request = client(project_id="a/b", cluster_id="../c?é").list_request()
    assert request.path == "/api/v3/projects/a%2Fb/clusters/..%2Fc%3F%C3%A9/addons/precheck/tasks"
    assert client().list_request(project_id="q", cluster_id="d").path.startswith("/api/v3/projects/q/clusters/d/")


def test_a_create_request_holds_the_cluster_and_what_is_asked_for() -> None:
    addon = {"addonTemplateName": "coredns", "addonInstanceID": "i", "type": "addonStatic", "values": {"é": [1.5]}}
    request = client().create_tasks([addon]).request
    assert (request.method, request.path) == ("POST", "/api/v3/projects/p/clusters/c/addons/precheck")
    assert json.loads(request.body) == {
        "kind": "AddonCheck",
        "apiVersion": "v3",
        "spec": {"clusterID": "c", "addonList": [addon]},
    }


def test_a_create_request_may_hold_anything_that_a_test_wants_to_send() -> None:
    assert client().create_request(b"{").body == b"{"
    assert client().create_request(None).body == b"null"
    assert client().create_request("é \ud800").body == b'"\xc3\xa9 \\ud800"'


@pytest.mark.parametrize("request_of", [lambda each: each.list_request(), lambda each: each.create_request({})])
def test_every_request_says_that_it_speaks_json(request_of: Any) -> None:
    headers = request_of(client()).headers
    assert (headers["Accept"], headers["Content-Type"], headers["Accept-Encoding"]) == (
        "application/json", "application/json", "gzip"
    )  # fmt: skip


# ---- sending


def test_a_request_goes_out_with_the_clients_credentials() -> None:
    assert client().list_tasks().request.headers["X-Auth-Token"] == "PLANTED-TOKEN"


def test_a_signed_request_is_one_that_a_service_can_verify() -> None:
    request = client(credentials=KEYS).list_tasks(task_id="a b").request
    assert request.headers["X-Project-Id"] == "p"
    assert request.headers["X-Sdk-Date"] == "20250805T120000Z"
    assert verify(request, secret_of={"AK": "PLANTED-SK"}.get, now=NOW) == "AK"
    assert "X-Auth-Token" not in request.headers


def test_other_credentials_and_another_time_may_be_used_for_one_request() -> None:
    mine = client()
    later = NOW.replace(hour=13)
    signed = mine.authenticated(mine.list_request(), KEYS, now=later)
    assert signed.headers["X-Sdk-Date"] == "20250805T130000Z"
    assert "X-Auth-Token" not in signed.headers


def test_a_signature_names_the_project_of_the_path() -> None:
    mine = client(credentials=KEYS)
    assert mine.authenticated(mine.list_request(project_id="other")).headers["X-Project-Id"] == "other"


def test_a_request_as_it_is_gets_no_credentials() -> None:
    transport = Recorder()
    mine = client(transport)
    request = mine.list_request()
    assert mine.send(request, as_is=True).request is request
    assert transport.sent == [request]


def test_credentials_are_needed_by_the_first_call_and_not_before() -> None:
    transport = Recorder()
    mine = client(transport, credentials=NONE)
    with pytest.raises(MissingCredentialsError, match="CCE_AUTH_TOKEN"):
        mine.list_tasks()
    assert transport.sent == []
    assert mine.send(mine.list_request(), as_is=True).status == 200


def test_every_exchange_is_observed_whatever_its_status() -> None:
    seen: list[Exchange] = []
    mine = client(observe=seen.append)
    exchanges = [mine.list_tasks(), mine.create_tasks([]), mine.send(mine.list_request(), as_is=True)]
    assert seen == exchanges


def test_an_answer_that_never_came_is_not_observed() -> None:
    class Down(Recorder):
        def send(self, request: Request) -> Exchange:
            raise TransportError("unreachable", "no connection", request)

    seen: list[Exchange] = []
    with pytest.raises(TransportError):
        client(Down(), observe=seen.append).list_tasks()
    assert seen == []


def test_closing_the_client_closes_the_transport() -> None:
    transport = Recorder()
    client(transport).close()
    assert not transport.open


# ---- endpoints


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://cce.eu-west-101.myhuaweicloud.com", "https://cce.eu-west-101.myhuaweicloud.com"),
        ("https://cce.example/", "https://cce.example"),
        ("https://cce.example:8443", "https://cce.example:8443"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.8.8", "http://127.8.8.8"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://cce.example", "https://cce.example"),
    ],
)
def test_an_endpoint_is_scheme_and_host_with_credentials_only_where_these_are_safe(given: str, kept: str) -> None:
    for credentials in (TOKEN, KEYS, NONE):
        assert checked_endpoint(given, credentials) == kept
    assert client(endpoint=given).list_request().url.startswith(f"{kept}/api/v3/")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://cce.example",
        "HTTP://cce.example",
        "http://10.0.0.1",
        "http://192.168.1.1:8080",
        "http://169.254.169.254",
        "http://0.0.0.0",
        "http://[2001:db8::1]",
        "http://[fe80::1]",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://2130706433",
        "http://localhost.",
    ],
)
@pytest.mark.parametrize("credentials", [TOKEN, KEYS])
def test_credentials_do_not_travel_in_the_clear_to_another_machine(endpoint: str, credentials: Credentials) -> None:
    with pytest.raises(UnsafeCredentialsError, match="use https://") as raised:
        client(endpoint=endpoint, credentials=credentials)
    assert "PLANTED" not in str(raised.value)
    assert checked_endpoint(endpoint, NONE)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "cce.example",
        "cce.example:443",
        "//cce.example",
        "ftp://cce.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://cce.example/api/v3",
        "https://cce.example?x=y",
        "https://user:PLANTED@cce.example",
        "https://user@cce.example",
        "https://:PLANTED@cce.example",
        "https://cce.example#part",
        "https://cce.example:port",
        "https://cce.example:99999",
        "https://[::1",
        "https://cce example",
        "https://cce.exa\nmple",
        "https://cce.example:0",
        "https://:443",
        "https://cce.example\\@evil.example",
        "https://cce.example//evil.example",
        " https://cce.example",
    ],
)
@pytest.mark.parametrize("credentials", [TOKEN, NONE])
def test_what_is_no_endpoint_is_refused_in_words(endpoint: str, credentials: Credentials) -> None:
    with pytest.raises(ConfigurationError, match="expected scheme and host alone"):
        client(endpoint=endpoint, credentials=credentials)


@pytest.mark.parametrize("userinfo", ["user:PLANTED", ":PLANTED", "PLANTED", "user:PLANTED/x", "user:PLANTED@x"])
def test_a_password_in_an_endpoint_is_not_repeated(userinfo: str) -> None:
    with pytest.raises(ConfigurationError, match=r"https://\*\*\*@cce.example") as raised:
        client(endpoint=f"https://{userinfo}@cce.example")
    assert "PLANTED" not in str(raised.value)


def test_changed_headers_do_not_change_the_clients_next_request() -> None:
    mine = client()
    replace(mine.list_request(), headers=Headers())
    assert mine.list_request().headers["Accept"] == "application/json"
