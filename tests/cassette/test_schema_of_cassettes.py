"""schemas/cassette.json: every cassette that is written meets it, and what is no cassette does not."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any, Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_cce_precheck.cassette.bodies import as_bytes, as_data
from pytest_cce_precheck.cassette.format import Failure, Origin, Recording, dumps
from pytest_cce_precheck.errors import TransportReason
from pytest_cce_precheck.schema_files import CASSETTE, load_schema
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from tests.contract.documents import drop, put
from tests.recordings import ENDPOINT, answered, asked, failed, origin
from tests.schemas import schema_names

SCHEMA: Final = load_schema(CASSETTE)
VALIDATOR: Final = Draft202012Validator(SCHEMA)
EVERYTHING: Final = origin(
    source="har",
    test="test_a.py::test_b",
    project_id="p",
    cluster_id="c",
    credentials=tuple(field.name for field in fields(Credentials)),
    pseudonyms=True,
    notes={"questions": {}},
)

texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
bodies = (
    st.binary(max_size=20)
    | documents.map(lambda value: json.dumps(value).encode())
    | documents.map(lambda value: json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
)
headers = st.lists(st.tuples(st.sampled_from(["Via", "Content-Type", "X-Request-Id"]), texts), max_size=4).map(Headers)
requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.sampled_from([ENDPOINT, "http://127.0.0.1:4711"]),
    texts.map("/{}".format),
    texts,
    headers,
    bodies,
)
outcomes = st.builds(Response, st.integers(100, 999), headers, bodies) | st.builds(
    Failure, st.sampled_from(get_args(TransportReason)), texts
)
recordings = st.builds(Recording, requests, outcomes, st.booleans())


def cassette() -> Any:
    """Return a cassette that has everything that one can have."""
    answer = Response(200, Headers([("Via", "a"), ("Via", "b")]), b'{"kind": 1}\n')
    kept = [
        Recording(asked(method="POST", body=b'{"kind":"AddonCheck"}'), answer, repeats=True),
        Recording(Request("GET", "https://other.example", "/"), Response(502, Headers(), b"<html>")),
        answered(body=b"\xff"),
        failed(),
    ]
    return json.loads(dumps(EVERYTHING, kept, redacted=True))


def nodes(node: Any) -> list[dict[str, Any]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [*([node] if isinstance(node, dict) else []), *(each for child in children for each in nodes(child))]


# ---- the schema


def test_it_is_valid_and_no_part_of_the_contract() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == "https://pytest-cce-precheck.example/schemas/cassette.json"
    assert CASSETTE not in schema_names()
    assert [VALIDATOR.is_valid(each) for each in SCHEMA["examples"]] == [True]


def test_everything_that_it_names_is_described_and_nothing_is_combined() -> None:
    schema = {name: part for name, part in SCHEMA.items() if name != "examples"}
    for node in nodes(schema):
        assert not {"oneOf", "anyOf", "allOf", "not"} & node.keys()
        for name, part in node.get("properties", {}).items():
            assert part.get("description"), name


def test_it_knows_the_same_words_as_the_code() -> None:
    assert SCHEMA["properties"].keys() - {"cassette", "seal", "recordings"} == {field.name for field in fields(Origin)}
    kinds = SCHEMA["properties"]["credentials"]["items"]["enum"]
    assert kinds == [field.name for field in fields(Credentials)]
    reasons = SCHEMA["properties"]["recordings"]["items"]["properties"]["failure"]["properties"]["reason"]["enum"]
    assert reasons == list(get_args(TransportReason))


def test_it_knows_every_style_of_json_and_no_other() -> None:
    for style in SCHEMA["$defs"]["body"]["properties"]["style"]["enum"]:
        assert as_bytes({"json": {}, "style": style})
    with pytest.raises(ValueError, match="a JSON body's style is one of") as refusal:
        as_bytes({"json": {}, "style": "wide"})
    names = re.search("is one of (.*), each with", str(refusal.value))
    assert names
    styles = [style for name in names[1].split(", ") for style in (name, f"{name} line")]
    assert sorted(SCHEMA["$defs"]["body"]["properties"]["style"]["enum"]) == sorted(styles)


# ---- what is written meets it


@given(st.lists(recordings, max_size=4), st.booleans())
def test_whatever_is_written_meets_it(kept: list[Recording], sealed: bool) -> None:
    for where in (origin(), EVERYTHING):
        VALIDATOR.validate(json.loads(dumps(where, kept, redacted=sealed)))


def test_the_cassette_that_has_everything_has_every_property() -> None:
    document = cassette()
    VALIDATOR.validate(document)
    assert document.keys() == SCHEMA["properties"].keys()
    of_recordings = SCHEMA["properties"]["recordings"]["items"]["properties"]
    used = [document["recordings"][0], document["recordings"][1]["request"], document["recordings"][3]]
    assert used[0].keys() | used[2].keys() == of_recordings.keys()
    assert used[0]["request"].keys() | used[1].keys() == of_recordings["request"]["properties"].keys()
    forms = {key for each in document["recordings"] for key in each.get("response", {}).get("body", {})}
    assert forms == SCHEMA["$defs"]["body"]["properties"].keys()


# ---- what is no cassette does not

FIRST: Final = ("recordings", 0)
ANSWER: Final = (*FIRST, "response")
LAST: Final = ("recordings", 3)


@pytest.mark.parametrize(
    "mistake",
    [
        [],
        {},
        drop(cassette(), "cassette"),
        drop(cassette(), "recordings"),
        drop(cassette(), "endpoint"),
        drop(cassette(), *FIRST, "request"),
        drop(cassette(), *ANSWER),
        drop(cassette(), *ANSWER, "status"),
        drop(cassette(), *LAST, "failure", "reason"),
        put(cassette(), "cassette", 2),
        put(cassette(), "cassette", "1"),
        put(cassette(), "recorded_at", "2026-01-02 03:04:05"),
        put(cassette(), "recorded_at", "2026-01-02T03:04:05+00:00"),
        put(cassette(), "endpoint", "https://cce.recorded.example/api"),
        put(cassette(), "credentials", ["password"]),
        put(cassette(), "credentials", "token"),
        put(cassette(), "pseudonyms", "yes"),
        put(cassette(), "seal", "1:abc"),
        put(cassette(), "author", "x"),
        put(cassette(), "recordings", {}),
        put(cassette(), *FIRST, "repeats", False),
        put(cassette(), *FIRST, "failure", {"reason": "timeout", "detail": ""}),
        put(cassette(), *FIRST, "comment", "x"),
        put(cassette(), *LAST, "failure", "reason", "tired"),
        put(cassette(), *LAST, "failure", "detail", None),
        put(cassette(), *LAST, "response", {"status": 200, "headers": {}}),
        put(cassette(), *ANSWER, "status", 0),
        put(cassette(), *ANSWER, "status", "200"),
        put(cassette(), *ANSWER, "headers", [["Via", "a"]]),
        put(cassette(), *ANSWER, "headers", {"Via": ["a"]}),
        put(cassette(), *ANSWER, "headers", {"Via": 1}),
        put(cassette(), *ANSWER, "body", {}),
        put(cassette(), *ANSWER, "body", "{}"),
        put(cassette(), *ANSWER, "body", {"json": {}, "text": "{}"}),
        put(cassette(), *ANSWER, "body", {"json": {}, "style": "wide"}),
        put(cassette(), *ANSWER, "body", {"text": "x", "style": "spaced"}),
        put(cassette(), *ANSWER, "body", {"base64": "***"}),
        put(cassette(), *FIRST, "request", "query", None),
        put(cassette(), *FIRST, "request", "method", ""),
    ],
    ids=lambda value: None,
)
def test_a_mistake_does_not_meet_it(mistake: Any) -> None:
    assert not VALIDATOR.is_valid(mistake)


@given(as_data_of=bodies.filter(bool))
def test_a_body_in_any_form_meets_it(as_data_of: bytes) -> None:
    VALIDATOR.evolve(schema={**SCHEMA["$defs"]["body"]}).validate(as_data(as_data_of))
