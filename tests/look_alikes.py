"""Texts that look like keys, tokens and passwords, made up at random: none of them stands anywhere."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

ALNUM: Final = string.ascii_letters + string.digits
UPPER: Final = string.ascii_uppercase + string.digits
_SORTS: Final = (str.islower, str.isupper, str.isdigit)


def chosen(rng: random.Random, alphabet: str, length: int) -> str:
    """Return a random text."""
    return "".join(rng.choices(alphabet, k=length))


def of_all_sorts(rng: random.Random, alphabet: str, length: int) -> str:
    """Return a random text with small and capital letters and digits."""
    while True:
        text = chosen(rng, alphabet, length)
        if all(any(map(sort, text)) for sort in _SORTS):
            return text


def access_key(rng: random.Random) -> str:
    """Return twenty capital letters and digits that are no hexadecimal number."""
    while True:
        text = chosen(rng, UPPER, 20)
        if not text.isalpha() and not text.isdigit() and set(text) - set("0123456789ABCDEF"):
            return text


def secret_key(rng: random.Random) -> str:
    """Return forty letters and digits."""
    return of_all_sorts(rng, ALNUM, 40)


def iam_token(rng: random.Random) -> str:
    """Return what a signed message looks like in Base64."""
    return "MII" + of_all_sorts(rng, ALNUM + "+/", rng.randint(100, 900)) + "=="


def opaque_token(rng: random.Random) -> str:
    """Return Base64, standard or URL-safe, of 40 characters or more."""
    return of_all_sorts(rng, ALNUM + rng.choice(("+/", "-_")), rng.randint(40, 200))


def jwt(rng: random.Random) -> str:
    """Return three parts of URL-safe Base64."""
    head, body, signature = (chosen(rng, ALNUM + "-_", rng.randint(10, 80)) for _ in range(3))
    return f"eyJ{head}.{body}.{signature}"


def private_key(rng: random.Random) -> str:
    """Return a PEM block."""
    lines = "\n".join(of_all_sorts(rng, ALNUM + "+/", 64) for _ in range(5))
    label = " ".join(("RSA", "PRIVATE", "KEY"))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----"


MAKERS: Final[dict[str, Callable[[random.Random], str]]] = {
    "access key id": access_key,
    "secret key": secret_key,
    "IAM token": iam_token,
    "token": opaque_token,
    "JWT": jwt,
    "private key": private_key,
}
"""By the kind that `looks_like_secret` calls them."""
