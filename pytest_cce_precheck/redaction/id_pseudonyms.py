"""Which ids stand in recordings: those that the service showed, and those that it was asked for."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pytest_cce_precheck.redaction.pseudonyms import Pseudonyms, ids_in
from pytest_cce_precheck.wire.exchange import Response
from pytest_cce_precheck.wire.vocabulary import Filter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_cce_precheck.cassette.format import Recording
    from pytest_cce_precheck.wire.exchange import Request


_ID: Final = re.compile(r"[0-9A-Za-z-]+")


def asked_ids(request: Request) -> set[str]:
    """Return the ids that a request names: in its path, its filters and its body."""
    in_path = {
        unquote(part) for before, part in pairwise(request.path.split("/")) if before in ("projects", "clusters")
    }
    in_query = {value for name, value in request.params if name in (Filter.TASK_ID, Filter.ADDON_INSTANCE_ID)}
    return {each for each in in_path | in_query | ids_in(request.body) if each}


def pseudonyms_for(given: Iterable[str], recordings: Sequence[Recording]) -> Pseudonyms:
    """Return stand-ins for the ids that are ``given``, those that recorded answers show, and those that were asked for.

    What was made from such an id (a prefix, a wildcard in it) is no id of its own: it stays made from it.
    """
    answers = [each.outcome for each in recordings if isinstance(each.outcome, Response)]
    shown = {found for answer in answers for found in ids_in(answer.body)}
    real = Pseudonyms(shown | set(given))
    asked = {named for each in recordings for named in asked_ids(each.request)}
    lengths = {len(each) for each in shown.union(given)}
    whole = {
        named for named in asked if (len(named) in lengths and _ID.fullmatch(named)) or real.derived(named) == named
    }
    return Pseudonyms(shown | set(given) | whole)
