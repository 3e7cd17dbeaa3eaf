"""One client of the vendor's Python SDK in several threads: each gets its own answer, over few connections."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from pytest_cce_precheck.sdk.case import PROJECT_ID, Case, CaseKind
from pytest_cce_precheck.sdk.cases import listing, task
from pytest_cce_precheck.sdk.corpus import Corpus, corpus_server
from pytest_cce_precheck.sdk.vendor import vendor_client
from pytest_cce_precheck.wire.exchange import Headers, Request, Response
from tests.sdk.fakes import CREDENTIALS
from tests.toolchains import require_module

THREADS: Final = 8
CALLS: Final = 50


class CountingCorpus(Corpus):
    """A corpus that knows over which connections it was asked."""

    def __init__(self, cases: list[Case]) -> None:
        super().__init__(cases, CREDENTIALS)
        self.connections: set[int | None] = set()

    def handle(self, request: Request, *, caller: int | None = None) -> Response:
        self.connections.add(caller)
        return super().handle(request, caller=caller)


def case_of(number: int) -> Case:
    body = task()
    body["metadata"]["taskID"] = f"task-{number}"
    answer = Response(200, Headers({"Content-Type": "application/json"}), json.dumps(listing(body)).encode())
    return Case(f"own-{number}", CaseKind.VARIATION, "A task of its own.", answer, number=number)


@pytest.fixture
def corpus() -> CountingCorpus:
    return CountingCorpus([case_of(number) for number in range(1, THREADS + 1)])


def ask(client: Any, number: int) -> str:
    cce = require_module("huaweicloudsdkcce.v3")
    request = cce.ListAddonPrecheckTasksRequest(cluster_id=f"case-{number:04d}")
    return str(client.list_addon_precheck_tasks(request).items[0].metadata.task_id)


def test_each_thread_gets_the_answers_to_its_own_calls(corpus: CountingCorpus) -> None:
    require_module("huaweicloudsdkcce.v3")

    def calls(number: int) -> set[str]:
        return {ask(client, number) for _ in range(CALLS)}

    with corpus_server(corpus) as server, ThreadPoolExecutor(THREADS) as pool:
        client = vendor_client(server.endpoint, PROJECT_ID, CREDENTIALS)
        answers = list(pool.map(calls, corpus.cases))
    assert answers == [{f"task-{number}"} for number in corpus.cases]
    assert corpus.count == THREADS * CALLS
    # measured: the client keeps its connections, one for each thread at most
    assert len(corpus.connections) <= THREADS


def test_calls_that_follow_each_other_use_one_connection(corpus: CountingCorpus) -> None:
    require_module("huaweicloudsdkcce.v3")
    with corpus_server(corpus) as server:
        client = vendor_client(server.endpoint, PROJECT_ID, CREDENTIALS)
        assert [ask(client, 1) for _ in range(CALLS)] == ["task-1"] * CALLS
    assert len(corpus.connections) == 1
