"""The distinct faults of an SDK: one mistake in its code often shows as many findings, in many cases.

Without a call, its models are compared with the documented fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._files import packaged_table
from pytest_cce_precheck.contract.documented import path_of
from pytest_cce_precheck.contract.findings import everywhere
from pytest_cce_precheck.report.text import headline, one_line
from pytest_cce_precheck.schema_files import inlined_schema, subschemas
from pytest_cce_precheck.sdk.fidelity import ONLY_IN_EXAMPLES
from pytest_cce_precheck.wire.exchange import Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_cce_precheck.contract.findings import Finding
    from pytest_cce_precheck.sdk.run import CaseResult, SdkReport

    Facts = Mapping[str, str]
    from collections.abc import Mapping

    Models = Mapping[str, Mapping[str, str]]

_STEP: Final = re.compile(r"\.([A-Za-z]+)")
_INTEGER: Final = re.compile(r"-?[0-9]+")
_DETAILS: Final = "error-details"
_FREE: Final = "values"
_HOLLOW: Final = ("{}", "[{}]", "nothing")


def defect_identity(finding: Finding, conforming: bool) -> tuple[str, ...]:
    """Return what identifies a defect in another run: the finding, and whether the answer follows the contract."""
    return (*finding.identity, "conforming" if conforming else "broken")


@dataclass(frozen=True)
class SdkDefect:
    """One fact that is wrong with an SDK, with the result of every case that shows it.

    ``conforming`` says whether those cases' answers follow the contract; ``sample`` is the one with the shortest
    answer, and ``finding`` is from there.
    """

    finding: Finding
    conforming: bool
    results: tuple[CaseResult, ...]
    sample: CaseResult

    @property
    def identity(self) -> tuple[str, ...]:
        """What identifies the defect in another run."""
        return defect_identity(self.finding, self.conforming)


@dataclass(frozen=True)
class SdkFault:
    """One mistake of an SDK, of a ``kind`` in ``data/faults.toml``, and the ``defects`` that it shows as.

    ``about`` tells it from others of its kind.
    """

    kind: str
    about: str
    facts: Facts
    defects: tuple[SdkDefect, ...]

    @property
    def severity(self) -> str:
        """How much it matters to a user of the SDK: high, medium or low."""
        kind = words()["kinds"][self.kind]
        conforming = any(defect.conforming for defect in self.defects)
        return str((conforming and kind.get("severity_if_conforming")) or kind["severity"])

    @property
    def sample(self) -> SdkDefect:
        """The defect with the shortest answer; one on a conforming answer, if there is any."""
        return min(self.defects, key=lambda defect: (not defect.conforming, answer_length(defect.sample)))

    @property
    def cases(self) -> tuple[str, ...]:
        """The names of the cases that show it, that of the sample first."""
        results = (self.sample.sample, *(result for defect in self.defects for result in defect.results))
        return tuple(dict.fromkeys(result.case.name for result in results))

    @property
    def places(self) -> tuple[str, ...]:
        """The JSON paths that show it, that of the sample first; empty if it is not about a place."""
        paths = (everywhere(defect.finding.path) for defect in (self.sample, *self.defects))
        return tuple(dict.fromkeys(path for path in paths if path))

    def title(self, language: str = "en") -> str:
        """Return the fault in words, in English (``en``) or Chinese (``zh``)."""
        is_list = language == "zh" and self.kind == _DETAILS
        facts = {name: text.replace(", ", "、") if is_list else text for name, text in self.facts.items()}
        return str(words()["kinds"][self.kind][language]).format(**facts)


@cache
def words() -> Mapping[str, Any]:
    """Return the kinds of faults, and the words of the reports in both languages."""
    return packaged_table("sdk/data/faults.toml")


def defects(report: SdkReport) -> tuple[SdkDefect, ...]:
    """Return every defect in a report once, in the order of the codes; notes are not defects."""
    found: dict[tuple[str, ...], list[tuple[Finding, CaseResult]]] = {}
    for result in report.results:
        for finding in result.wrong:
            found.setdefault((*finding.identity, str(result.case.conforming)), []).append((finding, result))
    each_once = []
    for pairs in found.values():
        finding, sample = min(pairs, key=lambda pair: answer_length(pair[1]))
        each_once.append(SdkDefect(finding, sample.case.conforming, tuple(result for _, result in pairs), sample))
    return tuple(sorted(each_once, key=lambda defect: (defect.finding.code, not defect.conforming, defect.identity)))


def faults(found: Iterable[SdkDefect]) -> tuple[SdkFault, ...]:
    """Return the distinct faults behind defects, the most severe first."""
    grouped: dict[tuple[str, str], list[tuple[SdkDefect, Facts]]] = {}
    for defect in found:
        kind, about, facts = _kind_of(defect.finding)
        grouped.setdefault((kind, about), []).append((defect, facts))
    each_once = [
        SdkFault(kind, about, pairs[0][1], tuple(defect for defect, _ in pairs))
        for (kind, about), pairs in grouped.items()
        if kind != _DETAILS
    ]
    each_once += _faults_of_details({about: pairs for (kind, about), pairs in grouped.items() if kind == _DETAILS})
    order = list(words()["kinds"])
    ranks = list(words()["severities"])
    return tuple(sorted(each_once, key=lambda f: (ranks.index(f.severity), order.index(f.kind), f.about)))


def _faults_of_details(by_status: Mapping[str, Sequence[tuple[SdkDefect, Facts]]]) -> Iterator[SdkFault]:
    """Yield a fault for each set of details that errors lack, with every status whose error lacks just these."""
    statuses: dict[str, list[str]] = {}
    for status, pairs in sorted(by_status.items()):
        names = ", ".join(sorted({facts["names"] for _, facts in pairs}))
        statuses.setdefault(names, []).append(status)
    for names, lacking in statuses.items():
        found = tuple(defect for status in lacking for defect, _ in by_status[status])
        yield SdkFault(_DETAILS, names, {"names": names, "status": ", ".join(lacking)}, found)


def answer_length(result: CaseResult) -> int:
    """Return the number of bytes of a case's answer."""
    answer = result.case.answer
    return len(answer.body if isinstance(answer, Response) else answer.raw)


def _kind_of(finding: Finding) -> tuple[str, str, Facts]:
    """Return the kind of fault that a finding shows, what it is about, and the facts of its title."""
    subject, evidence = finding.subject, dict(finding.evidence)
    if finding.code == "PRE715" and len(subject) == 1:
        return ("driver-answer" if subject[0] == "rubbish" else "driver-ended"), "", {}
    if finding.code in _BY_CODE:
        kind, name = _BY_CODE[finding.code]
        # the documents' errors are told apart by their type or status, not by what was expected
        about = subject[-1] if finding.code == "PRE714" else subject[0] if name else ""
        facts = {name: about} if name else {}
        return kind, about, {**facts, "names": subject[0]} if finding.code == "PRE714" else facts
    if finding.code == "PRE719":
        is_redirect = subject[0].startswith("status 3")
        return (
            ("redirect-as-success", "", {})
            if is_redirect
            else ("failure-as-success", subject[0], {"field": subject[0]})
        )
    if finding.code == "PRE707" and evidence:
        field = subject[0].rpartition(".")[2]
        kind = "request-field-dropped" if evidence["sent"] == "nothing" else "request-field-changed"
        return kind, subject[0], {"field": field, **evidence}
    if finding.code < "PRE710":
        # the message of a rule about a header or a parameter names it
        return "request-changed", " ".join((finding.code, *subject[:1])), {"field": finding.message}
    return _kind_of_difference(finding, evidence)


# the kind of fault that a code is, and the fact of its title that its findings' subject is
_BY_CODE: Final = {
    "PRE708": ("not-sent", ""),
    "PRE713": ("answer-refused", "type"),
    "PRE714": (_DETAILS, "status"),
    "PRE715": ("crash", "type"),
    "PRE717": ("create-repeated", "field"),
    "PRE718": ("retry-after", ""),
    "PRE730": ("undocumented-error", "type"),
}


def _kind_of_difference(finding: Finding, evidence: Facts) -> tuple[str, str, Facts]:
    if not evidence:
        return ("replaced-characters" if finding.code == "PRE711" else "not-json"), "", {}
    sent, held = evidence["sent"], evidence["held"]
    names = _STEP.findall(finding.path)
    if _FREE in names:
        # whatever it holds is documented
        names = names[: names.index(_FREE) + 1]
    documented = [name for name in names if name in _documented_names()]
    field = _field(documented)
    simple = {
        "null-text": sent == "null" and held == '"null"',
        "zero-value": sent in ("null", "nothing") and held[0] in '"0{[',
        "wrapped": (sent[0] == "{" and held[0] == "[") or (finding.code == "PRE710" and len(documented) < len(names)),
        "emptied": held in _HOLLOW and held != "nothing",
        "to-text": sent[0] != '"' and held[0] == '"',
        "to-number": _INTEGER.fullmatch(held) and not _INTEGER.fullmatch(sent),
    }
    kind = next((kind for kind, applies in simple.items() if applies), None)
    if kind is not None:
        return kind, "", {}
    by_field = {"PRE710": "field-lost", "PRE711": "value-changed", "PRE712": "value-invented"}
    return by_field[finding.code], field or finding.path, {"field": field or finding.path}


def _field(names: Sequence[str]) -> str:
    """Return a field by its names; that of a task is one field wherever the task is listed, since its model is one."""
    task = names[names.index("items") + 1 :] if "items" in names else ()
    # a create answer has two fields that are called as those of a task
    top = "$." if tuple(names) in (("spec",), ("status",)) else ""
    return top + ".".join(task or names)


_DIFFERENCES: Final = ("PRE710", "PRE711", "PRE712")
_OTHER_ENDS: Final = ("PRE713", "PRE715", "PRE719", "PRE730")
"""The findings with which a call ends otherwise than it should, so that what it could show is not seen."""


def why_unseen(identity: Sequence[str], result: CaseResult | None) -> str:
    """Return what keeps a case from showing a defect; empty if nothing does, so that the defect is gone."""
    if result is None:
        return "the corpus does not have its case"
    if result.verdict == "not offered":
        return f"{result.case.name} is not offered"
    code, place = identity[:2]
    for finding in result.wrong:
        is_of_parent = {code, finding.code} <= {*_DIFFERENCES} and _is_below(place, everywhere(finding.path))
        # what was sent is seen, however the call ends
        ends = finding.code == "PRE708" or (code >= _DIFFERENCES[0] and finding.code in _OTHER_ENDS)
        if is_of_parent or ends:
            return f"{result.case.name} has {one_line(headline(finding))}"
    return ""


@cache
def _documented_names() -> frozenset[str]:
    steps = (each for name in DOCUMENTS for each, _ in subschemas(inlined_schema(name)))
    only_in_examples = (name for fields in ONLY_IN_EXAMPLES.values() for name in fields)
    return frozenset((*only_in_examples, *(name for each in steps for name in each[-1:] if name != "*")))


DOCUMENTS: Final = ("list_answer", "create_answer", "create_request")


@dataclass(frozen=True)
class ModelDifference:
    """A field in which a model of an SDK differs from the documents; ``extra`` is one that no document has."""

    kind: Literal["missing", "type", "extra"]
    document: str
    path: str
    documented: str = ""
    modelled: str = ""

    @property
    def fact(self) -> str:
        """The difference as a sentence."""
        place = f"{self.document} {self.path}"
        if self.kind == "type":
            return f"{place} is documented as {self.documented}, and the model has {self.modelled}"
        if self.kind == "missing":
            return f"{place} ({self.documented}) is documented, and the model does not have it"
        return f"{place} ({self.modelled}) is in the model, and in no document"


def model_differences(models: Models) -> tuple[ModelDifference, ...]:
    """Return where models differ from the documents; of a part that is missing or extra, only its top."""
    found: list[ModelDifference] = []
    for document, modelled in models.items():
        documented = documented_fields(document)
        for path, kind in documented.items():
            if path in modelled and modelled[path] != kind:
                found.append(ModelDifference("type", document, path, kind, modelled[path]))
        found += [ModelDifference("missing", document, p, documented[p]) for p in _tops(documented, modelled)]
        # what the documents leave free, such as the spec of a create answer ("as sent"), has no extra fields
        free = [path for path in documented if not any(_is_below(other, path) for other in documented)]
        extra = (p for p in _tops(modelled, documented) if not any(_is_below(p, path) for path in free))
        found += [ModelDifference("extra", document, p, modelled=modelled[p]) for p in extra]
    return tuple(found)


def documented_fields(document: str) -> dict[str, str]:
    """Return the JSON path and type of every field of one of `DOCUMENTS`; empty for another name."""
    return {path: str(schema.get("type", "object")) for path, schema in _documented(document)}


def description_of(document: str, path: str) -> str:
    """Return what the documents say about a field, with its type; empty if they do not describe it."""
    for field, schema in _documented(document):
        if field == path and "description" in schema:
            return f"`{path}`, {schema.get('type', 'object')}: {schema['description']}"
    return ""


def _documented(document: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for steps, schema in subschemas(inlined_schema(document)) if document in DOCUMENTS else ():
        if steps and steps[-1] != "*":
            yield path_of(steps), schema


def _tops(fields: Mapping[str, str], others: Mapping[str, str]) -> Iterator[str]:
    lacking = [path for path in fields if path not in others]
    for path in lacking:
        if not any(_is_below(path, top) for top in lacking):
            yield path


def _is_below(path: str, top: str) -> bool:
    return path.startswith((f"{top}.", f"{top}["))
