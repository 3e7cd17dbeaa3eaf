"""How far a run has come, as its report is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.wire.vocabulary import Filter


@dataclass(frozen=True)
class Progress:
    """How far a run, or a part of it, has come."""

    requests: int
    retried: int
    judged: int
    inconclusive: tuple[str, ...]
    reached: frozenset[tuple[Filter, str]]
    not_reached: frozenset[tuple[Filter, str]]
    observations: Mapping[str, frozenset[str]]
    behind: float = 0.0
    not_asked: tuple[str, ...] = ()

    def __sub__(self, earlier: Progress) -> Progress:
        return replace(
            self,
            requests=self.requests - earlier.requests,
            retried=self.retried - earlier.retried,
            judged=self.judged - earlier.judged,
            inconclusive=self.inconclusive[len(earlier.inconclusive) :],
            not_asked=self.not_asked[len(earlier.not_asked) :],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what the report is made of."""
        return {
            "requests": self.requests,
            "retried": self.retried,
            "judged": self.judged,
            "inconclusive": list(self.inconclusive),
            "not_asked": list(self.not_asked),
            "reached": sorted(f"{name}: {value_class}" for name, value_class in self.reached),
            "not_reached": sorted(f"{name}: {value_class}" for name, value_class in self.not_reached),
            "observations": {question: sorted(seen) for question, seen in self.observations.items()},
            "behind": round(self.behind, 1),
        }
