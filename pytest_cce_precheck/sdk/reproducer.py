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

_PYTHON: Final = """\
# {serve}
import os
from huaweicloudsdkcce.v3 import *
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig

keys = BasicCredentials(os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"], "{project}"){token}
config = HttpConfig(timeout={seconds:g})
client = CceClient.new_builder().with_credentials(keys).with_endpoint("{endpoint}").with_http_config(config).build()
{call}"""

_GO: Final = """\
// {serve}
package main

import (
{json}	"fmt"
	"os"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	cce "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/model"
)

func main() {{
	keys, _ := basic.NewCredentialsBuilder().WithAk(os.Getenv("HUAWEICLOUD_SDK_AK")).
		WithSk(os.Getenv("HUAWEICLOUD_SDK_SK")).WithProjectId("{project}"){token}.SafeBuild()
	timeout := config.DefaultHttpConfig().WithTimeout({milliseconds} * time.Millisecond)
	builder := cce.CceClientBuilder().WithCredential(keys).WithEndpoint("{endpoint}").WithHttpConfig(timeout)
	http, _ := builder.SafeBuild()
	client := cce.NewCceClient(http)
{call}}}
"""

_JAVA: Final = """\
// {serve}
import com.fasterxml.jackson.core.type.TypeReference;
import com.huaweicloud.sdk.cce.v3.CceClient;
import com.huaweicloud.sdk.cce.v3.model.*;
import com.huaweicloud.sdk.core.auth.BasicCredentials;
import com.huaweicloud.sdk.core.http.HttpConfig;
import com.huaweicloud.sdk.core.utils.JsonUtils;
import java.util.List;

class Reproducer {{
    public static void main(String[] arguments) {{
        var keys = new BasicCredentials().withAk(System.getenv("HUAWEICLOUD_SDK_AK"))
            .withSk(System.getenv("HUAWEICLOUD_SDK_SK")).withProjectId("{project}"){token};
        var config = HttpConfig.getDefaultHttpConfig().withReadTimeout({whole_seconds});
        var builder = CceClient.newBuilder().withCredential(keys).withEndpoint("{endpoint}");
        var client = builder.withHttpConfig(config).build();
{call}    }}
}}
"""


def reproducer(introduction: Introduction, case: Case) -> tuple[str, str]:
    """Return the language, as Markdown names it, and the program; for an unknown language the driver's own message."""
    language = introduction.language.partition(" ")[0].lower()
    if language not in _LANGUAGES:
        return "json", encode(1, case.call(ENDPOINT).message()).decode().rstrip()
    template, indentation, token, call_lines = _LANGUAGES[language]
    program = template.format(
        serve=SERVE,
        project=PROJECT_ID,
        endpoint=ENDPOINT,
        token=token if case.authentication == "temporary" else "",
        seconds=case.timeout,
        milliseconds=round(case.timeout * 1000),
        whole_seconds=max(1, round(case.timeout)),
        # Go refuses an import that is not used
        json='\t"encoding/json"\n' if case.operation == "create" else "",
        call="".join(f"{indentation}{line}\n" for line in call_lines(case)),
    )
    return language, program


def _python(case: Case) -> Iterator[str]:
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


def _go(case: Case) -> Iterator[str]:
    if case.operation == "list":
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
        return
    yield f'spec := &model.AddonCheckSpec{{ClusterID: "{case.cluster_id}"}}'
    addons = _go_text(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"_ = json.Unmarshal([]byte({addons}), &spec.AddonList)"
    yield 'body := &model.AddonCheckRequest{Kind: "AddonCheck", ApiVersion: "v3", Spec: spec}'
    yield f'request := &model.BatchCreateAddonPrecheckRequest{{ClusterId: "{case.cluster_id}", Body: body}}'
    yield "fmt.Println(client.BatchCreateAddonPrecheck(request))"


def _go_text(text: str) -> str:
    if text.isprintable() and '"' in text and "`" not in text:
        return f"`{text}`"
    # Go's escapes are those of JSON, except for surrogates
    return json.dumps(text, ensure_ascii=False)


def _java(case: Case) -> Iterator[str]:
    if case.operation == "list":
        yield f'var request = new ListAddonPrecheckTasksRequest().withClusterId("{case.cluster_id}");'
        for name, text in case.filters.items():
            if name == "type":
                yield f"request.withType(ListAddonPrecheckTasksRequest.TypeEnum.fromValue({json.dumps(text)}));"
            else:
                yield f"request.with{'TaskId' if name == 'task_id' else 'AddonInstanceId'}({json.dumps(text)});"
        yield "System.out.println(JsonUtils.toJSON(client.listAddonPrecheckTasks(request)));"
        return
    addons = json.dumps(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"var addons = JsonUtils.toObject({addons}, new TypeReference<List<AddonInfo>>() {{}});"
    yield f'var spec = new AddonCheckSpec().withClusterID("{case.cluster_id}").withAddonList(addons);'
    yield 'var body = new AddonCheckRequest().withKind("AddonCheck").withApiVersion("v3").withSpec(spec);'
    yield f'var request = new BatchCreateAddonPrecheckRequest().withClusterId("{case.cluster_id}").withBody(body);'
    yield "System.out.println(JsonUtils.toJSON(client.batchCreateAddonPrecheck(request)));"


# the program, its indentation, what temporary keys add to it, and what writes its call
_LANGUAGES: Final = {
    "python": (_PYTHON, "", '.with_security_token(os.environ["HUAWEICLOUD_SDK_SECURITY_TOKEN"])', _python),
    "go": (_GO, "\t", '.WithSecurityToken(os.Getenv("HUAWEICLOUD_SDK_SECURITY_TOKEN"))', _go),
    "java": (_JAVA, "        ", '.withSecurityToken(System.getenv("HUAWEICLOUD_SDK_SECURITY_TOKEN"))', _java),
}
