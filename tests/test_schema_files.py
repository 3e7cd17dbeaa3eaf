"""The schema files: what they say, that openapi.json says the same, and that all installations carry them."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from pytest_cce_precheck import schema_files
from pytest_cce_precheck.errors import ConfigurationError
from pytest_cce_precheck.schema_files import find_folder, load_schema, schema_text
from pytest_cce_precheck.wire import vocabulary
from pytest_cce_precheck.wire.vocabulary import Filter, RiskLevel, TaskState, TaskType
from tests.schemas import OF_FILES, schema_names

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parent.parent
NAMES = (
    *("addon_check_task", "check_task_metadata", "check_task_risk", "check_task_spec", "check_task_status"),
    *("create_answer", "create_request", "error_cce", "error_gateway", "list_answer", "page_info"),
)
TOOLS = (
    "corpus_case",
    "driver_call",
    "driver_error",
    "driver_hello",
    "driver_introduction",
    "driver_models",
    "driver_value",
)
"""The forms of the project's own files and messages, which are no part of the contract."""


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict):
        yield node
    for child in children:
        yield from nodes(child)


# --- what the schemas say


def test_every_object_of_the_contract_has_its_file_and_so_has_every_form_of_our_own() -> None:
    assert schema_names() == tuple(sorted((*NAMES, *TOOLS)))


@pytest.mark.parametrize("name", [*NAMES, *TOOLS])
def test_a_schema_is_valid_2020_12_and_says_what_it_describes(name: str) -> None:
    schema = load_schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"https://pytest-cce-precheck.example/schemas/{name}.json"
    assert schema["title"]
    assert schema["description"]
    assert schema["examples"]


@pytest.mark.parametrize("name", TOOLS)
def test_the_examples_of_a_form_have_it(name: str) -> None:
    schema = load_schema(name)
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("name", [*NAMES, *TOOLS])
def test_a_schema_refers_only_to_its_siblings_and_combines_nothing(name: str) -> None:
    for node in nodes(load_schema(name)):
        assert not {"oneOf", "anyOf", "allOf", "additionalProperties", "unevaluatedProperties"} & node.keys()
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].removesuffix(".json") in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_covers_the_whole_text(name: str) -> None:
    patterns = [node["pattern"] for node in nodes(load_schema(name)) if isinstance(node.get("pattern"), str)]
    assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in patterns)


def test_the_only_integer_is_the_count_which_stands_in_no_array() -> None:
    holders = [name for name in NAMES for node in nodes(load_schema(name)) if node.get("type") == "integer"]
    users = [name for name in NAMES for node in nodes(load_schema(name)) if node.get("$ref") == "page_info.json"]
    assert (holders, users) == (["page_info"], ["list_answer"])


@pytest.mark.parametrize(
    ("name", "required"),
    [
        ("list_answer", {"kind", "apiVersion", "pageInfo", "items"}),
        ("page_info", {"currentCount"}),
        ("addon_check_task", {"metadata", "status"}),
        ("check_task_metadata", {"type", "taskID", "addonTemplateName", "createTimeStamp"}),
        ("check_task_spec", set()),
        ("check_task_status", {"status", "message"}),
        ("check_task_risk", {"riskName", "level", "status"}),
        ("create_request", {"kind", "apiVersion", "spec"}),
        ("create_answer", {"kind", "apiVersion", "spec", "status"}),
        ("error_cce", {"errorCode", "errorMessage"}),
        ("error_gateway", {"error_code", "error_msg", "request_id"}),
    ],
)
def test_the_required_fields_are_those_of_the_contract(name: str, required: set[str]) -> None:
    assert set(load_schema(name).get("required", ())) == required


def test_the_schemas_know_the_same_words_as_the_rest_of_the_project() -> None:
    def field(name: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = load_schema(name)["properties"][key]
        return found

    assert field("check_task_metadata", "type")["enum"] == list(TaskType)
    assert field("check_task_status", "status")["enum"] == list(TaskState)
    assert field("check_task_risk", "status")["enum"] == list(TaskState)
    assert field("check_task_risk", "level")["enum"] == list(RiskLevel)
    assert field("list_answer", "kind")["const"] == vocabulary.KIND
    assert field("create_request", "apiVersion")["const"] == vocabulary.API_VERSION
    assert {selector.field for selector in Filter} <= load_schema("check_task_metadata")["properties"].keys()


# --- openapi.json


def component_of(schema: dict[str, Any]) -> Any:
    """Rewrite a schema file as the component that stands for it in openapi.json."""

    def rewritten(node: Any) -> Any:
        if isinstance(node, list):
            return [rewritten(part) for part in node]
        if not isinstance(node, dict):
            return node
        return {
            key: component_reference(part) if key == "$ref" else rewritten(part)
            for key, part in node.items()
            if key not in ("$id", "$schema")
        }

    return rewritten(schema)


def component_reference(reference: str) -> str:
    return f"#/components/schemas/{load_schema(reference.removesuffix('.json'))['title']}"


def test_the_components_of_openapi_are_the_schema_files() -> None:
    components = load_schema("openapi")["components"]["schemas"]
    expected = {schema["title"]: component_of(schema) for schema in map(load_schema, NAMES)}
    assert {title: components[title] for title in expected} == expected
    assert components.keys() - expected.keys() == {"Error"}


def test_the_components_of_openapi_are_valid_2020_12_and_their_references_lead_somewhere() -> None:
    openapi = load_schema("openapi")
    for component in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(component)
    for node in nodes(openapi):
        if "$ref" in node:
            target: Any = openapi
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]


def test_the_operations_of_openapi_are_the_two_calls() -> None:
    paths = load_schema("openapi")["paths"]
    listing, creating = vocabulary.list_path("P", "C"), vocabulary.create_path("P", "C")
    calls = {path.format(project_id="P", cluster_id="C"): entry for path, entry in paths.items()}
    assert {path: entry.keys() & {"get", "post"} for path, entry in calls.items()} == {
        listing: {"get"},
        creating: {"post"},
    }
    parameters = calls[listing]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == list(Filter)
    assert parameters[0]["schema"]["enum"] == list(TaskType)
    errors = {"400", "401", "403", "404", "429", "500"}
    assert calls[listing]["get"]["responses"].keys() == errors | {"200"}
    assert calls[creating]["post"]["responses"].keys() == errors | {"201"}


@pytest.mark.parametrize(
    ("body", "good"),
    [
        ({"errorCode": "CCE.01401001", "errorMessage": "no"}, True),
        ({"error_code": "APIG.0301", "error_msg": "no", "request_id": "r"}, True),
        ({"errorCode": "CCE.01401001"}, False),
        ({"error_code": "APIG.0301"}, False),
        ({"message": "no"}, False),
    ],
)
def test_an_error_of_openapi_has_either_envelope(body: Any, good: bool) -> None:
    openapi = load_schema("openapi")
    error = {"$ref": "#/components/schemas/Error", "components": openapi["components"]}
    assert Draft202012Validator(error).is_valid(body) is good


def test_the_example_of_every_error_is_one() -> None:
    openapi = load_schema("openapi")
    error = {"$ref": "#/components/schemas/Error", "components": openapi["components"]}
    for response in openapi["components"]["responses"].values():
        Draft202012Validator(error).validate(response["content"]["application/json"]["example"])


# --- where they are found


def test_the_checkout_and_so_an_editable_install_finds_its_own_files() -> None:
    assert schema_text("list_answer") == (CHECKOUT / "schemas" / "list_answer.json").read_text(encoding="utf-8")


def test_a_loaded_schema_is_the_callers_own() -> None:
    load_schema("page_info").clear()
    assert load_schema("page_info")["title"] == "PageInfo"


@pytest.mark.parametrize("name", ["nothing", "../pyproject", "list_answer.json", ""])
def test_a_name_that_is_no_schema_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        schema_text(name)
    assert str(refusal.value).startswith(f"there is no schema {name!r}; there are: addon_check_task, ")


def test_missing_files_are_an_error_that_names_both_places(tmp_path: Path) -> None:
    inside, beside = tmp_path / "inside", tmp_path / "beside"
    beside.mkdir()
    with pytest.raises(ConfigurationError) as refusal:
        find_folder((inside, beside))
    assert str(refusal.value).startswith(f"the contract's schemas are missing: looked in {inside} and {beside}; ")


def test_the_packages_own_files_go_before_those_beside_it(tmp_path: Path) -> None:
    for name in ("inside", "beside"):
        (tmp_path / name).mkdir()
        for file in ("list_answer.json", "openapi.json"):
            (tmp_path / name / file).write_text("{}")
    assert find_folder((tmp_path / "inside", tmp_path / "beside")) == tmp_path / "inside"


# --- what is built


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from it; unpack both side by side."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "wheel")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        # from Python 3.11.4 on
        safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        sdist.extractall(folder / "unpacked", **safely)
    next((folder / "unpacked").iterdir()).rename(folder / "sdist")
    return folder


@pytest.mark.parametrize(("kind", "place"), [("wheel", "pytest_cce_precheck/schemas"), ("sdist", "schemas")])
def test_what_is_built_carries_the_very_files(built: Path, kind: str, place: str) -> None:
    carried = {file.name: file.read_bytes() for file in (built / kind / place).iterdir()}
    assert carried == {file.name: file.read_bytes() for file in (CHECKOUT / "schemas").iterdir()}


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_schemas_load_from_what_is_built_without_the_checkout(built: Path, kind: str) -> None:
    program = (
        "import json, sys\n"
        f"sys.path[:] = [{str(built / kind)!r}] + [path for path in sys.path if path != {str(CHECKOUT)!r}]\n"
        "from pytest_cce_precheck import schema_files\n"
        "texts = {name: schema_files.schema_text(name) for name in schema_files._file_names()}\n"
        "print(json.dumps([schema_files.__file__, texts]))\n"
    )
    command = [sys.executable, "-I", "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=built)
    origin, texts = json.loads(run.stdout)
    assert Path(origin).is_relative_to(built / kind)
    assert Path(origin).name == Path(schema_files.__file__).name
    assert texts == {name: schema_text(name) for name in (*NAMES, *TOOLS, *OF_FILES)}
