from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck.redaction.spellings import Needles, lower, readings
from pytest_cce_precheck.redaction.texts import SHOWN_HEADERS, Redactor, in_every_text
from pytest_cce_precheck.wire.exchange import Headers
from tests.planted import every_escape
from tests.redaction.spelt import SECRET, SPELLINGS, characters, secrets, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(secret=secrets, before=surroundings, after=surroundings)
@example(secret=SECRET, before="a", after="b")
@example(secret="a\\b\n\t/ü", before="x", after="y")
def test_a_secret_is_masked_in_every_spelling(spelling: str, secret: str, before: str, after: str) -> None:
    redactor, spelt = Redactor([secret]), SPELLINGS[spelling](secret)
    assert redactor.found_in(before + spelt + after)
    masked = redactor.text(before + spelt + after)
    assert "***" in masked
    assert spelt not in masked
    assert not redactor.found_in(masked)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@given(secret=secrets, before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_a_secret_is_masked_in_the_base64_of_a_longer_text(
    encode: Callable[[bytes], bytes], secret: str, before: bytes, after: bytes
) -> None:
    coded = encode(before + secret.encode() + after).decode()
    shown = Redactor([secret]).known(f"Basic {coded}")
    assert "***" in shown
    # of the octets at both ends, which share characters with others, some bits may be left
    assert len(shown.removeprefix("Basic ").replace("***", "")) <= 4 * (len(before) + len(after) + 2) / 3 + 4


@pytest.mark.parametrize("secret", [SECRET, "s3cr3t-key", "a\\b\"c'd-e"])
def test_a_secret_is_masked_between_the_colours_of_a_terminal(secret: str) -> None:
    coloured = "".join(f"\x1b[33m{part}\x1b[39;49;00m" for part in (secret[:2], secret[2:5], secret[5:]))
    assert Redactor([secret]).known(f"{coloured}\x1b[0m!") == "\x1b[33m***\x1b[39;49;00m\x1b[0m!"


@pytest.mark.parametrize("secret", ['AK+0/aé=x"', "x%41y%42z", "&amp;lt&#65;", "\\u0041bcdef\\u0042", "tail\\tail\\"])
@given(st.lists(st.sampled_from(["quote", "json", "html-decimal", "html-in-json", "json-every-character"]), max_size=2))
def test_a_secret_is_masked_in_an_escape_within_another(secret: str, ways: list[str]) -> None:
    text = secret
    for way in ways:
        text = SPELLINGS[way](text)
    assert Redactor([secret]).known(f"<{text}>").startswith("<***"), text


@given(st.lists(st.text(characters, max_size=8), max_size=4), st.text("abcABC%+/=\\ _-", max_size=40))
def test_what_is_masked_holds_no_secret(texts: list[str], text: str) -> None:
    redactor = Redactor(texts)
    masked = redactor.text(text)
    assert not redactor.found_in(masked)
    assert (masked == text) == (not redactor.found_in(text))


@pytest.mark.parametrize(
    ("texts", "text", "masked"),
    [
        (["abcdef"], "abcdefabcdef", "******"),
        (["abcdef", "defghi"], "abcdefghi!", "***!"),
        (["abcdef", "abcdefghi"], "abcdefghi!", "***!"),
        (["aaaaaa"], "aaaaaaaaa!", "***!"),
        (["abcdef"], "ABCDEF", "***"),
        (["abc"], "abc abcd _abc abc.", "*** abcd _abc ***."),
        (["a+b"], "?x=a%2Bb&y=1", "?x=***&y=1"),
        (["abc"], "YWJj YWJjZA==", "*** YWJjZA=="),
        (["abcdef", "xyz"], "abcdefxyz", "******"),
        (["", " ", "\n"], "a b\nc", "a b\nc"),
        ([], "anything", "anything"),
    ],
)
def test_a_text_is_masked_like_this(texts: list[str], text: str, masked: str) -> None:
    assert Redactor(texts).text(text) == masked


def test_what_looks_like_a_secret_is_masked_if_json_escapes_its_letters() -> None:
    written = every_escape("X-Auth-Token: LbBzkUy0Eo1dvwgNs\r\nHost: cce.test")
    masked = Redactor([]).text(f'{{"message": "{written}"}}')
    assert every_escape("LbBzkUy0") not in masked
    assert masked.endswith(f'{every_escape("Host: cce.test")}"}}')
    assert Redactor([]).text('{"a": "\\u63d2\\u4ef6"}') == '{"a": "\\u63d2\\u4ef6"}'


def test_what_a_message_has_cut_off_of_a_secret_is_masked() -> None:
    secret = "Qz7/xK2-vB9pL4tN8wR3yH6s"
    assert Redactor([secret]).text(f"near 'x{secret[:16]}'") == "near 'x***'"
    assert Redactor([secret]).text(f"near 'x{secret[:15]}'") == f"near 'x{secret[:15]}'"
    # what has a name of its own keeps it
    assert Redactor([secret], {secret: "id-1"}).text(secret) == "id-1"


def test_a_redactor_does_not_show_its_secrets() -> None:
    assert repr(Redactor([SECRET])) == "<Redactor>"


def test_only_harmless_headers_show_their_value() -> None:
    shown = {"Content-Type": "application/json", "X-Request-Id": "r1", "retry-after": "3", "X-Project-Id": "p"}
    hidden = {"X-Auth-Token": "t", "Authorization": "a", "Set-Cookie": "c", "X-Subject-Token": "s", "X-New": "n"}
    masked = dict.fromkeys(hidden, "***")
    assert Redactor([]).headers(Headers({**shown, **hidden})) == (*shown.items(), *masked.items())


def test_headers_keep_their_order_their_case_and_their_repetitions() -> None:
    pairs = (("date", "d"), ("VIA", "***"), ("Date", "e"), ("via", "***"))
    assert Redactor([]).headers(Headers(pairs)) == pairs


def test_a_secret_in_a_harmless_header_or_in_a_name_is_masked() -> None:
    redactor = Redactor(["s3cr3t-key"])
    headers = Headers([("User-Agent", "cli s3cr3t-key"), ("X-s3cr3t-key", "1")])
    assert redactor.headers(headers) == (("User-Agent", "cli ***"), ("X-***", "***"))


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://iam.test/login?ticket=abc#top", "https://iam.test/login"),
        ("https://user:pass@iam.test:8443/login", "https://iam.test:8443/login"),
        ("/login?ticket=abc", "/login"),
        ("//iam.test/a/s3cr3t-key", "//iam.test/a/***"),
        ("http://[::1", "***"),
        ("", ""),
    ],
)
def test_of_a_location_only_where_it_leads_is_shown(location: str, shown: str) -> None:
    assert Redactor(["s3cr3t-key"]).headers(Headers({"Location": location})) == (("Location", shown),)


def test_the_shown_headers_are_in_lower_case_and_hold_no_credential() -> None:
    assert {name.lower() for name in SHOWN_HEADERS} == SHOWN_HEADERS
    assert not SHOWN_HEADERS & {"authorization", "x-auth-token", "x-security-token", "cookie", "set-cookie"}


@pytest.mark.parametrize(
    "secret", ["a\"b'c\\d/e\\", "'quoted'-\"twice\"", "pässwörd-密码", "pä\u2028ss\u200b-密", "\\\\servers\\share"]
)
@pytest.mark.parametrize("depth", range(4))
def test_a_secret_is_masked_however_often_it_was_escaped(secret: str, depth: int) -> None:
    redactor = Redactor([secret])
    for write in (
        json.dumps,
        repr,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: repr(text.encode()),
    ):
        text = f"[{secret}]"
        for _ in range(depth):
            text = write(text)
        shown = redactor.known(text)
        assert "***" in shown
        assert shown.replace("\\", "").strip("'\"b") in ("[***]", "[***"), shown


def test_what_is_masked_in_nested_json_is_json_still() -> None:
    secret = '"a\\b"c'
    text = json.dumps({"x": json.dumps({"y": f"1\n{secret}", "z": secret + "\t"}), "n": secret})
    shown = json.loads(Redactor([secret]).text(text))
    assert shown["n"] == "***"
    assert set(json.loads(shown["x"])) == {"y", "z"}


def test_a_secret_is_masked_in_hexadecimal() -> None:
    octets = b"s3cr3t-key"
    assert Redactor([octets.decode()]).known(f"{octets.hex()} {octets.hex().upper()}") == "*** ***"


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("secret", ["aK-7/x+yZ 09", "'ütf-8'&%=?", "password=hunter2hunter2"])
def test_what_is_percent_encoded_is_looked_into_and_the_rest_keeps_its_spelling(secret: str, levels: int) -> None:
    spelt = "".join(f"%{octet:02x}" for octet in secret.encode())
    for _ in range(levels - 1):
        spelt = quote(spelt, safe="")
    redactor = Redactor([secret] if "password" not in secret else [])
    shown = redactor.text(f'GET https://h.test/a%20b/?type=x%2Fy&task_id={spelt}, then "q%3Fr"')
    assert shown.startswith("GET https://h.test/a%20b/?type=x%2Fy&task_id=")
    assert shown.endswith(', then "q%3Fr"')
    assert "***" in shown
    for _ in range(levels + 1):
        shown = unquote(shown)
        assert secret.removeprefix("password=") not in shown


def test_json_within_json_is_looked_into() -> None:
    secret = 'quote"back\\slash/é-0123'
    inner = json.dumps({"message": secret})
    for text in (inner, json.dumps({"log": inner}), repr({"message": secret})):
        assert "slash" not in Redactor([secret]).text(text)


def test_every_text_of_data_is_changed_and_nothing_else() -> None:
    data = {"a": ["x", 1, None, {"x": ("x", 2.5)}], "b": True}
    assert in_every_text(data, str.upper) == {"a": ["X", 1, None, {"x": ["X", 2.5]}], "b": True}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc123", "x/y z"),
        ("ABC123", "***"),
        ("?a=YWJjMTIz", "?a=eC95IHo="),
        ("\\u0061bc123", "x/y z"),
        ("ab12", "k/l"),
    ],
)
def test_what_stands_for_a_secret_is_spelt_as_it_was(text: str, shown: str) -> None:
    assert Redactor(["abc123", "ab12"], {"abc123": "x/y z", "ab12": "k/l"}).known(text) == shown


def test_a_secret_of_blanks_alone_is_none() -> None:
    assert Redactor(["   ", ""]).text("-   -") == "-   -"


def test_a_name_that_is_percent_encoded_in_lower_case_is_looked_into() -> None:
    assert "12345678" not in Redactor([]).text("passw%6frd=12345678")


def test_what_stands_for_a_secret_is_spelt_with_the_slashes_of_json_as_it_was() -> None:
    redactor = Redactor(["s3cr3t/key"], {"s3cr3t/key": "other/one"})
    assert redactor.text('{"a": "s3cr3t\\/key"}') == '{"a": "other\\/one"}'


def test_a_secret_that_is_no_text_can_be_looked_for() -> None:
    assert Redactor(["s3cr3t\ud800key"]).text("a%26b") == "a%26b"
    assert Redactor(["s3cr3t\ud800key"]).text("a s3cr3t\ud800key z") == "a *** z"


def test_a_secret_is_masked_as_python_shows_its_octets() -> None:
    secret = "é-s3cr3t-key"
    assert Redactor([secret]).text(f"sent {secret.encode()!r}") == "sent b'***'"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a\\Xb", "aXb"),
        ("a\x1b[2Kb", "ab"),
        ("a\x1b[31mb", "ab"),
        ("a&#1114112;b", "ab"),
        ("a\\U00110000b", "ab"),
        ("a\\ud83d\\ude00b", "a\N{GRINNING FACE}b"),
        ("a\\U0001F600b", "a\N{GRINNING FACE}b"),
    ],
)
def test_escapes_are_undone_like_this(written: str, text: str) -> None:
    assert [reading.text for reading in readings(written)] == [text]


# ---- case


def test_folding_keeps_the_length_of_every_character_and_does_not_look_at_its_neighbours() -> None:
    for code in range(0x110000):
        character = chr(code)
        folded = lower(character)
        assert len(folded) == 1
        assert lower(f"a{character}") == f"a{folded}"
    assert lower("ΣΑΣ ΣΣ İ") == "σασ σσ i"


@pytest.mark.parametrize("secret", ["pässwörd", "PÄSSWÖRD", "пароль-éß", "ΟΔΟΣ-και-λόγος", "ﬁrst-straße"])
@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase, str.title])
@pytest.mark.parametrize("write", [str, lambda text: quote(text, safe=""), lambda text: json.dumps(text)[1:-1]])
def test_a_secret_that_is_not_ascii_is_masked_in_other_cases(
    secret: str, change: Callable[[str], str], write: Callable[[str], str]
) -> None:
    changed = change(secret)
    if changed not in (secret, secret.upper(), secret.lower()) and write is not str:
        # encoded, it is masked in the cases that programs make
        return
    if len(changed) != len(secret) and change is str.title:
        return
    assert Redactor([secret]).text(f"said {write(changed)} there") == "said *** there"


@pytest.mark.parametrize("before", ["", "u:", "us:", "use:"])
def test_base64_of_a_longer_text_with_base64_in_it_is_masked(before: str) -> None:
    secret = "a-secret-of-many-letters"
    inner = base64.b64encode(f"{before}{secret}".encode()).decode()
    outer = base64.b64encode(f"x-{inner}".encode()).decode()
    shown = Redactor([secret]).text(f"said {outer} there")
    for start in range(3):
        decoded = base64.b64decode(shown.removeprefix("said ").removesuffix(" there")[start:] + "====")
        assert secret[4:-4].encode() not in decoded
    assert "***" in shown


# ---- in one scan


@pytest.mark.parametrize("lengths", [(16,), (17,), (31, 16), (40, 64), (6, 200), (200,)])
def test_a_secret_of_any_length_is_found_wherever_it_begins(lengths: tuple[int, ...]) -> None:
    known = ["".join(chr(ord("a") + (place * place + length) % 26) for place in range(length)) for length in lengths]
    redactor = Redactor(known)
    for secret in known:
        for before in range(2 * max(lengths)):
            for text in (f"{'-' * before}{secret}", f"{'-' * before}{secret.upper()}{'-' * 300}"):
                assert redactor.known(text) == text.replace(secret, "***").replace(secret.upper(), "***")


@given(st.lists(st.text(characters, min_size=1, max_size=60), min_size=1, max_size=5), st.text(characters), st.data())
def test_needles_are_found_as_by_looking_for_each(forms: list[str], around: str, data: st.DataObject) -> None:
    text = around.join(data.draw(st.lists(st.sampled_from(forms), max_size=3)))
    found = {(start, end) for start, end, _ in Needles((form, "***") for form in forms).spans(text)}
    assert found == {(at, at + len(form)) for form in forms for at in range(len(text)) if text.startswith(form, at)}
