"""A body is read and unpacked in bounded steps: what a few octets stand for never comes all at once."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from contextlib import suppress
from importlib import import_module
from io import BytesIO
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import pytest
import urllib3.response
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3 import HTTPResponse
from urllib3.exceptions import DecodeError

from pytest_cce_precheck.transport import reading
from pytest_cce_precheck.transport.failures import reason_of
from pytest_cce_precheck.transport.reading import read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MIB = 2**20
BODY = b'{"kind":"AddonCheck","items":[]}'


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def again_and_again(times: int, pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def packed(data: bytes) -> bytes:
        for _ in range(times):
            data = pack(data)
        return data

    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "X-GZip": gzip.compress,
    "deflate": zlib.compress,
    "gzip, gzip": again_and_again(2, gzip.compress),
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
    "gzip , identity,  deflate": lambda data: zlib.compress(gzip.compress(data)),
    "gzip, gzip, gzip, gzip, gzip": again_and_again(5, gzip.compress),
}


class Pieces(BytesIO):
    """A source that gives what it likes, not what it is asked for; ``size`` says how much it gave."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self.pieces = iter(pieces)
        self.size = 0

    def read1(self, _: int | None = -1, /) -> bytes:
        piece = next(self.pieces, b"")
        self.size += len(piece)
        return piece


def answer(coding: str, source: Any) -> HTTPResponse:
    return HTTPResponse(source, headers={"Content-Encoding": coding}, status=200, preload_content=False)


def cut_up(data: bytes, size: int) -> Pieces:
    return Pieces(data[at : at + size] for at in range(0, len(data), size))


# ---- what is whole


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("size", [1, 2, 7, 10**9])
def test_a_body_is_unpacked_however_it_arrives(coding: str, size: int) -> None:
    assert read_body(answer(coding, cut_up(PACKERS[coding](BODY), size))) == BODY


@given(st.binary(max_size=2000), st.sampled_from(sorted(PACKERS)), st.integers(1, 300), st.integers(1, 70_000))
@example(bytes(300_000), "gzip, gzip", 10**9, 1)
def test_whatever_is_packed_is_unpacked_to_the_octet(data: bytes, coding: str, size: int, times: int) -> None:
    # long runs of the same make one octet stand for many
    data = (data * times)[:300_000]
    assert read_body(answer(coding, cut_up(PACKERS[coding](data), size))) == data


def test_deflate_without_its_wrapping_is_read_as_other_clients_do() -> None:
    assert read_body(answer("deflate", cut_up(bare(BODY), 1))) == BODY


def test_deflate_without_its_wrapping_is_known_whatever_it_begins_with() -> None:
    texts = (str(number).encode() for number in range(9999))
    looks_checked = next(text for text in texts if int.from_bytes(bare(text)[:2], "big") % 31 == 0)
    assert read_body(answer("deflate", Pieces([bare(looks_checked)]))) == looks_checked
    # a block that is not packed, whose padding looks like zlib's method
    stored = b"\x08\x02\x00\xfd\xff{}" + b"\x01\x00\x00\xff\xff"
    for size in (1, 100):
        assert read_body(answer("deflate", cut_up(stored, size))) == b"{}"


@pytest.mark.parametrize("data", [b"x", b"\x78\x9c"])
def test_a_few_octets_are_no_deflate(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_body(answer("deflate", Pieces([data])))


def test_several_members_of_gzip_are_one_body_and_what_follows_them_is_left() -> None:
    members = gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])
    for more in (b"", b"\x00" * 20, b"garbage"):
        assert read_body(answer("gzip", cut_up(members + more, 5))) == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate", "gzip, gzip"])
def test_no_body_at_all_is_no_packed_one(coding: str) -> None:
    assert read_body(answer(coding, Pieces([]))) == b""


@pytest.mark.parametrize("coding", ["compress", "gzip, compress", "nonsense"])
def test_a_coding_that_nobody_knows_is_left_as_it_is(coding: str) -> None:
    packed = gzip.compress(BODY)
    assert read_body(answer(coding, cut_up(packed, 9))) == packed


@pytest.mark.parametrize(("coding", "name"), [("br", "BrotliDecoder"), ("zstd", "ZstdDecoder")])
def test_a_decoder_of_another_package_gets_few_octets_at_once(
    monkeypatch: pytest.MonkeyPatch, coding: str, name: str
) -> None:
    given: list[int] = []

    class Decoder:
        """Unpacks zlib's format, and keeps what comes last to its end, as some packages do."""

        def __init__(self) -> None:
            self._unpacker, self._kept = zlib.decompressobj(), b""

        def decompress(self, data: bytes) -> bytes:
            given.append(len(data))
            before, self._kept = self._kept, self._unpacker.decompress(data)
            return before

        def flush(self) -> bytes:
            return self._kept + self._unpacker.flush()

    monkeypatch.setattr(urllib3.response, name, Decoder, raising=False)
    body = random.Random(1).randbytes(1000)
    assert read_body(answer(coding, cut_up(zlib.compress(body), 100))) == body
    assert max(given) <= 8
    with pytest.raises(DecodeError, match="incorrect header check"):
        read_body(answer(coding, Pieces([b"not packed"])))
    monkeypatch.delattr(urllib3.response, name)
    assert read_body(answer(coding, Pieces([b"left as it is"]))) == b"left as it is"


# ---- what is not


@pytest.mark.parametrize("coding", [coding for coding in PACKERS if "gzip" in coding or "deflate" in coding])
@pytest.mark.parametrize("cut", [1, 4, 12])
def test_what_ends_too_early_is_not_taken_for_whole(coding: str, cut: int) -> None:
    with pytest.raises(DecodeError) as raised:
        read_body(answer(coding, cut_up(PACKERS[coding](BODY)[:-cut], 10)))
    assert reason_of(raised.value)[0] == "not-http"


@given(st.binary(min_size=1, max_size=200), st.sampled_from(["gzip", "deflate", "gzip, gzip", "deflate, gzip"]))
def test_what_is_not_packed_is_said_to_be_none_and_nothing_worse(data: bytes, coding: str) -> None:
    with suppress(DecodeError):
        read_body(answer(coding, Pieces([data])))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_why_a_body_cannot_be_unpacked_is_told(coding: str) -> None:
    with pytest.raises(DecodeError, match=r"incorrect header check|invalid"):
        read_body(answer(coding, Pieces([b"not packed"])))


@pytest.mark.parametrize("number", [6, 1000])
def test_more_than_five_codings_are_not_tried(number: int) -> None:
    with pytest.raises(Exception, match=f"{number} content codings") as raised:
        read_body(answer(",".join(["gzip"] * number), Pieces([])))
    assert reason_of(raised.value)[0] == "not-http"


def test_members_without_end_are_not_unpacked() -> None:
    assert read_body(answer("gzip", Pieces([gzip.compress(b"") * 64]))) == b""
    with pytest.raises(DecodeError, match="more than 64 members"):
        read_body(answer("gzip", Pieces([gzip.compress(b"") * 65])))


# ---- what is too much


def bomb(size: int, pack: Callable[[], Any]) -> bytes:
    packer, zeros = pack(), bytes(MIB)
    add = getattr(packer, "compress", None) or packer.process
    end = packer.finish if hasattr(packer, "finish") else packer.flush
    return b"".join([*(add(zeros) for _ in range(size // MIB)), end()])


def gzip_bomb(size: int) -> bytes:
    return bomb(size, lambda: zlib.compressobj(1, wbits=31))


def refused(coding: str, source: Pieces) -> int:
    """Read what is too large, and give the most memory that this took."""
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match="the answer is larger than 1,048,576 bytes") as raised:
            read_body(answer(coding, source))
        assert reason_of(raised.value)[0] == "too-large"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", MIB)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip", "deflate, gzip, gzip"])
def test_a_body_that_unpacks_to_any_size_takes_little_memory(coding: str) -> None:
    packed = gzip_bomb(64 * MIB) if coding[0] == "g" else zlib.compress(bytes(64 * MIB), 1)
    for _ in coding.split(",")[1:]:
        packed = gzip.compress(packed)
    # that it all arrives in one piece is no reason to unpack it at once
    assert refused(coding, Pieces([packed])) < 8 * MIB


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("coding", ["", "gzip", "gzip, gzip", "deflate"])
def test_a_body_without_end_that_yields_nothing_is_too_large_as_it_is_sent(coding: str) -> None:
    empty_blocks = b"\x00\x00\x00\xff\xff" * 10_000
    begun = {"gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "deflate": b"", "": b""}[coding.split(",")[0]]
    source = Pieces(chain(filter(None, [begun]), repeat(empty_blocks)))
    assert refused(coding, source) < 8 * MIB
    assert source.size < 2 * MIB


@pytest.mark.usefixtures("_small")
def test_what_unpacks_to_too_much_and_then_to_nothing_is_too_large_between() -> None:
    # the inner gzip is a comment without end: it yields nothing, and would take as long as it is
    endless_comment = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\x03" + b"x" * (16 * MIB)
    assert refused("gzip, gzip", Pieces([gzip.compress(endless_comment, 1)])) < 8 * MIB


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize(
    ("coding", "packages", "pack"),
    [
        ("br", ["brotli", "brotlicffi"], lambda package: package.Compressor(quality=1)),
        ("zstd", ["compression.zstd", "backports.zstd", "zstandard"], lambda package: package.ZstdCompressor()),
    ],
)
def test_what_others_unpack_takes_little_memory_too(coding: str, packages: list[str], pack: Any) -> None:
    if coding not in HTTPResponse.CONTENT_DECODERS:
        pytest.skip(f"this urllib3 reads no {coding} here")
    package = next(found for name in packages if (found := imported(name)) is not None)
    make = (lambda: pack(package).compressobj()) if package.__name__ == "zstandard" else (lambda: pack(package))
    assert read_body(answer(coding, cut_up(bomb(MIB, make), 3))) == bytes(MIB)
    # brotli has blocks of 16 MB
    assert refused(coding, Pieces([bomb(512 * MIB, make)])) < 64 * MIB
    with pytest.raises(DecodeError):
        read_body(answer(coding, Pieces([random.Random(1).randbytes(500)])))


def imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
