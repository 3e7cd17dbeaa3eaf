"""Check the credentials of a request: an IAM token, a signature, or both."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

from pytest_cce_precheck.simulator.refusals import Refusal, unauthorized
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.signing import WINDOW, SignatureError, verify
from pytest_cce_precheck.wire.vocabulary import SECURITY_TOKEN_HEADER, TOKEN_HEADER


def check_credentials(request: Request, credentials: Credentials, wall: datetime) -> Refusal | None:
    """Refuse a request without credentials or with a wrong one; it may have both a token and a signature.

    The refusal's reason is ``no-credentials``, ``token``, ``security-token``, or ``signature-`` followed by the
    reason of the `SignatureError`.
    """
    token = request.headers.get(TOKEN_HEADER)
    signed = "Authorization" in request.headers
    if token is None and not signed:
        return unauthorized("no-credentials")
    if token is not None and not _same(token, credentials.token):
        return unauthorized("token" if token else "no-credentials")
    if not signed:
        return None
    temporary = request.headers.get(SECURITY_TOKEN_HEADER)
    # keys are temporary or not: they need their security token, or have none
    if (temporary is None) != (credentials.security_token is None) or (
        temporary is not None and not _same(temporary, credentials.security_token)
    ):
        return unauthorized("security-token")
    return check_signature(request, credentials, wall)


def check_signature(
    request: Request, credentials: Credentials, wall: datetime, window: timedelta = WINDOW
) -> Refusal | None:
    """Refuse a signature that is not the access key's for this request, or whose date is outside the window."""

    def secret_of(access_key: str) -> str | None:
        is_right = _same(access_key, credentials.access_key)
        return credentials.secret_key.reveal() if is_right and credentials.secret_key is not None else None

    try:
        verify(request, secret_of=secret_of, now=wall, window=window)
    except SignatureError as error:
        return unauthorized(f"signature-{error.reason}")
    return None


def _same(sent: str, secret: Secret | None) -> bool:
    return secret is not None and hmac.compare_digest(sent.encode("utf-8", "replace"), secret.reveal().encode())
