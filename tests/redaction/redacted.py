"""Recordings to redact."""

from __future__ import annotations

from typing import Final

from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Request
from pytest_cce_precheck.wire.vocabulary import list_path

TOKEN: Final = 'tök+en/"in\\use'
CREDENTIALS: Final = Credentials(
    token=Secret(TOKEN),
    access_key=Secret("the-access-key"),
    secret_key=Secret("the-secret"),
    security_token=Secret("tmp"),
)
ID: Final = "8ca259cc-553b-11e9-926f-0255ac101a31"
PATH: Final = list_path("0a1b", ID)


def request(**changes: object) -> Request:
    fields: dict[str, object] = {"method": "GET", "endpoint": "https://cce.test", "path": PATH, **changes}
    return Request(**fields)  # type: ignore[arg-type]  # checked by what is built of it
