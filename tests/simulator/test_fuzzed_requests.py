"""Byte streams that are nearly HTTP: each is answered or refused, and other clients are served as before."""

from __future__ import annotations

import http.client
import logging
import os
import re
import socket
from contextlib import closing, suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.simulator.http1 import BadHttp, parse_head
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.staging.profiles import Profile, TokenLife
from pytest_cce_precheck.simulator.staging.service import Staging
from pytest_cce_precheck.simulator.tls import private_ca
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.toolchains import require_program

WAIT = 10.0
STAGING = Staging(Profile(name="own", summary="Made for a test.", tokens=TokenLife(seconds=1e9, requests=10**9)))
TOKEN = STAGING.credentials.token.reveal()
LIST = list_path(STAGING.project_id, STAGING.cluster_id)
CREATE = create_path(STAGING.project_id, STAGING.cluster_id)
# more on demand, and others each time: see CONTRIBUTING.md
WANTED = int(os.environ.get("CCE_FUZZ_EXAMPLES", "0"))
fuzzed = settings(max_examples=WANTED or 250, derandomize=not WANTED)
few = settings(max_examples=WANTED or 40, derandomize=not WANTED)
STATUSES = {b"100", b"200", b"201", b"400", b"401", b"403", b"404", b"405", b"411", b"413", b"431", b"505"}

# ---- nearly HTTP: made of what requests are made of, each part well-made more often than not

METHODS = ["GET"] * 12 + ["POST", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PRI", "get", "G T", "", "G\x00T", "X" * 40]
TARGETS = [LIST] * 12 + [
    CREATE, "/v3/auth/tokens", f"{LIST}?type=addonStatic", f"http://x{LIST}", "http://[::1/x", "http://[::1]:80",
    "http://",
    "https://x:y/", "*", "x:443", "", "/", "//", "/../..", "/%", "/%zz%C3%28", "/\xff\xfe", "/?%00=%0d%0a", "/?&&==&",
    f"{LIST}?task_id=%E2%82&task_id=%ff", "/#x?y", "/" + "x" * 5000, "/\\", "/?q=http://[", "/\ud800",
]  # fmt: skip
VERSIONS = ["HTTP/1.1"] * 20 + ["HTTP/1.0", "HTTP/2.0", "HTTP/1.10", "HTTP/1.٣", "http/1.1", "HTTP/1.1 ", ""]
FIELDS = [f"X-Auth-Token: {TOKEN}", "Host: x", "Connection: keep-alive", "Content-Length: 0"] * 6 + [
    "Host: y", "Connection: close", "Connection: upgrade, close",
    "Upgrade: h2c", "Content-Length: 5", "Content-Length: 05", "Content-Length: -1", "Content-Length: +5",
    "Content-Length: ٣", "Content-Length: ³", "Content-Length: 5, 5", "Content-Length: 1e3",
    "Content-Length: 99999999999999999999",
    "Content-Length : 5", "Transfer-Encoding: chunked", "Transfer-Encoding: identity", "transfer-encoding:\tchunked",
    "Expect: 100-continue",
    "Expect: 200-ok", "A: \x00", "A: b\rB: c", "A: b\nB: c", " folded", "\tfolded", ": x", "no colon",
    "X-Project-Id: \x80\xff",
    "Authorization: SDK-HMAC-SHA256 Access=", "Authorization: SDK-HMAC-SHA256 Access=x, SignedHeaders=;;, Signature=",
    "X-Sdk-Date: 20261399T999999Z",
    "Accept-Encoding: gzip;q=x", "Range: bytes=-", "A:" + "x" * 9000,
]  # fmt: skip
BODIES = [
    b"",
    b"",
    b"hello",
    b"{}",
    b'{"kind":',
    b"\xff" * 5,
    b"5\r\nhello\r\n0\r\n\r\n",
    b"-1\r\n",
    b"fffffffffffffffff\r\nx",
    b"[" * 5000,
]
ENDS = ["\r\n"] * 60 + ["\n", "\r", "\r\r\n", ""]


@st.composite
def requests(draw):
    line = " ".join((draw(st.sampled_from(METHODS)), draw(st.sampled_from(TARGETS)), draw(st.sampled_from(VERSIONS))))
    credentials = [f"X-Auth-Token: {TOKEN}"] if draw(st.booleans()) else []
    lines = [line, *credentials, *draw(st.lists(st.sampled_from(FIELDS), max_size=3)), ""]
    text = "".join(line + draw(st.sampled_from(ENDS)) for line in lines)
    return text.encode("utf-8" if draw(st.booleans()) else "latin-1", "replace") + draw(st.sampled_from(BODIES))


@st.composite
def streams(draw):
    data = bytearray(b"".join(draw(st.lists(requests(), min_size=1, max_size=4))))
    for _ in range(draw(st.integers(0, 3))):
        place, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
        change = draw(st.sampled_from(["byte", "insert", "delete", "repeat", "cut"]))
        if change == "byte":
            data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change == "insert":
            data[place:place] = draw(st.binary(max_size=8))
        elif change == "delete":
            del data[place : min(end, place + 20)]
        elif change == "repeat":
            data[place:place] = data[place:end][:2000]
        else:
            del data[place:]
    return bytes(data)


# ---- what comes of it


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture(scope="module")
def failures():
    handler = Records()
    logger = logging.getLogger("pytest_cce_precheck.simulator")
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


@pytest.fixture(scope="module")
def server(failures):
    with SimulatorServer(STAGING) as running:
        yield running


@pytest.fixture(scope="module")
def secure():
    require_program("openssl")
    with private_ca() as ca, SimulatorServer(STAGING, tls=ca.context) as running:
        yield running, ca


def answers_to(port, pieces):
    """Send the pieces, and return all that comes back until the server closes."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock, suppress(ConnectionError):
        try:
            for piece in pieces:
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused and closed before all was sent
        while chunk := sock.recv(65536):
            received += chunk
    return received


def is_answered(connection):
    with closing(connection):
        connection.request("GET", f"{LIST}?type=addonStatic", headers={"X-Auth-Token": TOKEN})
        answer = connection.getresponse()
        return (answer.status, answer.read()[:1]) == (200, b"{")


@fuzzed
@given(data=streams(), cuts=st.lists(st.integers(0, 400), max_size=3))
def test_whatever_is_sent_is_answered_or_refused_and_others_are_served(server, failures, data, cuts):
    places = [0, *sorted(cuts), len(data)]
    received = answers_to(server.port, [data[begin:end] for begin, end in pairwise(places)])
    assert not received or received.startswith(b"HTTP/1.1 ")
    assert set(re.findall(rb"HTTP/1\.1 (\d+) ", received)) <= STATUSES
    assert failures == []
    assert is_answered(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT))


@few
@given(
    data=st.one_of(st.binary(max_size=300), st.binary(max_size=100).map(b"\x16\x03\x01\x00\x64\x01".__add__), streams())
)
def test_whatever_is_sent_in_place_of_a_handshake_others_are_served(secure, failures, data):
    server, ca = secure
    assert b"HTTP/1.1" not in answers_to(server.port, [data])
    assert failures == []
    trusting = http.client.ssl.create_default_context(cafile=ca.file)
    assert is_answered(http.client.HTTPSConnection("127.0.0.1", server.port, timeout=WAIT, context=trusting))


@fuzzed
@given(data=streams())
def test_a_head_is_read_or_refused(data):
    for head in data.split(b"\r\n\r\n"):
        with suppress(BadHttp):
            assert 0 <= parse_head(head).length <= 1024 * 1024
