"""What a refusal that nobody expected most likely means, and what to do: one line for a person.

The gateway's codes are those of the vendor's table in the API Request Signing Guide (devg-apisign, api-sign-errorcode);
some gateways write APIG in place of APIGW (usermanual-apig, apig_03_0048). Its words are those of the vendor's FAQ on
APIG.0301. CCE's codes are those of its error-code appendix: module, status, number.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.clock import in_words
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.wire.signing import WINDOW

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Exchange

_GATEWAY: Final = re.compile(r"APIG(?:W)?\.(\d{4})")
# what the gateway says when it stands alone: no such API, no backend, none available, none in time, no name for it
_NOTHING_BEHIND: Final = frozenset({"0101", "0103", "0201", "0202", "0203", "0605", "0609", "0610"})
_TOKEN_MUST_BE_UPDATED: Final = "0307"  # noqa: S105  an error code
_PROJECT_UNAVAILABLE: Final = "0310"
_OF_THE_REGION: Final = frozenset({"0801", "0802"})
_ADDRESS: Final = frozenset({"0401", "0402"})

_ALONE: Final = (
    "gateway only, no service behind: check --cce-endpoint and the region, and whether CCE is deployed there"
)


@dataclass(frozen=True)
class _Refusal:
    """``gateway`` is the number of the gateway's code, empty for others; ``known`` tells either envelope."""

    status: int
    gateway: str
    message: str
    known: bool
    signed: bool
    filtered: bool
    creates: bool

    @classmethod
    def of(cls, exchange: Exchange) -> _Refusal:
        document: Any = None
        with suppress(BodyError):
            document = exchange.document
        document = document if isinstance(document, dict) else {}
        code = document.get("error_code", document.get("errorCode", ""))
        match = _GATEWAY.fullmatch(code) if isinstance(code, str) else None
        message = str(document.get("error_msg", document.get("errorMessage", "")))
        signed = "Authorization" in exchange.request.headers
        filtered = bool(exchange.request.query)
        creates = exchange.request.method == "POST"
        return cls(exchange.status, match[1] if match else "", message, bool(code), signed, filtered, creates)


def triage(exchange: Exchange, skew: float | None) -> str | None:
    """Say what a 401, 403, 404, 429 or 5xx to a good question means, and the remedy; None for any other answer.

    ``skew`` is by how many seconds this machine's clock is ahead of the service's, None where it is not worth a word.
    """
    refusal = _Refusal.of(exchange)
    if refusal.status == 401:
        return _unauthorized(refusal, skew)
    if refusal.status == 403:
        return _forbidden(refusal)
    if refusal.status == 404:
        return _not_found(refusal)
    if refusal.status == 429:
        return "throttled: lower --cce-rate or --cce-budget, or run again when the account's other clients are quiet"
    return _failed(refusal) if refusal.status >= 500 else None


def _unauthorized(refusal: _Refusal, skew: float | None) -> str:
    if "reach the limit" in refusal.message:
        return "the access key is locked, after more than five bad signatures in a row: wait five minutes"
    if not refusal.signed:
        if refusal.gateway == _TOKEN_MUST_BE_UPDATED or "token expires" in refusal.message:
            return (
                "token expired, or of another region: get a new one of this region;"
                " --cce-token-command and CCE_IAM_USER renew it by themselves"
            )
        return "token not accepted: it has expired, is cut off, or is of another region or installation; get a new one"
    if skew is not None and abs(skew) > WINDOW.total_seconds():
        return f"wrong clock: {in_words(skew)}, and a signature is good for 15 minutes; set this machine's clock"
    also = f"; also, {in_words(skew)}" if skew is not None else ""
    return f"wrong key or secret: check HUAWEICLOUD_SDK_AK and _SK for a wrong pair or a stray space{also}"


def _forbidden(refusal: _Refusal) -> str:
    if refusal.gateway == _PROJECT_UNAVAILABLE:
        return "wrong project: the gateway calls it unavailable; check --cce-project-id"
    if refusal.gateway in _OF_THE_REGION:
        return "wrong region: this user or service is not allowed there; check --cce-endpoint or --cce-region"
    if refusal.gateway in _ADDRESS:
        return "no permission for this machine's address: let it be put on the gateway's list"
    if refusal.creates:
        return "no permission to create: grant the user CCE's permission for it, or leave --cce-allow-writes out"
    return "no permission: grant the user CCE's read permissions in this project, or check --cce-project-id"


def _not_found(refusal: _Refusal) -> str | None:
    if refusal.gateway in _NOTHING_BEHIND:
        return _ALONE
    if not refusal.known:
        return "what answers there is not CCE: check --cce-endpoint"
    # an id that nothing has may be answered so too
    return None if refusal.filtered else "wrong project or cluster: check --cce-project-id and --cce-cluster-id"


def _failed(refusal: _Refusal) -> str:
    if refusal.gateway in _NOTHING_BEHIND or (not refusal.known and refusal.status in (502, 503, 504)):
        return _ALONE
    if refusal.status in (502, 503, 504):
        return "the service is unavailable: run again later"
    return "the service failed: give its operators the request id"
