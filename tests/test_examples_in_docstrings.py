"""The ``>>>`` examples in the docstrings say what the code does."""

from __future__ import annotations

import doctest
from importlib import import_module
from typing import Final

import pytest

from tests.source import MODULES

WITH_EXAMPLES: Final = [name for name, path in MODULES.items() if ">>> " in path.read_text("utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_are_right(name: str) -> None:
    module = import_module(name)
    runner = doctest.DocTestRunner()
    said: list[str] = []
    for example in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(example, out=said.append)
    assert runner.tries > 0
    assert "".join(said) == ""
