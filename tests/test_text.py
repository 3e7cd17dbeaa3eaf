"""Words for messages: a long text keeps its ends and its length, and no half of a word that may have been a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cce_precheck._text import count_of, did_you_mean, excerpt, listed, shortened


def test_a_mistyped_word_has_its_near_matches() -> None:
    assert did_you_mean("simulte", ["simulate", "live"]) == "; did you mean simulate?"
    assert did_you_mean("xyz", ["simulate", "live"]) == ""


def test_a_noun_is_plural_unless_there_is_one() -> None:
    assert [count_of(number, "call") for number in range(3)] == ["0 calls", "1 call", "2 calls"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 60, "x" * 60),
        # of a word that is cut, four characters stay
        ("x" * 61, "xxxx … (61 characters) … xxxx"),
        ("word " * 19 + "word", "word word word word word w … (99 characters) … ord word word"),
        ("abc " * 10 + "0123456789abcdef" * 1_000, "abc abc abc abc abc abc … (16,040 characters) … cdef"),
        ("'" + "k" * 70 + "'", "'kkkk … (72 characters) … kkkk'"),
    ],
)
def test_a_text_is_shortened_like_this(text: str, shown: str) -> None:
    assert shortened(text, 60) == shown


@given(st.text("ab .,:=&?\"'<>()[]{};", max_size=300), st.integers(60, 120))
def test_a_text_is_never_longer_than_asked_and_is_left_alone_if_it_is_not(text: str, longest: int) -> None:
    short = shortened(text, longest)
    assert len(short) <= longest
    assert (short == text) is (len(text) <= longest)


@pytest.mark.parametrize("mark", [*"\"'<>()[]{},;:=&?", " ", "\n"])
def test_a_word_ends_at_each_of_these(mark: str) -> None:
    text = "k" * 9 + mark + "abcd" * 9
    assert shortened(text, 40).startswith("k" * 9)
    assert shortened(text[::-1], 40).endswith("k" * 4)


@pytest.mark.parametrize("behind", range(40))
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Authorization", "Authorization: Bearer abcdefghijkm1 is bad"),
        ("password", "password=abcdefghijkm1&x"),
        ("token", '{"token":"abcdefghijkm1"}'),
        ("密码", "密码：abcdefghijkm1"),
    ],
)
def test_a_value_whose_name_is_cut_away_is_cut_too(name: str, said: str, behind: int) -> None:
    """Its name would have told that it is a secret."""
    short = shortened(f"{'word ' * 40}{said}{'.' * behind}", 120)
    assert "abcdefghijkm1" not in short or name in short


def test_names_are_listed_up_to_a_number_and_then_counted() -> None:
    assert listed(["a", "b"], 2) == "a, b"
    assert listed([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(["x"] * 3_012).endswith("x, x and 3,002 more")
    assert listed([]) == ""


def test_blanks_beside_the_cut_are_left_out_and_those_at_the_ends_stay() -> None:
    text = f"  {'a' * 20}{' ' * 60}{'z' * 8}  "
    assert shortened(text, 60) == f"  {'a' * 20} … (92 characters) … {'z' * 8}  "


@pytest.mark.parametrize("before", [0, *range(40, 140)])
@pytest.mark.parametrize(
    "said",
    [
        "'Authorization: Bearer ab12cd34ef56g' was refused",
        "X-Auth-Token: ab12cd34ef56g was refused",
        '"password": "one two three four cd34"',
    ],
)
def test_a_look_alike_is_masked_before_the_text_around_it_is_cut_away(said: str, before: int) -> None:
    for behind in (0, 5, 20, 300):
        text = f"{'x' * before} {said} {'y' * behind}"
        assert "cd34" not in shortened(text, 80) or len(text) <= 80


def test_an_excerpt_that_begins_behind_the_name_of_a_secret_does_not_show_it() -> None:
    for length in (5, 12, 20):
        assert excerpt('{"password": hunter2hunter2}', 13, length).startswith("***")
    assert excerpt("near this word", 5, 4) == "this"
    assert excerpt("k" * 50, 0, 20) == "kkkk"
