"""One case of the corpus: a call, the answer to it, and what an SDK has to make of that answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck._text import has_half_pair
from pytest_cce_precheck.contract.check import check
from pytest_cce_precheck.contract.rules import Kind
from pytest_cce_precheck.errors import BodyError
from pytest_cce_precheck.sdk.fidelity import documented
from pytest_cce_precheck.sdk.protocol import DriverCall
from pytest_cce_precheck.simulator.delivery import SlowResponse
from pytest_cce_precheck.wire.exchange import Exchange, Response
from pytest_cce_precheck.wire.vocabulary import REQUEST_ID_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cce_precheck.sdk.protocol import Authentication, Operation

PROJECT_ID: Final = "0504201b6c80256b2f08c0099f0c8fe4"
"""The project of every call: that of the vendor's example."""

FACTS: Final = ("number", "name", "kind", "title", "conforming")
"""What every list of cases says of one."""
# the rules on the form of an answer, beside those on its schema; an SDK need not check that the counts add up
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
    """A connection that fails: after the bytes of ``raw`` it is closed, or held open without another byte."""

    connection: Literal["closes", "holds"]
    raw: bytes = b""


@dataclass(frozen=True)
class Expectation:
    """What an SDK has to make of an answer.

    ``value``: an object that holds `Case.documented`. ``error``: one of the SDK's own errors, with the other fields
    below. ``any``: the answer is broken or late, or a standard permits to refuse it, so either is right, unless
    something is lost silently.
    """

    outcome: Literal["value", "error", "any"]
    status: int | None = None
    code: str | None = None
    message: str | None = None
    request_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A call and the answer to it; ``number`` is its place in the corpus, and names the cluster of the call.

    The body here is not compressed, even if Content-Encoding is gzip: the server compresses it.
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
        """The cluster of the call."""
        return f"case-{self.number:04d}"

    @property
    def schema(self) -> str:
        """The schema of a success answer."""
        return f"{self.operation}_answer"

    def call(self, endpoint: str) -> DriverCall:
        """Return the call that a driver has to make."""
        asked = (self.operation, self.filters, self.addons, self.authentication, self.timeout)
        return DriverCall(endpoint, PROJECT_ID, self.cluster_id, *asked)

    @cached_property
    def document(self) -> Any:
        """The body as strict JSON; None if it is not JSON or never arrives."""
        try:
            return self.answer.document if isinstance(self.answer, Response) else None
        except BodyError:
            return None

    @cached_property
    def documented(self) -> dict[str, Any]:
        """The part of the body that one of the vendor's documents describes."""
        pruned = documented(self.document, self.schema)
        return pruned if isinstance(pruned, dict) else {}

    @cached_property
    def conforming(self) -> bool:
        """Whether the contract allows the answer's form; it allows what the vendor's contradicting examples have."""
        if isinstance(self.answer, CaseFailure):
            return False
        request = replace(self.call("").request, body=b"")
        codes = {finding.code for finding in check(Exchange(request, self.answer)) if finding.kind is Kind.VIOLATION}
        return not any(code in _FORM or code.startswith("PRE2") for code in codes)

    @property
    def late(self) -> bool:
        """Whether the answer is complete only after the timeout."""
        return isinstance(self.answer, SlowResponse) and self.answer.elapsed > self.timeout

    @property
    def _may_be_refused(self) -> bool:
        # RFC 8259, 8.2: what software does with half of a surrogate pair is unpredictable; RFC 9112, 6.3: a length
        # beside Transfer-Encoding ought to be handled as an error
        halves = has_half_pair(json.dumps(self.document, ensure_ascii=False))
        return halves or (isinstance(self.answer, Response) and "Transfer-Encoding" in self.answer.headers)

    @cached_property
    def expect(self) -> Expectation:
        """What an SDK has to make of the answer."""
        if isinstance(self.answer, CaseFailure) or 300 <= self.answer.status < 400:
            return Expectation("error")
        if self.answer.status < 300:
            return Expectation("any" if not self.conforming or self.late or self._may_be_refused else "value")
        body = self.document if isinstance(self.document, dict) else {}
        texts = {name: value for name, value in body.items() if isinstance(value, str)}
        ids = (self.answer.headers.get(REQUEST_ID_HEADER), texts.get("request_id"))
        return Expectation(
            "error",
            status=self.answer.status,
            code=texts.get("errorCode", texts.get("error_code")),
            message=texts.get("errorMessage", texts.get("error_msg")),
            request_ids=tuple(request_id for request_id in ids if request_id is not None),
        )
