"""What is kept of a recorded call, what is masked, and that all which is kept keeps its very bytes."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.redaction.documents import is_known, redacted
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms, folded
from pytest_cce_precheck.redaction.recordings import (
    PROBES,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
    Redaction,
)
from pytest_cce_precheck.redaction.scan import leaks
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Response
from pytest_cce_precheck.wire.vocabulary import Filter, create_path, list_path
from tests.contract.answers import example as documented_example
from tests.look_alikes import MAKERS
from tests.schemas import schema_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

from tests.redaction.redacted import CREDENTIALS, ID, PATH, TOKEN, request


def body_after(redaction: Redaction, body: str) -> str:
    return redaction.response(Response(200, Headers(), body.encode())).body.decode()


# ---- headers


def test_of_a_request_s_headers_those_are_kept_that_say_what_is_asked_for(redaction: Redaction) -> None:
    kept = [("Accept", "application/json"), ("accept-encoding", "gzip"), ("Content-Type", "text/plain")]
    dropped = (
        "X-Auth-Token",
        "Authorization",
        "X-Security-Token",
        "Cookie",
        "X-Sdk-Date",
        "User-Agent",
        "X-Project-Id",
    )
    sent = request(headers=Headers([*kept, *((name, "v") for name in (*dropped, "Host", "X-New", TOKEN))]))
    assert redaction.request(sent).headers.pairs == tuple(kept)


def test_of_a_response_s_headers_those_are_kept_that_a_rule_or_a_person_reads(redaction: Redaction) -> None:
    kept = [
        ("Date", "d"),
        ("X-Request-Id", "r"),
        ("retry-after", "3"),
        ("Allow", "GET"),
        ("X-Precheck-Probe", "injected"),
    ]
    dropped = [(name, "v") for name in ("Set-Cookie", "X-Subject-Token", "X-New", "Via")]
    response = redaction.response(Response(200, Headers([*kept, *dropped])))
    assert response.headers.pairs == tuple(kept)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Location", "https://user:pass@iam.test/login?ticket=abc#x", "https://iam.test/login"),
        ("Location", "tasks/", "tasks/"),
        ("Location", f"/login/{quote(TOKEN, safe='')}", "/login/replayed-token-000000"),
        ("WWW-Authenticate", 'SDK-HMAC-SHA256 realm="x"', "SDK-HMAC-SHA256"),
        ("WWW-Authenticate", "Bearer", "Bearer"),
        ("WWW-Authenticate", 'realm="x"', "***"),
        ("Server", "password=abc1", "password=***"),
        ("Content-Type", f"text/html; t={TOKEN}", "text/html; t=replayed-token-000000"),
    ],
)
def test_the_value_of_a_header_that_is_kept_loses_its_secrets(
    redaction: Redaction, name: str, value: str, shown: str
) -> None:
    response = redaction.response(Response(302, Headers([(name, value)])))
    assert response.headers.pairs == ((name, shown),)
    assert redaction.response(response) == response


def test_every_header_that_is_kept_is_in_lower_case_and_none_holds_credentials() -> None:
    kept = REQUEST_HEADERS | RESPONSE_HEADERS
    assert {name.lower() for name in kept} == kept
    assert not {"authorization", "cookie", "set-cookie"} & kept
    assert not [name for name in kept if "token" in name]


# ---- path and query


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (PATH, PATH),
        (create_path("p", "%2A%25"), create_path("p", "%2A%25")),
        (f"/api/v3//projects/x/../clusters/{ID.upper()}/", f"/api/v3//projects/x/../clusters/{ID.upper()}/"),
        ("/api/v3/tasks/secret-name", "/api/v3/tasks/***"),
        ("/v3/auth/tokens", "/v3/***/***"),
        (list_path(TOKEN, "c"), list_path("replayed-token-000000", "c")),
        (list_path("c", "password=abc1"), list_path("c", "password=***").replace("%2A", "*")),
        ("", ""),
    ],
)
def test_of_a_path_the_documented_words_and_the_ids_are_kept(redaction: Redaction, path: str, shown: str) -> None:
    assert redaction.request(request(path=path)).path == shown
    assert redaction.request(request(path=shown)).path == shown


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type=addonStatic&task_id=a%20b+c%2f%C3%A9",
        "&type=x&&task_id=%38%63",
        "t%79pe=addonStatic&TASK-ID=&addonInstanceID",
        "task_id%5B%24ne%5D=x&task_id%5B%5D=y&type%5B%5D",
        "type=%FF%FE&type=%2525&type=100%",
        "&".join(f"{name}=1" for name in sorted(PROBES)),
        "&".join(f"precheck_probe_{number:02}=1" for number in range(60)),
    ],
)
def test_filters_and_probes_keep_their_very_spelling(redaction: Redaction, query: str) -> None:
    assert redaction.request(request(query=query)).query == query


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("owner=me&type=x&a", "masked=***&type=x&masked"),
        ("o%77ner=&type=x&%74oken=y", "masked=***&type=x&masked=***"),
        (f"type={quote(TOKEN, safe='')}&limit=1", "type=replayed-token-000000&limit=1"),
        (f"type=a%2520{quote(quote(TOKEN, safe=''), safe='')}", "type=a%2520replayed-token-000000"),
        ("type=x%26password%3Dabc1%26y", "type=x%26password%3D***%26y"),
        (f"type={''.join(f'%{octet:02x}' for octet in b'the-secret!')}", "type=replayed-secret-key-000000%21"),
        ("masked=***&masked", "masked=***&masked"),
    ],
)
def test_what_else_stands_in_a_query_is_masked_in_its_place(redaction: Redaction, query: str, shown: str) -> None:
    assert redaction.request(request(query=query)).query == shown
    assert redaction.request(request(query=shown)).query == shown


def test_an_id_that_looks_like_a_secret_is_left_to_the_scan(redaction: Redaction) -> None:
    key = MAKERS["access key id"](random.Random(1))
    sent = redaction.request(request(query=f"task_id={key}&type={key}"))
    assert sent.query == f"task_id={key}&type=***"
    body = body_after(redaction, json.dumps({"taskID": key, "message": key, "clusterID": TOKEN}))
    assert json.loads(body) == {"taskID": key, "message": "***", "clusterID": "replayed-token-000000"}
    assert [leak.kind for leak in leaks(body, CREDENTIALS)] == ["access key id"]


def test_every_filter_and_no_other_documented_name_is_a_parameter_that_is_kept() -> None:
    assert not {folded(name) for name in Filter} & {folded(name) for name in PROBES}


# ---- bodies


def test_the_vendor_s_own_examples_are_kept_to_the_byte(redaction: Redaction) -> None:
    for name in ("list", "create"):
        body = documented_example(name)
        assert redaction.response(Response(200, Headers(), body)).body is body


def test_every_field_of_the_calls_is_known() -> None:
    calls = ("list_answer", "create_request", "create_answer", "error_cce", "error_gateway")
    ours = {name for name in schema_names() if name.startswith(("driver", "corpus", "cassette"))}
    assert set(calls) < set(schema_names()) - ours
    for schema in set(schema_names()) - ours:
        assert [name for name in properties(load_schema(schema)) if not is_known(name)] == []
    assert not [name for name in ("token", "password", "labels", "id", "name", "data") if is_known(name)]


def properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, part in schema.items():
            yield from part if name == "properties" and isinstance(part, dict) else ()
            yield from properties(part) if name != "examples" else ()
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"kind": "A", "owner": "me", "size": 1.50}', '{"kind": "A", "masked_1": "***", "masked_2": 0}'),
        ('{"a":{"kind":["x",-1e5,null,true]},"a":{}}', '{"masked_1":{"masked_1":["***",0,null,true]},"masked_1":{}}'),
        ('[{"b":1},{"c":2,"b":""}]', '[{"masked_1":0},{"masked_1":0,"masked_2":"***"}]'),
        ('{"createTimestamp":"t","error_message":"e"}', '{"createTimestamp":"t","error_message":"e"}'),
        ('{"status":{"phase":"x","itemsStatus":[]}}', '{"status":{"phase":"x","itemsStatus":[]}}'),
        ('{"status":{"labels":{"a":"b"}}}', '{"status":{"masked_1":{"masked_1":"***"}}}'),
        (
            '{"values":{"a":[{"b":"c"}],"password":"p","ak":{"x":5}}}',
            '{"values":{"a":[{"b":"c"}],"password":"***","ak":{"masked_1":0}}}',
        ),
        ('{"t\\u0079pe":"\\u0061","x\\"y":"a\\nb"}', '{"t\\u0079pe":"\\u0061","masked_1":"***"}'),
        ('{"message":"\\u0074he-secret\\n\\u00e9"}', '{"message":"replayed-secret-key-000000\\n\\u00e9"}'),
        ('{"message":"é \\"the-secret\\""}', '{"message":"é \\"replayed-secret-key-000000\\""}'),
        ('{"message":"{\\"password\\":\\"abc\\"}"}', '{"message":"{\\"password\\":\\"***\\"}"}'),
    ],
)
def test_a_key_that_no_schema_knows_is_masked_with_its_value(redaction: Redaction, body: str, shown: str) -> None:
    assert body_after(redaction, body) == shown
    assert body_after(redaction, shown) == shown
    json.loads(shown)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"kind":"A","owner":"m', '{"kind":"A","masked_1":"***'),
        ('{"kind":"A","own', '{"kind":"A","masked_1'),
        ('{"kind":"A","kin', '{"kind":"A","kin'),
        ('{"items":[{"x', '{"items":[{"masked_1'),
        ('{"owner":["a","b', '{"masked_1":["***","***'),
        ('{"owner": tr', '{"masked_1": ***'),
        ('{"a":1,}]}{"b":2}', '{"masked_1":0,}]}{"masked_1":0}'),
        ('{"currentCount":NaN,"x":NaN}', '{"currentCount":NaN,"masked_1":NaN}'),
        ("{'kind': 'A', 'owner': 'me', 'n': None}", "{'kind': 'A', 'masked_1': '***', 'masked_2': None}"),
        (')]}\',\n{"kind":"A","owner":5}', ')]}\',\n{"kind":"A","masked_1":0}'),
        ('\ufeff{"owner":5}', '\ufeff{"masked_1":0}'),
        ('{"owner": secret words, "kind": x}', '{"masked_1": *** ***, "kind": x}'),
        ("<p>the-secret, password=abc1</p>", "<p>replayed-secret-key-000000, password=***</p>"),
        ("upstream said: tmp", "upstream said: replayed-temporary-000000"),
        ('{"message":"line\nbreak\x00"}', '{"message":"line\nbreak\x00"}'),
        ("", ""),
    ],
)
def test_what_is_broken_is_masked_as_far_as_it_goes(redaction: Redaction, body: str, shown: str) -> None:
    assert body_after(redaction, body) == shown
    assert body_after(redaction, shown) == shown


def test_a_body_keeps_its_encoding() -> None:
    redaction = Redaction(Credentials(token=Secret("gehéim-nis")))
    text, shown = '{"message":"é gehéim-nis","x":1}', '{"message":"é replayed-token-000000","masked_1":0}'
    for encoding in ("utf-8", "latin-1", "utf-16", "utf-8-sig"):
        response = redaction.response(Response(200, Headers(), text.encode(encoding)))
        assert response.body == shown.encode(encoding)
    broken = b'{"message":"\xff\xfe","x":"\xc3"}'
    assert redaction.response(Response(200, Headers(), broken)).body == b'{"message":"\xff\xfe","masked_1":"***"}'


pieces = st.lists(
    st.sampled_from(
        [
            *"{}[]:,\"'\\ \n*",
            *(
                "kind",
                "owner",
                "values",
                "taskID",
                "message",
                "1.5",
                "null",
                "NaN",
                '"kind":',
                '"owner":',
                "\\u00e9",
                "é",
            ),
            *("the-secret", "password=", "token", TOKEN, "masked_1", '{"values":{', "'a':", "\\\\", '\\"'),
        ]
    ),
    max_size=14,
).map("".join)


@given(pieces)
@example('{"the-secret": "')
@example("'" + TOKEN + "':\"")
def test_a_body_redacted_twice_is_redacted_once_and_holds_no_secret(text: str) -> None:
    redaction = Redaction(CREDENTIALS)
    once = redaction.response(Response(200, Headers(), text.encode()))
    assert redaction.response(once) == once
    assert b"the-secret" not in once.body
    assert TOKEN.encode() not in once.body


@given(pieces, st.sampled_from(["type", "task_id", "x", ""]))
def test_a_request_redacted_twice_is_redacted_once(text: str, name: str) -> None:
    redaction = Redaction(CREDENTIALS, pseudonyms=Pseudonyms([ID]))
    spelt = quote(text, safe='":,{}+*%')
    headers = Headers({"Accept": text, "Location": text})
    sent = request(
        path=f"/projects/{spelt}/{spelt}", query=f"{name}={spelt}&{ID}={spelt}", headers=headers, body=text.encode()
    )
    once = redaction.request(sent)
    assert redaction.request(once) == once
    assert redaction.text(redaction.text(text)) == redaction.text(text)
    answered = redaction.response(Response(200, headers))
    assert redaction.response(answered) == answered


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "items", "a", "b\\"]), inner),
    max_leaves=10,
)


@given(json_values, st.sampled_from([None, 1]))
def test_json_keeps_its_shape_and_what_is_known(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    shown = redacted(text, str, str)
    assert outline(json.loads(shown)) == outline(value)
    assert (shown == text) == (not unknown_in(value))


def outline(value: object) -> object:
    if isinstance(value, dict):
        return [outline(member) for member in value.values()]
    return [outline(member) for member in value] if isinstance(value, list) else type(value)


def unknown_in(value: object) -> bool:
    members = value.items() if isinstance(value, dict) else ()
    inner = value if isinstance(value, list) else [member for _, member in members]
    return any(not is_known(name) for name, _ in members) or any(map(unknown_in, inner))


# ---- cost


def test_what_was_asked_before_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    redaction = Redaction(CREDENTIALS)
    sent = request(query=f"task_id={ID}", headers=Headers({"Accept": "application/json"}))
    assert redaction.request(sent) == sent
    # nothing can be searched for secrets any more
    monkeypatch.setattr("pytest_cce_precheck.redaction.recordings.sightings", None)
    assert redaction.request(sent) == sent
    with pytest.raises(TypeError):
        redaction.request(request(query="type=another"))


@pytest.mark.parametrize(
    "piece", ['"', "'", "{", '{"a":', '"a" ', "\\", "'\\", '"\\', "[", "%25", "the-secret", "a:", '{"']
)
def test_a_hostile_body_of_half_a_megabyte_is_redacted(piece: str) -> None:
    # if the time grew with the square of the length, it would exceed the limit of a test
    body = (piece * ((1 << 19) // len(piece))).encode()
    assert Redaction(CREDENTIALS).response(Response(200, Headers(), body)).status == 200


LONG: Final = "Zq7Wm3Rk9Xv2Lb5cHn4Jm6Kp8QsTy5fUi6gOp8"


@pytest.mark.parametrize("change", [str, str.upper])
def test_a_long_piece_of_a_secret_is_masked_in_an_answer(change: Callable[[str], str]) -> None:
    redaction = Redaction(Credentials(token=Secret(LONG)))
    piece, rest = change(LONG[:18]), change(LONG[18:])
    for body in (f'{{"kind": "a {piece} b"}}', f"{piece}\r\n{rest}"):
        answer = redaction.response(Response(200, Headers([("Server", f"nginx {piece}")]), body.encode()))
        said = str(answer.headers.pairs) + answer.body.decode()
        assert [text for text in (piece, rest) if text in said] == []
        assert ("Server", "nginx ***") in answer.headers.pairs
        assert redaction.response(answer) == answer
