"""The last look at a cassette before it is written: what is left of a secret is found by its place, and refused."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import pytest

from pytest_cce_precheck.cassette.format import Failure, Recording, dumps
from pytest_cce_precheck.errors import CcePrecheckError
from pytest_cce_precheck.redaction.recordings import REPLAY_CREDENTIALS
from pytest_cce_precheck.redaction.scan import Leak, SecretInCassetteError, leaks, refuse
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Response
from tests.contract.answers import listing, task
from tests.look_alikes import MAKERS
from tests.recordings import JSON, answered, asked, origin

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN: Final = 'tök+en/"in\\use~'
CREDENTIALS: Final = Credentials(token=Secret(TOKEN), access_key=Secret("access-in-use"), secret_key=Secret("abc"))


def cassette(**document: Any) -> str:
    return json.dumps({"cassette": 1, "recordings": [], **document})


def coded(text: str, before: int) -> str:
    return base64.b64encode(b"x" * before + text.encode() + b"yz").decode()


SPELLINGS: Final[dict[str, Callable[[str], str]]] = {
    "raw": str,
    "within a text": lambda secret: f"<p>{secret}</p>",
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "as a form": quote_plus,
    "every octet": lambda secret: "".join(f"%{octet:02x}" for octet in secret.encode()),
    "with a plus": lambda secret: quote(secret, safe="+"),
    "encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "in base64": lambda secret: coded(secret, 0),
    "in base64, one on": lambda secret: coded(secret, 1),
    "in base64, two on": lambda secret: coded(secret, 2),
    "in base64 for URLs": lambda secret: coded(secret, 1).replace("+", "-").replace("/", "_"),
    "json": lambda secret: json.dumps({"a": secret}),
    "json in json": lambda secret: json.dumps(json.dumps({"a": secret})),
    "every escape": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "octets as latin-1": lambda secret: secret.encode().decode("latin-1"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_credential_in_use_is_found_in_every_spelling(spelling: str) -> None:
    text = cassette(recordings=[{}, {"request": {"query": SPELLINGS[spelling](TOKEN)}}])
    assert leaks(text, CREDENTIALS) == [Leak("a credential in use", "recordings[1].request.query")]
    assert leaks(text, Credentials()) == []


@pytest.mark.parametrize(
    ("octets", "secret"),
    [
        (b"\xff" + TOKEN.encode(), TOKEN),
        (b"\xff" + json.dumps({"message": TOKEN}).encode(), TOKEN),
        ("the access-in-use".encode("utf-16"), "access-in-use"),
        (f"\xe9 {TOKEN}".encode("latin-1"), TOKEN),
    ],
)
def test_a_body_in_base64_is_looked_into(octets: bytes, secret: str) -> None:
    text = dumps(origin(), [Recording(asked(), Response(200, JSON, octets))])
    assert '"base64"' in text
    assert leaks(text, Credentials(token=Secret(secret))) == [
        Leak("a credential in use", "recordings[0].response.body.base64")
    ]


@pytest.mark.parametrize("kind", MAKERS)
def test_what_looks_like_a_secret_is_found_by_its_kind(kind: str) -> None:
    for seed in range(40):
        secret = MAKERS[kind](random.Random(seed))
        for spelt in (secret, quote(secret, safe=""), json.dumps({"a": secret})):
            found = leaks(cassette(recordings=[{"failure": {"detail": f"é: {spelt}"}}]), Credentials())
            assert Leak(kind, "recordings[0].failure.detail") in found


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({"notes": {"password": "abc def"}}, "notes.password"),
        ({"recordings": [{"response": {"headers": {"Set-Cookie": ["a", "b"]}}}]}, "recordings[0].response.headers"),
        ({"recordings": [{"request": {"body": {"json": {"x": {"secretKey": "x"}}}}}]}, "recordings[0].request.body"),
        ({"notes": {"odd name": [["sk=abc1"]]}}, 'notes["odd name"][0][0]'),
    ],
)
def test_a_secret_that_is_named_is_found_by_its_name(document: dict[str, Any], where: str) -> None:
    found = leaks(cassette(**document), Credentials())
    assert found
    assert all(leak.where.startswith(where) and "by its name" in leak.kind for leak in found)


@pytest.mark.parametrize("name", [TOKEN, "access-in-use", "abc", quote(TOKEN, safe=""), "password=abc1", "MII"])
def test_a_place_never_shows_the_secret(name: str) -> None:
    name = name.replace("MII", MAKERS["IAM token"](random.Random(1)))
    found = leaks(cassette(notes={name: {"inner": [name]}}), CREDENTIALS)
    assert {leak.where for leak in found} == {'notes["***"]', 'notes["***"].inner[0]'}
    with pytest.raises(SecretInCassetteError) as raised:
        refuse(cassette(notes={name: {name: 1}}), CREDENTIALS, "tasks.json")
    assert name not in str(raised.value)


def test_what_stands_in_for_a_secret_is_none() -> None:
    stand_ins = REPLAY_CREDENTIALS.secrets
    texts = [*stand_ins, *(f"X-Auth-Token: {each}." for each in stand_ins), "password=***", "/?sk=***&token="]
    notes = {
        "password": "***",
        "token": stand_ins[0],
        "X-Auth-Token": [stand_ins[0]],
        "secret": "",
        "sk": 5,
        "ak": None,
    }
    assert leaks(cassette(notes={**notes, "texts": texts}), CREDENTIALS) == []


def test_a_short_credential_is_found_as_a_word_only() -> None:
    assert leaks(cassette(notes=["abcd", "_abc", "YWJj!x"]), Credentials(token=Secret("abc"))) != []
    assert leaks(cassette(notes=["abcd", "_abc", "xabc"]), Credentials(token=Secret("abc"))) == []


def test_places_are_told_in_the_order_of_the_file() -> None:
    recordings = [{"request": {"query": "sk=abc1"}}, {"response": {"body": {"text": "access-in-use access-in-use"}}}]
    assert leaks(cassette(recordings=recordings), CREDENTIALS) == [
        Leak("access or secret key by its name", "recordings[0].request.query"),
        Leak("a credential in use", "recordings[1].response.body.text"),
    ]


def test_a_text_that_is_no_json_is_looked_at_as_a_whole() -> None:
    assert leaks("access-in-use", CREDENTIALS) == [Leak("a credential in use", "the file")]
    assert leaks("[" * 100_000 + "access-in-use", CREDENTIALS) == [Leak("a credential in use", "the file")]
    assert leaks("no json", CREDENTIALS) == []


def test_a_cassette_without_secrets_is_let_pass() -> None:
    lost = Recording(asked("task_id=a%20b"), Failure("timeout", "no answer"))
    refuse(dumps(origin(), [answered("type=addonStatic", b'{"items":[]}'), lost]), CREDENTIALS, "tasks.json")


def test_a_refusal_names_file_places_kinds_and_the_way_out() -> None:
    notes = {f"n{number}": f"password=abc{number}" for number in range(12)}
    with pytest.raises(SecretInCassetteError) as raised:
        refuse(cassette(notes=notes), CREDENTIALS, "cassettes/tasks.json")
    lines = str(raised.value).splitlines()
    assert lines[0] == "cassettes/tasks.json is not written: it would hold 12 secrets, or what looks like one:"
    assert lines[1] == "  notes.n0: password or token by its name"
    assert lines[-2] == "  and 2 more"
    assert "pytest_cce_before_record" in lines[-1]
    assert isinstance(raised.value, CcePrecheckError)


def test_nothing_in_an_ordinary_cassette_of_megabytes_looks_like_a_secret() -> None:
    body = json.dumps(listing([task(number) for number in range(18)])).encode()
    answer = Response(200, Headers([*JSON.pairs, ("X-Request-Id", "r")]), body)
    text = dumps(origin(), [Recording(asked(f"task_id={number}"), answer) for number in range(250)])
    assert len(body) > 9000
    assert leaks(text, CREDENTIALS) == []


# ---- pieces


LONG: Final = "4Zk2mWqX8vTn5LbR7cYd9HsJ3fGp6AeU"


@pytest.mark.parametrize(
    "piece", [LONG[:20], LONG[8:], f"'{LONG[:8]}...'", f"...{LONG[-9:]}", LONG[4:24].lower(), LONG[:20].encode().hex()]
)
def test_a_piece_of_a_credential_is_found_as_the_masking_finds_it(piece: str) -> None:
    credentials = Credentials(token=Secret(LONG))
    [leak] = leaks(cassette(note=f"said {piece}"), credentials)
    assert leak == Leak("a piece of a credential in use", "note")
    with pytest.raises(SecretInCassetteError, match="note: a piece of a credential in use"):
        refuse(cassette(note=f"said {piece}"), credentials, "it.json")


def test_a_whole_credential_is_not_said_twice() -> None:
    found = leaks(cassette(note=LONG, other=LONG[:20]), Credentials(token=Secret(LONG)))
    assert [leak for leak in found if "credential in use" in leak.kind] == [
        Leak("a credential in use", "note"),
        Leak("a piece of a credential in use", "other"),
    ]


@pytest.mark.parametrize("text", [LONG[:15], "0123456789abcdef...", "a text of its own", LONG[::-1]])
def test_what_is_no_piece_is_not_found(text: str) -> None:
    assert [leak for leak in leaks(cassette(note=text), Credentials(token=Secret(LONG))) if "piece" in leak.kind] == []
