"""The corpus: what its cases expect, the same bytes every time, as a service and as files."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_cce_precheck.contract.schema import schema_errors
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.case import PROJECT_ID, Case, CaseFailure, CaseKind
from pytest_cce_precheck.sdk.cases import corpus_cases, example, find_case
from pytest_cce_precheck.sdk.corpus import (
    Corpus,
    case_document,
    corpus_files,
    corpus_version,
    export,
    write_archive,
)
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from pytest_cce_precheck.wire.signing import sign
from pytest_cce_precheck.wire.vocabulary import create_path, list_path
from tests.sdk.fakes import CREDENTIALS
from tests.toolchains import require_program

BY_NAME = {case.name: case for case in corpus_cases()}


def ask(corpus: Corpus, name: str, headers: dict[str, str] | None = None) -> Response:
    case = find_case(name)
    listing = case.operation == "list"
    path = (list_path if listing else create_path)(PROJECT_ID, case.cluster_id)
    return corpus.handle(Request("GET" if listing else "POST", "http://h", path, "", Headers(headers or {})))


def test_the_corpus_has_every_kind_of_case_each_with_a_name_of_its_own() -> None:
    assert {case.kind for case in corpus_cases()} == set(CaseKind)
    assert len(BY_NAME) == len(corpus_cases()) > 300
    assert [case.number for case in corpus_cases()] == list(range(1, len(BY_NAME) + 1))


def test_the_documentation_says_how_many_cases_there_are() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "sdk.md").read_text()
    assert f"\n{len(corpus_cases())} cases, the same bytes every time" in page


@pytest.mark.parametrize("name", ["list", "create"])
def test_the_vendors_examples_are_those_that_the_contract_is_tested_with(name: str) -> None:
    tested_with = Path(__file__).parent.parent / "data" / f"example_{name}_response.json"
    assert example(name) == json.loads(tested_with.read_bytes())


def test_few_cases_wait() -> None:
    waiting = [
        case for case in corpus_cases() if isinstance(case.answer, CaseFailure) and case.answer.connection == "holds"
    ]
    assert 1 <= len(waiting) <= 5
    assert {case.timeout for case in waiting} == {1.0}
    assert sum(case.answer.elapsed for case in corpus_cases() if isinstance(case.answer, SlowResponse)) < 5


@pytest.mark.parametrize("name", [case.name for case in corpus_cases() if case.kind is CaseKind.VARIATION])
def test_a_variation_conforms(name: str) -> None:
    case = BY_NAME[name]
    assert case.conforming
    assert case.expect.outcome == (
        "value" if isinstance(case.answer, Response) and case.answer.status < 300 else "error"
    )


@pytest.mark.parametrize(
    ("name", "conforming", "outcome"),
    [
        ("example-list", True, "value"),
        ("example-create", True, "value"),
        ("page-info-current-count-is-text-1", False, "any"),
        ("errors-as-200", False, "any"),
        ("error-404-cce", True, "error"),
        ("errors-without-body", False, "error"),
        ("list-closed", False, "error"),
        ("redirect-to-another-host", False, "error"),
    ],
)
def test_a_case_expects_what_fits_its_answer(name: str, conforming: bool, outcome: str) -> None:
    assert (BY_NAME[name].conforming, BY_NAME[name].expect.outcome) == (conforming, outcome)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("error-403-cce", "CCE.01403001", "Why it is 403."),
        ("error-403-gateway", "APIG.0403", "Why it is 403."),
        ("errors-in-html", None, None),
    ],
)
def test_an_error_is_expected_to_have_what_its_envelope_says(name: str, code: str | None, message: str | None) -> None:
    expect = BY_NAME[name].expect
    assert (expect.code, expect.message) == (code, message)
    assert expect.request_ids


@pytest.mark.parametrize(("name", "outcome"), [("list-drips", "value"), ("list-drips-past-the-timeout", "any")])
def test_only_a_late_answer_may_be_abandoned(name: str, outcome: str) -> None:
    case = BY_NAME[name]
    answer = case_document(case)["answer"]
    assert (case.conforming, case.expect.outcome) == (True, outcome)
    assert answer["drips"] == answer["seconds"] > 0
    assert (answer["seconds"] > case.timeout) == (outcome == "any")


def test_every_redirect_leads_to_a_port_where_nothing_listens() -> None:
    places = {case.answer.headers.get("Location") for case in corpus_cases() if isinstance(case.answer, Response)}
    assert {place for place in places if place is not None and not place.startswith("http://127.0.0.1:1/")} == set()


# --- as a service


def test_each_cluster_is_a_case_and_every_request_is_kept() -> None:
    corpus = Corpus()
    assert ask(corpus, "no-items").document["items"] == []
    assert ask(corpus, "create-one").status == 201
    assert corpus.count == 2
    [last] = corpus.since(1)
    assert last.request.method == "POST"


def test_a_connection_fails_as_the_case_says() -> None:
    with pytest.raises(NoAnswer) as closed:
        ask(Corpus(), "list-closed")
    with pytest.raises(NoAnswer) as held:
        ask(Corpus(), "list-never-answered")
    assert (closed.value.reason, held.value.reason) == ("connection-lost", "timeout")


def test_an_sdk_that_does_not_accept_gzip_gets_none() -> None:
    plain, packed = ask(Corpus(), "gzip"), ask(Corpus(), "gzip", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert {int(answer.headers["Content-Length"]) - len(answer.body) for answer in (plain, packed)} == {0}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", list_path(PROJECT_ID, "case-9999"), 404),
        ("GET", list_path(PROJECT_ID, "case-1"), 404),
        ("GET", "/", 404),
        ("POST", list_path(PROJECT_ID, "case-0001"), 405),
        ("GET", create_path(PROJECT_ID, "case-0001"), 405),
    ],
)
def test_a_request_for_no_case_is_refused_with_an_error_body(method: str, path: str, status: int) -> None:
    answer = Corpus().handle(Request(method, "http://h", path))
    assert (answer.status, answer.document["errorCode"][6:9]) == (status, str(status))


def test_with_credentials_a_request_without_them_is_refused() -> None:
    corpus = Corpus(credentials=CREDENTIALS)
    assert CREDENTIALS.token is not None
    assert ask(corpus, "no-items").status == 401
    assert ask(corpus, "no-items", {"X-Auth-Token": CREDENTIALS.token.reveal()}).status == 200


@pytest.mark.parametrize("temporary", [False, True])
def test_the_served_keys_are_accepted_as_permanent_and_as_temporary_ones(temporary: bool) -> None:
    case = find_case("no-items")
    path = list_path(PROJECT_ID, case.cluster_id)
    keys = CREDENTIALS if temporary else replace(CREDENTIALS, security_token=None)
    request = sign(Request("GET", "http://h", path), keys, now=datetime.now(UTC), project_id=PROJECT_ID)
    assert Corpus([case], CREDENTIALS).handle(request).status == 200


# --- as files


def test_a_case_has_the_form_of_its_schema() -> None:
    broken = {case.name: list(schema_errors(case_document(case), "corpus_case")) for case in corpus_cases()}
    assert {name: errors for name, errors in broken.items() if errors} == {}


def test_what_is_exported_twice_is_the_same(tmp_path: Path) -> None:
    some = [
        find_case(name) for name in ("gzip", "half-a-surrogate", "message-unicode", "body-in-latin-1", "list-closed")
    ]
    assert export(tmp_path / "a", some) == export(tmp_path / "b", some) == 5
    one, other = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in "ab")
    assert one == other
    assert len(one) == 5 + len(("index", "schema", "README", "CHANGELOG", "SHA256SUMS"))


def test_a_file_holds_the_question_the_answer_and_what_is_expected(tmp_path: Path) -> None:
    case = find_case("filters-type")
    export(tmp_path, [case])
    document = json.loads((tmp_path / f"{case.number:04d}-filters-type.json").read_bytes())
    assert document["request"]["filters"] == {"type": "addonUpgrade"}
    assert json.loads(document["answer"]["body"]) == case.document == document["expect"]["value"]


def test_a_body_that_is_not_text_and_a_failing_connection_are_in_base64() -> None:
    answer: Any = case_document(find_case("body-in-latin-1"))["answer"]
    body = find_case("body-in-latin-1").answer
    assert isinstance(body, Response)
    assert base64.b64decode(answer["body_base64"]) == body.body
    assert base64.b64decode(case_document(find_case("list-not-http"))["answer"]["raw_base64"]).startswith(b"SSH")


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    first, second = find_case("gzip"), find_case("no-items")
    export(tmp_path, [first])
    (tmp_path / "mine.txt").write_text("mine")
    export(tmp_path, [second])
    assert [file.name for file in tmp_path.glob("[0-9]*")] == ["0011-no-items.json"]
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("present", ["notes.txt", "index.json"])
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("[]")
    with pytest.raises(ConfigurationError, match=r"something else than a corpus|is not the index of a corpus"):
        export(tmp_path, [find_case("gzip")])
    assert [file.name for file in tmp_path.iterdir()] == [present]


def test_a_case_from_elsewhere_is_served_too() -> None:
    case = Case("mine", CaseKind.EXAMPLE, "Mine.", Response(200, body=b"{}"), number=1)
    assert Corpus([case]).handle(Request("GET", "http://h", list_path("p", "case-0001"))).body == b"{}"


def test_the_archive_is_readable_without_python(tmp_path: Path) -> None:
    tar, sums = require_program("tar"), require_program("sha256sum")
    path = write_archive(tmp_path, [find_case("gzip"), find_case("half-a-surrogate")])
    assert path.name == f"cce-precheck-corpus-{corpus_version()}.tar.gz"
    for command, folder in (
        ([sums, "--check", f"{path.name}.sha256"], tmp_path),
        ([tar, "-xzf", path.name], tmp_path),
        ([sums, "--check", "--strict", "SHA256SUMS"], tmp_path / path.name.removesuffix(".tar.gz")),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    index = json.loads((folder / "index.json").read_bytes())
    assert index["version"] == corpus_version()
    for entry in index["cases"]:
        data = (folder / entry["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert json.loads(data)["conforming"] == entry["conforming"]
    assert "## What `conforming` means" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_same_corpus_gives_the_same_archive(tmp_path: Path) -> None:
    one, other = (write_archive(tmp_path / name, [find_case("gzip")]).read_bytes() for name in "ab")
    assert one == other


def test_the_changelog_of_the_corpus_begins_with_its_number_and_says_how_many_cases_it_has() -> None:
    text = corpus_files([])["CHANGELOG.md"].decode()
    newest = text.split("\n## ")[1]
    assert newest.partition("\n")[0] == corpus_version()
    assert f"In all {len(corpus_cases())}." in newest
