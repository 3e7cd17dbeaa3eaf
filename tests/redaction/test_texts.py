from __future__ import annotations

import base64
import html
import json
import os
import re
import stat
import struct
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_cce_precheck.redaction.spellings import Needles, lower, readings
from pytest_cce_precheck.redaction.texts import SHOWN_HEADERS, Redactor, curl, in_every_text
from pytest_cce_precheck.simulator.service import ENDPOINT
from pytest_cce_precheck.wire.exchange import Headers, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_cce_precheck.wire.credentials import AuthKind

SECRET = 'tok+en/"ü~=?'
TOKEN = "to ken$HOME`id`\"'"

# not the mask's own character: masking could then make a secret anew
characters = st.characters(exclude_categories=["Cs"], exclude_characters="*")
secrets = st.text(characters, min_size=6, max_size=12).filter(str.strip)
surroundings = st.text(characters, max_size=8)

SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quote": lambda secret: quote(secret, safe=""),
    "quote-slash": quote,
    "quote-plus": quote_plus,
    "quote-lower": lambda secret: "".join(
        character if character.isascii() and (character.isalnum() or character in "-._~") else every_octet(character)
        for character in secret
    ),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64-bare": lambda secret: base64.b64encode(secret.encode()).decode().rstrip("="),
    "base64-url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64-url-bare": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "base64-of-base64": lambda secret: base64.b64encode(base64.b64encode(secret.encode())).decode(),
    "base64-of-bare-base64": lambda secret: base64.b64encode(base64.b64encode(secret.encode()).rstrip(b"=")).decode(),
    "base64-of-base64-url": lambda secret: base64.urlsafe_b64encode(base64.urlsafe_b64encode(secret.encode())).decode(),
    "base64-of-hexadecimal": lambda secret: base64.b64encode(secret.encode().hex().encode()).decode(),
    "base64-of-capital-hexadecimal": lambda secret: base64.b64encode(secret.encode().hex().upper().encode()).decode(),
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json-unicode": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json-slash": lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
    "utf-8-as-latin-1": lambda secret: secret.encode().decode("latin-1"),
    "percent-every-octet": lambda secret: every_octet(secret),
    "json-every-character": lambda secret: "".join(f"\\u{unit:04X}" for unit in utf_16(secret)),
    "python-every-octet": lambda secret: "".join(f"\\x{octet:02x}" for octet in secret.encode()),
    "html-decimal": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "html-hexadecimal": lambda secret: "".join(f"&#x{ord(character):X};" for character in secret),
    "html-in-json": lambda secret: json.dumps(html.escape(secret))[1:-1],
    "json-in-a-url": lambda secret: quote(json.dumps(secret)[1:-1], safe=""),
    "hexadecimal": lambda secret: secret.encode().hex(),
}
# of A to Z alone: "İ" has no lower case of one character
CASES: dict[str, Callable[[str], str]] = {
    "upper": lambda secret: re.sub("[a-z]", lambda match: match[0].upper(), secret),
    "lower": lambda secret: re.sub("[A-Z]", lambda match: match[0].lower(), secret),
}
SPELLINGS |= CASES


def every_octet(text: str) -> str:
    return "".join(f"%{octet:02x}" for octet in text.encode())


def utf_16(text: str) -> tuple[int, ...]:
    octets = text.encode("utf-16-be")
    return struct.unpack(f">{len(octets) // 2}H", octets)


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


class Shell(NamedTuple):
    run: Callable[[str], tuple[list[str], bytes]]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Run a line in a shell whose curl writes down its arguments and what it is fed."""
    folder = tmp_path_factory.mktemp("shell")
    arguments, fed = folder / "arguments", folder / "fed"
    stub = folder / "curl"
    stub.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >'{arguments}'\ncat >'{fed}'\n")
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    environment = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "CCE_AUTH_TOKEN": TOKEN}

    def run(line: str) -> tuple[list[str], bytes]:
        arguments.unlink(missing_ok=True)
        done = subprocess.run(
            ["sh", "-c", line], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=10
        )
        assert (done.stdout, done.stderr) == (b"", b"")
        return arguments.read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1], fed.read_bytes()

    return Shell(run)


def request(**changes: object) -> Request:
    fields: dict[str, object] = {"method": "GET", "endpoint": "https://cce.test", "path": "/api/v3/tasks", **changes}
    return Request(**fields)  # type: ignore[arg-type]  # checked by what is built of it


def values_after(option: str, arguments: list[str]) -> list[str]:
    return [value for name, value in pairwise(arguments) if name == option]


awkward = st.text("aB3 '\"$`\\!*?#;&|<>(){}[]~%\n\té中-@", max_size=10)


# two processes an example take what time the machine gives them
@settings(max_examples=60, deadline=None)
@given(query=awkward, value=awkward, body=awkward.map(str.encode) | st.binary(max_size=8))
@example(query="a='$(id)'`id`\n", value="a\nb", body=b"")
@example(query="", value="it's", body=b"-n\\n\\0101\n%s\x00\xff")
@example(query="", value="", body=b"@/etc/passwd")
def test_every_argument_survives_the_shell(shell: Shell, query: str, value: str, body: bytes) -> None:
    sent = request(method="POST", query=query, headers=Headers({"User-Agent": value}), body=body)
    line = curl(sent, Redactor([]), kind="token")
    arguments, fed = shell.run(line)
    url = sent.url.replace("\n", "%0A").replace("\t", "%09").replace(" ", "%20")
    assert url in arguments
    assert values_after("-X", arguments) == ["POST"]
    headers = values_after("-H", arguments)
    assert f"X-Auth-Token: {TOKEN}" in headers
    shown = value.replace("\n", " ")
    assert (f"User-Agent: {shown}" if value.strip() else "User-Agent;") in headers
    raw = [text.encode() for text in values_after("--data-raw", arguments)]
    assert (fed if "--data-binary" in arguments else b"".join(raw)) == body
    assert "\n" not in line


def test_a_curl_line_reads_like_this() -> None:
    sent = request(
        query="type=addonStatic",
        headers=Headers(
            [("Content-Type", "application/json"), ("X-Auth-Token", "iam-token"), ("Host", "cce.test"), ("X-New", "n")]
        ),
    )
    assert curl(sent, Redactor(["iam-token"]), kind="token") == (
        "curl -sS -i -H 'Content-Type: application/json' -H 'X-New: ***'"
        " 'https://cce.test/api/v3/tasks?type=addonStatic'"
        ' -H "X-Auth-Token: $CCE_AUTH_TOKEN"'
    )


def test_a_request_that_had_a_token_is_not_called_signed_whatever_the_run_uses() -> None:
    line = curl(request(headers=Headers({"X-Auth-Token": "iam-token"})), Redactor(["iam-token"]), kind="ak/sk")
    assert line == 'curl -sS -i https://cce.test/api/v3/tasks -H "X-Auth-Token: $CCE_AUTH_TOKEN"'


def test_a_request_to_the_simulator_is_repeated_with_one_that_is_served() -> None:
    line = curl(request(endpoint=ENDPOINT), Redactor([]), kind="token")
    assert line == (
        'curl -sS -i "$CCE_ENDPOINT"/api/v3/tasks -H "X-Auth-Token: $CCE_AUTH_TOKEN" # the simulator answered:'
        " CCE_ENDPOINT is what cce-precheck serve prints, with the same --fault"
    )


def test_a_signed_request_is_repeated_with_a_token_and_says_so(shell: Shell) -> None:
    names = ("Authorization", "X-Sdk-Date", "X-Security-Token", "X-Sdk-Content-Sha256", "X-Project-Id")
    line = curl(request(headers=Headers(dict.fromkeys(names, "v"))), Redactor([]), kind="ak/sk")
    assert line.endswith(' -H "X-Auth-Token: $CCE_AUTH_TOKEN" # was signed with AK/SK; needs a token to repeat')
    arguments, _ = shell.run(line)
    assert values_after("-H", arguments) == ["X-Project-Id: v", f"X-Auth-Token: {TOKEN}"]


def test_a_request_without_credentials_is_repeated_without() -> None:
    assert curl(request(), Redactor([]), kind=None) == "curl -sS -i https://cce.test/api/v3/tasks"


def test_credentials_that_are_nobodys_are_named_and_not_shown() -> None:
    line = curl(request(headers=Headers({"X-Auth-Token": "wrong"})), Redactor([]), kind=None)
    assert line == "curl -sS -i -H 'X-Auth-Token: ***' https://cce.test/api/v3/tasks"


@given(secret=secrets, kind=st.sampled_from(["token", "ak/sk", None]), spelling=st.sampled_from(sorted(SPELLINGS)))
def test_no_curl_line_holds_a_secret(secret: str, kind: AuthKind | None, spelling: str) -> None:
    # of other characters than the line's own text, so that none is in it by chance
    secret = "Ω" + secret
    spelt = SPELLINGS[spelling](secret)
    sent = request(
        method="POST",
        path=f"/api/{spelt}",
        query=f"a={spelt}",
        headers=Headers({"Host": spelt, "User-Agent": spelt, "X-Auth-Token": spelt}),
        body=spelt.encode(),
    )
    assert not Redactor([secret]).found_in(curl(sent, Redactor([secret]), kind=kind))


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"method": "HEAD"}, ["--head"]),
        ({"method": "DELETE"}, ["-X", "DELETE"]),
        ({"body": b"{}"}, ["-X", "GET", "-H", "Content-Type:", "--data-raw", "{}"]),
        ({"path": "/a/../b"}, ["--path-as-is"]),
        ({"query": "a=[1]{2}"}, ["--globoff"]),
        ({"headers": Headers({"Host": "other.test", "Content-Length": "0"})}, ["-H", "Host: other.test"]),
        ({"headers": Headers({"Accept": ""})}, ["-H", "Accept;"]),
        ({"headers": Headers({"Accept-Encoding": "gzip", "Connection": "close", "Accept": "a"})}, ["-H", "Accept: a"]),
        ({"headers": Headers({"Transfer-Encoding": "chunked", "X-Sdk-Date": "d", "X-Sdk-Content-Sha256": "s"})}, []),
    ],
)
def test_curl_is_told_to_send_what_was_sent(shell: Shell, changes: dict[str, object], options: list[str]) -> None:
    arguments, _ = shell.run(curl(request(**changes), Redactor([]), kind=None))
    assert arguments == ["-sS", "-i", *options, request(**changes).url]


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


def test_a_body_with_a_control_character_is_fed_to_curl_as_an_escape() -> None:
    assert curl(request(body=b"a\x7fb"), Redactor([]), kind=None).startswith("printf %b 'a\\0177b' | curl")


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
