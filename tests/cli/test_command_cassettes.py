"""``cce-precheck cassettes``: the output, the files and the exit status of each action."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.wire.exchange import Headers
from tests.cli.put_down import DATA, TOKEN, asked, one_line, put_down, recorded
from tests.contract.answers import all_states, created, creation, listing, task
from tests.contract.documents import METADATA, STATUS, drop, put
from tests.recordings import ENDPOINT, failed, files_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.put_down import Cassettes


# ---- every command, misused

NOT_JSON: Final = "<html>"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "nowhere"], "nowhere does not exist; expected a folder of cassettes"),
        (["list", "text.json"], "text.json is not a folder; expected a folder of cassettes"),
        (["list"], "cce-cassettes does not exist"),
        (["show", "nowhere"], "there is no cassette nowhere"),
        (["show", "folder"], "the cassette folder cannot be read: it is a directory; expected a regular file"),
        (["show", "text.json"], "text.json is not a cassette: "),
        (["show", "other.json"], 'other.json is not a cassette: it has no "cassette": 1'),
        (["show", "good.json", "--number", "2"], "good.json has 1 recordings; there is no number 2"),
        (["verify", "nowhere"], "there is no cassette nowhere"),
        (["verify", "text.json"], "text.json is not a cassette: "),
        (["verify", "folder"], "folder holds no cassettes, so nothing can be verified"),
        (["verify", "good.json", "--accept=PRE999: x"], "unknown finding code 'PRE999'"),
        (["diff", "good.json", "text.json"], "text.json is not a cassette: "),
        (["diff", "good.json", "nowhere"], "there is no cassette nowhere"),
        (["diff", "good.json", "folder"], "good.json and folder cannot be compared: one is a folder, the other a file"),
        (["diff", "folder", "folder"], "folder and folder have no cassette of the same name"),
        (["diff", ".", "."], "broken.json is not a cassette: "),
        (["prune", "nowhere"], "nowhere does not exist"),
        (["prune", "folder"], "folder holds no cassettes, so there is nothing to prune"),
        (["import", "nowhere", "--out", "new.json"], "nowhere cannot be read: No such file or directory"),
        (["import", "folder", "--out", "new.json"], "folder cannot be read: it is a directory"),
        (["import", "text.json", "--out", "new.json"], "text.json is neither HAR 1.2 nor a cassette of vcrpy"),
        (["import", "good.json", "--out", "new.json"], "good.json is a cassette already"),
        (["import", "binary", "--out", "new.json"], "binary cannot be read: byte 0 is not UTF-8"),
        (["import", "broken.json", "--out", "new.json"], "broken.json is not valid JSON: "),
        (["import", "deep.json", "--out", "new.json"], "deep.json is nested too deep to be read"),
        (["import", "real.har", "--out", "folder"], "folder exists and is not a cassette, so it is not replaced"),
        (["import", "real.har", "--out", "text.json"], "text.json exists and is not a cassette, so it is not replaced"),
        (["import", "none.har", "--out", "new.json"], "none.har: no call to …/addons/precheck"),
        (["import", "code.yaml", "--out", "new.json"], "code.yaml, line 1 cannot be imported: could not determine"),
        (["import", "aborted.har", "--out", "new.json"], "entry 1 of aborted.har cannot be imported: its status is 0"),
        (
            ["import", "base64.har", "--out", "new.json"],
            "entry 1 of base64.har cannot be imported: its body is not valid Base64",
        ),
        (["import", "real.har", "elsewhere.har", "--out", "new.json"], "the calls are to several services"),
        (["export", "nowhere", "--har", "new.har"], "there is no cassette nowhere"),
        (["export", "text.json", "--har", "new.har"], "text.json is not a cassette: "),
        (["export", "good.json", "--har", "folder"], "the HAR folder cannot be written: it is a directory"),
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
        "type: 3 of 20 classes of values: absent, matching, unknown",
        "task_id: 3 of 36 classes of values: absent, matching, other case",
        "addon_instance_id: 2 of 37 classes of values: absent, empty",
    ]


def test_what_exists_beside_another_filters_value_is_another_class(cassettes: Cassettes, tmp_path: Path) -> None:
    task_id = str(task(1)["metadata"]["taskID"])
    put_down(tmp_path / "b.json", asked(document=listing([task(1)])), asked(f"type=addonUpgrade&task_id={task_id}"))
    _, out, _ = cassettes("list", ".")
    assert "task_id: 2 of 36 classes of values: absent, existing, not matching\n" in out


def test_a_file_that_is_no_cassette_does_not_hide_the_others(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "good.json")
    (tmp_path / "bad.json").write_text(NOT_JSON)
    status, out, err = cassettes("list", ".")
    assert status == 2
    assert "\ngood.json  " in out
    assert one_line(err).startswith("bad.json is not a cassette: ")


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


def test_what_a_strange_cassette_says_of_itself_does_not_command_the_terminal(
    cassettes: Cassettes, tmp_path: Path
) -> None:
    put_down(tmp_path / "odd.json", endpoint="https://x\x1b[2J\x07", test="t\x1b[31m\u202e", source="\x9b5m")
    for command in (["list", "."], ["show", "odd.json"]):
        status, out, _ = cassettes(*command)
        assert status == 0
        assert r"https://x\x1b[2J\x07" in out
        assert out.replace("\n", "").isprintable()


def test_a_list_for_programs_has_what_the_table_has(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "some" / "a.json", asked("type=addonStatic"), asked(status=404))
    status, output, errors = cassettes("list", "some", "--json")
    assert (status, errors) == (0, "")
    [found] = json.loads(output)
    assert (found["cassette"], found["calls"], found["answers"]) == ("a.json", 2, {"200": 1, "404": 1})
    assert set(found["classes"]) == {"type", "task_id", "addon_instance_id"}


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


def test_a_secret_of_which_a_summary_shows_a_part_is_not_readable_in_it(
    cassettes: Cassettes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCE_AUTH_TOKEN", TOKEN)
    for before in range(60, 170, 5):
        # as if an older version had recorded it without redaction
        body = ("x " * 85)[:before] + TOKEN + " y" * 200
        put_down(tmp_path / "a.json", asked(document=body.encode()))
        _, out, _ = cassettes("show", "a.json")
        assert not any(TOKEN[:length] in out for length in range(6, len(TOKEN) + 1)), before


# ---- verify


def test_a_cassette_that_meets_the_contract_holds(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "a.json")
    assert cassettes("verify", "a.json") == (0, "a.json: nothing breaks the contract\n", "")
    put_down(tmp_path / "b.json")
    assert cassettes("verify", ".") == (
        0,
        "a.json: nothing breaks the contract\nb.json: nothing breaks the contract\n2 cassettes, and all hold\n",
        "",
    )


def test_each_exchange_is_judged_and_a_fact_is_reported_once(cassettes: Cassettes, tmp_path: Path) -> None:
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


def test_an_acceptance_lets_a_finding_pass_or_is_reported(cassettes: Cassettes, tmp_path: Path) -> None:
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
        "cce-precheck: expired acceptance: PRE301 (x) until 2020-01-31",
        "cce-precheck: unused acceptance: PRE401 (agreed)",
    ]


def test_a_failure_and_a_call_to_another_path_are_notes(cassettes: Cassettes, tmp_path: Path) -> None:
    other = asked()
    other = replace(other, request=replace(other.request, path="/api/v3/projects/p/clusters"))
    put_down(tmp_path / "a.json", failed(), other)
    status, out, _ = cassettes("verify", "a.json")
    assert status == 0
    assert out.splitlines() == [
        "note: recording 1: no answer came, so there is none to judge: no answer",
        "note: recording 2: GET /api/v3/projects/p/clusters is neither of the two calls",
        "a.json: nothing breaks the contract",
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
    assert not out.endswith("nothing breaks the contract\n")


def test_what_was_edited_since_is_a_note(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    path.write_text(path.read_text().replace("Addon task check finish", "Add-on task check finish"))
    note = "note: was edited after it was written, so it is redacted again when it is read"
    assert cassettes("verify", "a.json") == (0, f"{note}\na.json: nothing breaks the contract\n", "")


def test_a_key_that_stands_twice_fails(cassettes: Cassettes, tmp_path: Path) -> None:
    path = put_down(tmp_path / "a.json")
    path.write_text(path.read_text().replace('"status":200', '"status":404, "status":200'))
    status, out, _ = cassettes("verify", "a.json")
    assert (status, out.splitlines()[0]) == (1, "error: the key 'status' occurs twice in one object")


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
    assert out.startswith("error: bad.json is not a cassette: ")
    assert out.endswith("good.json: nothing breaks the contract\n1 of 2 cassettes does not hold\n")


# ---- diff


def test_the_same_answers_have_the_same_shape(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "old" / "a.json")
    put_down(tmp_path / "new" / "a.json")
    assert cassettes("diff", "old", "new") == (0, "1 cassette compared: the answers have the same shape\n", "")


def test_a_change_has_its_grade_the_call_and_the_cassettes_that_show_it(cassettes: Cassettes, tmp_path: Path) -> None:
    for name in ("a.json", "sub/b.json", "gone.json"):
        put_down(tmp_path / "old" / name)
    put_down(tmp_path / "new" / "a.json", asked(document=drop(listing(), *STATUS, "message")))
    put_down(tmp_path / "new" / "sub" / "b.json", asked(document=put(listing(), *METADATA, "owner", "x")))
    put_down(tmp_path / "new" / "came.json")
    status, out, _ = cassettes("diff", "old", "new")
    assert status == 1
    owner, message = "$.items[*].metadata.owner", "$.items[*].status.message"
    new, missing = "a new field that was not there", "a required field is missing at times"
    assert out.splitlines() == [
        "note: gone.json is only in the old folder",
        "note: came.json is only in the new folder",
        f"note: list 200 {owner} {new}: never (0 of 1) → always (1 of 1) [sub/b.json]",
        f"error: list 200 {message} {missing}: always (8 of 8) → sometimes (7 of 8) [a.json]",
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
        "old": "always (8 of 8)",
        "new": "sometimes (7 of 8)",
        "seen_in": ["a.json"],
    }


def test_two_files_are_compared_whatever_they_are_called(cassettes: Cassettes, tmp_path: Path) -> None:
    put_down(tmp_path / "old.json")
    put_down(tmp_path / "new.json", asked(document=put(listing(), *STATUS, "status", "Skipped")))
    status, out, _ = cassettes("diff", "old.json", "new.json")
    assert status == 0
    assert out.startswith("warning: list 200 $.items[*].status.status an undocumented value: ")
