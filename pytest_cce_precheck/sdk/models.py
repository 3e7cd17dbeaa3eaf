"""The models of an SDK compared with the documented fields, without a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pytest_cce_precheck.contract.documented import path_of
from pytest_cce_precheck.schema_files import inlined_schema, subschemas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Models = Mapping[str, Mapping[str, str]]

DOCUMENTS: Final = ("list_answer", "create_answer", "create_request")


@dataclass(frozen=True)
class ModelDifference:
    """A field in which a model of an SDK differs from the documents; ``extra`` is one that no document has."""

    kind: Literal["missing", "type", "extra"]
    document: str
    path: str
    documented: str = ""
    modelled: str = ""

    @property
    def fact(self) -> str:
        """The difference as a sentence."""
        place = f"{self.document} {self.path}"
        if self.kind == "type":
            return f"{place} is documented as {self.documented}, and the model has {self.modelled}"
        if self.kind == "missing":
            return f"{place} ({self.documented}) is documented, and the model does not have it"
        return f"{place} ({self.modelled}) is in the model, and in no document"


def model_differences(models: Models) -> tuple[ModelDifference, ...]:
    """Return where models differ from the documents; of a part that is missing or extra, only its top."""
    found: list[ModelDifference] = []
    for document, modelled in models.items():
        documented = documented_fields(document)
        for path, kind in documented.items():
            if path in modelled and modelled[path] != kind:
                found.append(ModelDifference("type", document, path, kind, modelled[path]))
        found += [ModelDifference("missing", document, p, documented[p]) for p in _tops(documented, modelled)]
        # what the documents leave free, such as the spec of a create answer ("as sent"), has no extra fields
        free = [path for path in documented if not any(_is_below(other, path) for other in documented)]
        extra = (p for p in _tops(modelled, documented) if not any(_is_below(p, path) for path in free))
        found += [ModelDifference("extra", document, p, modelled=modelled[p]) for p in extra]
    return tuple(found)


def documented_fields(document: str) -> dict[str, str]:
    """Return the JSON path and type of every field of one of `DOCUMENTS`; empty for another name."""
    return {path: str(schema.get("type", "object")) for path, schema in _documented(document)}


def description_of(document: str, path: str) -> str:
    """Return what the documents say about a field, with its type; empty if they do not describe it."""
    for field, schema in _documented(document):
        if field == path and "description" in schema:
            return f"`{path}`, {schema.get('type', 'object')}: {schema['description']}"
    return ""


def _documented(document: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for steps, schema in subschemas(inlined_schema(document)) if document in DOCUMENTS else ():
        if steps and steps[-1] != "*":
            yield path_of(steps), schema


def _tops(fields: Mapping[str, str], others: Mapping[str, str]) -> Iterator[str]:
    lacking = [path for path in fields if path not in others]
    for path in lacking:
        if not any(_is_below(path, top) for top in lacking):
            yield path


def _is_below(path: str, top: str) -> bool:
    return path.startswith((f"{top}.", f"{top}["))
