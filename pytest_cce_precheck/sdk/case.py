"""One case of the corpus: a question, the answer that is served to it, and what a client has to make of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.sdk.fidelity import documented
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response, encode_query
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER, create_path, list_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.sdk.protocol import Authentication, Operation

PROJECT_ID: Final = "0504201b6c80256b2f08c0099f0c8fe4"
"""The project that the corpus is asked in: that of the vendor's example."""

# what makes an answer a broken one to a client: its form. That the counts add up is the service's business
_FORM: Final = frozenset({"PRE102", "PRE104", "PRE105", "PRE106", "PRE107", "PRE108", "PRE109"})


class CaseKind(StrEnum):
    """Where a case comes from."""

    EXAMPLE = "example"
    VARIATION = "variation"
    REQUEST = "request"
    FAULT = "fault"
    ERROR = "error"
    TRANSPORT = "transport"


@dataclass(frozen=True)
class CaseFailure:
    """A connection that fails: ``raw`` is what arrives before that; it is then closed, or held without a byte."""

    connection: Literal["closes", "holds"]
    raw: bytes = b""


@dataclass(frozen=True)
class Expectation:
    """What a client has to make of an answer.

    ``value``: an object that holds `Case.documented`. ``error``: one of the SDK's own errors, which tells the rest.
    ``any``: the answer is broken, or late, so either will do, as long as nothing is lost silently.
    """

    outcome: Literal["value", "error", "any"]
    status: int | None = None
    code: str | None = None
    message: str | None = None
    request_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A question and the answer to it; ``number`` is its place in the corpus, and the cluster that it is asked of.

    The body of an answer whose Content-Encoding is gzip is not compressed here; who serves it does that.
    """

    name: str
    kind: CaseKind
    title: str
    answer: Response | CaseFailure
    operation: Operation = "list"
    filters: Mapping[str, str] = field(default_factory=dict)
    addons: Sequence[Mapping[str, Any]] = ()
    authentication: Authentication = "ak/sk"
    timeout: float = 10.0
    number: int = 0

    @property
    def cluster_id(self) -> str:
        """The cluster that the case is asked of."""
        return f"case-{self.number:04d}"

    @property
    def schema(self) -> str:
        """The schema of a right answer."""
        return f"{self.operation}_answer"

    @cached_property
    def document(self) -> Any:
        """The body as strict JSON, None where it is none or never arrives."""
        try:
            return self.answer.document if isinstance(self.answer, Response) else None
        except BodyError:
            return None

    @cached_property
    def documented(self) -> dict[str, Any]:
        """The part of the body that some document of the vendor describes."""
        pruned = documented(self.document, self.schema)
        return pruned if isinstance(pruned, dict) else {}

    @cached_property
    def conforming(self) -> bool:
        """Whether the answer has a form that the contract allows; the vendor's own contradictions count as allowed."""
        if isinstance(self.answer, CaseFailure):
            return False
        path = list_path if self.operation == "list" else create_path
        method = "GET" if self.operation == "list" else "POST"
        request = Request(method, "", path(PROJECT_ID, self.cluster_id), encode_query(self.filters.items()))
        codes = {finding.code for finding in check(Exchange(request, self.answer)) if finding.kind is Kind.VIOLATION}
        return not any(code in _FORM or code.startswith("PRE2") for code in codes)

    @cached_property
    def expect(self) -> Expectation:
        """What a client has to make of the answer."""
        if isinstance(self.answer, CaseFailure) or 300 <= self.answer.status < 400:
            return Expectation("error")
        if self.answer.status < 300:
            late = isinstance(self.answer, SlowResponse) and self.answer.elapsed > self.timeout
            return Expectation("value" if self.conforming and not late else "any")
        told = self.document if isinstance(self.document, dict) else {}
        sent = (self.answer.headers.get(REQUEST_ID_HEADER), told.get("request_id"))
        return Expectation(
            "error",
            status=self.answer.status,
            code=_text(told, "errorCode", "error_code"),
            message=_text(told, "errorMessage", "error_msg"),
            request_ids=tuple(text for text in sent if isinstance(text, str)),
        )


def _text(document: Mapping[str, Any], *names: str) -> str | None:
    return next((document[name] for name in names if isinstance(document.get(name), str)), None)
