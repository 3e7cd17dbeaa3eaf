"""What a replayed call and a replayed test cost, side by side with what users would take instead; `run.py` runs it.

One process, calls through a plain `requests` session, an answer of 12 tasks. Peers that are not installed are left out
(``pip install pytest-recording betamax requests-mock``).
"""

from __future__ import annotations

import importlib
import json
import statistics
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import responses
from measuring import OURS, cpu_of, in_turns, pytest, version
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

    from measuring import Effort, Line

HEADERS = (("Content-Type", "application/json"), ("X-Request-Id", "a-request"))
FEW = 10
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
    OURS: (ours, OURS),
    "betamax": (betamax, "betamax"),
    "requests-mock": (requests_mock, "requests-mock"),
    "vcrpy (pytest-recording)": (vcrpy, "vcrpy"),
}


def seconds_of_calls(way: Any, recorded: Recorded, folder: Path, calls: int) -> float:
    """Return the median of one call's CPU time; each call asks for another recording, spread over all of them."""
    step = max(1, len(recorded.urls) // calls)
    asked = recorded.urls[::step][:calls]
    with way(recorded, folder) as session:
        # the first call makes pools, looks up proxies' settings and the like
        session.get(asked[0])
        times = []
        for url in asked[1:] or asked:
            started = time.process_time()
            content = session.get(url).content
            times.append(time.process_time() - started)
            assert content == recorded.body
    return statistics.median(times)


def _measure(way: Any, recorded: Recorded, folder: Path, calls: int) -> Callable[[], float]:
    return lambda: seconds_of_calls(way, recorded, folder, calls) * 1e6


# these do not search a list: a call among many costs what it costs among few
_FAST = ("dict lookup in an adapter", OURS)


def calls(effort: Effort) -> Iterator[Line]:
    one, few, many = Recorded(1), Recorded(FEW), Recorded(effort.choose(10_000, 1000))
    most = len(many.requests)
    ways = {
        name if what in (OURS, "requests", "responses") else f"{name} {found}": way
        for name, (way, what) in WAYS.items()
        if (found := version(what))
    }
    with tempfile.TemporaryDirectory(prefix="replay-") as name:
        folder = Path(name)
        floor = {"responses, one registered answer": _measure(bare_responses, one, folder, 1)}
        measures = floor | {who: _measure(way, few, folder, FEW) for who, way in ways.items()}
        what = f"a replayed call, of {FEW} recordings"
        yield from in_turns("replay", what, measures, rounds=effort.choose(31, 9), unit="µs of CPU", goal=0.8)
        for who, way in ways.items():
            if effort.quick and not who.startswith(OURS):
                continue
            among = {
                f"{who}, of {FEW}": _measure(way, few, folder, FEW),
                who: _measure(way, many, folder, CALLS if who.startswith(_FAST) else 8),
            }
            what = f"a replayed call, of {most:,} recordings"
            yield from in_turns("replay", what, among, rounds=3, unit="µs of CPU", goal=1.1)
        path = folder / f"{most}.json"
        yield from in_turns(
            "replay",
            f"loading {most:,} recordings ({path.stat().st_size / 1e6:.0f} MB)",
            {
                "`json.loads` of the file": lambda: _milliseconds(lambda: json.loads(path.read_bytes())),
                OURS: lambda: _milliseconds(lambda: Replayer(files.read(path), Redaction(Credentials()))),
            },
            rounds=5,
            unit="ms of CPU",
            goal=0.25,
        )


def _milliseconds(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return (time.process_time() - started) * 1e3


# ---- what a test costs more

NOTHING = "a test that does nothing"
PREAMBLE = """import pytest
import requests
import responses

URL = {url!r}
BODY = {body!r}

@pytest.mark.parametrize("number", range({tests}))
"""
TESTS: dict[str, tuple[str, str]] = {
    NOTHING: ("def test_it(number): pass", "pytest"),
    "responses.activate": ("@responses.activate\ndef test_it(number): pass", "responses"),
    "responses.activate, an answer and a call": (
        "@responses.activate\ndef test_it(number):\n    responses.get(URL, body=BODY)\n    requests.get(URL)",
        "responses",
    ),
    "pytest-recording, a call": ("@pytest.mark.vcr\ndef test_it(number): requests.get(URL)", "pytest-recording"),
    OURS: ("def test_it(number, cce_client): pass", OURS),
    f"{OURS}, a call": ("def test_it(number, cce_client): requests.get(URL)", OURS),
}


def tests(effort: Effort) -> Iterator[Line]:
    """Let pytest run few tests and many, each with a cassette of its own, and share the difference among them."""
    recorded = Recorded(1)
    known = {name: source for name, (source, what) in TESTS.items() if version(what)}
    if effort.quick:
        known = {name: known[name] for name in (NOTHING, "responses.activate", OURS)}
    few, many = effort.choose(100, 50), effort.choose(1100, 250)
    with tempfile.TemporaryDirectory(prefix="replay-") as name:
        measures = {
            who: _measure_tests(Path(name, str(place)), recorded, source, few, many)
            for place, (who, source) in enumerate(known.items())
        }
        what = "a replayed test"
        yield from in_turns("tests", what, measures, rounds=effort.choose(5, 2), unit="ms of CPU")


def _measure_tests(folder: Path, recorded: Recorded, source: str, few: int, many: int) -> Callable[[], float]:
    for tests in (few, many):
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
    command = pytest("--cce-mode=replay")
    return lambda: (cpu_of(command, folder / str(many)) - cpu_of(command, folder / str(few))) / (many - few) * 1e3
