"""``cce-precheck contract``: compare a definition of the vendor with the contract that is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_cce_precheck._files import read_bytes
from pytest_cce_precheck._text import count_of
from pytest_cce_precheck.cassette.importers.vcr import load_yaml
from pytest_cce_precheck.cli.output import put_out
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.drift.definition import METHODS, differences, facts_of, facts_of_page, our_facts
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.report.text import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_cce_precheck.drift.definition import Difference, Facts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``contract``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    diff = actions.add_parser(
        "diff",
        help="show where a definition of the vendor differs from the contract; status 1 if it does",
        epilog="For example: cce-precheck contract diff cce-v3.yaml, or: … diff page.html --call=create",
    )
    diff.add_argument(
        "files", nargs="+", metavar="FILE", help="Swagger 2.0, OpenAPI 3, or a saved page in Chinese or English"
    )
    diff.add_argument("--call", choices=tuple(METHODS), default="list", help="which call it defines; default: list")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.set_defaults(run=_diff)


def _diff(options: argparse.Namespace) -> int:
    ours = our_facts(options.call)
    found = {}
    for name in options.files:
        data = read_bytes(Path(name), name)
        found[name] = (hashlib.sha256(data).hexdigest(), list(differences(ours, _read(data, name, options.call, ours))))
    document = {name: {"sha256": sha, "differences": list(map(asdict, each))} for name, (sha, each) in found.items()}
    lines = (one_line(line) for name, (digest, each) in found.items() for line in _lines(name, digest, each))
    put_out(options, document, lines)
    return int(any(each for _, each in found.values()))


def _read(data: bytes, name: str, call: str, ours: Facts) -> Facts:
    """Return the facts of a file; a page is what is not data with ``swagger`` or ``openapi``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{name} is not UTF-8 (byte {error.start}): save the page as UTF-8") from None
    if '"swagger"' in text or '"openapi"' in text or text.lstrip().startswith(("swagger:", "openapi:", "---")):
        document = load_yaml(text, name)
        if isinstance(document, Mapping) and ("swagger" in document or "openapi" in document):
            return facts_of(document, call, name)
    return facts_of_page(text, ours, name)


def _lines(name: str, digest: str, found: list[Difference]) -> Iterator[str]:
    for each in found:
        said = " → ".join(filter(None, (each.ours, each.theirs)))
        yield f"{each.place} {each.what}{f': {said}' if said else ''}"
        for code in each.codes:
            yield f"    {code} {rules()[code].name}"
    yield f"{name}: {count_of(len(found), 'difference') if found else 'says what the contract says'} (sha256 {digest})"
