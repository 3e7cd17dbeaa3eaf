"""Answer calls from a cassette; nothing is sent, and nobody waits."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.cassette.format import Failure
from pytest_cce_precheck.cassette.matching import Playback
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteError, CassetteMissError, CcePrecheckError
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms, asked_ids, ids_in
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.reflected_secrets import repeated
from pytest_cce_precheck.transport.failures import failure
from pytest_cce_precheck.transport.interception import Interceptor, as_request, as_response
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.dates import is_retry_after
from pytest_cce_precheck.wire.exchange import Headers, Response, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import requests
    from requests import PreparedRequest
    from requests.adapters import HTTPAdapter

    from pytest_cce_precheck.cassette.format import Cassette, Origin
    from pytest_cce_precheck.wire.exchange import Request


# a line that is folded, as some services still do it, goes on with a blank
_ENDS_LINE: Final = re.compile(r"\r?\n(?![ \t])|\r(?!\n)|\0")


class Replayer(Interceptor):
    """Answers every call of this process to the cassette's endpoint, or to others of ``endpoints``.

    Requests and answers go through ``redaction``, as they did when they were recorded. `CassetteMissError` is raised if
    nothing was recorded for a request, `CassetteCorruptError` if that cannot be read; both are kept in ``misses``,
    since code that catches every exception hides them. ``record_with`` returns the command that records the cassette.
    """

    def __init__(
        self,
        cassette: Cassette,
        redaction: Redaction,
        endpoints: Sequence[str] = (),
        *,
        record_with: Callable[[Origin], str | None] = lambda _: None,
        **more: Any,
    ) -> None:
        endpoints = list(dict.fromkeys([cassette.origin.endpoint, *endpoints]))
        super().__init__(endpoints, answer=self.answer, send_instead=self._replay_call, **more)
        self.playback = Playback(cassette, redaction.shown, record_with, self._redacted)
        self.misses: list[CcePrecheckError] = []
        self._redaction = redaction

    def _replay_call(self, adapter: HTTPAdapter, prepared: PreparedRequest, *_: object) -> requests.Response:
        # tries of urllib3 were not recorded one by one
        request = as_request(prepared, self.playback.cassette.origin.endpoint)
        try:
            response = self.answer(request)
        except TransportError as error:
            raise failure(error.reason, error.detail) from None
        self.observe(request, response)
        return as_response(adapter, prepared, response)

    def answer(self, request: Request) -> Response:
        """Return what was recorded for a request; raises `CassetteError`, or `TransportError` if no answer came."""
        try:
            outcome = self._found(self._redaction.request(request))
        except CassetteError as miss:
            self.misses.append(miss)
            raise
        if isinstance(outcome, Failure):
            raise TransportError(outcome.reason, outcome.detail, request)
        return repeated(request, outcome)

    def _redacted(self, response: Response) -> Response:
        if any(_ENDS_LINE.search(text) for pair in response.headers.pairs for text in pair):
            raise CassetteCorruptError(
                f"a recording of {self.playback.cassette.name} cannot be used: a line break in its headers would let"
                " what follows pass for another header, or another answer; record it again"
            )
        if not self.playback.cassette.sealed or self._redaction.found_in(response):
            response = self._redaction.response(response)
        return Response(response.status, _replayed_headers(response), response.body)

    def _found(self, request: Request) -> Response | Failure:
        try:
            return self.playback.find(request)
        except CassetteMissError as miss:
            if not self.playback.cassette.origin.pseudonyms:
                raise
            # the cassette's own ids are pseudonyms; a request with real ids means these
            real = Pseudonyms(asked_ids(request) - self._recorded_ids)
            mapped = Redaction(Credentials(), pseudonyms=real).request(request)
            try:
                return self.playback.find(mapped)
            except CassetteMissError:
                raise miss from None

    @cached_property
    def _recorded_ids(self) -> frozenset[str]:
        recordings = list(self.playback.cassette)
        shown = [ids_in(each.outcome.body) for each in recordings if isinstance(each.outcome, Response)]
        return frozenset().union(*shown, *(asked_ids(each.request) for each in recordings))


def _replayed_headers(response: Response) -> Headers:
    # an imported answer may have none, and is then not judged by them
    pairs = [pair for pair in response.headers.pairs if pair[0].lower() != "content-length"]
    headers = Headers([*pairs, ("Content-Length", str(len(response.body)))] if response.headers.pairs else ())
    # nobody waits; what is not valid stays as it is, for the rule that it breaks
    wait = headers.get("Retry-After")
    return headers if wait is None or not is_retry_after(wait) else headers.replacing("Retry-After", "0")
