"""Which recording answers which request: by what is asked, in the order of recording, each once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck.cassette.format import Cassette, Failure, Recording, dumps, loads
from pytest_cce_precheck.cassette.matching import Playback, key_of
from pytest_cce_precheck.errors import CassetteCorruptError, CassetteMissError
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from tests.recordings import ENDPOINT, JSON, PATH, answered, asked, cassette, failed, origin

if TYPE_CHECKING:
    from collections.abc import Sequence


def playback(*recordings: Recording) -> Playback:
    return Playback(cassette(*recordings))


def numbered(*queries: str, repeats: bool = False) -> Playback:
    """Return a playback whose recordings answer with their number as the status, from 201."""
    return playback(*(answered(query, status=201 + number, repeats=repeats) for number, query in enumerate(queries)))


def statuses(player: Playback, *queries: str) -> list[int]:
    outcomes = [player.find(asked(query)) for query in queries]
    return [outcome.status for outcome in outcomes if isinstance(outcome, Response)]


def miss(player: Playback, request: Request) -> str:
    with pytest.raises(CassetteMissError) as raised:
        player.find(request)
    return raised.value.reason


def posted(body: bytes) -> Request:
    return asked(method="POST", body=body)


# ---- what two requests must share


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("type=addonStatic&task_id=5", "task_id=5&type=addonStatic"),
        ("type=addonStatic", "type=addon%53tatic"),
        ("type=a+b", "type=a%20b"),
        ("task_id=%c3%a9", "task_id=%C3%A9"),
        ("type=x", "&type=x&&"),
        ("type=", "type"),
        ("a=1&b=2&a=2", "a=2&a=1&b=2"),
    ],
)
def test_queries_that_ask_the_same_are_the_same(one: str, other: str) -> None:
    assert key_of(asked(one)) == key_of(asked(other))
    assert statuses(numbered(one), other) == [201]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("type=addonStatic", "type=addonUpgrade"),
        ("type=addonStatic", ""),
        ("type=", ""),
        ("type=x", "type=x&type=x"),
        ("type=x", "type=X"),
        ("type=x", "Type=x"),
        ("type=a%2Bb", "type=a+b"),
        ("type=%FF", "type=%FE"),
        ("type=%26task_id=5", "type=&task_id=5"),
    ],
)
def test_queries_that_ask_otherwise_are_not(one: str, other: str) -> None:
    assert key_of(asked(one)) != key_of(asked(other))
    assert miss(numbered(one), asked(other)) == "no-such-request"


@given(
    st.lists(st.tuples(st.sampled_from(["type", "task_id"]), st.sampled_from(["", "a", "b"])), max_size=4), st.data()
)
def test_the_order_of_parameters_never_counts_their_number_always_does(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    query = "&".join("=".join(pair) for pair in pairs)
    shuffled = "&".join("=".join(pair) for pair in data.draw(st.permutations(pairs)))
    assert key_of(asked(query)) == key_of(asked(shuffled))
    for pair in pairs:
        assert key_of(asked(f"{query}&{'='.join(pair)}")) != key_of(asked(query))


@pytest.mark.parametrize(
    "other",
    [
        Request("POST", ENDPOINT, PATH),
        Request("GET", ENDPOINT, PATH.replace("/p/", "/another/")),
        Request("GET", ENDPOINT, PATH.replace("/c/", "/another/")),
        Request("GET", ENDPOINT, PATH + "/"),
        Request("GET", ENDPOINT, PATH, body=b"{}"),
    ],
)
def test_method_project_cluster_and_body_count(other: Request) -> None:
    assert miss(playback(answered()), other) == "no-such-request"


def test_no_header_counts() -> None:
    signed = asked().with_headers(Headers([("Authorization", "SDK-HMAC-SHA256 Access=x"), ("X-Sdk-Date", "now")]))
    assert playback(answered()).find(signed) == Response(200, JSON, b"{}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [true, null]}', b'{"b":[true,null],"a":1}'),
        (b'{"a":"\xc3\xa9"}', b'{"a":"\\u00e9"}'),
        (b"{}", b" {\n} "),
    ],
)
def test_bodies_of_the_same_content_are_the_same(one: bytes, other: bytes) -> None:
    assert key_of(posted(one)) == key_of(posted(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1}', b'{"a":2}'),
        (b'{"a":1}', b'{"a":true}'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":"1"}', b'{"a":1}'),
        (b"[1,2]", b"[2,1]"),
        (b"[]", b"{}"),
        (b'{"a":1,"a":1}', b'{"a":1}'),
        (b'{"a":', b'{"a": '),
        (b"", b"{}"),
        (b"", b"null"),
        (b"\xff", b"\xfe"),
    ],
)
def test_bodies_of_another_content_are_not(one: bytes, other: bytes) -> None:
    assert key_of(posted(one)) != key_of(posted(other))


def test_a_query_that_somebody_spoilt_by_hand_is_matched_like_any_other() -> None:
    document = json.loads(dumps(origin(), [answered()]))
    document["recordings"][0]["request"]["query"] = "type=\ud800"
    player = Playback(loads(json.dumps(document), "tasks.json"))
    assert miss(player, asked("type=x")) == "no-such-request"
    assert statuses(player, "type=\ud800") == [200]


# ---- in which order


def test_the_same_question_is_answered_in_the_order_of_recording_and_then_no_more() -> None:
    player = numbered("", "type=x", "", "")
    assert statuses(player, "", "", "type=x", "") == [201, 203, 202, 204]
    assert miss(player, asked()) == "used-up"
    assert miss(player, asked("type=x")) == "used-up"


def test_other_questions_do_not_disturb_a_sequence() -> None:
    player = numbered("", "type=x", "", "type=x")
    assert statuses(player, "type=x", "type=x", "", "") == [202, 204, 201, 203]


def test_of_several_spellings_the_one_that_is_asked_goes_first_then_the_others_in_order() -> None:
    queries = ("type=x&task_id=5", "task_id=5&type=x", "type=%78&task_id=5")
    assert statuses(numbered(*queries), *reversed(queries)) == [203, 202, 201]
    assert statuses(numbered(*queries), *[queries[1]] * 3) == [202, 201, 203]


def test_what_repeats_is_given_again_once_the_others_are_used_up() -> None:
    player = numbered("", "type=x", "", repeats=True)
    assert statuses(player, "", "", "", "", "type=x", "type=x") == [201, 203, 203, 203, 202, 202]
    assert miss(player, asked("type=y")) == "no-such-request"


def test_a_repeated_answer_may_be_spelt_otherwise_the_next_time() -> None:
    assert statuses(numbered("type=x", repeats=True), "type=x", "type=%78", "&type=x") == [201, 201, 201]


def test_a_recorded_failure_is_given_in_its_place() -> None:
    player = playback(answered(), failed(reason="timeout"), answered(status=204))
    assert [type(player.find(asked())) for _ in range(3)] == [Response, Failure, Response]


def test_what_nobody_asked_for_is_known() -> None:
    player = numbered("", "type=x", "", "type=y")
    assert list(player.unused) == [0, 1, 2, 3]
    statuses(player, "", "type=y")
    miss(player, asked("type=z"))
    assert list(player.unused) == [1, 2]
    assert list(numbered().unused) == []


def test_a_recording_that_cannot_be_read_is_found_when_its_turn_comes() -> None:
    document = json.loads(dumps(origin(), [answered(), answered("type=x")]))
    document["recordings"][1]["response"] = {"status": "fine"}
    player = Playback(loads(json.dumps(document), "tasks.json"))
    assert statuses(player, "") == [200]
    with pytest.raises(CassetteCorruptError, match=r"recording 2 of tasks\.json cannot be read"):
        player.find(asked("type=x"))


# ---- threads


def test_threads_share_the_recordings_and_each_is_given_once() -> None:
    questions = [f"type={number % 7}" for number in range(350)]
    player = playback(*(answered(query, str(number).encode()) for number, query in enumerate(questions)))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda query: (query, player.find(asked(query))), questions))
    given = sorted((query, outcome.body) for query, outcome in outcomes if isinstance(outcome, Response))
    assert given == sorted((query, str(number).encode()) for number, query in enumerate(questions))
    assert list(player.unused) == []


def test_a_thread_never_misses_what_another_is_about_to_find_repeating() -> None:
    known = cassette(answered(repeats=True))
    second: list[Response | Failure | CassetteMissError] = []

    def ask() -> None:
        try:
            second.append(player.find(asked()))
        except CassetteMissError as error:
            second.append(error)

    class Slow(Cassette):
        def outcome(self, number: int) -> tuple[Response | Failure, bool]:
            if not threads:
                threads.append(threading.Thread(target=ask))
                threads[0].start()
                # it cannot be served before this call is done; if it were, it would not take that long
                threads[0].join(0.1)
            return super().outcome(number)

    threads: list[threading.Thread] = []
    player = Playback(Slow(known.name, known.origin, parts_of(known)))
    first = player.find(asked())
    threads[0].join()
    assert second == [first]


def parts_of(known: Cassette) -> Sequence[dict[str, object]]:
    parts: list[dict[str, object]] = json.loads(dumps(known.origin, list(known)))["recordings"]
    return parts
