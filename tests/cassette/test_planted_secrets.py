"""The proof of the redaction: secrets of every sort, planted everywhere, in every spelling; none is in the file."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest

from pytest_cce_precheck.cassette.format import Recording, dumps
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.scan import leaks
from pytest_cce_precheck.wire.credentials import Credentials, Secret
from pytest_cce_precheck.wire.exchange import Response
from tests.planted import PLANTED, SHARES, known, look_alike, recording_of
from tests.recordings import origin

if TYPE_CHECKING:
    from collections.abc import Iterator


def redacted(redaction: Redaction, recording: Recording) -> Recording:
    outcome = recording.outcome
    if isinstance(outcome, Response):
        return Recording(redaction.request(recording.request), redaction.response(outcome))
    return Recording(redaction.request(recording.request), replace(outcome, detail=redaction.text(outcome.detail)))


def views(text: str) -> Iterator[str]:
    """Return a file's text and what is in it, decoded in every way, by other means than those of the scan."""
    yield text
    strings: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, value in pairs:
            strings.extend((name, *(each for each in [value, *(value if isinstance(value, list) else ())])))
            if name == "base64":
                octets = base64.b64decode(value)
                strings.extend(octets.decode(coding, "replace") for coding in ("utf-8", "latin-1", "utf-16"))
        return dict(pairs)

    json.loads(text, object_pairs_hook=keep)
    plain = "\n".join(each for each in strings if isinstance(each, str))
    for view in (plain, plain.replace("\\/", "/"), plain.replace('\\"', '"').replace("\\\\", "\\")):
        yield view
        yield unquote(view)
        yield unquote_plus(view)
        yield unquote(unquote(view))


def is_found(secret: str, text: str) -> bool:
    octets = secret.encode()
    spelt = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(octets).decode(),
        base64.urlsafe_b64encode(octets).decode(),
    }
    return any(each in view for view in views(text) for each in spelt)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_planted_secret_is_nowhere_in_the_file_or_the_file_is_refused(share: int) -> None:
    rng = random.Random(share)
    masked: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for _ in range(PLANTED // SHARES):
        planted = rng.choice((known, look_alike))(rng)
        credentials = Credentials(token=Secret(planted.secret if planted.known else "nobody-s"))
        redaction = Redaction(credentials)
        place, recording = recording_of(rng, planted)
        result = redacted(redaction, recording)
        assert redacted(redaction, result) == result, (place, planted, recording)
        text = dumps(origin(), [result])
        found = leaks(text, credentials)
        assert found or not is_found(planted.secret, text), (place, planted, recording, text)
        assert not any(planted.secret in leak.where for leak in found), found
        (refused if found else masked)[place] += 1
    print(f"masked: {dict(masked)}, refused: {dict(refused)}")
    # that the scan refuses is the exception: an id that looks like a key, Base64 of a longer text
    assert refused.total() < masked.total() / 10
    assert len(masked) == 8
