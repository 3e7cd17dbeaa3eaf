"""What the suite asks of ordinary and of faulty services is kept as it is, and judged as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_cce_precheck.cassette.format import Failure, Recording, dumps
from pytest_cce_precheck.contract.check import check, judge
from pytest_cce_precheck.explore.plan import covering_plan
from pytest_cce_precheck.redaction.documents import is_known
from pytest_cce_precheck.redaction.recordings import REPLAY_CREDENTIALS, Redaction
from pytest_cce_precheck.redaction.reflected_secrets import marked, repeated
from pytest_cce_precheck.redaction.scan import refuse
from pytest_cce_precheck.redaction.texts import Redactor
from pytest_cce_precheck.report.text import describe
from pytest_cce_precheck.simulator.faults import FAULTS
from pytest_cce_precheck.simulator.pipeline import NoAnswer
from pytest_cce_precheck.simulator.service import Simulator
from pytest_cce_precheck.simulator.variations import VARIATIONS
from pytest_cce_precheck.wire.exchange import Exchange, Headers, Request, Response
from pytest_cce_precheck.wire.vocabulary import TOKEN_HEADER, create_path, list_path
from tests.recordings import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cce_precheck.contract.findings import Finding

HEADERS: Final = (("Accept", "application/json"), ("Accept-Encoding", "gzip"), ("Content-Type", "application/json"))
# an entity tag is no header of the contract, and cassettes leave it out
LEFT_OUT: Final = frozenset({"etag-without-quotes"})
# each with so many of the plan's questions, and 2,000 tasks are in the measurements
BEHAVIOURS: Final = [
    *(((), (name,)) for name in VARIATIONS if name != "many-tasks"),
    *(((name,), ()) for name in sorted(FAULTS.keys() - LEFT_OUT)[::3]),
]
QUESTIONS: Final = 12
TOKEN_REPLAYED: Final = str(REPLAY_CREDENTIALS.token and REPLAY_CREDENTIALS.token.reveal())


def request_to(simulator: Simulator, query: str = "", **changes: Any) -> Request:
    token = simulator.credentials.token
    headers = Headers([*HEADERS, (TOKEN_HEADER, token.reveal() if token else "")])
    path = list_path(simulator.project_id, simulator.cluster_id)
    return replace(Request("GET", simulator.endpoint, path, query, headers), **changes)


def recordings(simulator: Simulator, questions: int) -> Iterator[Recording]:
    ordinary = Simulator(seed=simulator.seed)
    answer, _ = judge(Exchange(request_to(ordinary), ordinary.handle(request_to(ordinary))))
    assert answer is not None
    for planned in covering_plan(answer.tasks, questions=questions, seed=simulator.seed).asked:
        yield asked(simulator, request_to(simulator, planned.question.query))
    for kind in ("addonStatic", "addonUpgrade", "addonOther"):
        yield asked(simulator, order_of(simulator, kind))


def order_of(simulator: Simulator, kind: str) -> Request:
    instance = simulator.state.clusters[simulator.cluster_id].instances[0]
    addon = {"addonTemplateName": instance.template, "addonInstanceID": instance.id, "type": kind}
    addon |= {"targetVersion": instance.versions[-1], "values": {"basic": {"replicas": 2, "image": "x/y:1"}}}
    spec = {"clusterID": simulator.cluster_id, "addonList": [addon]}
    body = json.dumps({"kind": "AddonCheck", "apiVersion": "v3", "spec": spec}, indent=1).encode()
    path = create_path(simulator.project_id, simulator.cluster_id)
    return request_to(simulator, method="POST", path=path, body=body)


def asked(simulator: Simulator, request: Request) -> Recording:
    try:
        return Recording(request, simulator.handle(request))
    except NoAnswer as failure:
        return Recording(request, Failure("connection-lost", failure.reason))


def documented(body: bytes) -> object:
    """Return a JSON body without the members that no schema knows, with their order and repetitions; others as are."""

    def known(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(name, value) for name, value in pairs if is_known(name)]

    try:
        return json.loads(body, object_pairs_hook=known, parse_constant=str)
    except ValueError:
        return body


def codes(findings: list[Finding]) -> list[tuple[str, str | None]]:
    return sorted((each.code, each.path) for each in findings)


@pytest.mark.parametrize(("faults", "variations"), BEHAVIOURS, ids=[str(*one, *other) for one, other in BEHAVIOURS])
def test_what_is_documented_is_kept_judged_alike_and_not_refused(
    faults: tuple[str, ...], variations: tuple[str, ...]
) -> None:
    simulator = Simulator(seed=len(str(faults + variations)), faults=faults, variations=variations)
    redaction = Redaction(simulator.credentials)
    kept = []
    for recording in recordings(simulator, QUESTIONS):
        request = redaction.request(recording.request)
        assert request == recording.request.with_headers(Headers(HEADERS))
        if isinstance(recording.outcome, Failure):
            assert redaction.text(recording.outcome.detail) == recording.outcome.detail
            continue
        response = redaction.response(marked(recording.request, recording.outcome))
        assert redaction.response(response) == response
        assert documented(response.body) == documented(recording.outcome.body)
        replayed = request.with_headers(request.headers.replacing(TOKEN_HEADER, TOKEN_REPLAYED))
        as_it_was = check(Exchange(recording.request, recording.outcome))
        assert codes(check(Exchange(replayed, repeated(replayed, response)))) == codes(as_it_was)
        kept.append(replace(recording, request=request, outcome=response))
    refuse(dumps(origin(), kept), simulator.credentials, "tasks.json")


@pytest.mark.parametrize("seed", range(4))
def test_every_question_of_the_plan_keeps_its_spelling(seed: int) -> None:
    simulator = Simulator(seed=seed)
    redaction = Redaction(simulator.credentials)
    for recording in recordings(simulator, 10_000):
        assert redaction.request(recording.request).target == recording.request.target
        if isinstance(recording.outcome, Response):
            assert redaction.response(recording.outcome).body is recording.outcome.body or recording.request.body


def test_no_text_of_an_ordinary_finding_looks_like_a_secret() -> None:
    redactor = Redactor(())
    for (faults, variations), seed in product(BEHAVIOURS[::4], (1,)):
        for recording in recordings(Simulator(seed=seed, faults=faults, variations=variations), 6):
            if isinstance(recording.outcome, Response):
                findings = check(Exchange(recording.request, recording.outcome))
                text = describe(findings, redactor, kind="token") + json.dumps([each.to_dict() for each in findings])
                assert redactor.text(text) == redactor.known(text)
