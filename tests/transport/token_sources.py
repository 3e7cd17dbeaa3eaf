"""Tokens to renew."""

from __future__ import annotations

import traceback
from typing import Any

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.transport.tokens import IamAccount, Tokens
from pytest_cce_precheck.wire.credentials import Credentials, Secret

PASSWORD = "PLANTED-password"


def client(service: Any, tokens: Tokens, **options: Any) -> PrecheckClient:
    settings = {"endpoint": "https://cce.example", "project_id": "p", "cluster_id": "c"}
    return PrecheckClient(service, credentials=Credentials(), tokens=tokens, **{**settings, **options})


def account(endpoint: str, password: str = PASSWORD, project_id: str = "p") -> IamAccount:
    return IamAccount(endpoint, "u", Secret(password), "d", project_id)


def assert_silent(error: BaseException) -> None:
    """Look at an error as a person with --showlocals does, and at what it was raised from."""
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    frames = shown.partition("transport/tokens.py")[2]
    assert str(error) in frames
    assert "PLANTED" not in frames, shown
