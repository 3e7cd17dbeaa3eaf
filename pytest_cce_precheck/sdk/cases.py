"""The corpus's cases, numbered."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from pytest_cce_precheck._text import did_you_mean
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.sdk.made_cases import made_cases
from pytest_cce_precheck.sdk.simulated_cases import simulated_cases

if TYPE_CHECKING:
    from pytest_cce_precheck.sdk.case import Case


@cache
def corpus_cases() -> tuple[Case, ...]:
    """Return every case, numbered from 1, in the same order and with the same content every time."""
    return tuple(replace(case, number=number) for number, case in enumerate(chain(made_cases(), simulated_cases()), 1))


def find_case(name: str) -> Case:
    """Return the case of a name; raises `ConfigurationError` with near matches where there is none."""
    known = {case.name: case for case in corpus_cases()}
    if name not in known:
        raise ConfigurationError(f"there is no case {name!r}{did_you_mean(name, known)}")
    return known[name]
