"""What a replayed call costs, side by side with what users would take instead; every figure from one run.

One process, calls through a plain `requests` session, an answer of 12 tasks; medians over rounds that alternate.
Peers that are not installed are left out (``pip install pytest-recording betamax requests-mock``).

    python benchmarks/replay.py
    python benchmarks/replay.py --most 1000
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import responses
from requests.adapters import BaseAdapter

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.cassette.format import Origin, Recording, dumps
from pytest_cce_precheck.cassette.replay import Replayer
from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.simulate import InProcessTransport
from pytest_cce_precheck.wire.credentials import Credentials
from pytest_cce_precheck.wire.exchange import Headers, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADERS = (("Content-Type", "application/json"), ("X-Request-Id", "a-request"))
FEW = 10
FLOOR = "bare responses, one registered answer"
CALLS = 200


class Recorded:
    """The calls that everybody replays: the same path, a different task id each."""

    def __init__(self, number: int) -> None:
        service = Simulator()
        client = PrecheckClient(
            InProcessTransport(service),
            endpoint=service.endpoint,
            project_id=service.project_id,
            cluster_id=service.cluster_id,
            credentials=service.credentials,
        )
        self.endpoint = service.endpoint
        self.body = client.list_tasks().response.body
        self.requests = [client.list_request(f"task_id={place:08d}") for place in range(number)]

    @property
    def urls(self) -> list[str]:
        return [request.url for request in self.requests]


# ---- each way to replay: a context in which a session answers


Way = "Callable[[Recorded, Path], Any]"


@contextmanager
def dictionary(recorded: Recorded, _: Path) -> Iterator[requests.Session]:
    """The floor: a dict lookup in an adapter."""
    known = dict.fromkeys(recorded.urls, recorded.body)

    class Adapter(BaseAdapter):
        def send(self, request: Any, **_: Any) -> requests.Response:
            answer = requests.Response()
            answer.status_code, answer._content = 200, known[request.url]
            answer.headers.update(HEADERS)
            answer.request, answer.url = request, request.url
            return answer

        def close(self) -> None: ...

    session = requests.Session()
    session.mount(recorded.endpoint, Adapter())
    yield session


@contextmanager
def bare_responses(recorded: Recorded, _: Path) -> Iterator[requests.Session]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for url in recorded.urls:
            mock.add("GET", url, body=recorded.body, headers=dict(HEADERS[1:]), content_type=HEADERS[0][1])
        yield requests.Session()


@contextmanager
def ours(recorded: Recorded, folder: Path) -> Iterator[requests.Session]:
    path = folder / f"{len(recorded.requests)}.json"
    if not path.exists():
        files.write(path, written(recorded))
    with Replayer(files.read(path), Redaction(Credentials())):
        yield requests.Session()


def written(recorded: Recorded) -> str:
    origin = Origin("benchmark", datetime(2026, 1, 1, tzinfo=UTC), recorded.endpoint)
    answer = Response(200, Headers(HEADERS), recorded.body)
    return dumps(origin, [Recording(_plain(request), answer) for request in recorded.requests], redacted=True)


def _plain(request: Request) -> Request:
    return request.with_headers(Headers([("Accept", "application/json")]))


@contextmanager
def vcrpy(recorded: Recorded, folder: Path) -> Iterator[requests.Session]:
    vcr = importlib.import_module("vcr")
    path = folder / f"{len(recorded.requests)}.vcr.json"
    if not path.exists():
        path.write_text(json.dumps(_interactions(recorded)), "utf-8")
    with vcr.use_cassette(str(path), record_mode="none", serializer="json", allow_playback_repeats=True):
        yield requests.Session()


def _interactions(recorded: Recorded) -> dict[str, Any]:
    interactions = [
        {
            "request": {"method": "GET", "uri": url, "body": None, "headers": {}},
            "response": {
                "status": {"code": 200, "message": "OK"},
                "headers": {name: [value] for name, value in HEADERS},
                "body": {"string": recorded.body.decode()},
            },
        }
        for url in recorded.urls
    ]
    return {"version": 1, "interactions": interactions}


@contextmanager
def betamax(recorded: Recorded, folder: Path) -> Iterator[requests.Session]:
    module = importlib.import_module("betamax")
    name = f"betamax-{len(recorded.requests)}"
    path = folder / f"{name}.json"
    if not path.exists():
        calls = [
            {
                "request": {
                    "body": {"encoding": "utf-8", "string": ""},
                    "headers": {},
                    "method": "GET",
                    "uri": url,
                },
                "response": {
                    "body": {"encoding": "utf-8", "string": recorded.body.decode()},
                    "headers": {key: [value] for key, value in HEADERS},
                    "status": {"code": 200, "message": "OK"},
                    "url": url,
                },
                "recorded_at": "2026-01-01T00:00:00",
            }
            for url in recorded.urls
        ]
        path.write_text(json.dumps({"http_interactions": calls, "recorded_with": "betamax/0.9.0"}), "utf-8")
    session = requests.Session()
    recorder = module.Betamax(session, cassette_library_dir=str(folder))
    with recorder.use_cassette(name, record="none", match_requests_on=["method", "uri"], allow_playback_repeats=True):
        yield session


@contextmanager
def requests_mock(recorded: Recorded, _: Path) -> Iterator[requests.Session]:
    module = importlib.import_module("requests_mock")
    with module.Mocker() as mock:
        for url in recorded.urls:
            mock.get(url, content=recorded.body, headers=dict(HEADERS), complete_qs=True)
        yield requests.Session()


WAYS: dict[str, Any] = {
    "dict lookup in an adapter": (dictionary, "requests"),
    "bare responses, one for each recording": (bare_responses, "responses"),
    "pytest-cce-precheck": (ours, "pytest-cce-precheck"),
    "betamax": (betamax, "betamax"),
    "requests-mock": (requests_mock, "requests-mock"),
    "vcrpy (pytest-recording)": (vcrpy, "vcrpy"),
}


def seconds_of_calls(way: Any, recorded: Recorded, folder: Path, calls: int) -> float:
    """Return the median time of one call; every call asks for another recording, spread over all of them."""
    step = max(1, len(recorded.urls) // calls)
    asked = recorded.urls[::step][:calls]
    with way(recorded, folder) as session:
        # the first call makes pools, looks up proxies' settings and the like
        session.get(asked[0])
        times = []
        for url in asked[1:] or asked:
            started = time.perf_counter()
            content = session.get(url).content
            times.append(time.perf_counter() - started)
            assert content == recorded.body
    return statistics.median(times)


def median_of_rounds(measures: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: statistics.median(times) for name, times in taken.items()}


def calls_table(most: int, folder: Path) -> Iterator[str]:
    one, few, many = Recorded(1), Recorded(FEW), Recorded(most)
    installed = {name: way for name, way in WAYS.items() if _version(way[1])}
    single = _measure(bare_responses, one, folder, 1)
    measures = {name: _measure(way, few, folder, FEW) for name, (way, _) in installed.items()}
    at_few = median_of_rounds({FLOOR: single, **measures}, 31)
    floor = at_few.pop(FLOOR)
    at_many = median_of_rounds(
        {name: _measure(way, many, folder, CALLS if name in _QUICK else 8) for name, (way, _) in installed.items()}, 3
    )
    yield f"| a replayed call | version | µs, {FEW} recordings | against one answer of responses | {most:,} to {FEW} |"
    yield "|---|---|---|---|---|"
    yield f"| {FLOOR} | {_version('responses')} | {floor * 1e6:.0f} | 1.00 | – |"
    for name, time_of_few in at_few.items():
        grown = at_many[name] / time_of_few
        yield (
            f"| {name} | {_version(installed[name][1])} | {time_of_few * 1e6:.0f} | {time_of_few / floor:.2f}"
            f" | {grown:,.2f} |"
        )


# these do not search a list: a call among many costs what it costs among few
_QUICK = ("dict lookup in an adapter", "pytest-cce-precheck")


def _measure(way: Any, recorded: Recorded, folder: Path, calls: int) -> Callable[[], float]:
    return lambda: seconds_of_calls(way, recorded, folder, calls)


def loading_table(most: int, folder: Path) -> Iterator[str]:
    recorded = Recorded(most)
    path = folder / f"{most}.json"
    if not path.exists():
        files.write(path, written(recorded))

    def parse() -> float:
        started = time.perf_counter()
        json.loads(path.read_bytes())
        return time.perf_counter() - started

    def load() -> float:
        started = time.perf_counter()
        Replayer(files.read(path), Redaction(Credentials()))
        return time.perf_counter() - started

    times = median_of_rounds({"parse": parse, "load": load}, 5)
    yield f"| loading {most:,} recordings ({path.stat().st_size / 1e6:.0f} MB) | against json.loads of the file |"
    yield "|---|---|"
    yield f"| pytest-cce-precheck, ready to answer | {times['load'] / times['parse']:.2f} |"


# ---- what a test costs more

FEW_TESTS, MANY_TESTS = 100, 1100
PREAMBLE = """import pytest
import requests
import responses

URL = {url!r}
BODY = {body!r}

@pytest.mark.parametrize("number", range({tests}))
"""
TESTS: dict[str, tuple[str, str]] = {
    "a test that does nothing": ("def test_it(number): pass", "pytest"),
    "responses.activate": ("@responses.activate\ndef test_it(number): pass", "responses"),
    "responses.activate, an answer and a call": (
        "@responses.activate\ndef test_it(number):\n    responses.get(URL, body=BODY)\n    requests.get(URL)",
        "responses",
    ),
    "pytest-recording, a call": ("@pytest.mark.vcr\ndef test_it(number): requests.get(URL)", "pytest-recording"),
    "pytest-cce-precheck": ("def test_it(number, cce_client): pass", "pytest-cce-precheck"),
    "pytest-cce-precheck, a call": ("def test_it(number, cce_client): requests.get(URL)", "pytest-cce-precheck"),
}


def tests_table(folder: Path) -> Iterator[str]:
    """Let pytest run few tests and many, each with a cassette of its own, and share the difference among them."""
    recorded = Recorded(1)
    measures = {
        name: _measure_tests(folder / f"tests-{place}", recorded, source)
        for place, (name, (source, distribution)) in enumerate(TESTS.items())
        if _version(distribution)
    }
    times = median_of_rounds(measures, 5)
    nothing = times.pop("a test that does nothing")
    yield f"| a test, beside the {nothing * 1e3:.2f} ms of one that does nothing | ms of CPU added |"
    yield "|---|--:|"
    yield from (f"| {name} | {(time - nothing) * 1e3:.2f} |" for name, time in times.items())


def _measure_tests(folder: Path, recorded: Recorded, source: str) -> Callable[[], float]:
    for tests in (FEW_TESTS, MANY_TESTS):
        place = folder / str(tests)
        place.mkdir(parents=True)
        (place / "pytest.ini").write_text("[pytest]\nmarkers = vcr\n", "utf-8")
        known = {"url": recorded.urls[0], "body": recorded.body, "tests": tests}
        (place / "test_many.py").write_text(PREAMBLE.format(**known) + source + "\n", "utf-8")
        for number in range(tests):
            files.write(place / "cce-cassettes" / "test_many" / f"test_it[{number}].json", written(recorded))
            peer = place / "cassettes" / "test_many" / f"test_it[{number}].yaml"
            peer.parent.mkdir(parents=True, exist_ok=True)
            peer.write_text(json.dumps(_interactions(recorded)), "utf-8")
    return lambda: (_cpu(folder / str(MANY_TESTS)) - _cpu(folder / str(FEW_TESTS))) / (MANY_TESTS - FEW_TESTS)


def _cpu(folder: Path) -> float:
    before = os.times()
    command = [sys.executable, "-m", "pytest", "-q", *QUIET, "--cce-mode=replay"]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True, timeout=600)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


QUIET = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:xdist.looponfail", "-p", "no:cacheprovider")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=10_000, metavar="N", help="recordings in the large cassette")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-") as name:
        folder = Path(name)
        for table in (calls_table(options.most, folder), loading_table(options.most, folder), tests_table(folder)):
            for line in table:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
