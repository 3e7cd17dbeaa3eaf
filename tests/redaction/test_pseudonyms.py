"""Stand-ins for ids: of the same form, always the same, and made from alike what was made from ids."""

from __future__ import annotations

import json
import random
import re
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.explore.classes import ID_CLASSES, unknown_value
from pytest_cce_precheck.explore.plan import covering_plan
from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms, folded, ids_in
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.exchange import Headers, Request, encode_query
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, list_path
from tests.contract.answers import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

TASK: Final = "8ca259cc-553b-11e9-926f-0255ac101a31"
PROJECT: Final = "05495693df80d3c92fa1c01795c2be02"


def random_ids(number: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(number)]


FORMS: Final = {"uuid": TASK, "project": PROJECT, "upper": TASK.upper(), "name": "cce-Addon_0042-xyzq"}


def form(text: str) -> str:
    for characters, sort in (("[0-9]", "0"), ("[a-z]", "a"), ("[A-Z]", "A")):
        text = re.sub(characters, sort, text)
    return text


@pytest.mark.parametrize("known", FORMS.values(), ids=FORMS)
def test_a_stand_in_has_the_form_of_its_id_and_is_another(known: str) -> None:
    stand_in = Pseudonyms([known]).text(known)
    assert form(stand_in) == form(known)
    assert stand_in != known
    assert sum(map(str.__eq__, stand_in, known)) < len(known) / 2
    if known != FORMS["name"]:
        assert re.fullmatch("[0-9a-fA-F-]+", stand_in)


def test_a_stand_in_is_the_same_in_every_set_and_process() -> None:
    alone, together = Pseudonyms([TASK]), Pseudonyms([*random_ids(50), TASK, PROJECT])
    assert alone.text(TASK) == together.text(TASK) == "3ac243ae-421b-78e7-916a-0245aa450d91"


def test_ids_that_differ_in_their_last_digit_alone_have_stand_ins_that_do() -> None:
    stand_ins = Pseudonyms([TASK, f"{TASK[:-1]}7"])
    assert stand_ins.text(f"{TASK[:-1]}7") == f"{stand_ins.text(TASK)[:-1]}7"


def test_no_two_ids_share_a_stand_in_and_none_stands_for_itself_or_another() -> None:
    ids = {*random_ids(2000), *(f"{number:06}" for number in range(0, 100_000, 97))}
    pseudonyms = Pseudonyms(ids)
    stand_ins = {pseudonyms.text(each) for each in ids}
    assert len(stand_ins) == len(ids)
    assert not stand_ins & ids


def test_ids_that_leave_no_room_for_stand_ins_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"100 ids such as '[01]{2}-----0' are too alike .* without pseudonyms"
    ):
        Pseudonyms([f"{number:02}-----0" for number in range(100)])


@pytest.mark.parametrize("word", ["", "c-1", "12345", "coredns", "addon-instance", "------1", "1a2b3\n"])
def test_a_word_and_what_is_too_short_is_nobody_s_id(word: str) -> None:
    assert Pseudonyms([word]).text(f"<{word}>") == f"<{word}>"


@pytest.mark.parametrize(
    "around", ["{}", "/projects/{}/clusters", '{{"taskID":"{}"}}', "{0}{0}", "task_id%3D{}0", "{0},{0}", "x{}y"]
)
def test_an_id_is_replaced_wherever_it_stands(around: str) -> None:
    stand_ins = Pseudonyms([TASK, PROJECT])
    for known in (TASK, PROJECT):
        assert stand_ins.text(around.format(known)) == around.format(stand_ins.text(known))


def test_a_short_id_is_replaced_as_a_word_only() -> None:
    stand_ins = Pseudonyms(["task-0001"])
    other = stand_ins.text("task-0001")
    assert stand_ins.text("task-0001, atask-0001 task-00010 (task-0001)") == f"{other}, atask-0001 task-00010 ({other})"


def test_of_ids_that_begin_alike_the_longest_is_meant() -> None:
    ids = [PROJECT[:20], PROJECT]
    stand_ins = Pseudonyms(ids)
    assert stand_ins.text(f"{PROJECT} {PROJECT[:20]}") == " ".join(stand_ins.text(each) for each in reversed(ids))


IN_ASCII: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "encoded": lambda value: quote(value, safe="~"),
    "every octet": lambda value: "".join(f"%{octet:02X}" for octet in value.encode()),
    "in lower case": lambda value: "".join(f"%{octet:02x}" for octet in value.encode()),
    "twice": lambda value: quote(quote(value, safe="~"), safe=""),
    "every octet twice": lambda value: quote("".join(f"%{octet:02X}" for octet in value.encode()), safe=""),
}


@pytest.mark.parametrize("spelling", IN_ASCII)
@pytest.mark.parametrize("known", [TASK, PROJECT, TASK.upper()], ids=["uuid", "project", "upper"])
def test_what_is_made_from_an_id_becomes_what_is_made_from_its_stand_in(known: str, spelling: str) -> None:
    stand_ins = Pseudonyms([known, *random_ids(12)])
    stand_in, spell = stand_ins.text(known), IN_ASCII[spelling]
    for each in ID_CLASSES:
        encoded = spelling != "plain" or each.name == "percent-encoded"
        change = stand_ins.encoded if encoded else stand_ins.derived
        value, wanted = each.make(known), each.make(stand_in)
        # only an id with hyphens can be written without them
        assert (value is None) == (wanted is None) == (each.name == "without hyphens" and "-" not in known)
        if value is None or wanted is None:
            continue
        assert change(spell(value)) == spell(wanted), each.name


def test_an_unknown_value_of_an_id_becomes_an_unknown_value_of_its_stand_in() -> None:
    ids = random_ids(200)
    stand_ins = Pseudonyms(ids)
    for each in ids:
        assert stand_ins.derived(unknown_value(each, ids)) == unknown_value(stand_ins.text(each))


@given(
    st.sampled_from([TASK, PROJECT]), st.integers(0, 36), st.integers(0, 36), st.text(max_size=5), st.text(max_size=5)
)
@example(TASK, 0, 36, "%", "\uff11")
@example(TASK, 3, 9, "İ", "")
def test_a_part_of_an_id_between_other_text_becomes_that_part_of_its_stand_in(
    known: str, start: int, length: int, before: str, after: str
) -> None:
    stand_ins = Pseudonyms([TASK, PROJECT])
    part = slice(start, start + max(6, length))
    text, wanted = (f"{before}{each[part]}{after}" for each in (known, stand_ins.text(known)))
    enough = len(known[part]) >= 6
    changed = stand_ins.derived(text)
    # what stands beside it may happen to go on like the id
    assert (changed == (wanted if enough else text)) or set((before[-1:] + after[:1]).lower()) & set(known)
    assert stand_ins.derived(changed) == changed


def test_twice_is_as_good_as_once() -> None:
    ids = random_ids(300)
    stand_ins = Pseudonyms(ids)
    for each in ids:
        for made in (each, each[:18], each[18:], each.swapcase(), each * 3, each[:9] + "_" + each[10:]):
            once = stand_ins.derived(made)
            assert once != made
            assert stand_ins.derived(once) == once
        assert stand_ins.text(stand_ins.text(each)) == stand_ins.text(each)


def test_nothing_of_an_id_is_left_in_any_planned_question() -> None:
    simulator = Simulator()
    secret = simulator.credentials.token
    assert secret is not None
    path, token = list_path(simulator.project_id, simulator.cluster_id), Headers({TOKEN_HEADER: secret.reveal()})
    response = simulator.handle(Request("GET", simulator.endpoint, path, "", token))
    ids = ids_in(response.body)
    stand_ins = Pseudonyms(ids)
    parts = {each[place : place + 8] for each in ids for place in range(len(each) - 7)}
    for planned in covering_plan(answer_to(response.document).tasks, questions=10_000).asked:
        query = planned.question.query
        changed = stand_ins.encoded(query)
        assert len(changed) == len(query)
        assert stand_ins.encoded(changed) == changed
        plain = unquote(unquote(changed)).lower()
        # shorter parts may be shared by chance
        assert not {plain[place : place + 8] for place in range(len(plain) - 7)} & parts


def test_other_percent_encoded_text_keeps_its_spelling() -> None:
    stand_ins = Pseudonyms([TASK])
    for query in ("type=%FF%FE", "t%79pe=addon%53tatic", "&&a=%", "%zz=%e9%c3%A9", "a=%25%32%35", "+%2b%20"):
        assert stand_ins.encoded(query) == query
    assert stand_ins.encoded(f"%FF{TASK[:8]}%C3") == f"%FF{stand_ins.text(TASK)[:8]}%C3"


def test_each_of_two_thousand_ids_in_a_megabyte_is_replaced() -> None:
    ids = random_ids(2000)
    body = json.dumps([{"taskID": each, "message": "addon status is running " * 4} for each in ids * 5])[: 1 << 20]
    stand_ins = Pseudonyms(ids)
    changed = stand_ins.text(body)
    query = encode_query([("task_id", unknown_value(ids[7]))])
    assert stand_ins.encoded(query) != query
    assert not any(each in changed for each in ids)


def test_the_ids_of_a_body_are_those_of_its_id_fields() -> None:
    document = {
        "spec": {"clusterID": "c-1", "addonList": [{"addonInstanceID": "a-1", "type": "addonStatic"}]},
        "status": {"items": [{"metadata": {"taskID": "t\u00e9-1", "addonTemplateName": "x"}, "uid": "u-1"}]},
        "task_id": 5,
        "project_id": "p-1",
        "message": '"taskID": "quoted"',
    }
    known = {"c-1", "a-1", "té-1", "u-1", "p-1"}
    assert ids_in(json.dumps(document).encode()) == known
    assert ids_in(json.dumps(document, ensure_ascii=False, indent=2).encode()[:-30]) >= known - {"p-1"}
    assert ids_in(b"") == ids_in(b"\xff<html>") == ids_in(b'{"taskID": ""}') == frozenset()


def test_a_name_is_folded_to_what_all_its_spellings_share() -> None:
    assert {folded(name) for name in ("task_id", "taskID", "Task-Id", "TASKID")} == {"taskid"}


def test_stand_ins_do_not_show_the_ids() -> None:
    assert repr(Pseudonyms([TASK, PROJECT])) == "<Pseudonyms of 2 ids>"
