"""A run of the suite keeps each cause to be asked for again, and removes it when a run shows that it is fixed."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from pytest_cce_precheck.cassette import files
from pytest_cce_precheck.contract.schema import breach
from pytest_cce_precheck.redaction.scan import leaks
from pytest_cce_precheck.schema_files import load_schema
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.credentials import Credentials, Secret

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

SUITE: Final = ("--pyargs", "pytest_cce_precheck.suite", "-q")


def kept(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / ".cce-precheck" / "failures").glob("*.json"))


def test_each_cause_is_kept_as_a_cassette_and_named_in_every_report(pytester: pytest.Pytester, run: Run) -> None:
    result = run(*SUITE, "--cce-fault=type-in-any-case", "--cce-report=r.json", "--cce-report=r.html")
    [path] = kept(pytester)
    # without the fault there would be nothing to ask for
    result.stdout.fnmatch_lines([f"    ask again: cce-precheck rerun {path.stem} --fault=type-in-any-case"])
    report = json.loads((pytester.path / "r.json").read_text("utf-8"))
    assert [each["rerun"] for each in report["findings"] if each["verdict"] == "failing"] == [path.stem]
    assert f"cce-precheck rerun {path.stem}" in (pytester.path / "r.html").read_text("utf-8")
    cassette = files.read(path)
    assert cassette.sealed
    assert len(cassette) == 3
    document = json.loads(path.read_text("utf-8"))
    assert load_schema("cassette")["properties"].keys() >= document.keys()
    assert breach(document, "kept_failure") == ""
    assert (pytester.path / ".cce-precheck" / ".gitignore").read_text() == "*\n"


def test_a_wrong_address_is_no_cause(pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", "t-0123456789")
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        where = (f"--cce-endpoint=http://127.0.0.1:{nobody.getsockname()[1]}", "--cce-project-id=p")
        result = run(*SUITE, "--cce-mode=live", *where, "--cce-cluster-id=c")
    result.stdout.fnmatch_lines(["not reachable: *"])
    assert kept(pytester) == []


def test_no_credential_is_kept(pytester: pytest.Pytester, run: Run) -> None:
    run(*SUITE, "--cce-fault=refusal-echoes-the-token", "--cce-fault=answers-echo-the-credentials")
    credentials = Simulator().credentials
    paths = kept(pytester)
    assert paths
    for path in paths:
        text = path.read_text("utf-8")
        assert leaks(text, credentials) == []
        assert not any(secret in text for secret in credentials.secrets)
        assert leaks(text, Credentials(token=Secret("nobody"))) == []


def test_nothing_of_a_refusal_is_kept(pytester: pytest.Pytester, run: Run) -> None:
    run(*SUITE, "--cce-fault=refusal-reveals-the-secret-key")
    cassettes = [files.read(path) for path in kept(pytester)]
    assert cassettes
    assert [each for cassette in cassettes for each in cassette if each.exchange and each.exchange.status >= 400] == []


def test_a_cause_is_removed_by_a_run_that_does_not_find_it_any_more(pytester: pytest.Pytester, run: Run) -> None:
    run(*SUITE, "--cce-fault=type-in-any-case", "--cce-fault=count-one-short")
    assert [path.name[:6] for path in kept(pytester)] == ["PRE309", "PRE406"]
    run(*SUITE, "--cce-fault=count-one-short")
    assert [path.name[:6] for path in kept(pytester)] == ["PRE309"]


@pytest.mark.parametrize(
    "arguments",
    [("-k", "unfiltered"), ("--cce-budget=60",)],
    ids=["another check", "fewer requests"],
)
def test_a_run_that_could_not_see_a_cause_does_not_remove_it(
    pytester: pytest.Pytester, run: Run, arguments: tuple[str, ...]
) -> None:
    run(*SUITE, "--cce-fault=type-in-any-case")
    run(*SUITE, *arguments)
    assert len(kept(pytester)) == 1


def test_a_folder_that_cannot_be_written_is_said_and_fails_nothing(pytester: pytest.Pytester, run: Run) -> None:
    pytester.path.joinpath(".cce-precheck").write_text("in the way")
    result = run(*SUITE, "--cce-fault=type-in-any-case")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["WARNING: the causes cannot be kept for cce-precheck rerun: *"])
