"""The proof of the redaction: secrets of every sort, planted everywhere, in every spelling; none is in the file."""

from __future__ import annotations

import base64
import json
import os
import random
import string
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest

from pytest_cce_precheck.cassette.format import Failure, Recording, dumps
from pytest_cce_precheck.cassette.redaction import Redaction
from pytest_cce_precheck.cassette.scan import leaks
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.look_alikes import ALNUM, MAKERS, chosen, of_all_sorts
from tests.recordings import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# as many as the suite has time for; PLANTED_SECRETS=100000 takes some minutes
PLANTED: Final = int(os.environ.get("PLANTED_SECRETS", "3000"))
SHARES: Final = 10

WIDE: Final = "".join(map(chr, (*range(0xA1, 0x250), *range(0x4E00, 0x4E80), 0x1F511, 0x2028)))
ALPHABETS: Final = (ALNUM, ALNUM + "+/=", string.printable[:95], "\"'\\%&=+/ {}[]:,<>#?;" + ALNUM, WIDE + ALNUM)
ID: Final = "8ca259cc-553b-11e9-926f-0255ac101a31"


@dataclass(frozen=True)
class Planted:
    """A text to plant, and the part of it that must not be found again; ``known`` ones are credentials in use."""

    text: str
    secret: str
    known: bool


NAMED: Final[tuple[Callable[[str], str], ...]] = (
    lambda value: f"password={value}",
    lambda value: f"retry with secretKey={value}&region=cn-north-4",
    lambda value: json.dumps({"auth": {"secretKey": value}}),
    lambda value: f"{{'access_key': '{value}'}}",
    lambda value: f"X-Auth-Token: {value}\r\nHost: cce.test",
    lambda value: f"sk={value} was refused",
    lambda value: f"connect to mysql://root:{value}@db.test/x",
    lambda value: f"Authorization: Bearer {value}",
    lambda value: f"SDK-HMAC-SHA256 Access={value}, SignedHeaders=host, Signature=0",
)


def look_alike(rng: random.Random) -> Planted:
    if rng.random() < 0.4:
        secret = of_all_sorts(rng, ALNUM, rng.randint(8, 20))
        return Planted(rng.choice(NAMED)(secret), secret, known=False)
    secret = rng.choice(list(MAKERS.values()))(rng)
    before, after = rng.choice((("", ""), ("key ", " is wrong"), ("(", ")"), ("é：", "。"), ("\n", "\n")))
    return Planted(before + secret + after, secret, known=False)


def known(rng: random.Random) -> Planted:
    secret = ""
    while len(secret.strip()) < 6:
        secret = chosen(rng, rng.choice(ALPHABETS), rng.randint(6, 60))
    before, after = rng.choice((("", ""), ("", ""), ("Token ", " is invalid"), ("x", "y"), (secret[:3], secret[3:])))
    return Planted(before + secret + after, secret, known=True)


# ---- spellings and places


def every_octet(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


def every_escape(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def in_a_query(rng: random.Random, text: str) -> str:
    spelt = rng.choice(
        (
            lambda: quote(text, safe=""),
            lambda: quote_plus(text),
            lambda: every_octet(text),
            lambda: quote(quote(text, safe=""), safe=""),
            lambda: quote(text, safe="/:,+ "),
        )
    )()
    name = rng.choice(("type", "task_id", "addon_instance_id", "limit", "TASK-ID", "owner", "t%79pe"))
    return rng.choice((f"type=addonStatic&{name}={spelt}", f"{spelt}=1&type=x", spelt, f"&&{name}={spelt}&{name}="))


def in_a_document(rng: random.Random, text: str) -> Any:
    """Plant a text as a key or a value, somewhere in what an answer may look like."""
    value: Any = rng.choice((text, [text], {"x": text}, {text: 1}, {text: {"y": [1.5, None, text]}}))
    key = rng.choice(("message", "owner", "taskID", "addonTemplateName", "errorMessage", "labels", "values"))
    for _ in range(rng.randint(0, 4)):
        value = {rng.choice(("spec", "items", "extra", "values", "status")): rng.choice((value, [1, value]))}
    return {"kind": "AddonCheck", "items": [{"metadata": {"taskID": ID, key: value}}], "count": 12}


def in_a_body(rng: random.Random, text: str) -> bytes:
    document = in_a_document(rng, text)
    spelt: Callable[[], str | bytes] = rng.choice(
        (
            lambda: json.dumps(document, ensure_ascii=False),
            lambda: json.dumps(document, indent=2),
            lambda: json.dumps(document).replace("/", "\\/"),
            lambda: json.dumps(document).replace(json.dumps(text)[1:-1], every_escape(text)),
            lambda: json.dumps(document, ensure_ascii=False)[: -rng.randint(1, 12)],
            lambda: ")]}',\n" + json.dumps(document),
            lambda: json.dumps(document) * 2,
            lambda: json.dumps({"errorMessage": json.dumps(document)}),
            lambda: repr(document),
            lambda: json.dumps(document, ensure_ascii=False).encode("utf-16"),
            lambda: b"\xff" + json.dumps(document, ensure_ascii=False).encode(),
            lambda: f"<html><body class='x'>Don't: {text}</body></html>",
            lambda: f'error "code": 5, {text}',
            lambda: text,
        )
    )
    body = spelt()
    return body if isinstance(body, bytes) else body.encode(errors="backslashreplace")


def in_a_header(rng: random.Random, text: str) -> tuple[str, str]:
    url = quote(text, safe="")
    return rng.choice(
        (
            (rng.choice(("Content-Type", "Server", "X-Request-Id", "Retry-After", "accept", "Date")), text),
            (rng.choice(("X-Auth-Token", "Authorization", "Set-Cookie", "X-Custom", "X-Subject-Token")), text),
            (text, "1"),
            ("Location", rng.choice((f"https://h.test/?t={url}#{url}", f"https://{url}@h.test/x", f"/login/{url}"))),
            ("WWW-Authenticate", f'Bearer realm="{text}"'),
        )
    )


def recording_of(rng: random.Random, planted: Planted) -> tuple[str, Recording]:
    """Give a call with the text planted somewhere, and say where."""
    text = planted.text
    if planted.known:
        coded = rng.choice(
            (
                lambda: text,
                lambda: text,
                lambda: base64.b64encode(text.encode()).decode(),
                lambda: base64.urlsafe_b64encode(planted.secret.encode()).decode(),
                lambda: quote(text),
            )
        )
        text = coded()
    place = rng.choice(("request header", "response header", "query", "path", "body", "answer", "failure", "endpoint"))
    headers = Headers([("Accept", "application/json"), ("X-Auth-Token", planted.secret)])
    request = Request("GET", "https://cce.test", list_path("0a1b", ID), f"task_id={ID}", headers)
    answer: Response | Failure = Response(200, Headers({"Content-Type": "application/json"}), b'{"items":[]}')
    if place == "request header":
        request = request.with_headers(Headers([in_a_header(rng, text)]))
    elif place == "response header":
        answer = Response(200, Headers([in_a_header(rng, text), ("Date", "x")]), b"{}")
    elif place == "query":
        request = replace(request, query=in_a_query(rng, text))
    elif place == "path":
        spelt = rng.choice((quote(text, safe=""), every_octet(text)))
        request = replace(request, path=rng.choice((list_path(text, ID), f"/x/{spelt}/tasks", f"/projects/{spelt}")))
    elif place == "body":
        request = replace(request, method="POST", path=create_path("0a1b", ID), query="", body=in_a_body(rng, text))
    elif place == "answer":
        answer = Response(rng.choice((200, 401, 500)), Headers(), in_a_body(rng, text))
    elif place == "failure":
        answer = Failure("connection-lost", f"after {rng.choice((text, json.dumps(text), quote(text)))}")
    else:
        request = replace(request, endpoint=f"https://user:{quote(planted.secret, safe='')}@cce.test")
    return place, Recording(request, answer)


# ---- what is looked for


def redacted(redaction: Redaction, recording: Recording) -> Recording:
    outcome = recording.outcome
    if isinstance(outcome, Response):
        return Recording(redaction.request(recording.request), redaction.response(outcome))
    return Recording(redaction.request(recording.request), replace(outcome, detail=redaction.text(outcome.detail)))


def views(text: str) -> Iterator[str]:
    """Give a file's text and what is in it, decoded in every way, by other means than those of the scan."""
    yield text
    strings: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, value in pairs:
            strings.extend((name, *(each for each in [value, *(value if isinstance(value, list) else ())])))
            if name == "base64":
                octets = base64.b64decode(value)
                strings.extend(octets.decode(coding, "replace") for coding in ("utf-8", "latin-1", "utf-16"))
        return dict(pairs)

    json.loads(text, object_pairs_hook=keep)
    plain = "\n".join(each for each in strings if isinstance(each, str))
    for view in (plain, plain.replace("\\/", "/"), plain.replace('\\"', '"').replace("\\\\", "\\")):
        yield view
        yield unquote(view)
        yield unquote_plus(view)
        yield unquote(unquote(view))


def is_found(secret: str, text: str) -> bool:
    octets = secret.encode()
    spelt = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(octets).decode(),
        base64.urlsafe_b64encode(octets).decode(),
    }
    return any(each in view for view in views(text) for each in spelt)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_planted_secret_is_nowhere_in_the_file_or_the_file_is_refused(share: int) -> None:
    rng = random.Random(share)
    masked: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for _ in range(PLANTED // SHARES):
        planted = rng.choice((known, look_alike))(rng)
        credentials = Credentials(token=Secret(planted.secret if planted.known else "nobody-s"))
        redaction = Redaction(credentials)
        place, recording = recording_of(rng, planted)
        result = redacted(redaction, recording)
        assert redacted(redaction, result) == result, (place, planted, recording)
        text = dumps(origin(), [result])
        found = leaks(text, credentials)
        assert found or not is_found(planted.secret, text), (place, planted, recording, text)
        assert not any(planted.secret in leak.where for leak in found), found
        (refused if found else masked)[place] += 1
    print(f"masked: {dict(masked)}, refused: {dict(refused)}")
    # that the scan refuses is the exception: an id that looks like a key, Base64 of a longer text
    assert refused.total() < masked.total() / 10
    assert len(masked) == 8
