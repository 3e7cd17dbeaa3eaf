"""What the tests of staging share."""

from __future__ import annotations

import json

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Severity
from pytest_cce_precheck.simulator.staging.profiles import Profile
from pytest_cce_precheck.wire.exchange import Headers, Request


def only(**ingredients):
    return Profile(name="own", summary="Made for a test.", **ingredients)


def ask_iam(caller, **changes):
    account = caller.simulator.account
    user = {"name": account.user, "password": account.password.reveal(), "domain": {"name": account.domain}}
    identity = {"methods": ["password"], "password": {"user": {**user, **changes.pop("user", {})}}}
    document = {"auth": {"identity": identity, "scope": {"project": {"id": account.project_id}}, **changes}}
    headers = Headers([("Content-Type", "application/json")])
    body = json.dumps(document).encode()
    return caller.send(Request("POST", caller.simulator.endpoint, "/v3/auth/tokens", "", headers, body))


def errors_of(exchange):
    return [str(finding.code) for finding in check(exchange) if finding.severity is Severity.ERROR]
