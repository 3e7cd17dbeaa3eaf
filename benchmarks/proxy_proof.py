"""What is promised of ``cce-precheck proxy``, put to the test: its size, secrets that pass it, and its sudden end.

It runs as a user runs it, in a process of its own, on loopback. Ends with 1 if a promise is broken.

    python benchmarks/proxy_proof.py             half an hour, more on a busy machine
    python benchmarks/proxy_proof.py --quick     half a minute, of the same
    python benchmarks/proxy_proof.py --only kills
"""

from __future__ import annotations

import argparse
import html
import http.client
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

import requests
from endurance import ask, connected, kilobytes

from pytest_cce_precheck import Request, Response
from pytest_cce_precheck.cassette.format import Recording, dumps, loads
from pytest_cce_precheck.report.files import FORMS
from pytest_cce_precheck.simulator.server import SimulatorServer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import create_path, list_path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.leaks import PIECE, made_up, spellings, written
from tests.planted import ID, Planted, in_a_body, in_a_header, in_a_query, look_alike
from tests.proxies import RunningProxy, proxy, real, recording, tasks_of
from tests.recordings import JSON, origin
from tests.servers import Handler, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CONNECTIONS: Final = 8
STEPS: Final = 10
GROWTH: Final = 1.2
"""How many times its size after the second tenth a process may have at the end; it keeps a little of each test."""
BATCH: Final = 500
"""How many calls go through one proxy before all that it left is searched."""
GRAM: Final = 8
PROJECT: Final = "0a1b"


@dataclass(frozen=True)
class Line:
    """One row of the table: what was done how often, what came of it, and whether that is as promised."""

    what: str
    often: int
    result: str
    holds: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of everything, or a little more")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts alone")
    options = parser.parse_args()
    broken = []
    sys.stdout.write("| what | how often | result |\n|---|--:|---|\n")
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="proxy-proof-") as folder:
            for each in PARTS[name](Path(folder), 100 if options.quick else 1):
                sys.stdout.write(f"| {each.what} | {each.often:,} | {each.result} |\n")
                sys.stdout.flush()
                broken += [] if each.holds else [each.what]
    sys.stdout.writelines(f"broken: {what}\n" for what in broken)
    return 1 if broken else 0


# ---- its size


def memory(folder: Path, share: int) -> Iterator[Line]:
    calls = 200_000 // share
    with SimulatorServer(Simulator()) as server:
        with recording(folder, server) as running:
            running.begin("list", repeats=True)
            running.get(tasks_of(server), "list")
            running.end("list")
        with replaying(folder, "list") as (running, send):
            sizes = sizes_of(running, calls, lambda number: send(number, tasks_of(server)))
        yield _size("a call replayed from one recording", calls, sizes)
        # it grows until Python's collector first looks for cycles, after about 200 calls
        tests = max(1000 // share, 100)
        with recording(folder, server) as running, requests.Session() as session:

            def record(number: int) -> None:
                name = f"T{number // 10}"
                session.get(running.url + tasks_of(server), headers={**running.token, "X-Cce-Test": name}).close()
                if number % 10 == 9:
                    session.delete(f"{running.url}/_cce/tests/{name}", headers=running.token).close()

            sizes = sizes_of(running, tests * 10, record)
        yield _size(f"a call recorded, in {tests:,} tests", tests * 10, sizes)
    few, many = 10, 10_000 // share
    costs, after = {}, {}
    for number in (few, many):
        queries = [f"task_id={place}" for place in range(number)]
        kept = [
            Recording(Request("GET", "https://cce.test", PATH, each, JSON), ANSWER, repeats=True) for each in queries
        ]
        (folder / "cce-cassettes" / "many.json").write_text(dumps(origin(), kept))
        with replaying(folder, "many") as (running, send):
            targets = [f"{PATH}?{each}" for each in queries]
            for place in range(few):
                send(place, targets[place])
            before = seconds_of_cpu(running)
            after[number] = sizes_of(
                running, many, lambda place, all_of=targets: send(place, all_of[place % len(all_of)])
            )
            costs[number] = (seconds_of_cpu(running) - before) / many
    ratio = costs[many] / costs[few]
    # with many, each call is the first to read its recording
    result = f"{ratio:.2f} times the CPU time of a call with {few} recordings, each used again and again"
    yield Line(f"a call replayed from {many:,} recordings, each used once", many, result, ratio < 2 or share > 1)
    yield _size("the size of the proxy meanwhile", many, after[many])


PATH: Final = list_path("p", "c")
ANSWER: Final = Response(200, JSON, json.dumps({"kind": "AddonCheckList", "apiVersion": "v3", "items": []}).encode())


@contextmanager
def replaying(folder: Path, test: str) -> Iterator[tuple[RunningProxy, Callable[[int, str], None]]]:
    """Run a replaying proxy; gives it, and what asks it over one of several connections for a target."""
    with (
        proxy(folder, "--mode=replay", f"--test={test}", CCE_CLIENT_TOKEN="t-of-the-client") as running,
        ExitStack() as stack,
    ):
        host = running.url.partition("//")[2]
        kept = [stack.enter_context(connected(int(host.rpartition(":")[2]))) for _ in range(CONNECTIONS)]

        def send(number: int, target: str) -> None:
            head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Auth-Token: t-of-the-client\r\n"
            ask(kept[number % CONNECTIONS], f"{head}Content-Type: application/json\r\n\r\n".encode())

        yield running, send


def sizes_of(running: RunningProxy, calls: int, act: Callable[[int], None]) -> list[int]:
    """Act so often, and return the kilobytes of the proxy after each tenth."""
    sizes = []
    for number in range(calls):
        act(number)
        if (number + 1) % max(calls // STEPS, 1) == 0:
            sizes.append(kilobytes(running.process.pid))
    return sizes


def seconds_of_cpu(running: RunningProxy) -> float:
    fields = Path(f"/proc/{running.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size(what: str, calls: int, sizes: list[int]) -> Line:
    first, last = sizes[1], sizes[-1]
    result = f"{first / 1024:.1f} MiB after a fifth, {last / 1024:.1f} MiB at the end"
    return Line(what, calls, result, last <= GROWTH * first)


# ---- secrets


def secrets(folder: Path, share: int) -> Iterator[Line]:
    planted, refused, found = Counter[str](), 0, list[str]()
    number = 0
    while planted.total() < 100_000 // share:
        batch = Batch(random.Random(number), by_token=number % 4 < 2)
        mode = ("record", "judge")[number % 2]
        place = folder / str(number)
        place.mkdir()
        refused += batch.run(place, mode, max(BATCH // share, 60))
        planted += batch.planted
        new = [f"{mode}: {each}" for each in batch.found(place)]
        sys.stderr.writelines(f"  {each}\n" for each in new[:20])
        found += new
        shutil.rmtree(place)
        sys.stderr.write(f"  {planted.total():,} planted, {len(found)} found\n")
        number += 1
    places = ", ".join(f"{count:,} in a {name}" for name, count in sorted(planted.items()))
    result = (
        f"{len(found) or 'none'} in a cassette, a report, a HAR file or the output; {refused:,} cassettes were refused"
    )
    yield Line(f"a secret planted ({places})", planted.total(), result, not found)


class Batch:
    """Calls through one proxy that is told credentials, with these and texts that look like secrets planted in them."""

    def __init__(self, rng: random.Random, *, by_token: bool) -> None:
        self.rng = rng
        made = [made_up(rng, length) for length in (60, 24, 40, 120, 30, 40, 24, 40)]
        token, key, secret, temporary, password, *own = made
        keys = {"HUAWEICLOUD_SDK_AK": key, "HUAWEICLOUD_SDK_SK": secret, "HUAWEICLOUD_SDK_SECURITY_TOKEN": temporary}
        self.service = [token] if by_token else [key, secret, temporary]
        self.variables = {**({"CCE_AUTH_TOKEN": token} if by_token else keys), "CCE_IAM_PASSWORD": password}
        self.variables |= dict(zip(("CCE_CLIENT_TOKEN", "CCE_CLIENT_AK", "CCE_CLIENT_SK"), own, strict=True))
        self.known = list(self.variables.values())
        self.others: list[str] = []
        self.planted: Counter[str] = Counter()
        self.said: list[tuple[str, str]] = []
        self._answer = (200, [("Content-Type", "application/json")], b"{}")

    def run(self, folder: Path, mode: str, calls: int) -> int:
        """Send the calls; return how many cassettes were refused."""
        reports = [f"--report={folder}/out{ending}" for ending in FORMS]
        ids = (f"--project-id={PROJECT}", f"--cluster-id={ID}", "--allow-writes")
        with serving(self._reply) as service:
            arguments = [f"--mode={mode}", "--to", service.endpoint, f"--har={folder}/passed.har", *reports, *ids]
            with proxy(folder, *arguments, **self.variables) as running:
                host = running.url.partition("//")[2]
                self.known += [running.facts[name] for name in ("token", "access_key", "secret_key")]
                connection = http.client.HTTPConnection(host, timeout=60)
                for number in range(calls):
                    self._call(connection, number)
                connection.close()
                for test in range(3):
                    self.said.append(("the answer to DELETE", json.dumps(running.end(f"T{test}"))))
                self.said.append(("the report so far", json.dumps(running.report(), ensure_ascii=False)))
                running.stop()
                seen = len(service.seen)
        assert seen == calls, f"{seen} of {calls} calls were passed on"
        first, _, rest = running.output.partition("\n")
        assert json.loads(first)["event"] == "started"
        self.said += [("standard output", rest), ("standard error", running.errors)]
        return sum("would hold" in str(each["problems"]) or each["kept"] is False for each in running.of("test"))

    def _call(self, connection: http.client.HTTPConnection, number: int) -> None:
        rng = self.rng
        creates = number % 4 == 3
        project = PROJECT if creates or number % 2 else self._plant("path", lambda text: quote(text, safe=""))
        path = create_path(PROJECT, ID) if creates else list_path(project, ID)
        query = "" if creates else "?" + self._plant("query", lambda text: in_a_query(rng, text).replace(" ", "%20"))
        body = self._plant("request body", lambda text: in_a_body(rng, text)) if creates else b""
        asked, told = (self._plant(f"{side} header", self._header) for side in ("request", "response"))
        answer = self._plant("response body", lambda text: in_a_body(rng, text))
        self._answer = rng.choice((200, 200, 400, 500)), [told], answer
        connection.putrequest("POST" if creates else "GET", path + query, skip_accept_encoding=True)
        own = {"X-Auth-Token": self.variables["CCE_CLIENT_TOKEN"], "X-Cce-Test": f"T{number // 10}"}
        for name, value in (asked, *own.items(), ("Content-Length", str(len(body)))):
            connection.putheader(name, value.encode())
        connection.endheaders(body or None)
        got = connection.getresponse()
        content = got.read()
        # the client may have what the service said, without the credentials that the service was sent
        text = f"{got.headers}\n{content.decode('utf-8', 'replace')}"
        if any(each in text for each in self.service):
            self.said.append(("an answer to the client", text))

    def _plant(self, place: str, spelt: Callable[[str], Any]) -> Any:
        self.planted[place] += 1
        if self.rng.random() < 0.5:
            return spelt(self._known().text)
        planted = look_alike(self.rng)
        self.others.append(planted.secret)
        return spelt(planted.text)

    def _known(self) -> Planted:
        secret = self.rng.choice(self.known)
        octets = secret.encode()
        coded = (secret, secret, b64encode(octets).decode(), urlsafe_b64encode(octets).decode(), quote(secret))
        before, after = self.rng.choice((("", ""), ("Token ", " is invalid"), ("x", "y")))
        return Planted(before + self.rng.choice(coded) + after, secret, known=True)

    def _header(self, text: str) -> tuple[str, str]:
        """Return a header that can be sent, and that does not change who asks."""
        line = re.sub(r"[\r\n]+", " ", text)
        while True:
            name, value = in_a_header(self.rng, line)
            is_free = name.lower() not in {"x-auth-token", "authorization", "date", "retry-after"}
            if is_free and re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) and value.isascii():
                return name, value
            line = quote(line, safe="")

    def _reply(self, handler: Handler) -> None:
        status, headers, body = self._answer
        handler.send_response_only(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def found(self, folder: Path) -> Iterator[str]:
        """Yield where a secret stands in all that the proxy has written and said."""
        whole = [spelling for secret in self.others for spelling in spellings(secret) if len(spelling) != PIECE]
        return search(
            [*written(folder), *self.said], [*whole, *(each for name in self.known for each in spellings(name))]
        )


def search(texts: Iterable[tuple[str, str]], sought: Iterable[str]) -> Iterator[str]:
    """Yield each place where a spelling of a secret stands, by its first letters: there are many secrets and texts."""
    index: dict[str, set[str]] = {}
    for spelling in sought:
        if len(spelling) >= GRAM:
            index.setdefault(spelling[:GRAM], set()).add(spelling)
    for name, text in texts:
        for view in {text, unquote(text), html.unescape(text), re.sub(r"\\u([0-9a-f]{4})", _letter, text)}:
            for start in range(len(view) - GRAM + 1):
                for spelling in index.get(view[start : start + GRAM], ()):
                    if view.startswith(spelling, start):
                        yield f"{name}: {view[max(start - 60, 0) : start + len(spelling) + 20]!r}"


def _letter(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


# ---- kills


def kills(folder: Path, share: int) -> Iterator[Line]:
    often = max(100 // share, 3)
    moments, finished, wrong = random.Random(0), dict[str, bytes](), list[str]()
    cassettes = folder / "cce-cassettes"
    with SimulatorServer(Simulator()) as server:
        for number in range(often):
            running = RunningProxy(folder, "--mode=record", "--to", server.endpoint, **real(server))
            client = threading.Thread(
                target=record_for_ever, args=(running, tasks_of(server), number, finished, cassettes)
            )
            client.start()
            client.join(moments.uniform(0, 0.5))
            os.kill(running.process.pid, signal.SIGKILL)
            client.join()
            running.stop()
            for name, content in finished.items():
                path = cassettes / name
                if not path.exists():
                    wrong.append(f"{name} is lost")
                elif (now := path.read_bytes()) != content and not (name == AGAIN and is_whole(now)):
                    wrong.append(f"{name} is not what was written")
            if AGAIN in finished:
                finished[AGAIN] = (cassettes / AGAIN).read_bytes()
    left = {path.name for path in cassettes.iterdir()} - finished.keys()
    # that of the test that was just written, and whose answer was not read
    whole = {name for name in left if name.endswith(".json") and is_whole((cassettes / name).read_bytes())}
    wrong += [f"{name} is no cassette" for name in left - whole if not re.fullmatch(r"\.cce-[0-9a-f]{16}\.tmp", name)]
    for each in wrong[:20]:
        sys.stderr.write(f"  {each}\n")
    result = f"{len(wrong) or 'none'} of {len(finished):,} finished cassettes lost or broken"
    yield Line("a recording proxy killed at a random moment", often, result, not wrong)


AGAIN: Final = "again.json"


def record_for_ever(
    running: RunningProxy, target: str, number: int, finished: dict[str, bytes], cassettes: Path
) -> None:
    """Record a new test and one that was recorded before, in turns, until the proxy is gone."""
    with suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError, FileNotFoundError):
        for test in range(10_000):
            name = "again" if test % 2 else f"T{number}-{test}"
            running.begin(name)
            for _ in range(1 + test % 3 * 5):
                running.get(target, name)
            assert running.end(name)["kept"] is True
            finished[f"{name}.json"] = (cassettes / f"{name}.json").read_bytes()


def is_whole(content: bytes) -> bool:
    text = content.decode()
    cassette = loads(text, "")
    return dumps(cassette.origin, list(cassette), redacted=True) == text


PARTS: Final[dict[str, Callable[[Path, int], Iterator[Line]]]] = {"memory": memory, "secrets": secrets, "kills": kills}


if __name__ == "__main__":
    sys.exit(main())
