"""``cce-precheck contract diff``: what a definition of the vendor says otherwise, and which rules that touches."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from pytest_cce_precheck.cli.main import main
from pytest_cce_precheck.contract.rules import rules
from pytest_cce_precheck.schema_files import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).resolve().parents[2]
TASKS: Final = "/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks"
SWAGGER: Final = """
swagger: "2.0"
paths:
  /api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck/tasks:
    get:
      parameters:
        - {name: project_id, in: path, required: true, type: string}
        - {name: cluster_id, in: path, required: true, type: string}
        - {name: type, in: query, type: string, enum: [addonStatic, addonUpgrade, addonRollback]}
        - {name: task_id, in: query, type: string}
        - {name: addon_instance_id, in: query, type: string}
        - {name: limit, in: query, type: integer}
      responses:
        "200": {description: ok, schema: {$ref: "#/definitions/Answer"}}
definitions:
  Answer:
    type: object
    properties:
      kind: {type: string}
      apiVersion: {type: string}
      pageInfo: {type: object, properties: {currentCount: {type: string}}}
      items: {type: array, items: {$ref: "#/definitions/Task"}}
  Task:
    type: object
    required: [metadata]
    properties:
      metadata:
        type: object
        required: [type, taskID, addonTemplateName]
        properties:
          type: {type: string}
          taskID: {type: string}
          addonTemplateName: {type: string}
          addonInstanceName: {type: string}
          addonInstanceID: {type: string}
          createTimestamp: {type: string}
          expireTimeStamp: {type: string}
      spec: {type: object, properties: {addonTargetVersion: {type: string}}}
      status:
        type: object
        properties:
          status: {type: string}
          message: {type: string}
          riskList:
            type: array
            items:
              type: object
              properties:
                riskName: {type: string}
                level: {type: string}
                status: {type: string}
                message: {type: string}
"""
CHINESE_PAGE: Final = """
<p>状态码： 200</p>
<p>表4 响应Body参数</p>
<table><tr><th>参数</th><th>参数类型</th><th>描述</th></tr>
<tr><td>kind</td><td>String</td><td>API类型 取值范围：固定值“AddonCheck”</td></tr>
<tr><td>apiVersion</td><td>String</td><td>取值范围：固定值“v3”</td></tr>
<tr><td>pageInfo</td><td>PageInfo object</td><td>分页信息</td></tr>
<tr><td>items</td><td>AddonCheckTask object</td><td>任务</td></tr></table>
<p>表8 CheckTaskStatus</p>
<table><tr><th>参数</th><th>参数类型</th><th>描述</th></tr>
<tr><td>status</td><td>String</td><td>取值范围：<ul><li>Init：初始化</li><li>Running：检查中</li><li>Failed：失败</li>
<li>Success：成功</li><li>Timeout：超时</li></ul>默认取值：不涉及</td></tr>
<tr><td>message</td><td>String</td><td>结果</td></tr>
<tr><td>riskList</td><td>Array of CheckTaskRisk objects</td><td>风险项</td></tr></table>
"""
ENGLISH_TEXT: Final = """
URI
|
Parameter |
Mandatory |
Type |
Description |
|---|---|---|---|
|
type |
Yes |
String |
Filters results by check type. |
|
task_id |
No |
String |
Filters results by task ID. |
|
addon_instance_id |
No |
String |
Filters results by add-on instance. |
Response Parameters
Status code: 200
|
Parameter |
Type |
Description |
|---|---|---|
|
riskName |
String |
Name |
|
level |
Integer |
Level |
|
status |
String |
Status |
|
message |
String |
Message |
|
suggestion |
String |
What to do |
"""


MARKDOWN: Final = """
表2Query参数
| 参数 | 是否必选 | 参数类型 | 描述 |
|:---|:---|:---|:---|
| type | 否 | String | **取值范围：** - addonStatic：巡检 - addonUpgrade：升级前检查 **默认取值：** 不涉及 |
| task_id | 是 | String | **参数解释：** 筛选 **取值范围：** 不涉及 **默认取值：** 不涉及 |
| addon_instance_id | 否 | String | **取值范围：** 不涉及 |

表9CheckTaskRisk
| 参数 | 参数类型 | 描述 |
|:---|:---|:---|
| riskName | String | 名称 |
| level | String | **取值范围：** - Warning：警告 - Fatal：严重 - Info：提示 |
| status | String | 状态 |
| message | String | 信息 |
"""
ENGLISH_PAGE: Final = """
<div>Table 5 CheckTaskMetadata</div>
<table><tr><th><p>Parameter</p></th><th><p>Type</p></th><th><p>Description</p></th></tr>
<tr><td><p>type</p></td><td><p>String</p></td><td><p>Definition</p><p>Check type</p><p>Range</p>
<ul><li><p>addonStatic: inspection</p></li></ul><p>Default Value</p><p>N/A</p></td></tr>
<tr><td><p>taskID</p></td><td><p>String</p></td><td><p>Range</p><p>N/A</p></td></tr></table>
"""


@pytest.fixture
def diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def compare(text: str, *more: str, name: str = "definition") -> tuple[int, str]:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        status = main(["contract", "diff", str(file), *more])
        told = capsys.readouterr()
        return status, told.out + told.err

    return compare


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(" ")][:-1]


@pytest.mark.parametrize("call", ["list", "create"])
def test_the_contracts_own_definition_says_what_the_contract_says(diff: Any, call: str) -> None:
    text = json.dumps(load_schema("openapi"))
    status, said = diff(text, f"--call={call}")
    assert status == 0
    assert f"says what the contract says (sha256 {hashlib.sha256(text.encode()).hexdigest()})" in said


def test_swagger_in_yaml_differs_where_it_was_changed_and_nowhere_else(diff: Any) -> None:
    status, said = diff(SWAGGER)
    assert status == 1
    assert lines_of(said) == [
        "query.type has other values: addonStatic or addonUpgrade → addonRollback or addonStatic or addonUpgrade",
        "answer.pageInfo.currentCount has another type: integer → string",
        "answer.items[*].status is: required → optional",
        "answer.items[*].metadata.createTimeStamp is no longer described: string, required",
        "query.limit is new: integer",
        "answer.items[*].metadata.createTimestamp is new: string",
    ]


def test_a_difference_names_the_rules_and_the_deviations_that_it_touches(diff: Any) -> None:
    _, said = diff(SWAGGER)
    blocks = dict(re.findall(r"^(\S+) .*\n((?:    .*\n)*)", said, re.MULTILINE))
    assert "PRE211 create-timestamp-spelling" in blocks["answer.items[*].metadata.createTimestamp"]
    assert "PRE205 bad-integer" in blocks["answer.pageInfo.currentCount"]
    assert "PRE401 filter-unsound" in blocks["query.type"]
    assert set(re.findall(r"PRE\d{3}", said)) <= set(rules())


def change(path: str, value: Any) -> str:
    document = copy.deepcopy(load_schema("openapi"))
    *steps, last = path.split("/")
    part = document
    for step in steps:
        part = part[step]
    part[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("components/schemas/PageInfo/properties/total", {"type": "integer"}, "answer.pageInfo.total is new: integer"),
        (
            "components/schemas/CheckTaskRisk/required",
            ["riskName", "level"],
            "riskList[*].status is: required → optional",
        ),
        (
            "components/schemas/CheckTaskStatus/properties/riskList/type",
            "object",
            "riskList has another type: array → object",
        ),
    ],
)
def test_one_change_in_openapi_is_one_difference(diff: Any, path: str, value: Any, expected: str) -> None:
    status, said = diff(change(path, value))
    assert status == 1
    assert expected in said


def test_another_status_of_success_is_a_difference_and_one_of_an_error_that_is_left_out_is_none(diff: Any) -> None:
    document = load_schema("openapi")
    answers = document["paths"][TASKS]["get"]["responses"]
    answers["206"] = answers.pop("200")
    del answers["429"]
    _, said = diff(json.dumps(document))
    assert "status.200 is no longer described" in said
    assert "status.206 is new\n    PRE102 unexpected-status" in said
    assert "status.429" not in said


def test_a_saved_page_in_chinese_is_read_by_its_tables(diff: Any) -> None:
    status, said = diff(CHINESE_PAGE, name="page.html")
    assert status == 1
    assert "answer.items has another type: array → object\n" in said
    assert "PRE210 items-object" in said
    values = "Failed or Init or Running or Success → Failed or Init or Running or Success or Timeout"
    assert f"answer.items[*].status.status has other values: {values}" in said
    # what the page describes as the contract does is not a difference, and its fixed values were read
    assert "answer.kind" not in said
    assert "answer.items[*].metadata has no table or schema: type, taskID" in said


def test_the_page_in_markdown_is_read_with_values_on_one_line(diff: Any) -> None:
    _, said = diff(MARKDOWN, name="page.md")
    assert "query.task_id is: optional → required" in said
    assert "riskList[*].level has other values: Fatal or Warning → Fatal or Info or Warning" in said
    assert "query.type" not in said


def test_a_page_in_english_has_its_values_below_the_word_range(diff: Any) -> None:
    _, said = diff(ENGLISH_PAGE, name="page.html")
    assert "answer.items[*].metadata.type has other values: addonStatic or addonUpgrade → addonStatic\n" in said
    assert "answer.items[*].metadata.createTimeStamp is no longer described" in said


def test_a_table_of_few_fields_is_known_by_the_name_above_it(diff: Any) -> None:
    head = "<tr><th>Parameter</th><th>Type</th><th>Description</th></tr>"
    table = f"<table>{head}<tr><td>{{}}</td><td>{{}}</td><td></td></tr></table>"
    spec = "<p>Table 7 CheckTaskSpec</p>" + table.format("addonTargetVersion", "Integer")
    _, said = diff(f"<p>Status code: 200</p>{spec}")
    assert "answer.items[*].spec.addonTargetVersion has another type: string → integer" in said


def test_the_text_of_a_page_in_english_is_read_by_its_bars(diff: Any) -> None:
    _, said = diff(ENGLISH_TEXT, name="page.txt")
    assert "query.type is: optional → required" in said
    assert "answer.items[*].status.riskList[*].level has another type: string → integer" in said
    assert "answer.items[*].status.riskList[*].suggestion is new: string" in said
    assert "query.task_id" not in said


def test_json_holds_the_hash_and_each_difference(diff: Any) -> None:
    _, said = diff(SWAGGER, "--json")
    [(_, found)] = json.loads(said).items()
    assert found["sha256"] == hashlib.sha256(SWAGGER.encode()).hexdigest()
    assert found["differences"][1] == {
        "place": "answer.pageInfo.currentCount",
        "what": "has another type",
        "ours": "integer",
        "theirs": "string",
        "codes": ["PRE202", "PRE205", "PRE309", "PRE310"],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is no definition of this call: expected Swagger 2.0, OpenAPI 3, or a saved page"),
        (
            "<table><tr><td>Name</td><td>x</td></tr><tr><td>a</td><td>b</td></tr></table>",
            "is no definition of this call",
        ),
        ('swagger: "2.0"\npaths: {/pets: {get: {}}}', "does not define GET …/addons/precheck/tasks; it defines: /pets"),
        ('swagger: "2.0"\npaths: [', "is neither JSON nor YAML"),
        (
            SWAGGER.replace("#/definitions/Task", "#/definitions/Gone"),
            "refers to #/definitions/Gone, which it does not",
        ),
        (
            SWAGGER.replace("Answer:\n    type", "Answer:\n    $ref: '#/definitions/Answer'\n    type"),
            "refers in a circle",
        ),
        (
            SWAGGER.replace("spec: {type: object", "spec: {$ref: '#/definitions/Task', type: object"),
            "nests deeper than 30 levels",
        ),
    ],
    ids=["empty", "other page", "other call", "broken", "dangling", "circle", "endless"],
)
def test_what_is_no_definition_is_refused_with_what_was_expected(diff: Any, text: str, expected: str) -> None:
    status, said = diff(text)
    assert status == 2
    assert expected in said


def with_member(part: Any, name: str, value: Any) -> Any:
    """Return a document with another value for each member of a name."""
    if isinstance(part, dict):
        return {key: value if key == name else with_member(each, name, value) for key, each in part.items()}
    return [with_member(each, name, value) for each in part] if isinstance(part, list) else part


@pytest.mark.parametrize(
    "name", ["parameters", "required", "200", "properties", "items", "get", "paths", "enum", "schema"]
)
@pytest.mark.parametrize("value", [3, [], "text", None, {3: 4}, [None]], ids=str)
def test_a_definition_of_another_shape_ends_with_a_message_or_with_differences(
    diff: Any, name: str, value: Any
) -> None:
    document = with_member(yaml.safe_load(SWAGGER), name, value)
    status, said = diff(yaml.safe_dump(document, sort_keys=False))
    assert status in (1, 2)
    assert said.strip()


def test_a_missing_file_and_one_that_is_not_utf_8_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "diff", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err
    (tmp_path / "gbk.html").write_bytes("参数".encode("gbk"))
    assert main(["contract", "diff", str(tmp_path / "gbk.html")]) == 2
    assert "is not UTF-8 (byte 0): save the page as UTF-8" in capsys.readouterr().err


def test_the_list_of_sources_has_each_letter_and_the_hashes_and_versions_in_use() -> None:
    sources = tomllib.loads((ROOT / "contract" / "sources.toml").read_text("utf-8"))
    assert list(sources) == list("DCEPGJ")
    for letter in "DC":
        example = sources[letter]["example"]
        assert hashlib.sha256((ROOT / example["file"]).read_bytes()).hexdigest() == example["sha256"]
    pinned = (ROOT / ".ci" / "constraints.txt").read_text("utf-8")
    assert f"{sources['P']['package']}=={sources['P']['version']}\n" in pinned
    assert f"{sources['G']['package']} v{sources['G']['version']}\n" in (ROOT / "drivers/go/go.mod").read_text("utf-8")
    assert f"<core.version>{sources['J']['version']}<" in (ROOT / "drivers/java/pom.xml").read_text("utf-8")
