"""What is left of a secret that was cut is masked: long pieces anywhere, short ones beside the dots of a cut."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from pytest_cce_precheck.redaction.recordings import Redaction
from pytest_cce_precheck.redaction.spellings import Pieces
from pytest_cce_precheck.wire.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = "0123456789abcdefghijKLMNOP/+é"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'s3cr3t-wi...'", "'***...'"),
        ("...-with-end'", "...***'"),
        ("'s3cr3t-...ith-end'", "'***...***'"),
        ("s3cr3t-s3cr3t-wi...", "s3cr3t-***..."),
        ("s3cr3...", "s3cr3..."),
        ("s3cr3t-no...", "s3cr3t-no..."),
        ("nothing ... of it", "nothing ... of it"),
        ("s3cr3t-wi", "s3cr3t-wi"),
    ],
)
def test_what_is_left_of_a_shortened_secret_is_masked(text: str, shown: str) -> None:
    assert Pieces(["s3cr3t-with-end"]).masked(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0123456789abcdefghijKLMNOP", "***"),
        ("x 3456789abcdefghijK y", "x *** y"),
        ("b'0123456789abcdefgh'\n b'ijKLMNOP'", "b'***'\n b'ijKLMNOP'"),
        ("0123456789abcde and 89abcdefghijKLM", "0123456789abcde and 89abcdefghijKLM"),
        ("0123456789abcdefghijKLM5", "***5"),
    ],
)
def test_a_long_piece_of_a_secret_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert Pieces(["0123456789abcdefghijKLMNOP"]).masked(text) == shown


AWKWARD = "PLt\\aZq7\\bWm3\"cRk9'dXv2\\eTy5\nfUi6<gOp8"


@pytest.mark.parametrize("around", ["", "'", '"', "'\""])
@pytest.mark.parametrize("write", [str, repr, json.dumps, html.escape, str.upper, lambda text: repr(repr(text))])
def test_a_shortened_secret_is_found_as_it_is_escaped(write: Callable[[str], str], around: str) -> None:
    written = write(f"{around} {AWKWARD} {around}")
    edges = [place for place in range(len(written)) if written[place] == " "]
    begin, end = edges[0] + 1, edges[-1]
    for length in range(6, (end - begin) // 2):
        pieces = Pieces([AWKWARD])
        assert pieces.masked(f" {written[begin : begin + length]}...") == " ***..."
        assert pieces.masked(f"...{written[end - length : end]} ") == "...*** "


@pytest.mark.parametrize("write", [str, repr, str.upper, lambda text: repr(repr(text))])
def test_a_long_piece_of_what_is_escaped_is_found(write: Callable[[str], str]) -> None:
    written = write(AWKWARD)[2:-2]
    assert Pieces([AWKWARD]).masked(f"a {written[3:23]} z") == "a *** z"


def test_a_message_holds_no_piece_either() -> None:
    assert Redaction(Credentials(), also=[LONG]).message(f"no JSON, near 'x{LONG[:19]}'") == "no JSON, near 'x***'"


def test_a_piece_is_found_in_any_case() -> None:
    assert Pieces([LONG]).masked(f"a {LONG[2:18].upper()} z, {LONG[:7].upper()}...") == "a *** z, ***..."


@pytest.mark.parametrize("before", range(9))
def test_sixteen_characters_of_a_secret_are_found_at_every_place_and_fifteen_are_nothing(before: int) -> None:
    around = "-" * before
    for start in range(len(LONG) - 16):
        assert Pieces([LONG]).masked(f"{around}{LONG[start : start + 16]} x") == f"{around}*** x"
        short = f"{around}{LONG[start : start + 15]} x"
        assert Pieces([LONG]).masked(short) == short


@pytest.mark.parametrize(
    "write",
    [
        lambda secret: secret.encode().hex(),
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
        lambda secret: base64.b64encode(b"user:" + secret.encode()).decode()[8:-2],
    ],
    ids=["hexadecimal", "percent-encoded", "Base64", "Base64 of a longer text"],
)
def test_a_long_piece_is_found_in_other_spellings_too(write: Callable[[str], str]) -> None:
    piece = write(LONG)[1:-1]
    assert Pieces([LONG]).masked(f"a {piece} z") == "a *** z"


def test_each_of_several_secrets_is_looked_for() -> None:
    other = "another secret of some length"
    assert Pieces([LONG, other]).masked(f"{LONG[:20]}, {other[:20]}") == "***, ***"


def test_a_secret_of_six_characters_or_fewer_has_no_pieces() -> None:
    assert Pieces(["secret"]).masked("secret...secret") == "secret...secret"
    assert Pieces(["secrets"]).masked("secret...ecrets") == "***...***"


def test_between_two_cuts_both_ends_of_a_secret_are_masked() -> None:
    assert Pieces(["s3cr3t-with-end"]).masked("a ... with-end and s3cr3t-w... z") == "a ... with-end and ***... z"
    assert Pieces(["s3cr3t-with-end"]).masked("a ...with-end and s3cr3t-w... z") == "a ...*** and ***... z"


def test_a_beginning_within_a_beginning_is_masked_from_the_first_that_fits() -> None:
    assert Pieces(["abcabcabcabcX"]).masked("zabcabcabcabc...") == "z***..."


def test_of_two_beginnings_the_first_that_fits_is_masked() -> None:
    assert Pieces(["abcabcabcabcabcabcX"]).masked("abcabcQabcabcabc...") == "abcabcQ***..."


def test_a_secret_that_is_no_text_has_pieces_too() -> None:
    assert Pieces(["\ud800" + LONG]).masked(f"a {LONG[:20]} z") == "a *** z"


def test_fifteen_characters_are_nothing_at_either_end_of_the_secret_and_of_the_text() -> None:
    for text in (f"a {LONG[-15:]}", f"{LONG[:15]} z"):
        assert Pieces([LONG]).masked(text) == text
