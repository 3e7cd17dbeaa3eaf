"""``cce-precheck check``: captured answers are judged without any server."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck import InProcessTransport, PrecheckClient, Simulator
from pytest_cce_precheck.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[..., tuple[int, str, str]]

DATA: Final = Path(__file__).parent.parent / "data"
LIST, CREATE = (str(DATA / f"example_{call}_response.json") for call in ("list", "create"))
RIGHT: Final = '{"kind": "AddonCheck", "apiVersion": "v3", "pageInfo": {"currentCount": 0}, "items": []}'


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    def check(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["check", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return check


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "right.json"
    path.write_text(RIGHT)
    return path


def codes(output: str) -> list[str]:
    [report] = json.loads(output)
    return [finding["code"] for finding in report["findings"]]


def names(output: str) -> list[str]:
    [report] = json.loads(output)
    return [finding["name"] for finding in report["findings"]]


def test_the_vendors_list_example_shows_exactly_the_four_deviations(check: Check) -> None:
    status, out, _ = check("--json", LIST)
    assert status == 1
    expected = ["items-object", "create-timestamp-spelling", "risk-list-beside-status", "final-without-expiry"]
    assert names(out) == expected
    [report] = json.loads(out)
    assert {finding["kind"] for finding in report["findings"]} == {"deviation"}
    assert report["holds"] is False
    _, text, _ = check(LIST)
    for name in expected:
        assert f"({name})" in text
    assert text.count("  deviation ") == 4
    assert text.endswith("example_list_response.json: 4 findings\n")


def test_the_vendors_create_example_lacks_a_message(check: Check) -> None:
    status, out, _ = check("--json", CREATE)
    assert (status, names(out)) == (1, ["status-without-message"])


def test_held_against_the_vendors_request_its_type_is_another(check: Check, tmp_path: Path) -> None:
    answer = json.loads(Path(CREATE).read_bytes())
    asked = {key: answer[key] for key in ("kind", "apiVersion", "spec")}
    for addon in asked["spec"]["addonList"]:
        addon["type"] = "addonStatic"
    request = tmp_path / "request.json"
    request.write_text(json.dumps(asked))
    status, out, _ = check("--json", "--request", request, CREATE)
    assert (status, sorted(names(out))) == (1, ["create-type-mismatch", "status-without-message"])


def test_an_answer_that_holds_exits_with_0(check: Check, right: Path) -> None:
    assert check(right) == (0, f"{right}: nothing breaks the contract\n", "")


def test_an_error_answer_is_judged_by_its_own_status(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "refused.json"
    path.write_text('{"errorCode": "CCE.01401001", "errorMessage": "Authorization failed."}')
    assert check(path)[0] == 0
    status, out, _ = check("--json", "--status", "403", path)
    assert (status, codes(out)) == (1, ["PRE108"])


def test_standard_input_is_read_as_a_file(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(LIST).read_bytes())))
    status, out, _ = check("-")
    assert status == 1
    assert out.endswith("-: 4 findings\n")


def test_several_files_are_judged_each_for_itself(check: Check, right: Path) -> None:
    status, out, _ = check("--json", right, LIST, right)
    assert status == 1
    assert [report["holds"] for report in json.loads(out)] == [True, False, True]
    assert check(right, right)[0] == 0


@pytest.mark.parametrize(
    ("body", "code", "fact"),
    [
        (b"", "PRE106", "the body is empty"),
        (b" \r\n", "PRE106", "the body is empty"),
        (b"hello", "PRE106", "the body is not JSON"),
        (b"<html><body>504 Gateway Time-out</body></html>", "PRE106", "HTML"),
        (b'{"kind": "AddonCheck", "items": [', "PRE106", "ends too early"),
        (b'{"kind": "Addon\xff"}', "PRE106", "not UTF-8"),
        (b'\xef\xbb\xbf{"kind": "AddonCheck"}', "PRE106", "byte order mark"),
        (b'{"kind": "AddonCheck", "kind": "AddonCheck"}', "PRE106", 'the key "kind" occurs twice'),
        (b'{"pageInfo": {"currentCount": NaN}}', "PRE106", "NaN is not a JSON number"),
        (b"[" * 10_000 + b"]" * 10_000, "PRE106", "deeper than 100 levels"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "PRE106", "deeper than 100 levels"),
        (b"1" * 5_000, "PRE106", "a number cannot be read"),
        (b"[]", "PRE202", "object"),
        (b"null", "PRE202", "object"),
        (b'"AddonCheck"', "PRE202", "object"),
        (b"{}", "PRE201", "kind"),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_answer_is_one_clear_finding(
    check: Check, tmp_path: Path, body: bytes, code: str, fact: str
) -> None:
    path = tmp_path / "body"
    path.write_bytes(body)
    status, out, err = check(path)
    assert (status, err) == (1, "")
    assert out.startswith(code)
    assert fact in out


def test_a_body_of_50_megabytes_is_refused_at_once(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "body"
    with path.open("wb") as file:
        file.write(b'{"kind": "')
        file.truncate(50_000_000)
    status, out, _ = check(path)
    assert status == 1
    assert out.startswith("PRE106 the body has 50,000,000 bytes; at most 33,554,432 are read\n")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("missing.json", "No such file or directory"), (".", "it is a directory; expected a regular file")],
)
@pytest.mark.parametrize("option", [(), ("--request",)])
def test_a_file_that_cannot_be_read_exits_with_2(
    check: Check, tmp_path: Path, right: Path, path: str, reason: str, option: tuple[str, ...]
) -> None:
    name = tmp_path / path
    status, out, err = check(*option, name, *([right] if option else []))
    assert (status, out) == (2, "")
    assert err.startswith(f"cce-precheck: {name} cannot be read: {reason}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", ["", "<html>", "[]"])
def test_a_request_that_is_none_exits_with_2(check: Check, tmp_path: Path, content: str) -> None:
    request = tmp_path / "request"
    request.write_text(content)
    status, _, err = check("--request", request, CREATE)
    assert status == 2
    assert err.startswith(f"cce-precheck: --request {request} is not a create request: ")


def test_a_query_in_place_of_a_request_is_refused_with_what_is_expected(check: Check, right: Path) -> None:
    status, _, err = check("--request", "type=addonStatic", right)
    assert (status, err.count("\n")) == (2, 1)
    assert "--request takes a file with the body of the create request" in err


def test_accepted_findings_do_not_fail_and_are_shown(check: Check) -> None:
    accepted = [f"--accept={code}: as in the vendor's example" for code in ("PRE210", "PRE211", "PRE212", "PRE302")]
    status, out, err = check(*accepted, LIST)
    assert (status, err) == (0, "")
    assert out.count("accepted: PRE") == 4


def test_expired_and_unused_acceptances_are_reported(check: Check) -> None:
    status, out, err = check("--accept=PRE210: x until 2020-01-31", "--accept=PRE401: agreed", "--json", LIST)
    assert status == 1
    assert "PRE210" in codes(out)
    assert err.splitlines() == [
        "cce-precheck: expired acceptance: PRE210 (x) until 2020-01-31",
        "cce-precheck: unused acceptance: PRE401 (agreed)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PRE30x: agreed", "unknown finding code 'PRE30x'; did you mean"),
        ("PRE302:", "accepting PRE302 needs a reason"),
        ("PRE302 nothing", "cannot accept 'PRE302 nothing': expected CODE: REASON [until YYYY-MM-DD]"),
    ],
)
def test_what_cannot_be_accepted_exits_with_2(check: Check, text: str, message: str) -> None:
    status, _, err = check("--accept", text, LIST)
    assert status == 2
    assert err.startswith(f"cce-precheck: {message}")


def test_what_no_terminal_can_write_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_text(RIGHT.replace("AddonCheck", "\\ud800\\u001b[31m\u4e2d"), encoding="utf-8")
    words = [sys.executable, "-m", "pytest_cce_precheck.cli", "check", str(path)]
    for extra in ([], ["--json"]):
        done = run(words + extra, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (1, b"")
        assert b"\x1b" not in done.stdout
        assert b"PRE203" in done.stdout


def run(words: list[str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(words, capture_output=True, timeout=60, check=False, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", {"PRE309"}), ("type=addonUpgrade", set()), ("?type=addonUpgrade", set()), ("task_id=x", {"PRE401"})],
)
def test_a_filtered_answer_is_judged_with_its_query(
    check: Check, tmp_path: Path, query: str, expected: set[str]
) -> None:
    service = Simulator()
    place: Any = {"project_id": service.project_id, "cluster_id": service.cluster_id}
    client = PrecheckClient(
        InProcessTransport(service), endpoint=service.endpoint, credentials=service.credentials, **place
    )
    # the contract lets the count be that of the whole cluster
    document = client.list_tasks().document
    document["items"] = client.list_tasks(type="addonUpgrade").document["items"]
    (tmp_path / "filtered.json").write_text(json.dumps(document), "utf-8")
    _, out, _ = check(tmp_path / "filtered.json", "--json", "--query", query)
    assert {*codes(out)} & {"PRE309", "PRE401"} == expected


def test_a_query_does_not_belong_to_a_create_request(check: Check, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}")
    status, _, error = check("x.json", "--request", tmp_path / "request.json", "--query", "type=a")
    assert status == 2
    assert "--query belongs to a list request" in error
