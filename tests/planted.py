"""Secrets of every sort to plant in a recorded call: at any place, in every spelling."""

from __future__ import annotations

import base64
import json
import os
import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

from pytest_cce_precheck.cassette.format import Failure, Recording
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.look_alikes import ALNUM, MAKERS, chosen, of_all_sorts

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

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
    """Return a call with the text planted somewhere, and say where."""
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
