"""How much a run proved, added up over its tests, and the least that its user requires."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.contract.proof import STATUSES, provable_fields, provable_rules
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.explore.coverage import every_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ProofKind = Literal["rules", "classes", "statuses", "fields"]
KINDS: Final[tuple[ProofKind, ...]] = get_args(ProofKind)
_REQUIREMENT: Final = re.compile(r"(\w+):(\d{1,5})(%?)", re.ASCII)


@dataclass(frozen=True)
class Proved:
    """What was proved of one kind of thing.

    ``times`` is how often each was judged or seen (of a class: in how many tests), ``nothing`` are those that were
    asked and had nothing to judge, ``not_asked`` all others.
    """

    times: Mapping[str, int]
    nothing: tuple[str, ...]
    not_asked: tuple[str, ...]

    @property
    def of(self) -> int:
        """How many could be proved."""
        return len(self.times) + len(self.nothing) + len(self.not_asked)

    @property
    def ratio(self) -> str:
        """How many of how many, in words."""
        return f"{len(self.times)} of {self.of}"


@dataclass(frozen=True)
class Requirement:
    """The least that must be proved of one kind: a share in percent, or a number."""

    kind: ProofKind
    number: int
    is_share: bool

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Parse ``rules:95%`` or ``statuses:8``; raises `ConfigurationError` for anything else."""
        found = _REQUIREMENT.fullmatch(text.strip())
        known = {str(kind): kind for kind in KINDS}
        if found is None or (found[3] and int(found[2]) > 100):
            raise ConfigurationError(
                f"--cce-require={text}: expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, a colon, and a number or a"
                " share up to 100%, such as rules:95% or statuses:8"
            )
        if found[1] not in known:
            near = did_you_mean(found[1], list(known))
            raise ConfigurationError(
                f"--cce-require={text}: unknown kind {found[1]!r}{near} (known: {', '.join(KINDS)})"
            )
        return cls(known[found[1]], int(found[2]), bool(found[3]))

    def least(self, proved: Proved) -> int:
        """Return how many must be proved."""
        return math.ceil(proved.of * self.number / 100) if self.is_share else self.number


def requirements(texts: Iterable[str]) -> list[Requirement]:
    """Parse the values of ``--cce-require``, each of which may hold several, with commas between them."""
    return [Requirement.parse(part) for text in texts for part in text.split(",")]


def proved_by(
    counts: Iterable[Mapping[str, Mapping[str, int]]], reached: Iterable[str], planned: Iterable[str]
) -> dict[str, Proved]:
    """Add up what tests proved: their ``counts``, and the classes of filter values that they reached or planned."""
    totals: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for each in counts:
        for kind, numbers in each.items():
            for name, number in numbers.items():
                # a rule that had nothing to judge is there with 0
                totals[kind][name] += number
    totals["classes"].update(reached)
    classes = (*every_class(), *sorted({*totals["classes"], *planned} - {*every_class()}))
    names: Mapping[str, Sequence[str]] = {
        "rules": provable_rules(), "classes": classes, "statuses": STATUSES, "fields": provable_fields()
    }  # fmt: skip
    return {
        kind: Proved(
            times={name: total[name] for name in names[kind] if total[name]},
            nothing=tuple(name for name in names[kind] if name in total and not total[name]),
            not_asked=tuple(name for name in names[kind] if name not in total),
        )
        for kind, total in totals.items()
    }


def unmet(required: Iterable[Requirement], proved: Mapping[str, Proved]) -> Iterator[str]:
    """Yield each requirement that is not met, in words."""
    for each in required:
        found = proved[each.kind]
        if len(found.times) < each.least(found):
            wanted = f"{each.number}%" if each.is_share else str(each.number)
            yield f"{each.kind} {found.ratio}, required are {wanted} (--cce-require)"
