"""``cce-precheck cassettes``: what each of its commands prints, writes and deletes, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import pytest_cce_precheck.recordings.command
from pytest_cce_precheck.cassette.files import read
from pytest_cce_precheck.cassette.format import Recording, dumps
from pytest_cce_precheck.cli import main
from pytest_cce_precheck.recordings import importing
from pytest_cce_precheck.wire.exchange import Headers
from tests.contract.answers import all_states, answered, created, creation, listing, task
from tests.contract.documents import METADATA, STATUS, drop, put
from tests.recordings import ENDPOINT, REPLAY, failed, files_in, origin

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = tuple[int, str, str]
    Cassettes = Callable[..., Ended]

assert pytest_cce_precheck.recordings.command  # pytester would forget it, and its errors would be others than ours

DATA: Final = Path(__file__).parent.parent / "data" / "recordings"
TOKEN: Final = "made-up-token-of-the-environment"


@pytest.fixture
def cassettes(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cassettes:
    """Run the command where nothing else is; give its status, what it printed, and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def cassettes(*arguments: object) -> Ended:
        status = main(["cassettes", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return cassettes


def recorded(exchange: Any) -> Recording:
    return Recording(replace(exchange.request, endpoint=ENDPOINT), exchange.response)


def asked(query: str = "", document: Any = None, status: int = 200) -> Recording:
    """Give a recorded list call."""
    return recorded(answered(listing() if document is None else document, query=query, status=status))


def put_down(path: Path, *recordings: Recording, **about: Any) -> Path:
    """Write a cassette, as a recording run does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(origin(**about), recordings or [asked()], redacted=True), "utf-8")
    return path


def one_line(complaint: str) -> str:
    """Give what a command complained of, which is one line."""
    assert complaint.startswith("cce-precheck: ")
    assert complaint.count("\n") == 1
    return complaint.removeprefix("cce-precheck: ").rstrip("\n")


# ---- every command, misused

NOT_JSON: Final = "<html>"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "nowhere"], "nowhere is not there; expected a folder of cassettes"),
        (["list", "text.json"], "text.json is no folder; expected a folder of cassettes"),
        (["list"], "cce-cassettes is not there"),
        (["show", "nowhere"], "there is no cassette nowhere"),
        (["show", "folder"], "folder is a directory; expected a cassette"),
        (["show", "text.json"], "text.json is no cassette: "),
        (["show", "other.json"], 'other.json is no cassette: it has no "cassette": 1'),
        (["show", "good.json", "--number", "2"], "good.json has 1 recordings; there is no number 2"),
        (["verify", "nowhere"], "there is no cassette nowhere"),
        (["verify", "text.json"], "text.json is no cassette: "),
        (["verify", "folder"], "folder holds no cassettes, so nothing can be verified"),
        (["verify", "good.json", "--accept=PRE999: x"], "unknown finding code 'PRE999'"),
        (["diff", "good.json", "text.json"], "text.json is no cassette: "),
        (["diff", "good.json", "nowhere"], "nowhere is not there"),
        (["diff", "good.json", "folder"], "good.json and folder cannot be compared: one is a folder, the other a file"),
        (["diff", "folder", "folder"], "folder and folder have no cassette of the same name"),
        (["diff", ".", "."], "broken.json is no cassette: "),
        (["prune", "nowhere"], "nowhere is not there"),
        (["prune", "folder"], "folder holds no cassettes, so there is nothing to prune"),
        (["import", "nowhere", "--out", "new.json"], "cannot read nowhere: No such file or directory"),
        (["import", "folder", "--out", "new.json"], "cannot read folder: Is a directory"),
        (["import", "text.json", "--out", "new.json"], "text.json is neither HAR 1.2 nor a cassette of vcrpy"),
        (["import", "good.json", "--out", "new.json"], "good.json is a cassette already"),
        (["import", "binary", "--out", "new.json"], "binary is no text: byte 0 is not UTF-8"),
        (["import", "broken.json", "--out", "new.json"], "broken.json is no JSON: "),
        (["import", "deep.json", "--out", "new.json"], "deep.json nests too deep to be read"),
        (["import", "real.har", "--out", "folder"], "folder is there and is no cassette, so it is not replaced"),
        (["import", "real.har", "--out", "text.json"], "text.json is there and is no cassette, so it is not replaced"),
        (["import", "none.har", "--out", "new.json"], "none.har: no call to …/addons/precheck"),
        (["import", "code.yaml", "--out", "new.json"], "code.yaml, line 1 cannot be taken in: could not determine"),
        (["import", "aborted.har", "--out", "new.json"], "entry 1 of aborted.har cannot be taken in: its status is 0"),
        (
            ["import", "base64.har", "--out", "new.json"],
            "entry 1 of base64.har cannot be taken in: its body is no Base64",
        ),
        (["import", "real.har", "elsewhere.har", "--out", "new.json"], "the calls are to several services"),
        (["export", "nowhere", "--har", "new.har"], "there is no cassette nowhere"),
        (["export", "text.json", "--har", "new.har"], "text.json is no cassette: "),
        (["export", "good.json", "--har", "folder"], "the cassette folder cannot be written: it is a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_one_clear_line_and_nothing_is_written(
    cassettes: Cassettes, tmp_path: Path, arguments: list[str], said: str
) -> None:
    real = json.loads((DATA / "mitmproxy-11.har").read_text())
    call = put(real, "log", "entries", real["log"]["entries"][:1])
    first = ("log", "entries", 0)
    put_down(tmp_path / "good.json")
    (tmp_path / "folder").mkdir()
    for name, content in {
        "text.json": NOT_JSON,
        "broken.json": '{"log": ',
        "other.json": "{}",
        "deep.json": "[" * 50_000,
        "real.har": json.dumps(real),
        "none.har": json.dumps(put(real, "log", "entries", real["log"]["entries"][5:])),
        "aborted.har": json.dumps(put(call, *first, "response", "status", 0)),
        "base64.har": json.dumps(put(call, *first, "response", "content", {"text": "*", "encoding": "base64"})),
        "elsewhere.har": json.dumps(put(call, *first, "request", "url", f"{ENDPOINT}/addons/precheck/tasks")),
        "code.yaml": "!!python/object/apply:os.system [exit 1]",
    }.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    before = files_in(tmp_path)
    status, out, err = cassettes(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err).startswith(said)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("number", ["0", "-1", "first"])
def test_a_number_of_a_recording_counts_from_1(cassettes: Cassettes, number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cassettes("show", "good.json", f"--number={number}")
    assert ended.value.code == 2


# ---- list


def test_a_list_says_of_each_cassette_how_old_it_is_and_what_it_covers(cassettes: Cassettes, tmp_path: Path) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    refused = {"errorCode": "CCE.03400001", "errorMessage": "no such type"}
    first = str(all_states()[0]["metadata"]["taskID"])
    put_down(
        tmp_path / "a" / "test_x.json",
        *(asked(), asked(f"type=addonStatic&task_id={first}"), asked("type=addonUnknown", refused, 400)),
        *(asked(f"task_id={first.upper()}", listing([])), asked("addon_instance_id=", listing()), failed()),
        recorded_at=old,
    )
    put_down(tmp_path / "b.json", recorded_at=datetime.now(UTC) - timedelta(hours=3, minutes=1))
    status, out, err = cassettes("list", ".")
    assert (status, err) == (0, "")
    head, first_row, second_row, _, *covered = out.splitlines()
    assert head.split() == ["cassette", "recorded", "age", "endpoint", "calls", "answers", "classes"]
    assert first_row.startswith(
        f"a/test_x.json  {old:%Y-%m-%d %H:%M}  40 days  {ENDPOINT}  6      200×4 400×1 timeout×1"
    )
    assert re.search(r" 3 h +https://cce.recorded.example +1 +200×1", second_row)
    assert covered == [
        "type: 3 of 26 classes of values: absent, matching, unknown",
        "task_id: 3 of 30 classes of values: absent, matching, other case",
        "addon_instance_id: 2 of 30 classes of values: absent, empty",
    ]


def test_what_exists_beside_another_filters_value_is_another_class(cassettes: Cassettes, tmp_path: Path) -> None:
    task_id = str(task(1)["metadata"]["taskID"])
    put_down(tmp_path / "b.json", asked(document=listing([task(1)])), asked(f"type=addonUpgrade&task_id={task_id}"))
    _, out, _ = cassettes("list", ".")
    assert "task_id: 2 of 30 classes of values: absent, existing, not matching\n" in out


def test_a_file_that_is_no_cassette_does_not_hide_the_others(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "good.json")
    (tmp_path / "bad.json").write_text(NOT_JSON)
    status, out, err = cassettes("list", ".")
    assert status == 2
    assert "\ngood.json  " in out
    assert one_line(err).startswith("bad.json is no cassette: ")


def test_a_recording_that_cannot_be_read_does_not_hide_the_other_cassettes(
    cassettes: Cassettes, tmp_path: Path
) -> None:
    put_down(tmp_path / "good.json")
    bad = put_down(tmp_path / "bad.json")
    bad.write_text(bad.read_text().replace('"status":200', '"status":"200"'))
    status, out, err = cassettes("list", ".")
    assert status == 2
    assert "\ngood.json  " in out
    assert one_line(err).startswith("recording 1 of bad.json cannot be read: ")
    (tmp_path / "good.json").unlink()
    assert cassettes("list", ".")[1] == ". holds no cassettes that can be read\n"


def test_an_empty_folder_is_listed_as_empty(cassettes: Cassettes) -> None:
    assert cassettes("list", ".") == (0, ". holds no cassettes\n", "")


# ---- show


def test_a_recording_is_shown_with_its_headers_and_a_summary_of_its_body(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json", asked("type=addonStatic"), failed(), recorded(created(*reversed(creation()))))
    status, out, _ = cassettes("show", "a.json")
    assert status == 0
    head, first, second, third = out.split("\n\n")
    assert head.splitlines()[0] == "a.json"
    assert "recorded  2026-01-02 03:04 UTC by a test (record)" in head
    assert first.startswith(
        "recording 1 of 3\n  GET /api/v3/projects/p/clusters/c/addons/precheck/tasks?type=addonStatic\n"
    )
    assert "    Content-Type: application/json\n" in first
    assert re.search(
        r"answer: 200 OK\n(.*\n)+ +[\d,]+ bytes of JSON: 8 tasks \(2 Failed, 2 Init, 2 Running, 2 Success\)", first
    )
    assert "  no answer: no answer (timeout)" in second
    assert third.startswith("recording 3 of 3\n  POST ")
    assert '{"kind": "AddonCheck"' in third


def test_bodies_are_shown_whole_when_asked_for(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json", asked(), asked(document=b"<html>\x1b[31m\n</html>"))
    _, out, _ = cassettes("show", "--bodies", "--number", "1", "a.json")
    shown = out[out.index("    {") :]
    assert json.loads(shown) == listing()
    _, out, _ = cassettes("show", "--bodies", "--number", "2", "a.json")
    assert "    <html>\\x1b[31m\n    </html>\n" in out
    assert "the body is HTML" in out


def test_a_secret_of_the_environment_is_shown_by_no_command(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", TOKEN)
    spoilt = put(listing(), *STATUS, "message", f"called with {TOKEN}")
    call = asked(f"task_id={TOKEN}", spoilt)
    odd = replace(call, request=replace(call.request, headers=Headers([("X-Odd", "o-d-d"), ("Accept", TOKEN)])))
    put_down(tmp_path / "a.json", odd, test=f"test_{TOKEN}")
    for arguments in (["list", "."], ["show", "--bodies", "a.json"], ["verify", "a.json"], ["verify", "--json", "."]):
        _, out, err = cassettes(*arguments)
        assert out
        assert TOKEN not in out + err
        assert "o-d-d" not in out
    (tmp_path / "b.json").write_text(f'{{"cassette": "{TOKEN}"}}')
    status, out, err = cassettes("show", "b.json")
    assert (status, out, TOKEN in err) == (2, "", False)


# ---- verify


def test_a_cassette_that_meets_the_contract_holds(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json")
    assert cassettes("verify", "a.json") == (0, "a.json: the contract holds\n", "")
    put_down(tmp_path / "b.json")
    assert cassettes("verify", ".") == (
        0,
        "a.json: the contract holds\nb.json: the contract holds\n2 cassettes, and all hold\n",
        "",
    )


def test_each_exchange_is_judged_and_a_fact_is_told_once(cassettes: Cassettes, tmp_path: Path) -> None:
    wrong = put(listing(), "pageInfo", "currentCount", "8")
    put_down(tmp_path / "a.json", asked(), asked(document=wrong), asked("type=", wrong))
    status, out, _ = cassettes("verify", "a.json")
    assert status == 1
    assert out.startswith("PRE202 currentCount must be an integer")
    assert "  recording 2: GET /api/v3/projects/p/clusters/c/addons/precheck/tasks, and 1 more\n" in out
    assert out.endswith("\na.json: 1 finding\n")
    status, out, _ = cassettes("verify", "--json", "a.json")
    [report] = json.loads(out)
    assert (status, report["holds"], report["problems"]) == (1, False, [])
    assert [(each["code"], each["evidence"][0][1][:2]) for each in report["findings"]] == [
        ("PRE202", "2:"),
        ("PRE202", "3:"),
    ]


def test_what_is_accepted_does_not_fail_and_what_is_never_met_is_told(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json", asked(document=drop(listing(), *METADATA, "expireTimeStamp")))
    assert cassettes("verify", "a.json")[0] == 1
    accepted = [
        "--accept=PRE302: as in the vendor's example",
        "--accept=PRE401: agreed",
        "--accept=PRE301: x until 2020-01-31",
    ]
    status, out, err = cassettes("verify", "a.json", *accepted)
    assert status == 0
    assert out.startswith("accepted: recording 1: PRE302 ")
    assert err.splitlines() == [
        "cce-precheck: accepted but never met: PRE401 (agreed)",
        "cce-precheck: accepted no longer: PRE301 (x) until 2020-01-31",
    ]


def test_a_failure_and_a_call_to_another_path_are_notes(cassettes: Cassettes, tmp_path: Path) -> None:
    other = asked()
    other = replace(other, request=replace(other.request, path="/api/v3/projects/p/clusters"))
    put_down(tmp_path / "a.json", failed(), other)
    status, out, _ = cassettes("verify", "a.json")
    assert status == 0
    assert out.splitlines() == [
        "note: recording 1: no answer came, which cannot be judged: no answer",
        "note: recording 2: GET /api/v3/projects/p/clusters is none of the two calls",
        "a.json: the contract holds",
    ]


FIRST: Final = ("recordings", 0)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("author", "x"), "error: $ Additional properties are not allowed ('author' was unexpected)"),
        (
            (*FIRST, "failure", {"reason": "timeout", "detail": ""}),
            "error: recording 1: $ must have exactly one outcome",
        ),
        (
            (*FIRST, "response", "body", {"json": {}, "text": "{}"}),
            "$.response.body must have exactly one form, and has json, text",
        ),
        (
            (*FIRST, "response", "body", {"base64": "A"}),
            "error: recording 1 of a.json cannot be read: its Base64",
        ),
        (
            (*FIRST, "response", "status", 1000),
            "error: recording 1: $.response.status 1000 is greater than the maximum of 999",
        ),
        (
            (*FIRST, "request", "method", ["x" * 200]),
            "error: recording 1: $.request.method breaks the schema's type: string",
        ),
    ],
    ids=["unknown member", "two outcomes", "two forms", "not restorable", "no status", "much that is wrong"],
)
def test_a_file_that_is_not_in_its_form_fails(
    cassettes: Cassettes, tmp_path: Path, steps: tuple[Any, ...], said: str
) -> None:
    path = put_down(tmp_path / "a.json")
    path.write_text(json.dumps(put(json.loads(path.read_text()), *steps)))
    status, out, _ = cassettes("verify", "a.json")
    assert status == 1
    assert said in out
    assert not out.endswith("the contract holds\n")


def test_what_was_edited_since_is_a_note(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    path.write_text(path.read_text().replace("Addon task check finish", "Add-on task check finish"))
    note = "note: was edited since it was written, and is redacted again whenever it is read"
    assert cassettes("verify", "a.json") == (0, f"{note}\na.json: the contract holds\n", "")


def test_a_key_that_stands_twice_fails(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    path.write_text(path.read_text().replace('"status":200', '"status":404, "status":200'))
    status, out, _ = cassettes("verify", "a.json")
    assert (status, out.splitlines()[0]) == (1, "error: the key 'status' stands twice in one object")


def test_what_looks_like_a_secret_fails_and_is_not_shown(cassettes: Cassettes, tmp_path: Path) -> None:
    secret = "made-up-" + "0a1B" * 10
    put_down(tmp_path / "a.json", asked(document=put(listing(), *STATUS, "message", f"password={secret}")))
    status, out, _ = cassettes("verify", "a.json")
    assert status == 1
    assert (
        "error: holds a secret, or what looks like one, at recordings[0].response.body.json.items[3].status.message: "
        in out
    )
    assert secret not in out


def test_in_a_folder_a_file_that_is_no_cassette_fails_beside_the_others(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "good.json")
    (tmp_path / "bad.json").write_text(NOT_JSON)
    status, out, _ = cassettes("verify", ".")
    assert status == 1
    assert out.startswith("error: bad.json is no cassette: ")
    assert out.endswith("good.json: the contract holds\n1 of 2 cassettes does not hold\n")


# ---- diff


def test_the_same_answers_have_the_same_shape(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "old" / "a.json")
    put_down(tmp_path / "new" / "a.json")
    assert cassettes("diff", "old", "new") == (0, "1 cassette compared: the answers have the same shape\n", "")


def test_a_change_is_told_with_its_grade_the_call_and_where_it_is_seen(cassettes: Cassettes, tmp_path: Path) -> None:
    for name in ("a.json", "sub/b.json", "gone.json"):
        put_down(tmp_path / "old" / name)
    put_down(tmp_path / "new" / "a.json", asked(document=drop(listing(), *STATUS, "message")))
    put_down(tmp_path / "new" / "sub" / "b.json", asked(document=put(listing(), *METADATA, "owner", "x")))
    put_down(tmp_path / "new" / "came.json")
    status, out, _ = cassettes("diff", "old", "new")
    assert status == 1
    owner, message = "$.items[*].metadata.owner", "$.items[*].status.message"
    new, missing = "a new field that no document names", "a required field is missing at times"
    assert out.splitlines() == [
        "note: gone.json is in the old folder alone",
        "note: came.json is in the new folder alone",
        f"note: list 200 {owner} {new}: never (0 of 16) → sometimes (1 of 16) [sub/b.json]",
        f"error: list 200 {message} {missing}: always (16 of 16) → sometimes (15 of 16) [a.json]",
        "2 cassettes compared: 1 error, 1 note",
    ]
    status, out, _ = cassettes("diff", "--json", "old", "new")
    document = json.loads(out)
    assert (status, document["compared"]) == (1, ["a.json", "sub/b.json"])
    assert document["changes"][1] == {
        "grade": "error",
        "about": "list 200",
        "path": "$.items[*].status.message",
        "what": "a required field is missing at times",
        "old": "always (16 of 16)",
        "new": "sometimes (15 of 16)",
        "seen_in": ["a.json"],
    }


def test_two_files_are_compared_whatever_they_are_called(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "old.json")
    put_down(tmp_path / "new.json", asked(document=put(listing(), *STATUS, "status", "Skipped")))
    status, out, _ = cassettes("diff", "old.json", "new.json")
    assert status == 0
    assert out.startswith("warning: list 200 $.items[*].status.status a new value: ")


# ---- prune


@pytest.fixture
def project(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Make a project of tests; run the command in it."""
    pytester.makepyfile(
        test_pruned="""
        import pytest

        def test_kept(cce_client): pass

        @pytest.mark.parametrize("kind", ["addonStatic", "Other"])
        def test_each(cce_client, kind): pass

        @pytest.mark.cce(cassette="shared/By_name")
        def test_named(): pass

        def test_ordinary(): pass
        """
    )

    def prune(*arguments: str) -> Ended:
        capsys.readouterr()
        status = main(["cassettes", "prune", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return prune


CLAIMED: Final = (
    *("test_pruned/test_kept.json", "test_pruned/test_each[addonStatic].json", "test_pruned/test_each[Other].json"),
    "shared/by_name.json",
)
UNCLAIMED: Final = ("test_pruned/test_gone.json", "test_gone/test_a.json", "test_gone/deep/test_b.json")


def pruned_folder(folder: Path) -> Path:
    for name in (*CLAIMED, *UNCLAIMED):
        put_down(folder / name)
    return folder


def test_what_no_test_claims_is_listed_and_deleted_only_when_told_so(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    status, out, err = project()
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        *(f"cce-cassettes/{name}" for name in sorted(UNCLAIMED)),
        "4 of 7 cassettes are claimed by 5 tests; 3 cassettes that no test claims would be deleted with --yes",
    ]
    assert len(files_in(folder)) == 7
    # what a recording leaves that is killed between two steps
    leftover = folder / "test_gone" / f".cce-{'0' * 16}.tmp"
    leftover.write_text("whole, but never put in place")
    status, out, _ = project("--yes")
    assert (status, out.splitlines()[-1]) == (
        0,
        "4 of 7 cassettes are claimed by 5 tests; 3 cassettes that no test claims deleted",
    )
    assert sorted(files_in(folder)) == sorted(CLAIMED)
    assert not (folder / "test_gone").exists()
    assert project("--yes") == (0, "4 of 4 cassettes are claimed by 5 tests; every one is claimed\n", "")


def test_a_test_that_is_deselected_keeps_its_cassette(project: Callable[..., Ended], pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = -k nothing\nfilterwarnings = error\ncce_mode = live\n")
    pruned_folder(pytester.path / "elsewhere")
    status, out, _ = project("elsewhere", "--", "-m", "nothing")
    assert status == 0
    assert out.endswith(
        "4 of 7 cassettes are claimed by 5 tests; 3 cassettes that no test claims would be deleted with --yes\n"
    )


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        (
            "import nothing_of_this_name",
            [],
            "the tests cannot be collected, so which cassettes they use is not known: ERROR ",
        ),
        (
            "",
            ["--", "--no-such-option"],
            "the tests cannot be collected, so which cassettes they use is not known: pytest.main(): error: ",
        ),
        ("", ["--", "nowhere"], "the tests cannot be collected, so which cassettes they use is not known: ERROR: "),
        ("", ["--", "test_more.py"], "pytest collects no test here, so every cassette would be unclaimed: "),
        (
            "def test_a(): pass",
            ["--", "test_more.py"],
            "pytest collects 1 tests, none of which uses a cassette, so every",
        ),
        (
            "import pytest\npytest.skip('x', allow_module_level=True)",
            [],
            "test_more.py is skipped as a whole, so which",
        ),
        (
            "from test_pruned import test_named as test_too",
            [],
            "two tests would record the cassette shared/By_name.json: ",
        ),
    ],
    ids=["does not import", "unknown option", "no such file", "no tests", "no tests of ours", "skipped", "two claims"],
)
def test_where_it_cannot_be_known_what_is_claimed_nothing_is_deleted(
    project: Callable[..., Ended], pytester: pytest.Pytester, more: str, arguments: list[str], said: str
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    pytester.makepyfile(test_more=more)
    status, out, err = project("--yes", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err).startswith(said)
    assert len(files_in(folder)) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["test_pruned.py"], "folder/test_other.py is not collected, so which cassettes are used there is not known: "),
        (["test_pruned.py", "folder/test_other.py::test_it"], "of folder/test_other.py::test_it not every test is"),
        (["--ignore=folder"], "folder/test_other.py is not collected, so which "),
        (["--ignore-glob=*other*"], "folder/test_other.py is not collected, so which "),
        (["-n", "2", "test_pruned.py"], "folder/test_other.py is not collected, so which "),
        (["test_pruned.py", "-o", "python_files=*.py"], "conftest.py and 1 more files of tests are not collected, so "),
    ],
)
def test_of_a_part_of_the_tests_nothing_is_concluded(
    project: Callable[..., Ended], pytester: pytest.Pytester, arguments: list[str], said: str
) -> None:
    folder = pruned_folder(pytester.path / "cce-cassettes")
    (pytester.mkdir("folder") / "test_other.py").write_text("def test_it(cce_client): pass\n")
    pytester.makeconftest("")
    # pytest does not look into these either
    for place in (pytester.mkdir("node_modules"), pytester.mkdir("my-environment")):
        (place / "test_somebody_elses.py").write_text("def test_it(): pass\n")
    (pytester.path / "my-environment" / "pyvenv.cfg").touch()
    status, out, err = project("--yes", "--", *arguments)
    assert (status, out) == (2, "")
    assert one_line(err).startswith(said)
    assert len(files_in(folder)) == 7
    assert project("--", "folder", "test_pruned.py")[0] == 0


@pytest.mark.parametrize("more", [["-x"], ["-k", "nothing"], ["-m", "nothing"], ["-n", "2"]])
def test_what_is_not_run_is_not_unused(
    project: Callable[..., Ended], pytester: pytest.Pytester, more: list[str]
) -> None:
    pruned_folder(pytester.path / "cce-cassettes")
    status, out, err = project("--", *more)
    assert (status, err) == (0, "")
    assert out.splitlines()[:-1] == [f"cce-cassettes/{name}" for name in sorted(UNCLAIMED)]


def test_a_project_that_says_where_its_tests_are_needs_no_others(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\ntestpaths = test_pr*.py tests\n")
    pytester.makepyfile(test_not_one_of_them="def test_it(cce_client): pass\n")
    (pytester.mkdir("tests") / "test_other.py").write_text("def test_it(cce_client): pass\n")
    pruned_folder(pytester.path / "cce-cassettes")
    assert project()[0] == 0
    assert project("--", "test_pruned.py")[0] == 2


def test_a_folder_of_which_no_cassette_is_claimed_is_somebody_elses(
    project: Callable[..., Ended], pytester: pytest.Pytester
) -> None:
    evidence = put_down(pytester.path / "evidence" / "test_contract" / "test_it.json")
    status, out, err = project("--yes", "evidence")
    assert (status, out) == (2, "")
    assert one_line(err).startswith("the 5 tests that pytest collects claim none of the cassettes of evidence, so ")
    assert evidence.exists()


def test_only_cassettes_are_deleted_and_no_link_is_followed(
    project: Callable[..., Ended], pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, outside = pruned_folder(pytester.path / "cce-cassettes"), tmp_path_factory.mktemp("outside")
    other = put_down(outside / "other.json")
    (folder / "link.json").symlink_to(other)
    (folder / "linked").symlink_to(outside)
    (folder / "test_gone" / "notes.txt").write_text("mine")
    (folder / "settings.json").write_text("{}")
    status, out, err = project("--yes")
    assert status == 0
    assert other.exists()
    assert (folder / "link.json").is_symlink()
    assert "test_gone/notes.txt" in files_in(folder)
    assert "settings.json" in files_in(folder)
    assert not (folder / "test_gone" / "test_a.json").exists()
    complaints = err.splitlines()
    assert complaints[0] == "cce-precheck: left alone: cce-cassettes/link.json is a link"
    assert complaints[1].startswith("cce-precheck: left alone: cce-cassettes/settings.json is no cassette: ")
    assert out.splitlines()[-1].endswith("3 cassettes that no test claims deleted")


# ---- import and export


def test_files_of_several_tools_become_one_cassette(cassettes: Cassettes, tmp_path: Path) -> None:
    names = [
        shutil.copy(DATA / name, tmp_path)
        for name in ("vcrpy-9.yaml", "vcrpy-4.yaml", "vcrpy-9.json", "mitmproxy-11.har")
    ]
    status, out, err = cassettes("import", *(Path(name).name for name in names), "--out", "sub/all.json")
    assert (status, err) == (0, "")
    assert out == (
        "sub/all.json: 20 recordings of http://127.0.0.1:18998 (vcr and har, 2026-11-24); 4 other calls left out\n"
    )
    cassette = read(tmp_path / "sub" / "all.json")
    assert (len(cassette), cassette.origin.source, cassette.sealed) == (20, "vcr and har", True)
    assert cassette.origin.project_id
    assert cassette.origin.cluster_id
    assert cassette.origin.credentials == ("token",)
    assert "made-up-token-of-a-test" not in (tmp_path / "sub" / "all.json").read_text()
    assert cassettes("verify", "sub/all.json")[:2] == (0, "sub/all.json: the contract holds\n")


@pytest.mark.parametrize("name", ["vcrpy-4.yaml", "mitmproxy-11.har"])
def test_what_was_imported_is_replayed_like_what_was_recorded(pytester: pytest.Pytester, name: str) -> None:
    assert main(["cassettes", "import", str(DATA / name), "--out", "cassettes/tasks.json"]) == 0
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cce(cassette="tasks")
        def test_the_list(cce_client, cce_contract):
            exchange = cce_client.list_tasks()
            cce_contract.verify(exchange)
            assert exchange.document["items"][0]["metadata"]["addonTemplateName"] == "coredns"
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *REPLAY)
    result.assert_outcomes(passed=1)


def test_a_byte_order_mark_and_the_kind_of_credentials_are_understood(cassettes: Cassettes, tmp_path: Path) -> None:
    real = json.loads((DATA / "mitmproxy-11.har").read_text())
    signed = [{"name": "Authorization", "value": "SDK-HMAC-SHA256 Access=A, SignedHeaders=host, Signature=0"}]
    signed.append({"name": "X-Security-Token", "value": "made-up-temporary-token"})
    for number in range(6):
        real = put(real, "log", "entries", number, "request", "headers", signed)
    (tmp_path / "a.har").write_bytes(b"\xef\xbb\xbf" + json.dumps(real).encode())
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    assert read(tmp_path / "a.json").origin.credentials == ("access_key", "secret_key", "security_token")


def test_a_credential_of_the_files_own_headers_is_kept_nowhere(cassettes: Cassettes, tmp_path: Path) -> None:
    secret = "correct-horse-battery-staple"
    har = json.loads((DATA / "mitmproxy-11.har").read_text())
    first = ("log", "entries", 0)
    har = put(har, *first, "request", "headers", [{"name": "Cookie", "value": f"session={secret}; a=b"}])
    har = put(har, *first, "response", "content", {"size": 1, "text": json.dumps({"errorMessage": f"no {secret}"})})
    (tmp_path / "a.har").write_text(json.dumps(har))
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    text = (tmp_path / "a.json").read_text()
    assert '"errorMessage":"no ***"' in text
    assert secret not in text


def test_an_id_that_a_cookie_names_too_is_no_secret(cassettes: Cassettes, tmp_path: Path) -> None:
    har = json.loads((DATA / "mitmproxy-11.har").read_text())
    project = har["log"]["entries"][0]["request"]["url"].split("/")[6]
    cookie = {"name": "Cookie", "value": f"projectId={project}; session=0123456789abcdefghij"}
    har = put(har, "log", "entries", 0, "request", "headers", [cookie])
    (tmp_path / "a.har").write_text(json.dumps(har))
    assert cassettes("import", "a.har", "--out", "a.json")[0] == 0
    assert read(tmp_path / "a.json").origin.project_id == project


def test_without_a_date_the_day_of_the_file_is_taken_and_told(cassettes: Cassettes, tmp_path: Path) -> None:
    text = re.sub(r"Date:\n      - .*\n", "Data:\n      - x\n", (DATA / "vcrpy-9.yaml").read_text())
    (tmp_path / "a.yaml").write_text(text)
    os.utime(tmp_path / "a.yaml", (1_700_000_000, 1_700_000_000))
    _, out, _ = cassettes("import", "a.yaml", "--out", "a.json")
    assert "(vcr, 2023-11-14, the day of the file: no answer has a Date)" in out
    assert read(tmp_path / "a.json").origin.recorded_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_cassette_that_is_there_is_replaced(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    shutil.copy(DATA / "vcrpy-9.yaml", tmp_path)
    assert cassettes("import", "vcrpy-9.yaml", "--out", "a.json")[0] == 0
    assert len(read(path)) == 5


def test_what_is_exported_can_be_imported_again(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json", asked("type=addonStatic"), failed(), asked(document=b"\xff<html>", status=502))
    assert cassettes("export", "a.json", "--har", "a.har") == (0, "a.har: 3 recordings of a.json, as HAR 1.2\n", "")
    assert cassettes("import", "a.har", "--out", "b.json")[0] == 0
    first, second = read(tmp_path / "a.json"), read(tmp_path / "b.json")
    assert [(each.request.url, each.outcome) for each in first] == [(each.request.url, each.outcome) for each in second]
    assert second.origin.recorded_at == first.origin.recorded_at


@pytest.mark.parametrize("there", ["{}", "nothing like it", '{"log": ', b"\xff"])
def test_an_export_replaces_an_older_one_and_nothing_else(
    cassettes: Cassettes, tmp_path: Path, there: str | bytes
) -> None:
    before = put_down(tmp_path / "a.json", asked("type=addonStatic")).read_bytes()
    assert [cassettes("export", "a.json", "--har", "a.har")[0] for _ in range(2)] == [0, 0]
    (tmp_path / "mine.txt").write_bytes(there if isinstance(there, bytes) else there.encode())
    for name, kept in (("a.json", before), ("mine.txt", (tmp_path / "mine.txt").read_bytes())):
        status, out, err = cassettes("export", "a.json", "--har", name)
        assert (status, out, err) == (
            *(2, ""),
            f"cce-precheck: {name} is there and is no HAR, so it is not replaced\n",
        )
        assert (tmp_path / name).read_bytes() == kept


def test_a_pipe_is_read_to_its_end_and_no_further_than_any_file(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    har = (DATA / "mitmproxy-11.har").read_bytes()
    for most, status in ((len(har), 0), (len(har) - 1, 2)):
        monkeypatch.setattr(importing, "MAX_CASSETTE", most)
        reads, writes = os.pipe()
        feeding = threading.Thread(target=lambda end=writes: feed(end, har))
        feeding.start()
        ended = cassettes("import", f"/dev/fd/{reads}", "--out", "a.json")
        os.close(reads)
        feeding.join()
        assert ended[0] == status, ended
    assert ended[2].endswith(f"has more than {len(har) - 1:,} bytes, which is the most that are read\n")


def feed(end: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as file:
        file.write(data)


def test_a_cassette_with_a_secret_is_not_exported(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", TOKEN)
    put_down(tmp_path / "a.json", asked(document=put(listing(), *STATUS, "message", TOKEN)))
    status, out, err = cassettes("export", "a.json", "--har", "a.har")
    assert (status, out) == (2, "")
    assert err.startswith("cce-precheck: a.har is not written: it would hold 1 secret")
    assert not (tmp_path / "a.har").exists()
