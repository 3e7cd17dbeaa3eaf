"""What is promised of the proxy holds in a quick run of the command that puts it to the test."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("part", ["memory", "secrets", "kills"])
def test_a_promise_of_the_proxy_is_kept(part: str) -> None:
    words = [sys.executable, str(BENCHMARKS / "proxy_proof.py"), "--quick", "--only", part]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(ran.stdout.splitlines()) > 2


@pytest.mark.parametrize(
    "text",
    [
        "key Ab/cdEfgh1234+x!",
        "key Ab%2FcdEfgh1234%2Bx",
        "key Ab%252FcdEfgh1234%252Bx",
        '"Ab\\/cdEfgh1234+x"',
        "QWIvY2RFZmdoMTIzNCt4",
        "Ab\\u002fcdEfgh1234\\u002bx",
        "Ab&#47;cdEfgh1234+x",
    ],
)
def test_its_search_finds_a_secret_in_every_spelling(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    proof = import_module("proxy_proof")
    sought = list(proof.spellings("Ab/cdEfgh1234+x"))
    assert [*proof.search([("a file", text)], sought)] != []
    assert [*proof.search([("a file", text[:9])], sought)] == []
