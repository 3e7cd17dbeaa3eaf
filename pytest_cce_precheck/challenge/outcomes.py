"""What became of each fault and variation, the score, and how both are shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pytest_cce_precheck._text import count_of, did_you_mean, listed
from pytest_cce_precheck.challenge.differences import Difference
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.variations import VARIATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Verdict = Literal["killed", "survived", "not applicable", "brittle", "tolerated", "not run"]
VARIATION: Final = "variation"
_SHOWN: Final = 2


@dataclass(frozen=True)
class Trial:
    """One fault or variation on the tests: what it changes first, who saw that, who failed, who did not end."""

    name: str
    difference: Difference | None = None
    seen_by: Sequence[str] = ()
    failed: Sequence[str] = ()
    hung: str = ""
    ran: bool = True

    @property
    def is_variation(self) -> bool:
        """Whether the service follows the contract."""
        return self.name in VARIATIONS

    @property
    def kind(self) -> str:
        """The kind of the fault."""
        return VARIATION if self.is_variation else FAULTS[self.name].category

    @property
    def noticed_by(self) -> Sequence[str]:
        """The tests that failed, or did not end."""
        return (*self.failed, *([self.hung] if self.hung else ()))

    @property
    def verdict(self) -> Verdict:
        """The verdict; a change that no client has to notice does not apply, unless a test failed."""
        if not self.ran:
            return "not run"
        if self.noticed_by:
            return "brittle" if self.is_variation else "killed"
        if self.difference is None or not self.difference.assertion:
            return "not applicable"
        return "tolerated" if self.is_variation else "survived"

    @property
    def data(self) -> dict[str, Any]:
        """This for programs."""
        behaviour = VARIATIONS[self.name] if self.is_variation else FAULTS[self.name]
        return {
            "name": self.name,
            "kind": self.kind,
            "summary": behaviour.summary,
            "verdict": self.verdict,
            "noticed_by": list(self.noticed_by),
            "did_not_end": self.hung or None,
            "seen_by": list(self.seen_by),
            "difference": asdict(self.difference) if self.difference else None,
        }


@dataclass(frozen=True)
class Score:
    """The trials of all that was chosen, in its order, of ``asking`` among the ``tests``."""

    trials: Sequence[Trial]
    tests: int
    asking: int
    seconds: float
    interrupted: bool = False

    def of(self, verdict: Verdict) -> list[Trial]:
        """Return the trials with a verdict."""
        return [each for each in self.trials if each.verdict == verdict]

    @property
    def verdicts(self) -> Counter[Verdict]:
        """The number of trials with each verdict."""
        return Counter(each.verdict for each in self.trials)

    @property
    def percent(self) -> float | None:
        """The share of the faults that change an answer which were killed; None if there is none."""
        killed, survived = self.verdicts["killed"], self.verdicts["survived"]
        return 100 * killed / (killed + survived) if killed + survived else None

    def reaches(self, least: float) -> bool:
        """Whether all was run, and ``least`` per cent of the faults were killed."""
        return self.percent is not None and self.percent >= least and not self.verdicts["not run"]

    @property
    def data(self) -> dict[str, Any]:
        """This for programs."""
        return {
            "score": None if self.percent is None else round(self.percent, 1),
            "verdicts": {each: self.verdicts[each] for each in get_args(Verdict)},
            "tests": self.tests,
            "tests_that_ask": self.asking,
            "seconds": round(self.seconds, 1),
            "interrupted": self.interrupted,
            "trials": [trial.data for trial in self.trials],
        }

    def lines(self) -> Iterator[str]:
        """Yield this as a table, then the survivors and the brittle tests, then the score.

        Of survivors that change the same place of an answer, the first is shown in full.
        """
        kinds = dict.fromkeys(trial.kind for trial in self.trials if not trial.is_variation)
        if kinds:
            yield f"{'':<16}{'killed':>8}{'survived':>10}{'not applicable':>16}"
            for kind in kinds:
                yield _row(kind, [each.verdict for each in self.trials if each.kind == kind])
            yield _row("all faults", [each.verdict for each in self.trials if not each.is_variation])
        places: dict[Any, list[Trial]] = {}
        for trial in self.of("survived"):
            assert trial.difference is not None
            places.setdefault(trial.difference.place, []).append(trial)
        for first, *others in places.values():
            yield from _survivor(first, [trial.name for trial in others])
        brittle = self.of("brittle")
        for trial in brittle:
            yield ""
            yield f"brittle   {trial.name}: {VARIATIONS[trial.name].summary}"
            yield from _changed(trial)
            yield from (f"    fails    {test}{' (does not end)' * (test == trial.hung)}" for test in trial.noticed_by)
        yield ""
        if any(trial.is_variation for trial in self.trials):
            yield (
                f"variations    {self.verdicts['tolerated']} change an answer and no test fails; tests are brittle on"
                f" {len(brittle)}"
            )
        yield f"tests         {self.asking} of {self.tests} ask the simulator for something"
        yield f"time          {self.seconds:.0f} s"
        if left := self.verdicts["not run"]:
            why = "it was interrupted" if self.interrupted else "the time was over (--time)"
            yield f"not run       {count_of(left, 'fault')}: {why}"
        killed, survived = self.verdicts["killed"], self.verdicts["survived"]
        changing = f"{killed} of {count_of(killed + survived, 'fault')} that change an answer are killed"
        none = "none: no fault that was run changes an answer that a test got"
        yield f"score         {none if self.percent is None else f'{self.percent:.0f} %: {changing}'}"


def _row(title: str, verdicts: Sequence[Verdict]) -> str:
    killed, survived, other = map(verdicts.count, ("killed", "survived", "not applicable"))
    return f"{title:<16}{killed:>8}{survived:>10}{other:>16}"


def _changed(trial: Trial) -> Iterator[str]:
    if trial.difference is not None:
        for name in ("request", "at", "before", "after"):
            yield f"    {name:<9}{getattr(trial.difference, name)}"


def _survivor(trial: Trial, others: Sequence[str]) -> Iterator[str]:
    found = trial.difference
    assert found is not None
    yield ""
    yield f"survived  {trial.name}: {FAULTS[trial.name].summary}"
    yield from _changed(trial)
    yield f"    seen by  {listed(trial.seen_by, _SHOWN)}"
    yield f"    notice   {found.assertion}"
    if others:
        yield f"    also     {listed(others)}"


def chosen(patterns: Sequence[str]) -> list[str]:
    """Return the names of the faults and variations that the patterns choose; each is a name, with ``*``, or a kind.

    Without patterns, these are all but the variations which only have other tasks: what they change is no behaviour.
    Raises `ConfigurationError` for a pattern that chooses nothing.
    """
    kinds: dict[str, str] = {name: fault.category for name, fault in FAULTS.items()}
    kinds |= dict.fromkeys(VARIATIONS, VARIATION)
    if not patterns:
        return [name for name in kinds if name in FAULTS or VARIATIONS[name].population is None]
    found: dict[str, None] = {}
    for pattern in patterns:
        names = [name for name, kind in kinds.items() if kind.lower() == pattern.lower() or fnmatchcase(name, pattern)]
        if not names:
            near = did_you_mean(pattern, [*dict.fromkeys(kinds.values()), *kinds])
            raise ConfigurationError(
                f"--faults {pattern!r} is no fault, variation or kind of them{near}; cce-precheck faults lists them"
            )
        found |= dict.fromkeys(names)
    return [name for name in kinds if name in found]


def trial_of(data: Mapping[str, Any]) -> Trial:
    """Return a trial from its fields as JSON."""
    found = data.get("difference")
    return Trial(**{**data, "difference": Difference(**found) if found else None})
