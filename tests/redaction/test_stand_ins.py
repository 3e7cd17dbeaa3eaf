"""Credentials and ids in recordings get stand-ins."""

from __future__ import annotations

import json

import pytest

from pytest_cce_precheck.contract.envelope import no_credential_is_revealed
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms
from pytest_cce_precheck.redaction.recordings import (
    REPLAY_CREDENTIALS,
    Redaction,
    sightings,
)
from pytest_cce_precheck.redaction.reflected_secrets import HEADER, marked
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Response
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.redaction.redacted import CREDENTIALS, ID, TOKEN, request

# ---- credentials and their stand-ins


def test_an_answer_that_reveals_a_credential_reveals_its_stand_in() -> None:
    told = json.dumps({"errorMessage": f"Token {TOKEN} is invalid."}, ensure_ascii=False).encode()
    recorded = Redaction(CREDENTIALS).response(Response(401, Headers(), told))
    assert json.loads(recorded.body) == {"errorMessage": "Token replayed-token-000000 is invalid."}
    asking = request(headers=Headers({"X-Auth-Token": "replayed-token-000000"}))
    assert [each.code for each in no_credential_is_revealed(Exchange(asking, recorded))] == ["PRE608"]


def test_that_an_answer_repeats_a_credential_in_a_header_that_is_not_kept_is_kept() -> None:
    asked = request(headers=Headers({"X-Auth-Token": TOKEN}))
    recorded = Redaction(CREDENTIALS).response(marked(asked, Response(200, Headers({"X-Debug": f"sent: {TOKEN}"}))))
    assert recorded.headers.pairs == ((HEADER, "X-Auth-Token"),)


def test_each_credential_has_its_own_stand_in_and_other_secrets_have_none() -> None:
    redaction = Redaction(CREDENTIALS, also=["another-secret"])
    text = f"{TOKEN}, the-access-key, the-secret, tmp, another-secret"
    assert redaction.text(text) == (
        "replayed-token-000000, replayed-access-key-000000, replayed-secret-key-000000, replayed-temporary-000000, ***"
    )


@pytest.mark.parametrize("secret", ["replayed", "000000", "replayed-token-000000x", "-token-0"])
def test_a_credential_that_is_like_a_stand_in_is_gone_all_the_same(secret: str) -> None:
    redaction = Redaction(Credentials(token=Secret(secret), access_key=Secret("the-access-key")))
    shown = redaction.text(f"<{secret}> the-access-key")
    assert secret not in shown
    assert redaction.text(shown) == shown


def test_no_stand_in_looks_like_a_secret_even_where_a_secret_would() -> None:
    for stand_in in REPLAY_CREDENTIALS.secrets:
        for text in (stand_in, f"X-Auth-Token: {stand_in}.", f"password={stand_in}", f"Bearer {stand_in}"):
            assert list(sightings(text)) == []
    assert REPLAY_CREDENTIALS.names == ("token", "access_key", "secret_key", "security_token")


def test_a_response_that_holds_a_credential_is_known_by_it(redaction: Redaction) -> None:
    assert redaction.found_in(Response(200, Headers({"Server": "the-secret"})))
    assert redaction.found_in(Response(200, Headers(), TOKEN.encode()))
    assert not redaction.found_in(Response(200, Headers({"Server": "x"}), b'{"password": "another"}'))


def test_a_redaction_does_not_show_its_secrets() -> None:
    assert repr(Redaction(CREDENTIALS)) == "<Redaction>"


# ---- pseudonyms


def test_ids_have_stand_ins_everywhere_and_what_is_made_from_them_too() -> None:
    stand_ins = Pseudonyms([ID, "05495693df80d3c92fa1c01795c2be02"])
    redaction = Redaction(Credentials(), pseudonyms=stand_ins)
    other, project = stand_ins.text(ID), stand_ins.text("05495693df80d3c92fa1c01795c2be02")
    unknown, of_other = f"{ID[:-1]}0", f"{other[:-1]}0"
    order = {"spec": {"clusterID": unknown, "addonList": [{"addonInstanceID": ID.upper(), "values": {"x": ID}}]}}
    sent = request(
        path=list_path("05495693df80d3c92fa1c01795c2be02", unknown),
        query=f"type=addonStatic&task_id={''.join(f'%{ord(letter):02x}' for letter in ID[:18])}",
        body=json.dumps(order).encode(),
    )
    shown = redaction.request(sent)
    assert shown.path == list_path(project, of_other)
    assert shown.params == (("type", "addonStatic"), ("task_id", other[:18]))
    assert len(shown.query) == len(sent.query)
    addon = {"addonInstanceID": other.upper(), "values": {"x": other}}
    assert json.loads(shown.body) == {"spec": {"clusterID": of_other, "addonList": [addon]}}
    answer = Response(404, Headers({"Location": f"/x/{ID}"}), json.dumps({"errorMessage": f"no task {ID}"}).encode())
    assert redaction.response(answer).headers.pairs == (("Location", f"/x/{other}"),)
    assert json.loads(redaction.response(answer).body) == {"errorMessage": f"no task {other}"}
    assert redaction.text(f"lost {ID}") == f"lost {other}"
