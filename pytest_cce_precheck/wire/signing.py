"""Sign requests with AK/SK as the vendor's SDKs do (SDK-HMAC-SHA256), and verify such signatures.

Both use one canonical form. It is made of octets, so that requests which differ only in octets that are not UTF-8 have
different signatures; for UTF-8 it is the vendor's own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pytest_cce_precheck.errors import CcePrecheckError, ConfigurationError, MissingCredentialsError
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Headers, Request, parameter_octets
from pytest_cce_precheck.wire.vocabulary import DATE_HEADER, PROJECT_HEADER, SECURITY_TOKEN_HEADER, TOKEN_HEADER

ALGORITHM: Final = "SDK-HMAC-SHA256"
CONTENT_HASH_HEADER: Final = "X-Sdk-Content-Sha256"
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
WINDOW: Final = timedelta(minutes=15)

SignatureReason = Literal[
    "missing", "malformed", "date-missing", "date-malformed", "unsigned-header", "unknown-key", "expired", "mismatch"
]

_DATE_FORMAT: Final = "%Y%m%dT%H%M%SZ"
_DATE: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} +Access=([^\s,]+), *SignedHeaders=([^\s,;]+(?:;[^\s,;]+)*), *Signature=([0-9a-f]{{64}})"
)
# if one of these could change without breaking the signature, the request could be replayed or filled with another
# body; Host is not among them, since the vendor's Go SDK does not sign it
_MUST_BE_SIGNED: Final = (DATE_HEADER, PROJECT_HEADER, SECURITY_TOKEN_HEADER, CONTENT_HASH_HEADER)


class SignatureError(CcePrecheckError):
    """A request is not authenticated by its signature.

    ``reason`` is one of a closed set (for programs), ``detail`` is for people; neither holds a key, a secret, a
    signature or the value of a header.
    """

    def __init__(self, reason: SignatureReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: SignatureReason = reason
        self.detail = detail


def authenticate(
    request: Request, credentials: Credentials, *, now: datetime, project_id: str | None = None
) -> Request:
    """Add a signature to ``request`` if there is a key pair, else the token.

    ``project_id`` is sent with a signature only, as the vendor's SDKs do. Raises `MissingCredentialsError` if there is
    neither, `ConfigurationError` if a credential cannot be the value of a header.
    """
    _refuse_control_characters(credentials)
    if credentials.kind == "ak/sk":
        return sign(request, credentials, now=now, project_id=project_id)
    if credentials.token is None:
        raise _missing(credentials)
    return request.with_headers(request.headers.replacing(TOKEN_HEADER, _as_sent(credentials.token.reveal())))


def is_signed_in_one_way(query: str) -> bool:
    """Whether the sources say how a signature covers a query: pairs of a name and a value, both in UTF-8.

    No source says how it covers other octets, parts that are empty, names without a value, or repeated ones.

    >>> [is_signed_in_one_way(each) for each in ("type=a&task_id=", "type=a&&task_id=b", "type=%FF", "type=a&type=b")]
    [True, False, False, False]
    """
    parts = query.split("&") if query else []
    try:
        names = [unquote_to_bytes(part.partition("=")[0]).decode() for part in parts]
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return all("=" in part[1:] for part in parts) and len(set(names)) == len(names)


def sign(request: Request, credentials: Credentials, *, now: datetime, project_id: str | None = None) -> Request:
    """Sign ``request`` with an access key, in place of any signature and date that it has.

    Adds ``X-Sdk-Date``, ``Authorization``, ``Host`` unless the request has one, ``X-Project-Id`` and
    ``X-Security-Token`` if they are given, and ``X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD`` if the content type is
    neither JSON nor BSON. Every header is signed except those with ``_`` in the name. Path and query stay as they are.
    Header values that are not ASCII are sent as UTF-8 and, like everything on the wire, shown in Latin-1.
    """
    if credentials.access_key is None or credentials.secret_key is None:
        raise _missing(credentials)
    date = _utc(now).strftime(_DATE_FORMAT)
    headers = request.headers.without("Authorization").replacing(DATE_HEADER, date)
    if "Host" not in headers:
        headers = headers.replacing("Host", urlsplit(request.endpoint).netloc.rpartition("@")[2])
    if project_id:
        headers = headers.replacing(PROJECT_HEADER, project_id)
    if credentials.security_token is not None:
        headers = headers.replacing(SECURITY_TOKEN_HEADER, credentials.security_token.reveal())
    content_type = headers.get("Content-Type")
    if content_type and not content_type.startswith(("application/json", "application/bson")):
        headers = headers.replacing(CONTENT_HASH_HEADER, UNSIGNED_PAYLOAD)
    headers = Headers((name, _as_sent(value.strip())) for name, value in headers.pairs)
    signed = sorted(name for name in headers if "_" not in name)
    request = request.with_headers(headers)
    signature = _signature(request, signed, credentials.secret_key)
    access = f"Access={_as_sent(credentials.access_key.reveal())}"
    authorization = f"{ALGORITHM} {access}, SignedHeaders={';'.join(signed)}, Signature={signature}"
    return request.with_headers(headers.replacing("Authorization", authorization))


def verify(
    request: Request, *, secret_of: Callable[[str], str | None], now: datetime, window: timedelta = WINDOW
) -> str:
    """Return the access key that signed ``request``, or raise `SignatureError`.

    ``secret_of`` returns the secret of an access key, or None if the key is unknown. The request's date may be up to
    ``window`` before or after ``now``. Header values are in Latin-1, as HTTP servers decode them.
    """
    access_key, signed, signature = _parse_authorization(request.headers)
    date = _parse_date(request.headers)
    for name in _MUST_BE_SIGNED:
        if name in request.headers and name.lower() not in signed:
            raise SignatureError("unsigned-header", f"the header {name} is sent but is not a signed one")
    secret = _look_up(secret_of, access_key)
    _check_age(date, _utc(now), window)
    absent = [name for name in signed if name not in request.headers]
    if absent:
        raise SignatureError("mismatch", f"signed but not sent: {', '.join(absent)}")
    _check_content_hash(request)
    if not hmac.compare_digest(_signature(request, signed, secret), signature):
        covers = f"method, path, query, body and the headers {', '.join(signed)}"
        raise SignatureError("mismatch", f"the signature does not fit the key's secret and {covers}")
    return access_key


def _look_up(secret_of: Callable[[str], str | None], access_key: str) -> Secret:
    secret = secret_of(access_key)
    if secret is None:
        raise SignatureError("unknown-key", "nobody has the access key that the signature names")
    # wrapped at once: a traceback with locals would show the bare text
    return Secret(secret)


def _parse_authorization(headers: Headers) -> tuple[str, list[str], str]:
    text = headers.get("Authorization")
    if text is None:
        raise SignatureError("missing", "the request has no Authorization header")
    if not text.startswith(f"{ALGORITHM} "):
        raise SignatureError("malformed", f"the Authorization header does not start with {ALGORITHM}")
    match = _AUTHORIZATION.fullmatch(text)
    if match is None:
        form = f"{ALGORITHM} Access=…, SignedHeaders=…;…, Signature=<64 lower-case hex digits>"
        raise SignatureError("malformed", f"the Authorization header is not of the form {form}")
    access_key, signed, signature = match.groups()
    if signed != signed.lower():
        raise SignatureError("malformed", "SignedHeaders names headers in upper case")
    return access_key, signed.split(";"), signature


def _parse_date(headers: Headers) -> datetime:
    text = headers.get(DATE_HEADER)
    if text is None:
        raise SignatureError("date-missing", f"the request has no {DATE_HEADER} header")
    try:
        # strptime alone accepts digits of any script, and fewer of them
        if _DATE.fullmatch(text):
            return datetime.strptime(text, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise SignatureError("date-malformed", f"{DATE_HEADER} is not a UTC time of the form 20060102T150405Z")


def _check_age(date: datetime, now: datetime, window: timedelta) -> None:
    age = (now - date).total_seconds()
    if abs(age) > window.total_seconds():
        side = "behind" if age > 0 else "ahead of"
        allowed = f"at most {window.total_seconds():.0f} s are allowed"
        fact = f"{DATE_HEADER} is {abs(age):.0f} s {side} the verifier's clock"
        raise SignatureError("expired", f"{fact}; {allowed}")


def _check_content_hash(request: Request) -> None:
    declared = request.headers.get(CONTENT_HASH_HEADER)
    # the canonical form holds the declared hash, and the hash of nothing for an empty body, whatever the body is
    if not request.body or not declared or declared == UNSIGNED_PAYLOAD:
        return
    if declared != hashlib.sha256(request.body).hexdigest():
        raise SignatureError("mismatch", f"{CONTENT_HASH_HEADER} is not the SHA-256 of the body")


def _signature(request: Request, signed: Iterable[str], secret: Secret) -> str:
    canonical = hashlib.sha256(_canonical_request(request, signed)).hexdigest()
    text = f"{ALGORITHM}\n{request.headers[DATE_HEADER]}\n{canonical}"
    return hmac.new(_octets(secret.reveal()), text.encode(), hashlib.sha256).hexdigest()


def _canonical_request(request: Request, signed: Iterable[str]) -> bytes:
    names = list(signed)
    lines = [
        _octets(request.method.upper()),
        _canonical_path(urlsplit(request.endpoint).path + request.path).encode(),
        _canonical_query(request.query).encode(),
        *(_received(name) + b":" + _received(request.headers[name].strip(" \t")) for name in names),
        b"",
        _received(";".join(names)),
        _received(_payload_hash(request)),
    ]
    return b"\n".join(lines)


def _canonical_path(path: str) -> str:
    # an encoded slash becomes a slash: the vendor's signer makes no difference either
    text = quote(unquote_to_bytes(_octets(path)), safe="/~")
    return text if text.endswith("/") else text + "/"


def _canonical_query(query: str) -> str:
    # sorted as decoded: encoded, "a b" would go before "a"
    pairs = sorted(parameter_octets(query))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)


def _payload_hash(request: Request) -> str:
    declared = request.headers.get(CONTENT_HASH_HEADER) if request.body else None
    return declared or hashlib.sha256(request.body).hexdigest()


def _octets(text: str) -> bytes:
    # an encoding error would show the text, which may be a secret, in a traceback
    return text.encode("utf-8", "surrogatepass")


def _as_sent(text: str) -> str:
    return _octets(text).decode("latin-1")


def _received(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return _octets(text)


def _utc(now: datetime) -> datetime:
    if now.utcoffset() is None:
        raise ValueError("now has no time zone; expected an aware datetime, such as datetime.now(UTC)")
    return now.astimezone(UTC)


def _refuse_control_characters(credentials: Credentials) -> None:
    for name in ("token", "access_key", "security_token"):
        secret: Secret | None = getattr(credentials, name)
        # HTTP libraries refuse such a header too, but show its value
        if secret is not None and re.search(r"[\x00-\x1f\x7f]", secret.reveal()):
            raise ConfigurationError(f"the {name.replace('_', ' ')} holds a line break or another control character")


def _missing(credentials: Credentials) -> MissingCredentialsError:
    half = ""
    if credentials.access_key is not None:
        half = " (an access key is configured without its secret key)"
    elif credentials.secret_key is not None:
        half = " (a secret key is configured without its access key)"
    return MissingCredentialsError(
        f"no credentials{half}: set CCE_AUTH_TOKEN, or HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"
        " (CLOUD_SDK_AK and CLOUD_SDK_SK are read too)"
    )
