"""Answers without an end: each drips, or says nothing, in another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers import Talk, head_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    Speech = Callable[[Talk, socket.socket], None]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"\x1f\x8b\x08%c\x00\x00\x00\x00\x00\x03"


def dripping(begun: bytes, piece: bytes) -> Speech:
    def say(talk: Talk, connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(begun)
        talk.drip(connection, piece)

    return say


def packed(coding: str, begun: bytes, piece: bytes) -> Speech:
    """Drip what is a packed body so far, each piece of it in a chunk of its own."""
    head = OK + f"Content-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return dripping(head + chunk(begun), chunk(piece))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def stored(data: bytes) -> bytes:
    """Write data as a block of deflate that is not packed."""
    size = len(data).to_bytes(2, "little")
    return b"\x00" + size + bytes(octet ^ 0xFF for octet in size) + data


def silent(talk: Talk, connection: socket.socket) -> None:
    head_of(connection)
    talk.wait(connection)


def silent_after_a_piece(talk: Talk, connection: socket.socket) -> None:
    head_of(connection)
    connection.sendall(OK + b"Content-Length: 9\r\n\r\n{")
    talk.wait(connection)


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
SPEECHES = {
    "nothing": silent,
    "nothing more": silent_after_a_piece,
    "status line": dripping(b"", b"H"),
    "header": dripping(OK + b"X-Slow: ", b"x"),
    "headers": dripping(OK, b"X-Slow: 1\r\n"),
    "interim answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim header": dripping(b"HTTP/1.1 100 Continue\r\n", b"X-Slow: 1\r\n"),
    "body": dripping(OK + b"Content-Length: 90000\r\n\r\n", b" "),
    "body that ends with its connection": dripping(b"HTTP/1.0 200 OK\r\n\r\n[]", b" "),
    "chunks": dripping(CHUNKED, b"1\r\n \r\n"),
    "chunk size": dripping(CHUNKED, b"0"),
    "chunk extension": dripping(CHUNKED + b"5;", b"x"),
    "end of a chunk": dripping(CHUNKED + b"90000\r\n", b" "),
    "trailers": dripping(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-Slow: 1\r\n"),
    "trailer": dripping(CHUNKED + b"2\r\n{}\r\n0\r\nX-Slow: ", b"x"),
    "gzip file name": packed("gzip", GZIP % 8, b"x"),
    "gzip comment": packed("gzip", GZIP % 16, b"x"),
    "gzip empty blocks": packed("gzip", GZIP % 0, EMPTY_BLOCK),
    "deflate empty blocks": packed("deflate", b"", EMPTY_BLOCK),
    "gzip within gzip": packed("gzip, gzip", GZIP % 0 + stored(GZIP % 16), stored(b"x")),
}


def spoken(say: Speech, context: object = None) -> Talk:
    talk = Talk(lambda connection: say(talk, connection), context)  # type: ignore[arg-type]
    return talk
