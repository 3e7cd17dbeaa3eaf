"""Calls of clients that are not ours: each has a deadline, and arrives whole before its caller sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.transport.failures import FAILURES, failure
from pytest_cce_precheck.transport.interception import as_response
from pytest_cce_precheck.transport.reading import read_raw
from pytest_cce_precheck.transport.watched import Deadline, watch_connections
from pytest_cce_precheck.wire.exchange import Headers, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from requests import PreparedRequest
    from requests.adapters import HTTPAdapter

    from pytest_cce_precheck.transport.interception import Proxies, Send

_LEAST: Final = 0.01


def sent_within(
    seconds: float,
    adapter: HTTPAdapter,
    prepared: PreparedRequest,
    proxies: Proxies,
    send: Send,
    *,
    again: Callable[[], None],
) -> requests.Response:
    """Send by somebody's own adapter, and return the answer once all of it is here.

    ``again`` is called before the adapter sends a second time. Raises what `requests` raises.
    """
    watch_connections(adapter, proxies)
    with Deadline(max(seconds, _LEAST), again=again) as deadline:
        try:
            received = send(adapter)
            with received:
                body = read_raw(received.raw)
            deadline.check()
        except FAILURES as error:
            if not deadline.expired:
                raise
            raise failure(*deadline.reason_of(error)) from None
    headers = Headers(received.raw.headers.items()).without("Transfer-Encoding")
    headers = headers.replacing("Content-Length", str(len(body)))
    # where requests looks for cookies
    original = getattr(received.raw, "_original_response", None)
    whole = Response(received.status_code, headers, body)
    return as_response(adapter, prepared, whole, reason=received.reason, original_response=original)
