"""Cassettes of vcrpy: what real ones hold is taken in, and loading one runs nothing."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_cce_precheck.cassette.importers.vcr import from_vcr, is_vcr, load_yaml
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.wire.body import MAX_BYTES
from pytest_cce_precheck.wire.exchange import Response
from tests.contract.documents import drop, put
from tests.recordings import ENDPOINT, PATH

FOLDER: Final = Path(__file__).parents[2] / "data" / "recordings"
# by vcrpy 4.4.0 with compressed bodies as !!binary, by 9.4.2 with texts, and by its JSON serializer
REAL: Final = ("vcrpy-4.yaml", "vcrpy-9.yaml", "vcrpy-9.json")


def taken_from(name: str) -> Any:
    text = (FOLDER / name).read_text()
    document = json.loads(text) if name.endswith(".json") else load_yaml(text, name)
    assert is_vcr(document)
    return from_vcr(document, name)


def interaction(**changes: Any) -> dict[str, Any]:
    """Return an interaction with the fewest fields that hold a call."""
    return {
        "request": {"method": "GET", "uri": f"{ENDPOINT}{PATH}", "body": None, "headers": {}},
        "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": "{}"}},
        **changes,
    }


def kept(*interactions: Any, version: int = 1) -> dict[str, Any]:
    return {"version": version, "interactions": list(interactions)}


def body_of(body: Any, **headers: list[str]) -> bytes:
    """Return the body that is read from an interaction whose answer keeps it as ``body``."""
    named = {name.replace("_", "-"): values for name, values in headers.items()}
    answer = {"status": {"code": 200}, "headers": named, "body": body}
    [recording] = from_vcr(kept(interaction(response=answer)), "old.yaml").recordings
    return bytes(recording.outcome.body)


def refusal(document: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        from_vcr(document, "old.yaml")
    return str(raised.value)


# ---- real ones


@pytest.mark.parametrize("name", REAL)
def test_what_vcrpy_wrote_is_taken_in_whole(name: str) -> None:
    taken = taken_from(name)
    assert (taken.source, len(taken.recordings), taken.left_out) == ("vcr", 5, 1)
    assert taken.recorded_at.date() == datetime(2026, 11, 24, tzinfo=UTC).date()
    exchanges = [recording.exchange for recording in taken.recordings]
    assert [(each.request.method, each.status) for each in exchanges] == [
        *(("GET", 200), ("GET", 200), ("GET", 200), ("GET", 401), ("POST", 201)),
    ]
    assert exchanges[2].request.query == "addon_instance_id=%E6%8F%92+x"
    assert exchanges[4].request.body.startswith(b'{"kind": "AddonCheck"')
    for each in exchanges:
        assert {"content-encoding", "content-length", "transfer-encoding"} & set(each.response.headers) == set()
        assert [found.code for found in check(each) if found.severity is Severity.ERROR] == []


def test_text_and_compressed_octets_of_the_same_answer_are_one() -> None:
    [octets, *_], [text, *_] = (taken_from(name).recordings for name in REAL[:2])
    tasks = [each.outcome.document["items"][0]["metadata"] for each in (octets, text)]
    assert [task["addonTemplateName"] for task in tasks] == ["coredns", "coredns"]


# ---- the forms of a body


@pytest.mark.parametrize(
    "body",
    [
        {"string": "{}"},
        {"string": b"{}"},
        {"base64_string": base64.b64encode(b"{}").decode(), "encoding": "UTF-8"},
        {"base64_string": f"{base64.b64encode(b'{}').decode()}\n", "encoding": "ASCII-8BIT"},
        {"string": "{}", "encoding": "UTF-8"},
        "{}",
        b"{}",
    ],
)
def test_a_body_is_read_in_each_form_that_there_is(body: Any) -> None:
    assert body_of(body) == b"{}"


@pytest.mark.parametrize("body", [None, {"string": None}, {}, {"string": ""}])
def test_no_body_is_an_empty_one(body: Any) -> None:
    assert body_of(body) == b""


def test_what_httpx_left_is_read_too() -> None:
    answer = {"status_code": 404, "http_version": "HTTP/1.1", "headers": {"a": "b"}, "content": "{}"}
    [recording] = from_vcr(kept(interaction(response=answer)), "old.yaml").recordings
    assert (recording.outcome.status, recording.outcome.body) == (404, b"{}")
    assert recording.outcome.headers.pairs == (("a", "b"),)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"{}")),
        ("deflate", zlib.compress(b"{}")),
        ("deflate", b"{}"),
        ("GZIP", b"{}"),
        ("br", b"{}"),
        ("identity", b"{}"),
    ],
    ids=["gzip", "deflate", "deflate, decoded already", "decoded already", "another, decoded already", "none"],
)
def test_a_compressed_body_is_decoded_if_it_is_not_yet(coding: str, body: bytes) -> None:
    assert body_of({"string": body}, Content_Encoding=[coding]) == b"{}"


def test_a_header_that_came_twice_stays_two() -> None:
    answer = put(interaction()["response"], "headers", {"Via": ["a", "b"], "X-Count": 3})
    [recording] = from_vcr(kept(interaction(response=answer)), "old.yaml").recordings
    assert recording.outcome.headers.pairs == (("Via", "a"), ("Via", "b"), ("X-Count", "3"))


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_without_a_date_it_is_not_known_when_it_was_recorded(date: str | None) -> None:
    headers = {} if date is None else {"Date": [date]}
    assert from_vcr(kept(put(interaction(), "response", "headers", headers)), "old.yaml").recorded_at is None


def test_a_date_without_a_zone_is_in_utc() -> None:
    headers = {"Date": ["Tue, 24 Nov 2026 04:00:52 -0000"]}
    taken = from_vcr(kept(put(interaction(), "response", "headers", headers)), "old.yaml")
    assert taken.recorded_at == datetime(2026, 11, 24, 4, 0, 52, tzinfo=UTC)


# ---- what cannot be used


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (kept(version=2), "its version is '2'; expected 1"),
        ({"interactions": {}}, "its interactions is an object; expected an array"),
        (kept("x"), "its request is missing; expected an object"),
        (kept(drop(interaction(), "request", "uri")), "its uri is missing; expected a text"),
        (kept(drop(interaction(), "response")), "its response is missing; expected an object"),
        (kept(drop(interaction(), "response", "status")), "its status is missing; expected an object"),
        (
            kept(put(interaction(), "response", "status", "code", 0)),
            "its status is '0'; expected a number of three digits",
        ),
        (kept(put(interaction(), "response", "status", "code", "200")), "its code is '200'; expected a number"),
        (kept(put(interaction(), "response", "headers", [])), "its headers is an array; expected an object"),
        (
            kept(put(interaction(), "response", "headers", {"Via": [{}]})),
            "its header Via is an object; expected a text",
        ),
        (kept(put(interaction(), "response", "body", [1])), "its body is an array; expected a text or octets"),
        (kept(put(interaction(), "response", "body", {"base64_string": "a"})), "its body is not valid Base64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cassette_that_cannot_be_used_is_refused_in_one_line(document: Any, said: str) -> None:
    text = refusal(document)
    assert "old.yaml cannot be imported: " in text
    assert said in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("br", b"\x0b\x02\x80\xff", "its body is compressed (br): record it with decode_compressed_response=True"),
        ("gzip", gzip.compress(b"{}" * 100)[:-20], "its compressed body ends too early"),
        ("gzip", gzip.compress(b"\0" * (MAX_BYTES + 1), 1), "its body is larger than 33,554,432 bytes"),
    ],
    ids=["unknown coding", "cut", "bomb"],
)
def test_a_body_that_cannot_be_decoded_is_refused(coding: str, body: bytes, said: str) -> None:
    answer = {"status": {"code": 200}, "headers": {"Content-Encoding": [coding]}, "body": {"string": body}}
    assert said in refusal(kept(interaction(response=answer)))


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [exit 1]",
        "!!python/name:os.system",
        "!!python/object:builtins.object {}",
        "!own x",
    ],
)
def test_yaml_that_would_run_code_is_refused_and_runs_none(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.system", lambda _: pytest.fail("it ran"))
    with pytest.raises(ConfigurationError) as raised:
        load_yaml(f"version: 1\ninteractions:\n- {tag}\n", "old.yaml")
    text = str(raised.value)
    assert text.startswith("old.yaml, line 3 cannot be imported: could not determine a constructor for the tag")
    assert text.endswith("only data is read, nothing that would run code")
    assert "\n" not in text


def test_a_few_lines_that_mean_a_billion_texts_are_no_danger() -> None:
    levels = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 12)]
    request = "{method: GET, uri: 'https://cce.example/addons/precheck/tasks', headers: {Via: *x11}}"
    text = "\n".join(["x0: &x0 [lol]", *levels, "version: *x11", f"interactions: [{{request: {request}}}]"])
    assert "its version is an array; expected 1" in refusal(load_yaml(text, "old.yaml"))
    assert "its header Via is an array" in refusal({**load_yaml(text, "old.yaml"), "version": 1})


@pytest.mark.parametrize(
    "text", ["a: [", "a: 'x", "\x00", "@", "a: 2026-13-45", "- " * 50_000, "[" * 50_000, "&a [*a, *b]", "\ta: b"]
)
def test_a_text_that_is_no_yaml_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_yaml(text, "old.yaml")
    assert str(raised.value).startswith("old.yaml is neither JSON nor YAML")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("status", [100, 999])
def test_every_status_of_three_digits_is_taken_in(status: int) -> None:
    answer = {"status": {"code": status}, "headers": {}, "body": None}
    [recording] = from_vcr(kept(interaction(response=answer)), "old.yaml").recordings
    assert isinstance(recording.outcome, Response)
    assert recording.outcome.status == status


def test_a_browsers_question_whether_it_may_call_is_left_out() -> None:
    asked = {"method": "OPTIONS", "uri": f"{ENDPOINT}{PATH}", "body": None, "headers": {}}
    taken = from_vcr(kept(interaction(request=asked), interaction()), "old.yaml")
    assert (len(taken.recordings), taken.left_out, taken.recorded_at) == (1, 1, None)


def test_a_body_that_is_not_coded_is_taken_in_as_it_is() -> None:
    assert body_of("é\ud800", Content_Encoding=["identity"]) == b"\xc3\xa9\xed\xa0\x80"
    assert body_of(b"\xff", Content_Encoding=["identity"]) == b"\xff"
    assert body_of(b"\xff") == b"\xff"


def test_what_is_called_gzip_and_is_none_any_more_is_taken_in_as_it_is() -> None:
    assert body_of(b"x\x9c\xffplain", Content_Encoding=["gzip"]) == b"x\x9c\xffplain"
    assert body_of(zlib.compress(b"plain"), Content_Encoding=["gzip"]) == zlib.compress(b"plain")
