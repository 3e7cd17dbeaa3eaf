"""What the plugin and the library cost, each against a floor measured in the same run.

Ratios hold from machine to machine; absolute times do not. Runs alternate, and medians are given. Start-up is counted
in instructions by valgrind where it is installed, in milliseconds otherwise; it is measured on the built wheel, since
pytest rewrites the modules of an installed plugin, and not those of an editable one.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --only validation server
    python benchmarks/overhead.py --only example --schemathesis ~/st/bin/schemathesis
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import overhead_http
import schemathesis_peer
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.client import PrecheckClient
from pytest_cce_precheck.contract import schema
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.explore import strategies
from pytest_cce_precheck.explore.classes import values_of
from pytest_cce_precheck.schema_files import OPENAPI, load_schema
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.transport.live import HttpTransport
from pytest_cce_precheck.wire.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = "cce_precheck"
# plugins of the development environment; hypothesis' own stays, since it is there wherever this project is
OTHERS = ("-p", "no:randomly", "-p", "no:xdist", "-p", "no:xdist.looponfail", "-p", "no:cacheprovider")
TESTS = 2000
EXAMPLES = 600


@dataclass(frozen=True)
class Line:
    """One row: a cost, its floor, and what the ratio should be."""

    what: str
    floor: str
    ratio: str
    goal: str
    measured: str


def alternating(runs: int, *measures: Callable[[], float]) -> list[float]:
    """Run each in turn, several times over, and give the medians."""
    rounds = [[measure() for measure in measures] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


# ---- start-up


def startup(_: argparse.Namespace) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        site = unpacked_wheel(folder)
        (folder / "test_one.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        warm = {**os.environ, "PYTHONPATH": str(site), "PYTHONHASHSEED": "0"}
        cold = {**warm, "PYTHONPYCACHEPREFIX": str(folder / "none"), "PYTHONDONTWRITEBYTECODE": "1"}
        for label, environment, goal in (
            ("`pytest --collect-only` of one empty test", warm, "≤ 1.03"),
            ("the same without bytecode caches", cold, "≤ 1.05"),
        ):
            without, with_it, unit = started(folder, environment)
            measured = f"{without:,.0f} → {with_it:,.0f} {unit}"
            yield Line(label, "with `-p no:cce_precheck`", f"{with_it / without:.3f}", goal, measured)


def unpacked_wheel(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def started(folder: Path, environment: Mapping[str, str]) -> tuple[float, float, str]:
    """Collect without and with the plugin; give both costs and their unit."""
    commands = [
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *OTHERS, *extra]
        for extra in (["-p", f"no:{PLUGIN}"], [])
    ]

    def run(command: Sequence[str]) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=600
        )
        return done.stderr

    def seconds(command: Sequence[str]) -> float:
        begun = time.perf_counter()
        run(command)
        return (time.perf_counter() - begun) * 1000

    for command in commands:
        run(command)
    if shutil.which("valgrind") is None:
        plain, ours = alternating(15, *(lambda c=command: seconds(c) for command in commands))
        return plain, ours, "ms"
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    told = [re.search(r"Collected : (\d+)", run([*valgrind, *command])) for command in commands]
    plain, ours = (int(match[1]) / 1e6 for match in told if match)
    return plain, ours, "million instructions"


# ---- a test that does not use the plugin


def ordinary_test(_: argparse.Namespace) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="overhead-") as name:
        folder = Path(name)
        text = f"import pytest\n\n\n@pytest.mark.parametrize('n', range({TESTS}))\ndef test_nothing(n):\n    pass\n"
        (folder / "test_many.py").write_text(text, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

        def cpu(*extra: str) -> float:
            command = [sys.executable, "-m", "pytest", "-q", *OTHERS, *extra]
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            return used.ru_utime + used.ru_stime

        without, with_it = alternating(7, lambda: cpu("-p", f"no:{PLUGIN}"), cpu)
    added = (with_it - without) / TESTS * 1000
    measured = f"{without / TESTS * 1000:.2f} → {with_it / TESTS * 1000:.2f} ms of CPU a test"
    yield Line(
        "a test that does not use the plugin", f"with `-p no:{PLUGIN}`", f"{with_it / without:.2f}",
        "≤ 0.6 ms added", f"{added:.2f} ms added; {measured}",
    )  # fmt: skip


# ---- validation


def per_call(function: Callable[[], object], seconds: float = 0.3) -> float:
    """Return the seconds that a call takes."""
    begun = time.process_time()
    for calls in count(1):
        function()
        if (used := time.process_time() - begun) > seconds:
            return used / calls
    raise AssertionError


def without_rs() -> float:
    """Measure `schema_errors` in a process that does not have jsonschema-rs."""
    code = (
        "import sys; sys.modules['jsonschema_rs'] = None; import overhead, json, overhead_http as http\n"
        "document = json.loads(http.answer())\n"
        "print(overhead.per_call(lambda: list(overhead.schema.schema_errors(document, 'list_answer'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=120
    )
    return float(done.stdout)


def validation(_: argparse.Namespace) -> Iterator[Line]:
    body = overhead_http.answer()
    document = json.loads(body)
    simulator = Simulator()
    asked = overhead_http.question(simulator)
    answered = simulator.handle(asked)
    assert not list(schema.schema_errors(document, "list_answer"))
    assert all(finding.code.endswith("90") for finding in check(Exchange(asked, answered)))

    def whole() -> object:
        # a new response each time: it keeps what it has parsed
        return check(Exchange(asked, type(answered)(answered.status, answered.headers, answered.body)))

    floor, fast, slow, full = alternating(
        5,
        lambda: per_call(lambda: json.loads(body)),
        lambda: per_call(lambda: list(schema.schema_errors(document, "list_answer"))),
        without_rs,
        lambda: per_call(whole),
    )
    against = f"`json.loads` of its {len(body):,} bytes, {floor * 1e6:.0f} µs"
    for what, seconds, goal in (
        ("the schema of a 12-task answer, with `[fast]`", fast, "≤ 1.0"),
        ("the same without `[fast]`", slow, "the slow, explaining path (75)"),
        ("`check()` of it: parsing, envelope, schema, all rules", full, "≤ 5"),
    ):
        yield Line(what, against, f"{seconds / floor:.2f}", goal, f"{seconds * 1e6:.0f} µs")


# ---- the embedded server


def server(_: argparse.Namespace) -> Iterator[Line]:
    kinds = ("simulator", "rendering", "ready")
    with (
        overhead_http.serving(kinds[0]) as ours,
        overhead_http.serving(kinds[1]) as rendering,
        overhead_http.serving(kinds[2]) as ready,
    ):
        rates = alternating(
            5, *(lambda p=port: overhead_http.requests_a_second(p, 1.5) for port in (ours, rendering, ready))
        )
    rate, *floors = rates
    for what, floor, goal in (
        ("that renders the same body", floors[0], "≥ 2.5"),
        ("with the body's bytes ready", floors[1], "–"),
    ):
        yield Line(
            "the embedded server, requests a second over 8 connections", f"stdlib ThreadingHTTPServer {what}",
            f"{rate / floor:.2f}", goal, f"{rate:,.0f} to {floor:,.0f} requests/s",
        )  # fmt: skip


# ---- a drawn example


def drawing(strategy: st.SearchStrategy[object], use: Callable[[object], object] = lambda _: None) -> float:
    """Return the CPU seconds of one example."""

    @settings(
        max_examples=EXAMPLES, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def test(drawn: object) -> None:
        seen.append(drawn)
        use(drawn)

    seen: list[object] = []
    begun = time.process_time()
    test()
    return (time.process_time() - begun) / len(seen)


def example(options: argparse.Namespace) -> Iterator[Line]:
    simulator = Simulator()
    exchange = Exchange(overhead_http.question(simulator), simulator.handle(overhead_http.question(simulator)))
    answer, _ = judge(exchange)
    assert answer is not None
    drawn = strategies.filters(tasks=values_of(answer.tasks))
    text = st.text(min_size=1, max_size=40)
    plain = st.fixed_dictionaries({}, optional={"type": text, "task_id": text, "addon_instance_id": text})
    with overhead_http.serving("simulator") as port:
        client = PrecheckClient(
            HttpTransport(),
            endpoint=f"http://127.0.0.1:{port}",
            project_id=simulator.project_id,
            cluster_id=simulator.cluster_id,
            credentials=simulator.credentials,
        )

        def asked(filters: object) -> object:
            assert isinstance(filters, tuple)
            return check(client.list_tasks(**{item.name.value: item.value for item in filters}))

        floor, ours, whole = alternating(
            5, lambda: drawing(plain), lambda: drawing(drawn), lambda: drawing(drawn, asked)
        )
        client.close()
        peer = peer_example(options.schemathesis, simulator, port) if options.schemathesis else None
    against = f"hypothesis, one `fixed_dictionaries` draw, {floor * 1e3:.2f} ms"
    yield Line(
        "an example of `strategies.filters`, drawn", against, f"{ours / floor:.2f}", "≤ 0.6", f"{ours * 1e3:.2f} ms"
    )
    yield Line("drawn, asked over HTTP and judged", against, f"{whole / floor:.2f}", "–", f"{whole * 1e3:.2f} ms")
    if peer is not None:
        against = f"schemathesis in pytest, {peer * 1e3:.2f} ms"
        yield Line(
            "drawn, asked over HTTP and judged", against, f"{whole / peer:.2f}", "≤ 0.25", f"{whole * 1e3:.2f} ms"
        )


_PEER = """\
import json, sys, time
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
document, url, token, examples = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3], int(sys.argv[4])
api = schemathesis.openapi.from_dict(document)
[path] = [path for path in document["paths"] if path.endswith("/tasks")]
count = [0]
@settings(max_examples=examples, phases=[Phase.generate], database=None, deadline=None,
          suppress_health_check=list(HealthCheck))
@given(api[path]["GET"].as_strategy())
def test(case):
    count[0] += 1
    case.call_and_validate(base_url=url, headers={"X-Auth-Token": token})
begun = time.process_time()
test()
print((time.process_time() - begun) / count[0])
"""


def peer_example(command: Path, simulator: Simulator, port: int) -> float:
    """Measure the same in schemathesis' environment: a drawn case, called and validated."""
    document = schemathesis_peer.adapted(load_schema(OPENAPI), simulator)
    for name, value in (("ProjectId", simulator.project_id), ("ClusterId", simulator.cluster_id)):
        document["components"]["parameters"][name]["schema"]["const"] = value
    token = simulator.credentials.token
    assert token is not None
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        path = Path(folder, "openapi.json")
        path.write_text(json.dumps(document), encoding="utf-8")
        arguments = [str(path), f"http://127.0.0.1:{port}", token.reveal(), str(EXAMPLES)]
        told = [
            subprocess.run(
                [str(command.parent / "python"), "-c", _PEER, *arguments],
                cwd=folder, capture_output=True, text=True, check=True, timeout=300,
            ).stdout
            for _ in range(3)
        ]  # fmt: skip
    return statistics.median(float(text) for text in told)


PARTS: Mapping[str, Callable[[argparse.Namespace], Iterator[Line]]] = {
    "startup": startup,
    "test": ordinary_test,
    "validation": validation,
    "server": server,
    "example": example,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts alone")
    parser.add_argument("--schemathesis", type=Path, metavar="PATH", help="its command, to measure its examples too")
    parser.add_argument("--markdown", type=Path, metavar="PATH", help="write the table, which is printed too")
    options = parser.parse_args()
    names = ("pytest", "hypothesis", "jsonschema", "jsonschema-rs", "requests")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines = [f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores.", ""]
    lines += ["| what | against | ratio | goal | measured |", "|---|---|--:|--:|---|"]
    for name in options.only:
        sys.stderr.write(f"{name} …\n")
        lines += [f"| {' | '.join(vars(line).values())} |" for line in PARTS[name](options)]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
