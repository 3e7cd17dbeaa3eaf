"""The check that only good credentials are answered: none, wrong ones, and signatures that belong to something else."""

from __future__ import annotations

import json
import random
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_cce_precheck.client import utc_now
from pytest_cce_precheck.contract.answer import holds_id
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.envelope import PASSING, REFUSALS
from pytest_cce_precheck.contract.findings import Finding
from pytest_cce_precheck.explore.classes import MATCHING
from pytest_cce_precheck.explore.queries import FilterValue, matching, select
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, encode_query
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import (
    DATE_HEADER,
    PROJECT_HEADER,
    SECURITY_TOKEN_HEADER,
    TOKEN_HEADER,
    Filter,
    TaskType,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cce_precheck.suite.inspection import Inspection

# FAQ of the vendor's gateway: after more than five failed signatures in a row, a key is locked for minutes
_IN_A_ROW: Final = 5
_LOOKED_FOR: Final = 100
# a service behind a gateway may take a request with these for one of its own machine, and ask it for nothing
_FORWARDED_FOR: Final = "127.0.0.1"


@dataclass(frozen=True)
class Probe:
    """A request that must be refused; ``code`` names the rule that its acceptance breaks."""

    tier: int
    code: str
    what: str
    request: Request
    hidden: str = ""  # what the refusal must not show
    malformed: bool = False
    known_path: bool = True  # else it may be refused, or redirected, in any way


def bad_credentials_are_refused(run: Inspection) -> None:
    """Ask with credentials that must be refused, the most telling first."""
    probes = sorted(_probes(run), key=lambda probe: probe.tier)
    opening = run.lists.opening()
    known = [task.id for task in opening.tasks if task.id] if opening else []
    key = run.client.credentials.access_key
    in_a_row = 0
    for probe in run.chosen(probes, run.shares.authentication, lambda probe: probe.what):
        if key and key.reveal() in probe.request.headers.get("Authorization", ""):
            in_a_row += 1
        if in_a_row > _IN_A_ROW:
            run.lists.read()
            in_a_row = 1
        with run.results.asking_with(probe.what):
            exchange = run.sender.ask(probe.request, as_is=True)
            if not probe.known_path and exchange.status >= 300:
                continue
            run.results.report(*refusal_findings(exchange, probe.code, probe.what, known, malformed=probe.malformed))
        run.results.judged += exchange.status not in PASSING
        if probe.hidden and probe.hidden in exchange.response.body.decode("utf-8", "replace"):
            message = f"the refusal of {probe.what} shows the right signature"
            run.results.found("PRE608", message, exchange, subject="signature")


def ask_by_token(
    run: Inspection, request: Request, respelt: Callable[[Request], Request] = lambda request: request
) -> Exchange | None:
    """Ask with the token in place of a signature; None if the run has no two credentials, or the token has ended.

    ``respelt`` may change the spelling of the headers, that of the token among them.
    """
    by_token = run.sender.with_token(request)
    if by_token is None:
        return None
    exchange = run.sender.ask(respelt(by_token), as_is=True)
    return None if run.sender.token_is_refused(exchange) else exchange


def bad_token(run: Inspection) -> Request:
    """Return a request for the unfiltered list with a token that nobody has."""
    return _with_token(run.client.list_request(), _made_up(run, 48))


def refusal_findings(
    exchange: Exchange, code: str, what: str, known: list[str], *, malformed: bool = False
) -> list[Finding]:
    """Judge the answer to a request that must be refused with 401 or 403, or with 400 if it is ``malformed``."""
    status = exchange.status
    asked = f"{exchange.request.method} {exchange.request.target}"
    disguised = [finding for finding in check(exchange) if finding.code == "PRE109"]
    if disguised:
        return disguised
    if status < 300:
        return [Finding(code, f"{asked} with {what} was answered with {status}", subject=(code,)).seen_in(exchange)]
    findings = check(exchange)
    if (
        status not in REFUSALS
        and not (malformed and status == HTTPStatus.BAD_REQUEST)
        and status not in PASSING
        and not any(each.code in ("PRE104", "PRE124") for each in findings)
    ):
        message = f"{asked} with {what} was refused with {status}; 401 or 403 was expected"
        findings.append(Finding("PRE606", message, subject=(str(status),)).seen_in(exchange))
    body = exchange.response.body.decode("utf-8", "replace")
    # a list that is shown in a refusal shows its beginning
    shown = [key for key in known[:_LOOKED_FOR] if holds_id(body, key) and key not in exchange.request.query]
    if shown:
        findings.append(Finding("PRE607", f"the refusal of {what} holds the task {shown[0]}").seen_in(exchange))
    return findings


def _probes(run: Inspection) -> Iterator[Probe]:
    """Yield the probes; those of one kind differ in filter, cluster or header too, since a gap may be in one place."""
    client = run.client
    plain = client.list_request()
    opening = run.lists.opening()
    first = opening.tasks[:1] if opening else ()
    given = matching(first[0], *Filter) if first else (FilterValue(Filter.TYPE, TaskType.STATIC, MATCHING),)
    filtered = client.list_request(select(given).query)
    # the other cluster if there is one: a gateway may have a rule of its own for each path
    elsewhere = client.list_request(cluster_id=run.settings.neighbours.other_cluster_id or client.cluster_id)
    yield Probe(1, "PRE601", "no credentials", plain)
    by_type = client.list_request(f"{Filter.TYPE}={TaskType.STATIC}")
    by_id = client.list_request(
        encode_query([(Filter.TASK_ID, (first[0].id if first else None) or run.unknown_id(""))])
    )
    yield from _nobodys_probes(run, filtered, by_type, by_id, elsewhere)
    credentials = client.credentials
    if credentials.token is None:
        yield Probe(1, "PRE602", "a made-up token", _with_token(plain, _made_up(run, 48)))
        yield Probe(3, "PRE602", "a made-up token, in the other cluster", _with_token(elsewhere, _made_up(run, 48)))
    else:
        # who takes any token also takes the known one with another last character; a client that has none may say so
        yield Probe(2, "PRE602", "the token null", _with_token(plain, "null"))
        yield from _token_probes(plain, by_type, by_id, elsewhere, credentials.token.reveal())
    # a lookup that finds nothing may return an empty secret
    nobody = Credentials(
        access_key=Secret(_made_up(run, 20).upper()), secret_key=Secret(""), security_token=credentials.security_token
    )
    yield Probe(1, "PRE603", "an unknown access key and an empty secret key", _signed(run, plain, nobody))
    if credentials.access_key is not None and credentials.secret_key is not None:
        keys = replace(credentials, token=None)
        yield from _key_probes(run, by_type, by_id, keys)
        yield from _signature_probes(run, plain, filtered, keys)
        yield from _tampered(*(client.authenticated(each, keys) for each in (plain, by_id, elsewhere)))
        early = client.authenticated(by_type, keys, now=utc_now() + timedelta(days=1))
        yield Probe(2, "PRE605", f"a signature of tomorrow and {Filter.TYPE}", early)


def _nobodys_probes(
    run: Inspection, filtered: Request, by_type: Request, by_id: Request, elsewhere: Request
) -> Iterator[Probe]:
    """Yield what looks like credentials and names nobody."""
    # each of the two is enough for some services: whoever looks at the wrong scheme, or at the wrong machine
    forwarded = f"a made-up password, {Filter.TASK_ID} and X-Forwarded-For: {_FORWARDED_FOR}"
    basic = by_id.headers.replacing("Authorization", f"Basic {b64encode(f'a:{_made_up(run, 9)}'.encode()).decode()}")
    yield Probe(2, "PRE601", forwarded, _forwarded(by_id.with_headers(basic)))
    # with every filter, and in the other cluster if there is one: a gap is not only where both are; the header of
    # temporary keys authenticates nobody by itself
    alone = elsewhere.headers.replacing(SECURITY_TOKEN_HEADER, _made_up(run, 48))
    without = replace(elsewhere, query=filtered.query, headers=alone)
    yield Probe(2, "PRE601", f"no credentials but {SECURITY_TOKEN_HEADER} and every filter", without)
    yield Probe(2, "PRE601", f"an empty token and {Filter.TYPE}", _with_token(by_type, ""))
    # a rule of a gateway is for a path, and what is behind it may take others for the same
    slash = replace(elsewhere, path=f"{elsewhere.path}/")
    yield Probe(2, "PRE601", "no credentials, and a slash behind the path", slash, known_path=False)
    # another scheme; who takes any token there also takes the known one with more behind it
    bearer = elsewhere.headers.replacing("Authorization", f"Bearer {_unsigned_claims(run)}")
    yield Probe(2, "PRE601", "a made-up bearer token, in the other cluster", elsewhere.with_headers(bearer))
    # who looks at the one may not look at the other
    both = _with_token(by_type.with_headers(basic), _made_up(run, 48))
    yield Probe(2, "PRE602", f"a made-up token, a made-up password and {Filter.TYPE}", both)
    if run.client.credentials.access_key is None:
        malformed = by_id.headers.replacing("Authorization", f"SDK-HMAC-SHA256 {_made_up(run, 48)}")
        nothing = f"an Authorization that says nothing and {Filter.TASK_ID}"
        # no source says whether what cannot be read is no credentials or no request
        yield Probe(2, "PRE601", nothing, by_id.with_headers(malformed), malformed=True)


def _token_probes(plain: Request, by_type: Request, by_id: Request, elsewhere: Request, token: str) -> Iterator[Probe]:
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    yield Probe(1, "PRE602", f"a token whose last character differs and {Filter.TYPE}", _with_token(by_type, other))
    half = _with_token(by_id, token[: len(token) // 2])
    yield Probe(2, "PRE602", f"the first half of the token and {Filter.TASK_ID}", half)
    yield Probe(2, "PRE602", "the token with more behind it, in the other cluster", _with_token(elsewhere, token + "x"))
    if token.swapcase() != token:
        yield Probe(2, "PRE602", "the token in the other letter case", _with_token(plain, token.swapcase()))


def _key_probes(run: Inspection, by_type: Request, by_id: Request, keys: Credentials) -> Iterator[Probe]:
    empty = _signed(run, by_type, replace(keys, secret_key=Secret("")))
    yield Probe(1, "PRE603", f"the signature of an empty secret key and {Filter.TYPE}", empty)
    known = keys.access_key.reveal() if keys.access_key is not None else ""
    # in the other letter case it is no known key either, and is accepted by who takes any too
    unknown = known.swapcase() if known.swapcase() != known else _made_up(run, 20).upper()
    borrowed = run.client.authenticated(by_id, replace(keys, access_key=Secret(unknown)))
    yield Probe(2, "PRE603", f"an unknown access key, a known secret key and {Filter.TASK_ID}", borrowed)


def _signature_probes(run: Inspection, plain: Request, filtered: Request, keys: Credentials) -> Iterator[Probe]:
    client = run.client
    signed = client.authenticated(plain, keys)
    of_type = client.authenticated(client.list_request(f"{Filter.TYPE}={TaskType.STATIC}"), keys).headers
    # as it was accepted just now: a service may know it, and not look at what it is over
    accepted = run.lists.latest.exchange.request if run.lists.latest is not None else signed
    added = replace(filtered, headers=accepted.headers)
    yield Probe(1, "PRE604", "a signature that was accepted without a query", added)
    of_filtered = client.authenticated(filtered, keys).headers
    yield Probe(2, "PRE604", "the signature of a query that is left out", replace(plain, headers=of_filtered))
    replayed = client.list_request(f"{Filter.TYPE}={TaskType.UPGRADE}")
    yield Probe(2, "PRE604", "the signature of another value of a filter", replace(replayed, headers=of_type))
    changed = accepted.headers.replacing("Content-Type", "application/json; charset=utf-8")
    yield Probe(2, "PRE604", "a header changed after signing", replace(plain, headers=changed))
    without = replace(plain, headers=accepted.headers.without(PROJECT_HEADER))
    yield Probe(2, "PRE604", f"{PROJECT_HEADER} left out after signing", without)
    if keys.security_token is not None:
        yield from _temporary_probes(run, plain, keys)
    other_cluster = run.settings.neighbours.other_cluster_id or run.unknown_id(client.cluster_id)
    elsewhere = client.authenticated(client.list_request(cluster_id=other_cluster), keys)
    yield Probe(2, "PRE604", "the signature of another cluster's path", replace(plain, headers=elsewhere.headers))
    other_method = client.authenticated(client.list_request(method="POST"), keys)
    yield Probe(2, "PRE604", "the signature of another method", replace(plain, headers=other_method.headers))
    old = client.authenticated(plain, keys, now=utc_now() - timedelta(hours=1))
    yield Probe(1, "PRE605", "a signature that is an hour old", old)


def _temporary_probes(run: Inspection, plain: Request, keys: Credentials) -> Iterator[Probe]:
    client = run.client
    without = client.authenticated(plain, replace(keys, security_token=None))
    yield Probe(1, "PRE603", "temporary keys without their security token", without)
    wrong = client.authenticated(plain, replace(keys, security_token=Secret(_made_up(run, 48))))
    yield Probe(1, "PRE603", "temporary keys with another security token", wrong)


def _tampered(signed: Request, signed_by_id: Request, signed_elsewhere: Request) -> Iterator[Probe]:
    right = _signature_of(signed)
    flipped = _saying(signed, right[:-1] + _flipped(right[-1]))
    yield Probe(1, "PRE604", "a signature whose last digit differs", flipped, hidden=right)
    # the beginning of any signature, and none to look at; it may be no request either
    yield Probe(2, "PRE604", "an empty signature", _saying(signed, ""), hidden=right, malformed=True)
    of_id = _signature_of(signed_by_id)
    middle = len(of_id) // 2
    half = _saying(signed_by_id, _flipped(of_id[:middle]) + of_id[middle:])
    yield Probe(2, "PRE604", f"a signature whose first half differs and {Filter.TASK_ID}", half, hidden=of_id)
    undated = signed.headers.without(DATE_HEADER)
    # the least telling of these: it is left out first
    yield Probe(3, "PRE604", "no date, and a signature over one", replace(signed, headers=undated))
    later = (utc_now() + timedelta(minutes=1)).strftime("%Y%m%dT%H%M%SZ")
    dated = replace(signed_elsewhere, headers=signed_elsewhere.headers.replacing(DATE_HEADER, later))
    yield Probe(2, "PRE604", "a date changed after signing, in the other cluster", dated)


def _signed(run: Inspection, request: Request, keys: Credentials) -> Request:
    # a client refuses to sign without a secret key
    return sign(request, keys, now=utc_now(), project_id=run.client.project_id)


def _signature_of(signed: Request) -> str:
    return signed.headers["Authorization"].rpartition("=")[2]


def _saying(signed: Request, signature: str) -> Request:
    start = signed.headers["Authorization"].rpartition("=")[0]
    return signed.with_headers(signed.headers.replacing("Authorization", f"{start}={signature}"))


def _flipped(digits: str) -> str:
    return "".join("1" if each == "0" else "0" for each in digits)


def _forwarded(request: Request) -> Request:
    # another host than the service's own may be unknown to a gateway, and refused in any way
    host = urlsplit(request.endpoint).netloc
    added = {"X-Forwarded-For": _FORWARDED_FOR, "X-Real-IP": _FORWARDED_FOR, "X-Forwarded-Host": host}
    return request.with_headers(Headers((*request.headers.pairs, *added.items())))


def _with_token(request: Request, token: str) -> Request:
    return replace(request, headers=request.headers.replacing(TOKEN_HEADER, token))


def _unsigned_claims(run: Inspection) -> str:
    """Return a JWT (RFC 7519) that nobody has signed: some services read what it claims, and do not verify it."""
    claims = {"sub": "precheck", "project_id": run.client.project_id, "exp": 1 << 32}
    parts = [json.dumps(each).encode() for each in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([*(urlsafe_b64encode(each).decode().rstrip("=") for each in parts), _made_up(run, 43)])


def _made_up(run: Inspection, length: int) -> str:
    letters = random.Random(f"{run.settings.seed}/{length}")  # noqa: S311  repeatable, and meant to be refused
    return "".join(letters.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(length))
