"""The plain simulator: which paths, methods and credentials it answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.vocabulary import create_path, list_path


def error_of(response):
    document = response.document
    assert set(document) == {"errorCode", "errorMessage"}
    assert document["errorCode"][6:9] == str(response.status) or response.status == 400
    return response.status, document["errorCode"]


# ---- paths and methods


def test_a_foreign_or_unknown_project_is_forbidden(caller):
    simulator = caller.simulator
    for project in (simulator.foreign_project_id, "nobody", simulator.project_id.upper()):
        for cluster in (simulator.cluster_id, simulator.foreign_cluster_id):
            assert error_of(caller.ask(project=project, cluster=cluster)) == (403, "CCE.01403001")


def test_an_unknown_or_foreign_cluster_is_not_found(caller):
    simulator = caller.simulator
    for cluster in ("nowhere", simulator.foreign_cluster_id, simulator.cluster_id.upper()):
        assert error_of(caller.ask(cluster=cluster)) == (404, "CCE.01404001")


def test_a_project_header_that_contradicts_the_path_is_forbidden(caller):
    request = caller.with_token(caller.request())
    headers = request.headers.replacing("X-Project-Id", caller.simulator.foreign_project_id)
    assert caller.send(request.with_headers(headers)).status == 403


@pytest.mark.parametrize("change", [
    lambda path: f"{path}/",
    lambda path: path.upper(),
    lambda path: path.replace("/tasks", "/task"),
    lambda path: path.replace("/api", "//api"),
    lambda path: path.replace("/addons/", "/addons%2F"),
    lambda path: "/",
    lambda path: "",
    lambda path: "*",
])  # fmt: skip
def test_any_other_path_is_not_found(caller, change):
    request = caller.with_token(caller.request())
    assert caller.send(replace(request, path=change(request.path))).status == 404


def test_ids_in_the_path_may_be_percent_encoded(caller):
    request = caller.with_token(caller.request())
    path = request.path.replace(caller.simulator.cluster_id[0], f"%{ord(caller.simulator.cluster_id[0]):02x}")
    assert caller.send(replace(request, path=path)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X"])
def test_the_list_s_path_has_one_method(caller, method):
    response = caller.send(caller.with_token(caller.request(method=method)))
    assert (response.status, response.headers["Allow"]) == (405, "GET")
    if method == "HEAD":
        assert response.body == b""
        assert int(response.headers["Content-Length"]) > 0
    else:
        assert error_of(response) == (405, "CCE.01405001")


def test_the_create_path_has_one_method(caller):
    path = create_path(caller.simulator.project_id, caller.simulator.cluster_id)
    response = caller.send(caller.with_token(replace(caller.request(), path=path)))
    assert (response.status, response.headers["Allow"]) == (405, "POST")


# ---- authentication


def test_a_token_and_a_signature_are_accepted_each_and_together(caller):
    request = caller.request("type=addonStatic")
    signed = caller.signed(request)
    for authenticated in (caller.with_token(request), signed, caller.with_token(signed)):
        assert caller.send(authenticated).status == 200


def test_a_request_without_credentials_is_refused_before_its_path_is_read(caller):
    assert error_of(caller.send(caller.request())) == (401, "CCE.01401001")
    assert error_of(caller.send(replace(caller.request(), path="/nowhere"))) == (401, "CCE.01401001")


def test_a_token_must_be_exact(caller):
    token = caller.simulator.credentials.token.reveal()
    for wrong in ("", token[:-1], f"{token}x", token.lower(), "é", f"{token}, {token}"):
        assert caller.send(caller.with_token(caller.request(), wrong)).status == 401


def test_a_wrong_token_beside_a_right_signature_is_refused(caller):
    assert caller.send(caller.with_token(caller.signed(caller.request()), "wrong")).status == 401
    right = caller.with_token(caller.request())
    headers = right.headers.replacing("Authorization", "SDK-HMAC-SHA256 nonsense")
    assert caller.send(right.with_headers(headers)).status == 401


def test_a_signature_covers_method_path_query_body_and_headers(caller):
    simulator = caller.simulator
    signed = caller.signed(caller.request("type=addonStatic"))
    tampered = (
        replace(signed, query="type=addonUpgrade"),
        replace(signed, query=""),
        replace(signed, path=list_path(simulator.project_id, simulator.other_cluster_id)),
        replace(signed, method="POST"),
        replace(signed, body=b"{}"),
        signed.with_headers(signed.headers.replacing("Host", "elsewhere")),
        signed.with_headers(signed.headers.replacing("Content-Type", "text/plain")),
        signed.with_headers(signed.headers.without("X-Project-Id")),
        signed.with_headers(signed.headers.without("X-Sdk-Date")),
    )
    for request in tampered:
        assert caller.send(request).status == 401


def test_a_signature_needs_a_known_key_and_its_secret(caller):
    keys = caller.simulator.credentials
    for wrong in (replace(keys, access_key=Secret("AK")), replace(keys, secret_key=Secret("SK"))):
        assert caller.send(caller.signed(caller.request(), credentials=wrong)).status == 401


@pytest.mark.parametrize(("minutes", "status"), [(-14, 200), (14, 200), (-16, 401), (16, 401), (-1440, 401)])
def test_a_signature_s_date_counts_by_the_real_time(caller, minutes, status):
    now = datetime(2025, 8, 13, 12, 0, tzinfo=UTC) + timedelta(minutes=minutes)
    assert caller.send(caller.signed(caller.request(), now=now)).status == status


def test_a_security_token_that_nobody_was_given_is_refused(caller):
    keys = replace(caller.simulator.credentials, security_token=Secret("temporary"))
    assert caller.send(caller.signed(caller.request(), credentials=keys)).status == 401


def test_no_refusal_says_which_credential_was_wrong(caller):
    bodies = {
        caller.send(caller.request()).body,
        caller.send(caller.with_token(caller.request(), "wrong")).body,
        caller.send(caller.signed(caller.request(), now=datetime(2001, 1, 1, tzinfo=UTC))).body,
    }
    assert len(bodies) == 1


def test_the_credentials_are_obvious_test_values_of_the_seed():
    first, again, other = Simulator(seed=1), Simulator(seed=1), Simulator(seed=2)
    assert first.credentials == again.credentials != other.credentials
    assert isinstance(first.credentials, Credentials)
    assert all(text.startswith("SIMULATED-") for text in first.credentials.secrets)
    assert len(first.credentials.secrets) == 3


def test_a_description_is_json_and_has_what_a_client_needs():
    simulator = Simulator(faults=["count-one-short"], variations=["gzip"])
    facts = json.loads(json.dumps(simulator.describe()))
    assert facts["endpoint"] == simulator.endpoint == "https://cce.simulated.example"
    assert facts["token"] == simulator.credentials.token.reveal()
    assert (facts["faults"], facts["variations"]) == (["count-one-short"], ["gzip"])
    ids = ("project_id", "cluster_id", "other_cluster_id", "empty_cluster_id")
    for name in (*ids, "foreign_project_id", "foreign_cluster_id"):
        assert facts[name] == getattr(simulator, name)


def test_a_repr_shows_no_credential():
    simulator = Simulator(faults=["count-one-short"])
    assert repr(simulator) == "<Simulator seed=0 count-one-short>"


def test_a_mistyped_variation_is_refused():
    with pytest.raises(ConfigurationError, match="no variation 'gzipp'; did you mean gzip"):
        Simulator(variations=["gzipp"])
