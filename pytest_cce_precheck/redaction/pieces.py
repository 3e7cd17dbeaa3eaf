"""What is left of a secret that was cut: by a repr that shortens, by lines that end, by a difference of two texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.redaction.spellings import escaped, lower, spellings, within_base64
from pytest_cce_precheck.redaction.texts import MASK, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_cce_precheck.redaction.texts import Span

# what stands for the middle of a value that pytest has shortened, and how much beside it is a piece of a secret
_CUT: Final = "..."
_BESIDE_A_CUT: Final = 6
# how much is one anywhere; a text is looked at in steps, which no piece fits between
_ANYWHERE: Final = 16
_STEP: Final = 8


class Pieces:
    """Masks pieces of secrets: of at least 16 characters anywhere, of six beside the ``...`` of a shortened value.

    They are found in any spelling of the secret, A to Z in any case.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        long = [secret for secret in secrets if len(secret) > _BESIDE_A_CUT]
        self._forms = list(dict.fromkeys(lower(form) for secret in long for form in _forms(secret)))
        self._grams = {
            form[start : start + _STEP]
            for form in self._forms
            if len(form) > _ANYWHERE
            for start in range(len(form) - _STEP + 1)
        }

    def masked(self, text: str) -> str:
        """Return a text without pieces of the secrets."""
        if not self._forms:
            return text
        text = masked(text, self._spans(lower(text)))
        return self._without_cuts(text) if _CUT in text else text

    def _spans(self, text: str) -> Iterator[Span]:
        grams, at = self._grams, 0
        while at + _STEP <= len(text):
            start, stop = at, at
            if text[at : at + _STEP] in grams:
                stop = at + _STEP
                while start > 0 and text[start - 1 : start - 1 + _STEP] in grams:
                    start -= 1
                while text[stop - _STEP + 1 : stop + 1] in grams:
                    stop += 1
                if stop - start >= _ANYWHERE:
                    yield start, stop, MASK
            at = max(at + _STEP, stop)

    def _without_cuts(self, text: str) -> str:
        pieces = text.split(_CUT)
        for form in self._forms:
            for number in range(len(pieces) - 1):
                pieces[number] = _without_beginning_of(form, pieces[number])
                pieces[number + 1] = _without_beginning_of(form[::-1], pieces[number + 1][::-1])[::-1]
        return _CUT.join(pieces)


def _forms(secret: str) -> Iterator[str]:
    yield from spellings(secret)
    yield from within_base64(secret)
    once = list(escaped(secret))
    yield from once
    for form in once:
        yield from escaped(form)


def _without_beginning_of(form: str, text: str) -> str:
    folded = lower(text)
    start = folded.find(form[:_BESIDE_A_CUT], max(0, len(text) - len(form)))
    while start >= 0:
        if form.startswith(folded[start:]):
            return text[:start] + MASK
        start = folded.find(form[:_BESIDE_A_CUT], start + 1)
    return text
