"""What looks like a secret is sighted, what does not is let be, and a long text takes no longer than its length."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_cce_precheck._secret_patterns import looks_like_secret, names_a_secret
from pytest_cce_precheck.explore.classes import CLASSES
from pytest_cce_precheck.explore.queries import SYNTHETIC
from pytest_cce_precheck.redaction.spellings import MASK, masked
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.wire.vocabulary import list_path
from tests.look_alikes import ALNUM, MAKERS, chosen, of_all_sorts

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS: Final = range(300)
SURROUNDINGS: Final = (
    "{}",
    "the key {} is wrong",
    '{{"message": "{}"}}',
    "<td>{}</td>",
    "密钥 {}。",
    "a={}&b=c",
    "({}),",
    '\\n{}\\n"',
    "\\u4e2d{}",
)


def sighted(text: str) -> list[str]:
    return [text[each.start : each.end] for each in looks_like_secret(text)]


def without(text: str) -> str:
    return masked(text, ((each.start, each.end, MASK) for each in looks_like_secret(text)))


@pytest.mark.parametrize("kind", MAKERS)
def test_the_words_of_a_path_do_not_hide_a_key_or_token(kind: str) -> None:
    secrets = [secret for seed in SEEDS if "/" not in (secret := MAKERS[kind](random.Random(seed)))]
    shown = [
        secret for secret in secrets if secret in without(list_path(secret, "8ca259cc-553b-11e9-926f-0255ac101a31"))
    ]
    assert shown == []


@pytest.mark.parametrize("kind", MAKERS)
def test_a_key_or_token_is_sighted_whole_and_by_its_kind(kind: str) -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        secret = MAKERS[kind](rng)
        text = rng.choice(SURROUNDINGS).format(secret)
        start = text.index(secret)
        found = list(looks_like_secret(text))
        assert any(each.kind == kind and each.start <= start and each.end >= start + len(secret) for each in found), (
            text
        )
        assert secret not in without(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password={}", "{}"),
        ("?user=x&db_password={}&a=b", "{}"),
        ('{{"secretKey": "{} and more", "a": 1}}', "{} and more"),
        ('{{"adminPass" : 1, "clientSecret"  :  "{}\\"x"}}', '{}\\"x'),
        ("{{'access_key': '{}'}}", "{}"),
        ('"{{\\"apiKey\\": \\"{}\\"}}"', "{}"),
        ("X-Auth-Token: {}\r\nHost: h", "{}"),
        ("X-Subject-Token:{}", "{}"),
        ("Authorization: Bearer {}", "Bearer {}"),
        ("Cookie: sid={}; path=/", "sid={}"),
        ("sk={}, ak=x", "{}"),
        ("(AK: {})", "{}"),
        ("mysql://root:{}@db.test:3306/x", "{}"),
        ("https://:{}@h.test", "{}"),
        ("SDK-HMAC-SHA256 Access={}, SignedHeaders=host;x-sdk-date, Signature=00", "{}"),
        ("SDK-HMAC-SHA256 Access=x, SignedHeaders=host, Signature={}", "{}"),
        ("sent SDK-HMAC-SHA256 {}xxxxxxxx", "{}xxxxxxxx"),
        ("Bearer {}xxxxxxxx", "{}xxxxxxxx"),
        ("password%3D{}%26a=b", "{}"),
        ("%22secretKey%22%3A+%22{}%22%7D", "{}"),
        ("密码：{}。", "{}"),
        ("the token: {}.", "{}"),
        ("pwd={}", "{}"),
        ("passphrase={}", "{}"),
        ("signature={}", "{}"),
        ("口令={}", "{}"),
        ("密钥={}", "{}"),
        ('password: "{}"', "{}"),
        ('{{"password": ",{}"}}', ",{}"),
        ("SDK-HMAC-SHA256 Access={}", "{}"),
    ],
)
def test_of_a_secret_that_is_named_the_value_is_sighted(text: str, secret: str) -> None:
    value = of_all_sorts(random.Random(1), ALNUM, 10)
    assert secret.format(value) in sighted(text.format(value))
    assert value not in without(text.format(value))


def test_basic_credentials_are_sighted_by_what_they_say() -> None:
    coded = base64.b64encode(b"user:" + chosen(random.Random(1), ALNUM, 8).encode()).decode()
    assert sighted(f"Basic {coded} was sent") == [coded]
    assert sighted(f"Basic {base64.b64encode(b'no such thing').decode()}") == []


def test_a_private_key_is_sighted_to_its_end_in_json_and_where_it_is_cut() -> None:
    key = MAKERS["private key"](random.Random(1))
    for text in (f"a\n{key}\nb", json.dumps({"a": key, "b": "c"}), json.dumps(json.dumps({"a": key})), key[:150]):
        assert not any(line in without(text) for line in key.splitlines()[1:2])
    assert without(json.dumps({"a": key, "b": "c"})) == '{"a": "***", "b": "c"}'


ORDINARY: Final = (
    "Basic authentication is required",
    "Bearer token missing",
    "Invalid token: expired",
    "the password: must be set",
    "The answer repeats the request's X-Auth-Token.",
    "missing parameter 'token': 'token' is required",
    "X-Auth-Token: $CCE_AUTH_TOKEN",
    '-H "X-Auth-Token: ${CCE_AUTH_TOKEN}"',
    "GET /?sk=***&token=&password=%s",
    "headers={'X-Auth-Token': os.environ['CCE_AUTH_TOKEN']}",
    '{"token": null, "secret": 12345, "password": [1, "a"], "sk": {"b": true}}',
    '{"token": 1.5E+3, "secret": -2e4}',
    '["the password:", "and more"]',
    "password=-----&token=null",
    "task=5&risk=high&disk=full",
    "sort_key=type&sort_dir=desc&marker=0&limit=1",
    "set parameterSyncStrategy to force or to inherit",
    "volume attachments are pending – 存储卷挂载中",
    "密码错误。令牌: 已过期，请重新登录",
    "addonTemplateName addonInstanceID createTimeStamp K8sResourceModified CorefileConsistency",
    "app.kubernetes.io/name pod-template-hash=7d9f node.kubernetes.io/instance-type",
    "apiservice v1beta1.metrics.k8s.io is down",
    "2025-08-13T11:24:37.312017086+08:00 20250813T112437Z 1.27.1-r0 v1.28.4-r12-20250813",
    "/api/v3/projects/05495693df80d3c92fa1c01795c2be02/clusters/6b400e1c-4368-11f0-ba56-0255ac100037/addons/precheck",
    "/Users/Somebody/Projects/PrecheckSuite/Version2/test_addon_precheck_tasks_by_type_and_instance.py::TestAll",
    "https://console.example.com/cce2.0/?region=cn-north-4&locale=zh-cn#/cce/addons/Detail/CorefileConsistency",
    "http://localhost:8080/a@b http://user@host/ ssh://git@host:22/path",
    "Traceback: urllib3.connectionpool.HTTPSConnectionPool(host='cce.test', port=443)",
    "HPUAAAAAAAAAAAAAAAAA 12345678901234567890 THISISNOKEYBUTLETTERS",
    "0123456789ABCDEF0123 MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI",
)


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_is_no_secret(text: str) -> None:
    assert sighted(text) == []


def test_an_id_is_no_secret_however_it_is_written() -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        ids = (
            str(uuid.UUID(int=rng.getrandbits(128))),
            hashlib.sha256(bytes([seed % 256])).hexdigest()[: rng.randint(8, 64)],
            chosen(rng, "0123456789ABCDEF", 20),
        )
        for each in ids:
            upper = f"/api/v3/projects/{each}/clusters/{each.upper()}/addons/precheck/tasks"
            for text in (each, each.upper(), each * 100, f"a{each.upper()}-{each}", f"{each},{each}", upper):
                assert sighted(text) == [], text


def test_no_value_that_a_filter_is_probed_with_is_a_secret() -> None:
    simulator = Simulator()
    listed = simulator.state.tasks_of(simulator.cluster_id, simulator.clock.now())
    values = [*SYNTHETIC.values(), *(task.id for task in listed), *(task.instance.id for task in listed)]
    for classes in CLASSES.values():
        for each in classes:
            assert [text for value in values if sighted(text := str(each.make(value)))] == []
    assert sighted(list_path(simulator.project_id, simulator.cluster_id.upper())) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("X-Auth-Token", True),
        ("secretAccessKey", True),
        ("db_password", True),
        ("AK", True),
        ("secret_key", True),
        ("Set-Cookie", True),
        ("task", False),
        ("sort_key", False),
        ("credentials", False),
        ("tokens_used", False),
        ("taskID", False),
        ("", False),
    ],
)
def test_a_name_says_whether_it_is_a_secret_s(name: str, is_one: bool) -> None:
    assert names_a_secret(name) is is_one


secrets = st.builds(
    lambda seed, kind: MAKERS[kind](random.Random(seed)), st.integers(0, 99), st.sampled_from([*MAKERS])
)
texts = st.lists(st.sampled_from([*'abcnu0A"\\/:=,{}[] \n\té', "password", "token", "sk"]), max_size=12).map("".join)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.builds(str.__add__, texts, secrets)
)
documents = st.recursive(
    leaves | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(["token", "sk"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(documents, st.booleans())
@example({"token": [1, 2], "sk": 1e300, "password": "a\\"}, True)
@example({"a": '{"token":"b\\"', "b": "c"}, True)
def test_json_without_its_secrets_is_json_of_the_same_shape(document: object, ascii_only: bool) -> None:
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert shape(json.loads(without(text))) == shape(document)
    slashed = text.replace("/", "\\/")
    assert shape(json.loads(without(slashed))) == shape(document)


def shape(value: object) -> object:
    if isinstance(value, dict):
        return [shape(member) for member in value.values()]
    return [shape(member) for member in value] if isinstance(value, list) else type(value)


HOSTILE: Final = (
    *("a", "aB1", "A1", "A1-", "eyJ", "eyJ.", "\\neyJ", "password=", 'password:"', "password:'", "token\\", 'token\\"'),
    *(
        "-----BEGIN ",
        "-----BEGIN " + "PRIVATE KEY-----",
        "://a:",
        "://",
        "basic ",
        "Basic AAAAAAAA",
        "sdk-hmac-sha256 ",
    ),
    *(
        "Access=",
        "Access=a, ",
        "sk",
        "sk:",
        "secret",
        "key",
        "'",
        '"',
        "\\",
        "%",
        "%25",
        "authorization: basic ",
        "MII",
    ),
    *("password%3D", "\x00", "\\u4e2d", "secret ", "=", "token\t "),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_of_a_megabyte_is_searched(piece: str) -> None:
    # if the time grew with the square of the length, it would exceed the limit of a test
    assert without(piece * ((1 << 20) // len(piece)))


def test_a_redactor_masks_what_looks_like_a_secret_and_finds_the_known_ones_only() -> None:
    unknown = MAKERS["token"](random.Random(1))
    redactor = Redactor(["known-secret"])
    text = f"known-secret, {unknown} and password=other"
    assert redactor.text(text) == "***, *** and password=***"
    assert redactor.known(text) == f"***, {unknown} and password=other"
    assert list(redactor.found(text)) == [(0, 12)]
    assert not redactor.found_in(unknown)


@pytest.mark.parametrize("spell", [str, lambda text: base64.b64encode(text.encode()).decode()])
def test_a_stand_in_is_shown_in_the_spelling_of_its_secret(spell: Callable[[str], str]) -> None:
    redactor = Redactor(["s3cr3t/key", "other-secret"], {"s3cr3t/key": "stand-in"})
    assert redactor.text(f"<{spell('s3cr3t/key')}>") == f"<{spell('stand-in')}>"
    assert redactor.text(f"<{spell('other-secret')}>") == "<***>"


def test_of_secrets_that_overlap_the_first_and_longest_gives_its_stand_in() -> None:
    redactor = Redactor(["abcdef", "abcdefghi", "hijklm"], {"abcdef": "short", "abcdefghi": "long", "hijklm": "other"})
    assert redactor.known("<abcdefghijklm> <abcdef> <hijklm>") == "<long> <short> <other>"
