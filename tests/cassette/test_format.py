"""The file: it gives back what was recorded, is the same for the same, and says where it stops being a cassette."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.cassette.format import Cassette, Failure, Recording, dumps, loads
from pytest_cce_precheck.errors import CassetteCorruptError, TransportReason
from pytest_cce_precheck.wire.body import MAX_DEPTH
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from tests.recordings import ENDPOINT, answered, asked, cassette, failed, origin

if TYPE_CHECKING:
    from collections.abc import Callable

# what might be taken for the layout of the file
LOOKALIKES = [
    ": ",
    '": ',
    '",\n        "body": {\n          "json": ',
    "\n        }",
    "\n    },\n    {\n",
    '\n  "recordings": [\n    {\n',
    "\\",
    '\\"',
    "\n",
    "\r\n",
    "   ",
    "é\u2028😀",
    "***",
]
texts = st.text(max_size=8) | st.sampled_from(LOOKALIKES)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
bodies = (
    st.binary(max_size=20)
    | texts.map(str.encode)
    | documents.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    | documents.map(lambda value: json.dumps(value, indent=2).encode())
)
header_lists = st.lists(st.tuples(st.sampled_from(["Via", "Content-Type", "X-Request-Id"]), texts), max_size=4)
headers = header_lists.map(lambda pairs: Headers(sorted(pairs, key=lambda pair: pair[0])))
requests = st.builds(
    Request, st.sampled_from(["GET", "POST"]), st.sampled_from([ENDPOINT, "https://other.example"]), texts, texts,
    headers, bodies,
)  # fmt: skip
outcomes = st.builds(Response, st.integers(100, 999), headers, bodies) | st.builds(
    Failure, st.sampled_from(get_args(TransportReason)), texts
)
recordings = st.builds(Recording, requests, outcomes, st.booleans())

LAYOUTS: dict[str, Callable[[Any], str]] = {
    "one line": json.dumps,
    "no blanks": lambda document: json.dumps(document, separators=(",", ":")),
    "wide": lambda document: json.dumps(document, indent=4),
    "turned round": lambda document: json.dumps(dict(reversed(document.items())), indent=2),
    "by lines, as it is written": lambda document: json.dumps(document, indent=2, separators=(",", ":")) + "\n",
    "without the last line end": lambda document: json.dumps(document, indent=2, separators=(",", ":")),
}


def content(recording: Recording) -> Any:
    """Return everything that a recording holds, headers as they are spelt and repeated."""
    request, outcome = recording.request, recording.outcome
    answer = (outcome.status, outcome.headers.pairs, outcome.body) if isinstance(outcome, Response) else outcome
    return replace(request, headers=Headers()), request.headers.pairs, answer, recording.repeats


def contents(kept: Cassette) -> list[Any]:
    for number, recording in enumerate(kept):
        assert kept.request(number) == recording.request
    return [content(recording) for recording in kept]


def written(*kept: Recording, sealed: bool = True) -> str:
    return dumps(origin(), kept, redacted=sealed)


def corrupt(text: str) -> str:
    """Return what is said of a text that is no cassette, or of its first recording that is none."""
    with pytest.raises(CassetteCorruptError) as raised:
        list(loads(text, "tasks.json"))
    return str(raised.value)


# ---- what is written comes back


@given(kept=st.lists(recordings, max_size=4), sealed=st.booleans())
@example(kept=[answered(body=b'{"a":": b"}')], sealed=True)
@example(kept=[answered(body=b'{": a":{}}'), answered(body=b'[": ",[],{}]')], sealed=True)
def test_what_was_recorded_comes_back_and_is_written_again_as_the_same_file(
    kept: list[Recording], *, sealed: bool
) -> None:
    text = written(*kept, sealed=sealed)
    read = loads(text, "tasks.json")
    assert contents(read) == [content(recording) for recording in kept]
    assert dumps(read.origin, list(read), redacted=sealed) == text


@given(st.lists(recordings, max_size=3), st.sampled_from(sorted(LAYOUTS)))
def test_any_other_layout_of_the_same_json_reads_alike(kept: list[Recording], layout: str) -> None:
    text = written(*kept)
    assert contents(loads(LAYOUTS[layout](json.loads(text)), "tasks.json")) == contents(loads(text, "tasks.json"))


def test_a_body_as_deep_as_can_be_reads_alike_in_any_layout() -> None:
    body = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    text = written(answered(body=body))
    for layout in LAYOUTS.values():
        [recording] = loads(layout(json.loads(text)), "tasks.json")
        assert isinstance(recording.outcome, Response)
        assert recording.outcome.body == body


def test_the_origin_comes_back() -> None:
    whole = origin(
        source="har", test="test_a.py::test_b", project_id="p", cluster_id="c", credentials=("token",),
        pseudonyms=True, notes={"questions": {"drawn": [{"query": "é=\ud800"}]}},
    )  # fmt: skip
    assert loads(dumps(whole, []), "tasks.json").origin == whole
    assert loads(dumps(origin(), []), "tasks.json").origin == origin()


def test_the_time_is_written_in_utc_to_the_second() -> None:
    there = datetime(2026, 1, 2, 5, 4, 5, 999999, tzinfo=timezone(timedelta(hours=2)))
    text = dumps(origin(recorded_at=there), [])
    assert '"recorded_at":"2026-01-02T03:04:05Z"' in text
    assert loads(text, "tasks.json").origin.recorded_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_file_is_made_to_be_read_and_compared_by_people() -> None:
    via = Headers([("Via", "a"), ("Content-Type", "application/json"), ("Via", "b")])
    recording = Recording(asked("type=addonStatic"), Response(200, via, '{"kind":"é"}'.encode()), repeats=True)
    assert dumps(origin(), [recording]).splitlines() == [
        "{",
        '  "cassette":1,',
        '  "tool":"a test",',
        '  "recorded_at":"2026-01-02T03:04:05Z",',
        f'  "endpoint":"{ENDPOINT}",',
        '  "source":"record",',
        '  "pseudonyms":false,',
        '  "recordings":[',
        "    {",
        '      "request":{',
        '        "method":"GET",',
        '        "path":"/api/v3/projects/p/clusters/c/addons/precheck/tasks",',
        '        "query":"type=addonStatic",',
        '        "headers":{',
        '          "Content-Type":"application/json"',
        "        }",
        "      },",
        '      "response":{',
        '        "status":200,',
        '        "headers":{',
        '          "Via":[',
        '            "a",',
        '            "b"',
        "          ],",
        '          "Content-Type":"application/json"',
        "        },",
        '        "body":{',
        '          "json":{',
        '            "kind":"é"',
        "          }",
        "        }",
        "      },",
        '      "repeats":true',
        "    }",
        "  ]",
        "}",
    ]


def test_a_failure_has_its_reason_and_its_words() -> None:
    [recording] = cassette(failed(reason="tls", detail="the TLS connection failed: expired"))
    assert recording.outcome == Failure("tls", "the TLS connection failed: expired")
    assert recording.exchange is None


def test_an_answer_is_an_exchange() -> None:
    [recording] = cassette(answered("type=x", b'{"items":[]}'))
    assert recording.exchange is not None
    assert (recording.exchange.request.query, recording.exchange.document) == ("type=x", {"items": []})


# ---- the seal


def test_only_what_is_as_it_was_written_is_sealed() -> None:
    text = written(answered(), answered("type=x"))
    assert loads(text, "").sealed
    assert not loads(dumps(origin(), [answered()]), "").sealed
    assert not loads(text.replace('"type=x"', '"type=y"'), "").sealed
    assert not loads(text.replace('"seal":"1:', '"seal":"0:'), "").sealed
    assert not loads(json.dumps(json.loads(text)), "").sealed


# ---- read when it is asked for


@pytest.mark.parametrize("place", ['"path"', '"status"', '"json"', '"kind"'])
def test_a_spoilt_recording_is_named_and_the_others_are_still_there(place: str) -> None:
    text = written(*(answered(f"type={name}", b'{"kind":1}') for name in "abc"))
    second = text.index(place, text.index(place) + 1)
    kept = loads(f"{text[:second]}?{text[second:]}", "tasks.json")
    assert [kept.recording(number).request.query for number in (0, 2)] == ["type=a", "type=c"]
    with pytest.raises(CassetteCorruptError, match=r"^recording 2 of tasks.json cannot be read: .*; record it again$"):
        kept.recording(1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"request": None}, "NoneType"),
        ({"request": {"path": "/", "query": ""}}, "'method'"),
        ({"request": {"method": "GET", "path": 5}}, "a request's method, endpoint, path and query are texts"),
        ({"response": {}}, "'status' is missing"),
        ({"response": {"status": "200"}}, "a response's status is a number of three digits"),
        ({"response": {"status": 99}}, "a response's status is a number of three digits"),
        ({"response": {"status": 200, "headers": []}}, "list"),
        ({"response": {"status": 200, "headers": {"Via": 5}}}, "int"),
        ({"response": {"status": 200, "body": {"json": {}, "style": 5}}}, "a JSON body's style is one of compact, "),
        ({"response": {"status": 200, "body": "{}"}}, "str"),
        ({"response": {"status": 200, "body": {}}}, "a body has one of json, text and base64"),
        ({"response": {"status": 200, "body": {"text": "\ud800"}}}, "surrogates not allowed"),
        ({"response": {"status": 200, "body": {"base64": "?"}}}, "its Base64 cannot be read"),
        ({"failure": {"reason": "gone", "detail": ""}}, "a failure's reason is one of unreachable, "),
        ({"failure": {"reason": "timeout"}}, "'detail' is missing"),
        ({"failure": 5}, "int"),
    ],
)
def test_what_is_no_recording_is_said_with_its_number_in_any_layout(changes: dict[str, Any], told: str) -> None:
    document = json.loads(written(answered(), answered(), sealed=False))
    document["recordings"][1].update(changes)
    for layout in LAYOUTS.values():
        message = corrupt(layout(document))
        assert message.startswith("recording 2 of tasks.json cannot be read: ")
        assert told in message


@pytest.mark.parametrize("part", [5, None, "GET /", [], [5]])
def test_what_is_no_object_is_no_recording(part: Any) -> None:
    document = json.loads(written())
    document["recordings"] = [part]
    assert corrupt(json.dumps(document)).startswith("recording 1 of tasks.json cannot be read: ")


# ---- what is no cassette at all


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "tasks.json is not a cassette: Expecting value: line 1 column 1"),
        ("cassette: 1", "tasks.json is not a cassette: "),
        ("<html></html>", "tasks.json is not a cassette: "),
        (
            "[]",
            'tasks.json is not a cassette: it has no "cassette": 1; HAR files and cassettes of vcrpy are',
        ),
        (
            '{"log": {"entries": []}}',
            'it has no "cassette": 1; HAR files and cassettes of vcrpy are',
        ),
        ('{"cassette": 2}', "tasks.json is a cassette of version 2, and this tool reads version 1: install a newer"),
        ('{"cassette": "1"}', "tasks.json is a cassette of version '1'"),
        ("[" * 100_000, "tasks.json is not a cassette: it nests too deep; record it again"),
        ('{"a":' * 100_000, "tasks.json is not a cassette: it nests too deep; record it again"),
    ],
)
def test_what_is_no_cassette_is_said_with_the_way_out(text: str, told: str) -> None:
    assert told in corrupt(text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"recordings": ...}, "its recordings are missing"),
        ({"recordings": {}}, "its recordings are missing"),
        ({"recorded_at": ...}, "'recorded_at' is missing"),
        ({"recorded_at": "yesterday"}, "'yesterday' does not match format"),
        ({"recorded_at": 5}, "must be str"),
        ({"endpoint": ...}, "endpoint"),
        ({"endpoint": None}, "its endpoint is None"),
        ({"tool": 5}, "its tool is 5"),
        ({"test": []}, "its test is []"),
        ({"project_id": 5}, "its project_id is 5"),
        ({"credentials": 5}, "its credentials is 5"),
        ({"credentials": "token"}, "its credentials is 'token'"),
        ({"credentials": [5]}, "its credentials is [5]"),
        ({"pseudonyms": "yes"}, "its pseudonyms is 'yes'"),
        ({"notes": []}, "its notes is []"),
    ],
)
def test_a_head_that_cannot_be_read_is_said_member_by_member(changes: dict[str, Any], told: str) -> None:
    document = json.loads(written(answered()))
    for name, value in changes.items():
        document.pop(name, None)
        if value is not ...:
            # before the recordings, where it is written
            document = {name: value, **document}
    for layout in LAYOUTS.values():
        message = corrupt(layout(document))
        assert told in message
        assert message.startswith("tasks.json is not a cassette: ")
        assert message.endswith("; record it again")


def test_a_file_that_was_cut_anywhere_is_never_taken_for_a_whole_one() -> None:
    text = written(answered("type=a", b'{"items":[]}'), failed())
    # the last line end alone is no loss
    for length in range(len(text) - 1):
        assert "tasks.json" in corrupt(text[:length])


def test_what_a_merge_left_unfinished_is_said_as_what_it_is() -> None:
    text = written(answered())
    line = text.index('        "status"')
    marked = f"{text[:line]}<<<<<<< HEAD\n{text[line:]}"
    assert "tasks.json has the markers of an unfinished merge" in corrupt(marked)
