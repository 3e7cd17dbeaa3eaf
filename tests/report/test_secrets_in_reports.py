"""No failure text, report or cassette miss shows a secret that was in a call."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest

from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.config.options import Config
from pytest_cce_precheck.errors import CassetteMissError
from pytest_cce_precheck.plugin.modes import base
from pytest_cce_precheck.plugin.run_log import RunLog
from pytest_cce_precheck.plugin.session import Contract, Harness
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.collect import collect
from pytest_cce_precheck.report.files import FORMS, writer_for
from pytest_cce_precheck.report.terminal import lines
from pytest_cce_precheck.report.text import ContractViolation
from pytest_cce_precheck.wire.credentials import Credentials
from tests.planted import PLANTED, SHARES, known, look_alike, recording_of
from tests.recordings import answered, cassette

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.wire.exchange import Exchange, Request


def failure(contract: Contract, exchange: Exchange) -> str:
    """Return the text that a test fails with."""
    try:
        contract.verify(exchange)
    except ContractViolation as violation:
        return str(violation)
    return ""


def missed(request: Request, redaction: Redaction) -> str:
    """Return the message of a replay that has the answer to another query only."""
    replayer = Replayer(cassette(answered("type=addonStatic")), redaction, [request.endpoint])
    with pytest.raises(CassetteMissError) as miss:
        replayer.answer(request)
    return "\n".join(map(str, (miss.value, *replayer.misses)))


def reports(properties: list[tuple[str, str]]) -> Iterator[str]:
    """Yield everything that the end of a run prints and writes."""
    beside = [("test_it", *each) for each in properties]
    record = collect(RunLog(), Config(mode="replay"), redactor=Redactor([]), beside=beside)
    yield "\n".join(lines(record))
    yield from (writer_for(Path(f"report{ending}"))(record) for ending in FORMS)


def views(text: str) -> Iterator[str]:
    """Yield a text, and what it is once it is decoded."""
    for view in (text, text.replace('\\"', '"').replace("\\\\", "\\"), text.replace("'\\''", "'")):
        yield view
        yield unquote(view)
        yield unquote_plus(view)
        yield unquote(unquote(view))


def is_shown(secret: str, text: str) -> bool:
    octets = secret.encode()
    spelt = (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret))
    coded = (base64.b64encode(octets).decode(), base64.urlsafe_b64encode(octets).decode())
    return any(each in view for view in views(text) for each in (*spelt, *coded))


@pytest.mark.parametrize("share", range(SHARES))
def test_a_planted_secret_is_in_no_failure_text_no_report_and_no_miss(share: int) -> None:
    rng = random.Random(share)
    seen: Counter[str] = Counter()
    for _ in range(PLANTED // SHARES):
        planted = rng.choice((known, look_alike))(rng)
        place, recording = recording_of(rng, planted)
        environment = {"CCE_AUTH_TOKEN": planted.secret} if planted.known else {}
        harness = Harness(Config(mode="replay"), environment)
        properties: list[tuple[str, str]] = []
        harness.test = base.TestContext("test_it", report=properties.append)
        contract = Contract(harness)
        texts = {"miss": missed(recording.request, Redaction(Credentials.from_environment(environment)))}
        if recording.exchange is not None:
            texts["failure"] = failure(contract, recording.exchange)
            texts["properties"] = json.dumps(properties)
            texts |= {f"report {number}": text for number, text in enumerate(reports(properties))}
        for name, text in texts.items():
            assert not is_shown(planted.secret, text), (name, place, planted, recording, text)
            seen[name] += bool(text)
    print(dict(seen))
    assert min(seen.values()) > PLANTED / SHARES / 4
