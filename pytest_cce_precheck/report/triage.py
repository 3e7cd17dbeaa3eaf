"""What an unexpected refusal most likely means and what to do about it, in one line.

The gateway's codes are those of the vendor's table in the API Request Signing Guide (devg-apisign, api-sign-errorcode);
some gateways write APIG in place of APIGW (usermanual-apig, apig_03_0048). Its words are those of the vendor's FAQ on
APIG.0301. CCE's codes are those of its error-code appendix: module, status, number.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.contract.clock import in_words
from pytest_cce_precheck.errors import BodyError, ReleasedBodyError
from pytest_cce_precheck.wire.signing import WINDOW

if TYPE_CHECKING:
    from pytest_cce_precheck.wire.exchange import Exchange

_GATEWAY: Final = re.compile(r"APIG(?:W)?\.(\d{4})")
# the gateway without a service: no such API, no backend, none available, none in time, its name cannot be resolved
_NOTHING_BEHIND: Final = frozenset({"0101", "0103", "0201", "0202", "0203", "0605", "0609", "0610"})
_TOKEN_MUST_BE_UPDATED: Final = "0307"  # noqa: S105  an error code
_REGION: Final = "wrong region: this user or service is not allowed there; check --cce-endpoint or --cce-region"
_ADDRESS: Final = "no permission for this machine's address: ask for it to be put on the gateway's list"
_FORBIDDEN: Final = {
    "0310": "wrong project: the gateway calls it unavailable; check --cce-project-id",
    "0801": _REGION,
    "0802": _REGION,
    "0401": _ADDRESS,
    "0402": _ADDRESS,
}
_NO_PERMISSION: Final = (
    "no permission: grant the user CCE's read permissions in this project, or check --cce-project-id"
)
_NO_LEAVE_TO_CREATE: Final = (
    "no permission to create: grant the user CCE's permission for it, or leave --cce-allow-writes out"
)
_GATEWAY_ALONE: Final = (
    "gateway only, no service behind: check --cce-endpoint and the region, and whether CCE is deployed there"
)


def triage(exchange: Exchange, skew: float | None) -> str | None:
    """Return what a 401, 403, 404, 429 or 5xx to a valid request means, and what to do; None for any other answer.

    ``skew`` is by how many seconds this machine's clock is ahead of the service's, None if too few to matter.
    """
    document: Any = None
    with suppress(BodyError, ReleasedBodyError):
        document = exchange.document
    document = document if isinstance(document, dict) else {}
    # either envelope: that of CCE, or that of the gateway
    code = document.get("error_code", document.get("errorCode", ""))
    message = str(document.get("error_msg", document.get("errorMessage", "")))
    match = _GATEWAY.fullmatch(code) if isinstance(code, str) else None
    gateway_code = match[1] if match else ""
    status = exchange.status
    if status == 401:
        return _unauthorized(gateway_code, message, skew, signed="Authorization" in exchange.request.headers)
    if status == 403:
        otherwise = _NO_LEAVE_TO_CREATE if exchange.request.method == "POST" else _NO_PERMISSION
        return _FORBIDDEN.get(gateway_code, otherwise)
    if status == 404 and gateway_code not in _NOTHING_BEHIND:
        if not code:
            return "what answers there is not CCE: check --cce-endpoint"
        # an unknown id in a filter may be answered so too
        unfiltered = not exchange.request.query
        return "wrong project or cluster: check --cce-project-id and --cce-cluster-id" if unfiltered else None
    if status == 429:
        return "throttled: lower --cce-rate or --cce-budget, or run again when the account's other clients are quiet"
    if status != 404 and status < 500:
        return None
    unavailable = status in (502, 503, 504)
    if gateway_code in _NOTHING_BEHIND or (unavailable and not code):
        return _GATEWAY_ALONE
    if unavailable:
        return "the service is unavailable: run again later"
    return "the service failed: give its operators the request id"


def _unauthorized(gateway_code: str, message: str, skew: float | None, *, signed: bool) -> str:
    if "reach the limit" in message:
        return "the access key is locked, after more than five bad signatures in a row: wait five minutes"
    if not signed and (gateway_code == _TOKEN_MUST_BE_UPDATED or "token expires" in message):
        return (
            "token expired, or of another region: get a new one of this region;"
            " --cce-token-command and CCE_IAM_USER renew it automatically"
        )
    if not signed:
        return "token not accepted: it has expired, is cut off, or is of another region or installation; get a new one"
    if skew is not None and abs(skew) > WINDOW.total_seconds():
        return f"wrong clock: {in_words(skew)}, and a signature is valid for 15 minutes; set this machine's clock"
    also = f"; also, {in_words(skew)}" if skew is not None else ""
    return f"wrong key or secret: check HUAWEICLOUD_SDK_AK and _SK for a wrong pair or a stray space{also}"
