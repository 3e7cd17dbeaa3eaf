"""What a paced transport says when the answer does not come: it is the service's fault, or the run's end."""

from __future__ import annotations

import pytest

from pytest_cce_precheck.errors import BudgetExhaustedError, TransportError
from pytest_cce_precheck.transport.paced import Meter, PacedTransport
from pytest_cce_precheck.wire.exchange import Exchange, Request, Response

REQUEST = Request("GET", "https://cce.example", "/")
ANSWER = Exchange(REQUEST, Response(200))


class Service:
    """Takes its time, and may not answer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.takes = 0.0
        self.answers = True
        self.open = True

    def send(self, request: Request) -> Exchange:
        self.now += self.takes
        if not self.answers:
            raise TransportError("timeout", "the service does not answer", request)
        return ANSWER

    def close(self) -> None:
        self.open = False


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def paced(service: Service) -> PacedTransport:
    return PacedTransport(service, Meter(seconds=60, now=lambda: service.now, wait=lambda _: None))


def test_the_answer_is_handed_on(paced: PacedTransport) -> None:
    assert paced.send(REQUEST) is ANSWER


@pytest.mark.parametrize("takes", [1, 59, 60, 100])
def test_a_service_that_never_answered_is_blamed_however_long_it_took(
    service: Service, paced: PacedTransport, takes: float
) -> None:
    service.answers, service.takes = False, takes
    with pytest.raises(TransportError, match="the service does not answer"):
        paced.send(REQUEST)


@pytest.mark.parametrize(
    ("takes", "error"), [(59, TransportError), (60, BudgetExhaustedError), (100, BudgetExhaustedError)]
)
def test_a_service_that_has_answered_before_is_not_blamed_once_the_run_is_over(
    service: Service, paced: PacedTransport, takes: float, error: type[Exception]
) -> None:
    paced.send(REQUEST)
    service.answers, service.takes = False, takes
    with pytest.raises(error):
        paced.send(REQUEST)


def test_a_run_without_an_end_is_never_over(service: Service) -> None:
    meter = Meter(now=lambda: service.now)
    service.now = 1e9
    assert meter.remaining is None
    assert not meter.is_over


def test_requests_without_a_rate_do_not_wait(service: Service) -> None:
    waits: list[float] = []
    meter = Meter(now=lambda: service.now, wait=waits.append)
    for _ in range(3):
        meter.take()
    assert waits == []


def test_the_service_below_is_closed_too(service: Service, paced: PacedTransport) -> None:
    paced.close()
    assert not service.open
