"""One cause can lead to many findings: group them under the finding that explains the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_cce_precheck.contract.findings import Finding, everywhere
from pytest_cce_precheck.wire.vocabulary import Filter

# a rule on the left explains those on the right if both are about the same filters, or one of them is about none
_RESPELT = frozenset({"PRE407", "PRE408", "PRE409", "PRE410", "PRE411", "PRE412", "PRE413", "PRE414", "PRE415"})
_SELECTIONS = _RESPELT | {"PRE404", "PRE405", "PRE507"}
_ALL_FILTERS = _SELECTIONS | {"PRE401", "PRE402", "PRE403", "PRE406"}
EXPLAINS: Final[dict[str, frozenset[str]]] = {
    "PRE304": _ALL_FILTERS | {"PRE309", "PRE310", "PRE504", "PRE502", "PRE322"},
    "PRE506": _ALL_FILTERS | {"PRE505", "PRE509"},
    **dict.fromkeys(("PRE501", "PRE502", "PRE503"), frozenset({"PRE403", *_RESPELT})),
    "PRE504": frozenset({"PRE403", "PRE401", "PRE402", "PRE404", *_RESPELT}),
    "PRE403": frozenset({"PRE501", "PRE502", "PRE503", "PRE504", *_RESPELT}),
    "PRE401": _SELECTIONS | {"PRE310", "PRE406", "PRE610"},
    "PRE402": _SELECTIONS | {"PRE310", "PRE406"},
    "PRE406": _SELECTIONS | {"PRE610"},
    "PRE404": _RESPELT,
    # what is answered wrongly when it is asked once is so when it is repeated
    **dict.fromkeys(sorted(_RESPELT - {"PRE411", "PRE414", "PRE415"}), frozenset({"PRE411"})),
    "PRE405": frozenset({"PRE506", "PRE507"}),
    "PRE411": frozenset({"PRE414", "PRE415", "PRE507"}),
    "PRE610": frozenset({"PRE405", "PRE507"}),
    "PRE611": frozenset({"PRE610"}),
    "PRE309": frozenset({"PRE310", "PRE405", "PRE507"}),
    "PRE601": frozenset({"PRE602", "PRE603", "PRE604", "PRE605"}),
    "PRE604": frozenset({"PRE603", "PRE605"}),
    "PRE102": frozenset({"PRE105", "PRE106"}),
    "PRE109": frozenset({"PRE601", "PRE602", "PRE603", "PRE604", "PRE605", "PRE611", "PRE508"}),
    "PRE508": frozenset({"PRE510"}),
}
# a field that is missing or wrong explains everything about the filter that selects by it
_FIELD_RULES: Final = frozenset({"PRE201", "PRE202", "PRE203", "PRE206"})
# a field that breaks the contract today, and did not before
_DRIFT: Final = frozenset({"PRE520", "PRE521"})
_NAMES: Final = frozenset(map(str, Filter))
_FIELD_EXPLAINS: Final = _ALL_FILTERS | {"PRE102", "PRE504", "PRE322", "PRE323"}


@dataclass(frozen=True)
class Cause:
    """A finding, and those that it explains."""

    finding: Finding
    consequences: tuple[Finding, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The cause's code, then those of its consequences, each once."""
        return tuple(dict.fromkeys((self.finding.code, *(each.code for each in self.consequences))))


def causes(findings: Sequence[Finding]) -> list[Cause]:
    """Group findings under their causes, the most severe first; each finding is in one group."""
    groups: list[tuple[Finding, list[Finding]]] = []
    # there are few kinds of findings, and many of each: the first of a kind explains what any of them would
    first_of: dict[_Kind, int] = {}
    broken_at: dict[str, int] = {}
    for finding in sorted(findings, key=_place):
        kind = _Kind.of(finding)
        explaining = [number for cause, number in first_of.items() if cause.explains(kind)]
        if finding.code in _DRIFT and finding.path in broken_at:
            explaining.append(broken_at[finding.path])
        if explaining:
            groups[min(explaining)][1].append(finding)
            continue
        first_of.setdefault(kind, len(groups))
        if finding.code in _FIELD_RULES:
            broken_at.setdefault(everywhere(finding.path), len(groups))
        groups.append((finding, []))
    return [Cause(finding, tuple(consequences)) for finding, consequences in groups]


def _place(finding: Finding) -> tuple[int, int, str, int, int, str]:
    # what explains most goes first; of one code, a filter alone goes before its combinations and other spellings; the
    # order does not depend on which finding was made first
    of_field = finding.code in _FIELD_RULES and _field_filter(finding)
    explained = 100 if of_field else len(EXPLAINS.get(finding.code, ()))
    words, filters = len(_words(finding)), len(_filters(finding))
    return finding.severity.rank, -explained, finding.code, words, filters, repr(finding)


@dataclass(frozen=True)
class _Kind:
    """What decides whether one finding explains another.

    ``has_words`` is whether it is also about something other than filters: a spelling, an unknown parameter, a header.
    """

    code: str
    filters: frozenset[str]
    has_words: bool
    field_filter: str | None

    @classmethod
    def of(cls, finding: Finding) -> _Kind:
        return cls(finding.code, _filters(finding), bool(_words(finding)), _field_filter(finding))

    def explains(self, effect: _Kind) -> bool:
        if self.code == effect.code:
            return self._is_same_fact(effect)
        if self.code in _FIELD_RULES and self.field_filter and effect.code in _FIELD_EXPLAINS:
            return not effect.filters or self.field_filter in effect.filters
        if effect.code not in EXPLAINS.get(self.code, ()):
            return False
        return not self.filters or not effect.filters or bool(self.filters & effect.filters)

    def _is_same_fact(self, effect: _Kind) -> bool:
        """Return whether two findings of the same code have the same filters as their cause."""
        if self.code == "PRE405" and self.filters:
            # the cause is the unfiltered list, which leaves tasks out, whatever filter shows them
            return True
        narrower = self.filters <= effect.filters or (not effect.filters and effect.has_words)
        return bool(self.filters) and not self.has_words and narrower


def _words(finding: Finding) -> frozenset[str]:
    return frozenset(finding.subject) - _filters(finding)


def _filters(finding: Finding) -> frozenset[str]:
    return frozenset(finding.subject) & _NAMES


def _field_filter(finding: Finding) -> str | None:
    name = finding.path.rpartition(".")[2]
    return next((str(each) for each in Filter if each.field == name and ".metadata." in finding.path), None)
