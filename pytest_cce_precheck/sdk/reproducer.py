"""A program of a few lines in the SDK's own language that repeats a case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.protocol import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.protocol import Introduction

PORT: Final = 4711
ENDPOINT: Final = f"http://127.0.0.1:{PORT}"
SERVE: Final = f"cce-precheck serve --corpus --port {PORT}, and export the keys that it prints"

_USUAL_TIMEOUT: Final = 10.0

_GO: Final = """\
// {serve}
package main

import (
{imports})

func main() {{
	keys, _ := basic.NewCredentialsBuilder().WithAk(os.Getenv("HUAWEICLOUD_SDK_AK")).
		WithSk(os.Getenv("HUAWEICLOUD_SDK_SK")).WithProjectId("{project}"){keys}.SafeBuild()
	http, _ := cce.CceClientBuilder().WithCredential(keys).WithEndpoint("{endpoint}"){config}.SafeBuild()
	client := cce.NewCceClient(http)
{call}}}
"""

_JAVA: Final = """\
// {serve}
{imports}
class Reproducer {{
    public static void main(String[] arguments) {{
        var keys = new BasicCredentials().withAk(System.getenv("HUAWEICLOUD_SDK_AK"))
            .withSk(System.getenv("HUAWEICLOUD_SDK_SK")).withProjectId("{project}"){keys};
        var client = CceClient.newBuilder().withCredential(keys).withEndpoint("{endpoint}"){config}.build();
{call}    }}
}}
"""


def reproducer(introduction: Introduction, case: Case) -> tuple[str, str]:
    """Return the language, as Markdown names it, and the program; for an unknown language the driver's own message."""
    language = introduction.language.partition(" ")[0].lower()
    if language in _WRITERS:
        return language, _WRITERS[language](case)
    return "json", encode(1, case.call(ENDPOINT).message()).decode().rstrip()


def _python(case: Case) -> str:
    return "\n".join(_python_lines(case)) + "\n"


def _python_lines(case: Case) -> Iterator[str]:
    yield f"# {SERVE}"
    yield "import os"
    yield "from huaweicloudsdkcce.v3 import *"
    yield "from huaweicloudsdkcore.auth.credentials import BasicCredentials"
    if case.timeout != _USUAL_TIMEOUT:
        yield "from huaweicloudsdkcore.http.http_config import HttpConfig"
    yield ""
    pair = 'os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"]'
    yield f'keys = BasicCredentials({pair}, "{PROJECT_ID}")'
    if case.authentication == "temporary":
        yield 'keys = keys.with_security_token(os.environ["HUAWEICLOUD_SDK_SECURITY_TOKEN"])'
    config = f".with_http_config(HttpConfig(timeout={case.timeout:g}))" if case.timeout != _USUAL_TIMEOUT else ""
    yield f'client = CceClient.new_builder().with_credentials(keys).with_endpoint("{ENDPOINT}"){config}.build()'
    if case.operation == "list":
        filters = "".join(f", {name}={text!r}" for name, text in case.filters.items())
        request = f'ListAddonPrecheckTasksRequest("{case.cluster_id}"{filters})'
        yield f"print(client.list_addon_precheck_tasks({request}))"
        return
    yield f"addons = [{', '.join(map(_python_addon, case.addons))}]"
    yield f'body = AddonCheckRequest("AddonCheck", "v3", AddonCheckSpec("{case.cluster_id}", addons))'
    yield f'print(client.batch_create_addon_precheck(BatchCreateAddonPrecheckRequest("{case.cluster_id}", body)))'


def _python_addon(addon: Mapping[str, Any]) -> str:
    named = {"addonTemplateName": "addon_template_name", "addonInstanceID": "addon_instance_id"}
    named |= {"targetVersion": "target_version"}
    return f"AddonInfo({', '.join(f'{named.get(name, name)}={value!r}' for name, value in addon.items())})"


def _go(case: Case) -> str:
    temporary = '.WithSecurityToken(os.Getenv("HUAWEICLOUD_SDK_SECURITY_TOKEN"))'
    wait = f"config.DefaultHttpConfig().WithTimeout({round(case.timeout * 1000)} * time.Millisecond)"
    config = f".WithHttpConfig({wait})" if case.timeout != _USUAL_TIMEOUT else ""
    standard = [*(["encoding/json"] if case.operation == "create" else []), "fmt", "os", *(["time"] if config else [])]
    vendors = ["core/auth/basic", *(["core/config"] if config else []), "services/cce/v3", "services/cce/v3/model"]
    imports = [f'\t"{name}"\n' for name in standard] + ["\n"]
    for name in vendors:
        alias = "cce " if name.endswith("cce/v3") else ""
        imports.append(f'\t{alias}"github.com/huaweicloud/huaweicloud-sdk-go-v3/{name}"\n')
    return _GO.format(
        serve=SERVE,
        imports="".join(imports),
        project=PROJECT_ID,
        endpoint=ENDPOINT,
        keys=temporary if case.authentication == "temporary" else "",
        config=config,
        call="".join(f"\t{line}\n" for line in (_go_list(case) if case.operation == "list" else _go_create(case))),
    )


def _go_list(case: Case) -> Iterator[str]:
    yield f'request := &model.ListAddonPrecheckTasksRequest{{ClusterId: "{case.cluster_id}"}}'
    for name, text in case.filters.items():
        if name == "type":
            yield "request.Type = new(model.ListAddonPrecheckTasksRequestType)"
            yield f"_ = request.Type.UnmarshalJSON([]byte({_go_text(text)}))"
        else:
            variable = "taskId" if name == "task_id" else "instanceId"
            yield f"{variable} := {_go_text(text)}"
            yield f"request.{'TaskId' if name == 'task_id' else 'AddonInstanceId'} = &{variable}"
    yield "fmt.Println(client.ListAddonPrecheckTasks(request))"


def _go_create(case: Case) -> Iterator[str]:
    yield f'spec := &model.AddonCheckSpec{{ClusterID: "{case.cluster_id}"}}'
    addons = _go_text(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"_ = json.Unmarshal([]byte({addons}), &spec.AddonList)"
    yield 'body := &model.AddonCheckRequest{Kind: "AddonCheck", ApiVersion: "v3", Spec: spec}'
    yield f'request := &model.BatchCreateAddonPrecheckRequest{{ClusterId: "{case.cluster_id}", Body: body}}'
    yield "fmt.Println(client.BatchCreateAddonPrecheck(request))"


def _go_text(text: str) -> str:
    if text.isprintable() and '"' in text and "`" not in text:
        return f"`{text}`"
    # its escapes are JSON's, but for surrogates
    return json.dumps(text, ensure_ascii=False)


def _java(case: Case) -> str:
    temporary = '.withSecurityToken(System.getenv("HUAWEICLOUD_SDK_SECURITY_TOKEN"))'
    seconds = f"HttpConfig.getDefaultHttpConfig().withReadTimeout({max(1, round(case.timeout))})"
    imports = ["cce.v3.CceClient", "cce.v3.model.*", "core.auth.BasicCredentials", "core.utils.JsonUtils"]
    imports += ["core.http.HttpConfig"] if case.timeout != _USUAL_TIMEOUT else []
    named = [f"com.huaweicloud.sdk.{name}" for name in imports]
    named += ["com.fasterxml.jackson.core.type.TypeReference", "java.util.List"] if case.operation == "create" else []
    return _JAVA.format(
        serve=SERVE,
        imports="".join(f"import {name};\n" for name in sorted(named)),
        project=PROJECT_ID,
        endpoint=ENDPOINT,
        keys=temporary if case.authentication == "temporary" else "",
        config=f".withHttpConfig({seconds})" if case.timeout != _USUAL_TIMEOUT else "",
        call="".join(f"        {line}\n" for line in (_java_list if case.operation == "list" else _java_create)(case)),
    )


def _java_list(case: Case) -> Iterator[str]:
    yield f'var request = new ListAddonPrecheckTasksRequest().withClusterId("{case.cluster_id}");'
    for name, text in case.filters.items():
        if name == "type":
            yield f"request.withType(ListAddonPrecheckTasksRequest.TypeEnum.fromValue({json.dumps(text)}));"
        else:
            yield f"request.with{'TaskId' if name == 'task_id' else 'AddonInstanceId'}({json.dumps(text)});"
    yield "System.out.println(JsonUtils.toJSON(client.listAddonPrecheckTasks(request)));"


def _java_create(case: Case) -> Iterator[str]:
    addons = json.dumps(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"var addons = JsonUtils.toObject({addons}, new TypeReference<List<AddonInfo>>() {{}});"
    yield f'var spec = new AddonCheckSpec().withClusterID("{case.cluster_id}").withAddonList(addons);'
    yield 'var body = new AddonCheckRequest().withKind("AddonCheck").withApiVersion("v3").withSpec(spec);'
    yield f'var request = new BatchCreateAddonPrecheckRequest().withClusterId("{case.cluster_id}").withBody(body);'
    yield "System.out.println(JsonUtils.toJSON(client.batchCreateAddonPrecheck(request)));"


_WRITERS: Final = {"python": _python, "go": _go, "java": _java}
