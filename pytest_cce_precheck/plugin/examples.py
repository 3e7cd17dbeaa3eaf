"""The examples of a hypothesis test: how many listed a task, and the records of a failure once hypothesis shrank it."""

from __future__ import annotations

import functools
import inspect
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hypothesis.errors import StopTest, UnsatisfiedAssumption

from pytest_cce_precheck.explore.recorded import lists_a_task

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from pytest_cce_precheck.plugin.run_log import Record
    from pytest_cce_precheck.wire.exchange import Request, Response

# hypothesis raises these in an example that it discards
_DISCARDED: Final = (StopTest, UnsatisfiedAssumption)


class Examples:
    """Counts a test's examples up to the first failure, and reports each record once.

    While hypothesis shrinks a failing example, it runs many similar ones. Their records are held until the test ends:
    then only those of the last example of each kind of failure are reported, which is the simplest.
    """

    def __init__(self, report: Callable[[Record], None]) -> None:
        self._report = report
        self._known: set[Hashable] = set()
        self._held: dict[Hashable, Record] | None = None
        self._failures: dict[type[BaseException], dict[Hashable, Record]] = {}
        self._number = self._answered = self._listed = 0
        self._answer = self._task = False

    def __enter__(self) -> None:
        """Start an example."""
        self._held, self._answer, self._task = {}, False, False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End an example."""
        held, self._held = self._held or {}, None
        discarded = kind is not None and issubclass(kind, _DISCARDED)
        if not discarded and not self._failures:
            self._number += 1
            self._answered += self._answer
            self._listed += self._task
        if kind is None or discarded:
            self._flush(held)
        else:
            self._failures[kind] = held

    def answered(self, request: Request, response: Response) -> None:
        """Look at an answer to the example that is running."""
        if request.method == "GET" and not self._task:
            self._answer, self._task = True, lists_a_task(response)

    def report(self, reported: Record, identity: Hashable) -> None:
        """Report a record, unless one of the same identity has been reported."""
        if self._held is None:
            self._flush({identity: reported})
        else:
            self._held[identity] = reported

    def end(self, *, complete: bool) -> None:
        """Report the failures, and how many examples there were, if any was answered.

        If the test is not ``complete``, it may have ended before a task was listed: then no counts are reported.
        """
        for held in self._failures.values():
            self._flush(held)
        if self._listed or (self._answered and complete):
            counts = {"examples": self._number, "answered": self._answered, "listed": self._listed}
            self._report(("cce_examples", json.dumps(counts)))

    def _flush(self, held: dict[Hashable, Record]) -> None:
        for identity, reported in held.items():
            if identity not in self._known:
                self._known.add(identity)
                self._report(reported)


@contextmanager
def watched(function: Any, report: Callable[[Record], None]) -> Iterator[Examples | None]:
    """Yield the `Examples` of a hypothesis test, ``function``, while it runs; None if it is not one."""
    handle: Any = getattr(function, "hypothesis", None)
    if not hasattr(handle, "inner_test"):
        # a state machine has rules instead of a function
        yield None
        return
    examples = Examples(report)
    inner, handle.inner_test = handle.inner_test, _within(examples, handle.inner_test)
    try:
        yield examples
    finally:
        handle.inner_test = inner


def _within(examples: Examples, inner: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(inner)
    def example(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        with examples:
            return inner(*arguments, **named)

    @functools.wraps(inner)
    async def awaited(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        with examples:
            return await inner(*arguments, **named)

    return awaited if inspect.iscoroutinefunction(inner) else example
