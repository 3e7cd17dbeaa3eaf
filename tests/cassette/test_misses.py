"""What a person reads where a request has no recording."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from pytest_cce_precheck.cassette.format import Cassette, Recording
from pytest_cce_precheck.cassette.matching import Playback
from pytest_cce_precheck.errors import CassetteMissError
from pytest_cce_precheck.wire.exchange import Request, Response
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.recordings import ENDPOINT, PATH, answered, asked, cassette

PLACE = f"--cce-endpoint={ENDPOINT} --cce-project-id=PROJECT_ID --cce-cluster-id=CLUSTER_ID"
COMMAND = f"pytest --cce-mode=record {PLACE} test_a.py::test_b"


def told(request: Request, *recordings: Recording, used: int = 0, test: str | None = "test_a.py::test_b") -> list[str]:
    """Return the lines of a miss, after the first ``used`` recordings have been asked for."""
    player = Playback(cassette(*recordings, test=test))
    for recording in recordings[:used]:
        player.find(recording.request)
    with pytest.raises(CassetteMissError) as raised:
        player.find(request)
    return str(raised.value).splitlines()


def differs(request: Request, *recordings: Recording) -> list[str]:
    return [line.removeprefix("  differs:  ") for line in told(request, *recordings) if line.startswith("  differs:")]


def posted(body: bytes) -> Request:
    return asked(method="POST", body=body)


def test_a_miss_names_request_file_mode_closest_recording_difference_and_way_out() -> None:
    assert told(asked("type=addonUpgrade"), answered(), answered("type=addonStatic")) == [
        f"no recording for GET {PATH}?type=addonUpgrade",
        "  mode:     replay, of tasks.json (2 recordings of 2026-01-02)",
        f"  closest:  recording 2, GET {PATH}?type=addonStatic (not used yet)",
        "  differs:  the parameter type is 'addonUpgrade', recorded 'addonStatic'",
        f"  asked at: tests/cassette/test_misses.py:{told.__code__.co_firstlineno + 6}, in told",
        "  way out:  record it again, or ask what was recorded",
        f"    {COMMAND}",
    ]


def test_what_is_used_up_says_that_it_was_given_already_and_how_to_have_it_again() -> None:
    assert told(asked("type=x"), answered("type=x"), used=1) == [
        f"no recording for GET {PATH}?type=x",
        "  mode:     replay, of tasks.json (1 recording of 2026-01-02)",
        f"  closest:  recording 1, GET {PATH}?type=x (used already)",
        "  differs:  in nothing, but each recording answers one call, and this is one call more",
        f"  asked at: tests/cassette/test_misses.py:{told.__code__.co_firstlineno + 6}, in told",
        (
            "  way out:  record it again, ask once, or let it repeat (cce(repeats=True), and record it again), or ask"
            " what was recorded"
        ),
        f"    {COMMAND}",
    ]


def test_an_empty_cassette_has_nothing_close() -> None:
    lines = told(asked())
    assert "  closest:  none, the cassette is empty" in lines
    assert not any(line.startswith("  differs:") for line in lines)


def test_a_cassette_that_no_test_recorded_cannot_name_one() -> None:
    assert told(asked(), answered("type=x"), test=None)[-1] == "  way out:  record it again, or ask what was recorded"


def test_the_command_names_what_the_cassette_was_recorded_from_and_the_variable_of_its_credentials() -> None:
    known = cassette(answered(), test="a b.py::t[x]", project_id="p", cluster_id="c", credentials=("token",))
    with pytest.raises(CassetteMissError) as raised:
        Playback(known).find(asked("type=x"))
    *_, words, command = str(raised.value).splitlines()
    assert words.startswith("  way out:  record it again (with CCE_AUTH_TOKEN in the environment), or ")
    assert shlex.split(command)[1:] == [
        "--cce-mode=record", f"--cce-endpoint={ENDPOINT}", "--cce-project-id=p", "--cce-cluster-id=c", "a b.py::t[x]",
    ]  # fmt: skip


def test_the_command_asks_for_permission_if_something_was_created() -> None:
    assert "--cce-mode=record --cce-allow-writes " in told(posted(b"{}"), answered())[-1]


def test_the_command_has_no_pseudonyms_for_ids_and_no_password_of_an_endpoint() -> None:
    known = cassette(answered(), test="t", project_id="p", endpoint="https://u:secret@h.example", pseudonyms=True)
    with pytest.raises(CassetteMissError) as raised:
        Playback(known).find(asked("type=x"))
    command = str(raised.value).splitlines()[-1]
    assert "--cce-endpoint=https://HOST --cce-project-id=PROJECT_ID" in command
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked("type=x", method="DELETE"), ["the method is DELETE, recorded GET"]),
        (asked("type=x", path=list_path("q", "c")), ["the project is q, recorded p"]),
        (asked("type=x", path=list_path("p", "d")), ["the cluster is d, recorded c"]),
        (asked("type=x", path=list_path("q", "d")), ["the project is q, recorded p", "the cluster is d, recorded c"]),
        (asked("type=x", path="/api/v4" + PATH.removeprefix("/api/v3")), ["the path's part is v4, recorded v3"]),
        (asked("type=x", path="/api/v3"), [f"the path is /api/v3, recorded {PATH}"]),
        (asked(""), ["the parameter type is absent, recorded 'x'"]),
        (asked("type="), ["the parameter type is '', recorded 'x'"]),
        (asked("type=x&type=x"), ["the parameter type is 'x' and 'x', recorded 'x'"]),
        (asked("type=x&task_id=%C3%A9"), ["the parameter task_id is 'é', recorded absent"]),
        (asked("type=x&a%0Ab=1"), [r"the parameter 'a\nb' is '1', recorded absent"]),
        (
            asked("type=y&task_id=5"),
            ["the parameter type is 'y', recorded 'x'", "the parameter task_id is '5', recorded absent"],
        ),
    ],
)
def test_each_part_that_differs_is_named(request_: Request, expected: list[str]) -> None:
    assert differs(request_, answered("type=x")) == expected


def test_values_that_differ_in_bytes_that_are_no_text_differ_in_words_too() -> None:
    assert differs(asked("type=%FF"), answered("type=%FE")) == [
        r"the parameter type is '\\xff', recorded '\\xfe'",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a":1,"b":2}', """the body (- recorded, + asked): -"b": 3  +"b": 2"""),
        (b'{"a":1}', """the body (- recorded, + asked): -"a": 1,  -"b": 3  +"a": 1"""),
        (b'{"a":', "the body is another"),
        (b"", "the body is another"),
        (b"\xff", "the body is another"),
        (b'{"a":1,"b":3,"b":3}', "the body is another"),
    ],
)
def test_of_a_body_what_differs_is_shown(body: bytes, expected: str) -> None:
    recorded = Recording(posted(b'{"a":1,"b":3}'), Response(201))
    assert differs(posted(body), recorded) == [expected]


@pytest.mark.parametrize(
    ("query", "closest"),
    [("type=a&task_id=32", 2), ("type=a&task_id=51&limit=6", 3), ("task_id=32", 2), ("", 4)],
)
def test_the_closest_recording_has_the_fewest_differences_and_then_the_likest_query(query: str, closest: int) -> None:
    queries = ("type=a&task_id=51", "type=a&task_id=31", "type=a&task_id=51&limit=5", "type=addonStatic")
    lines = told(asked(query), *map(answered, queries))
    assert lines[2] == f"  closest:  recording {closest}, GET {PATH}?{queries[closest - 1]} (not used yet)"


def test_what_is_long_is_shortened() -> None:
    lines = told(asked("task_id=" + "x" * 5000), answered("task_id=" + "y" * 5000))
    assert max(map(len, lines)) < 500
    assert f"… ({len(f'GET {PATH}?task_id=') + 5000:,} characters) …" in lines[0]


def test_in_a_large_cassette_the_closest_is_looked_for_among_the_first_recordings() -> None:
    recordings = [answered(f"task_id={number}") for number in range(2001)]
    lines = told(asked("task_id=2000&type=x"), *recordings)
    assert lines[1] == "  mode:     replay, of tasks.json (2001 recordings of 2026-01-02)"
    assert "recording 2001" not in lines[2]


def test_the_closest_is_looked_for_among_few_of_the_same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = [
        Recording(replace(asked(f"task_id={number}"), path="/elsewhere"), Response(200)) for number in range(900)
    ]
    player = Playback(cassette(*elsewhere, *(answered(f"task_id={number}") for number in range(900))))
    read: list[int] = []
    request = Cassette.request
    monkeypatch.setattr(Cassette, "request", lambda kept, number: (read.append(number), request(kept, number))[1])
    with pytest.raises(CassetteMissError, match=r"recording 901, "):
        player.find(asked("task_id=0&type=x"))
    assert len(read) < 400


def test_the_endpoint_is_no_difference() -> None:
    elsewhere = Request("GET", "https://other.example", PATH, "type=x")
    assert differs(elsewhere, answered("type=y")) == ["the parameter type is 'x', recorded 'y'"]
    assert ENDPOINT not in told(elsewhere, answered("type=y"))[0]
