"""Requests to sign and to spoil, and why a verifier refuses them."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import strategies as st

from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.signing import SignatureError, SignatureReason, verify

NOW = datetime(2025, 8, 5, 9, 10, 11, tzinfo=UTC)
DATE = "20250805T091011Z"
AK, SK = "HST3MAPLE0EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PATH = "/api/v3/projects/p/clusters/c/addons/precheck/tasks"
KEYS = Credentials(access_key=Secret(AK), secret_key=Secret(SK))
# whatever a request is dated, it is not too old
AGES = timedelta(days=365 * 9000)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
awkward = st.text("aA0 +%/~&=?#.*'\"é中\n", max_size=6)
values = texts | awkward
header_values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


def request(**changes: Any) -> Request:
    return Request(**{"method": "GET", "endpoint": "https://cce.test", "path": PATH, **changes})


def report_of(error: SignatureError) -> str:
    """Return the traceback with locals, but for the test's own frame."""
    assert error.__traceback__
    frames = error.__traceback__.tb_next
    return "".join(traceback.TracebackException(type(error), error, frames, capture_locals=True).format())


def reason_of(tampered: Request, *, now: datetime = NOW, secret: str = SK, window: timedelta = AGES) -> SignatureReason:
    with pytest.raises(SignatureError) as caught:
        verify(tampered, secret_of={AK: secret}.get, now=now, window=window)
    assert secret not in report_of(caught.value)
    assert str(caught.value) == caught.value.detail
    assert caught.value.reason in get_args(SignatureReason)
    return caught.value.reason


def with_header(original: Request, name: str, value: str) -> Request:
    return original.with_headers(original.headers.replacing(name, value))
