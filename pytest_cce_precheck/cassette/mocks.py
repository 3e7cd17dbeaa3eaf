"""Recordings for a mock of `responses` that a test already has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import responses

from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.importers.foreign import is_call
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.errors import CassetteMissError
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from requests import PreparedRequest

    from pytest_cce_precheck.cassette.format import Cassette
    from pytest_cce_precheck.cassette.matching import Playback


def add_recordings(mock: responses.RequestsMock, path: str | os.PathLike[str]) -> Playback:
    """Let a mock answer from a cassette, beside what else it answers; several cassettes may be added.

    A call that was not recorded raises `CassetteMissError`; calls to other paths are left to the mock. ``unused`` of
    the returned playback holds the recordings that were not used. Raises `CassetteMissingError` and
    `CassetteCorruptError`.
    """
    added = _Added(read(Path(path)), Redaction(Credentials.from_environment(os.environ)))
    before = [each for each in mock.registered() if isinstance(each, _Recorded) and each.url == added.pattern]
    if before:
        # if two responses match, a mock drops the first once it was called
        before[0].cassettes.append(added)
    else:
        mock.add(_Recorded(added))
    return added.playback


class _Added(Replayer):
    """One cassette that a mock asks, not `requests`."""

    def __init__(self, cassette: Cassette, redaction: Redaction) -> None:
        super().__init__(cassette, redaction)
        self.pattern = self._ours
        self._paths = {cassette.request(number).path for number in range(len(cassette))}

    def covers(self, method: str, path: str) -> bool:
        """Whether a call is to be answered from the cassette, whether it was recorded or not."""
        return path in self._paths or is_call(method, path)

    def call(self, prepared: PreparedRequest) -> Any:
        """Return the answer to a call as `responses` takes it; no recorded answer comes late."""
        response = self._answered(prepared, None)
        # a list of pairs keeps repeated headers, which responses accepts but does not annotate
        return response.status, list(response.headers.pairs), response.body


class _Recorded(responses.CallbackResponse):
    """Answers calls of any method from the first cassette that recorded them."""

    def __init__(self, added: _Added) -> None:
        super().__init__("ANY", added.pattern, callback=self._called, content_type=None)
        self.cassettes = [added]

    def matches(self, request: PreparedRequest) -> tuple[bool, str]:
        """Return whether a call is for the cassettes, and why not."""
        url = str(request.url)
        if not self._url_matches(self.url, url):
            return False, "URL does not match the recorded service"
        path = urlsplit(url).path
        known = any(each.covers(str(request.method), path) for each in self.cassettes)
        return (True, "") if known else (False, "no call to this path was recorded")

    def _called(self, prepared: PreparedRequest) -> Any:
        for each in self.cassettes[:-1]:
            try:
                return each.call(prepared)
            except CassetteMissError:
                continue
        return self.cassettes[-1].call(prepared)
