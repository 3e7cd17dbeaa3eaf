"""A few lines in the SDK's own language that repeat a case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from pytest_cce_precheck.sdk.case import PROJECT_ID
from pytest_cce_precheck.sdk.protocol import Call, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.protocol import Introduction

PORT: Final = 4711
_SERVE: Final = f"cce-precheck serve --corpus --port {PORT}, and export the keys that it prints"

_PYTHON: Final = """\
# {serve}
import os
from huaweicloudsdkcce.v3 import *
from huaweicloudsdkcore.auth.credentials import BasicCredentials

keys = BasicCredentials(os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"], "{project}")
client = CceClient.new_builder().with_credentials(keys).with_endpoint("{endpoint}").build()
"""

_GO: Final = """\
// {serve}
keys, _ := basic.NewCredentialsBuilder().WithAk(os.Getenv("HUAWEICLOUD_SDK_AK")).
	WithSk(os.Getenv("HUAWEICLOUD_SDK_SK")).WithProjectId("{project}").SafeBuild()
http, _ := cce.CceClientBuilder().WithCredential(keys).WithEndpoints([]string{{"{endpoint}"}}).SafeBuild()
client := cce.NewCceClient(http)
"""

_JAVA: Final = """\
// {serve}
var keys = new BasicCredentials().withAk(System.getenv("HUAWEICLOUD_SDK_AK"))
    .withSk(System.getenv("HUAWEICLOUD_SDK_SK")).withProjectId("{project}");
var client = CceClient.newBuilder().withCredential(keys).withEndpoints(List.of("{endpoint}")).build();
"""


def reproducer(introduction: Introduction, case: Case) -> tuple[str, str]:
    """Give the language, as Markdown names it, and the lines; for an unknown language the driver's own message."""
    language = introduction.language.partition(" ")[0].lower()
    endpoint = f"http://127.0.0.1:{PORT}"
    if language not in _WRITERS:
        call = Call(endpoint, PROJECT_ID, case.cluster_id, case.operation, case.filters, case.addons)
        return "json", encode(1, call.message()).decode().rstrip()
    start, listing, creating = _WRITERS[language]
    lines = start.format(serve=_SERVE, project=PROJECT_ID, endpoint=endpoint)
    if case.operation == "create":
        return language, lines + creating.format(cluster=case.cluster_id)
    filters = "".join(_FILTER[language](name, text) for name, text in case.filters.items())
    return language, lines + listing.format(cluster=case.cluster_id, filters=filters)


def _python_filter(name: str, text: str) -> str:
    return f", {name}={text!r}"


def _go_filter(name: str, text: str) -> str:
    return f"\nrequest.{_camel(name)} = pointer({json.dumps(text)})"


def _java_filter(name: str, text: str) -> str:
    return f".with{_camel(name)}({json.dumps(text)})"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


_FILTER: Final = {"python": _python_filter, "go": _go_filter, "java": _java_filter}
_WRITERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "python": (
        _PYTHON,
        'print(client.list_addon_precheck_tasks(ListAddonPrecheckTasksRequest("{cluster}"{filters})))',
        (
            'body = AddonCheckRequest("AddonCheck", "v3", AddonCheckSpec("{cluster}", []))\n'
            'print(client.batch_create_addon_precheck(BatchCreateAddonPrecheckRequest("{cluster}", body)))'
        ),
    ),
    "go": (
        _GO,
        (
            'request := &model.ListAddonPrecheckTasksRequest{{ClusterId: "{cluster}"}}{filters}\n'
            "fmt.Println(client.ListAddonPrecheckTasks(request))"
        ),
        (
            'body := &model.AddonCheckRequest{{Kind: "AddonCheck", ApiVersion: "v3"}}\n'
            'request := &model.BatchCreateAddonPrecheckRequest{{ClusterId: "{cluster}", Body: body}}\n'
            "fmt.Println(client.BatchCreateAddonPrecheck(request))"
        ),
    ),
    "java": (
        _JAVA,
        (
            'var request = new ListAddonPrecheckTasksRequest().withClusterId("{cluster}"){filters};\n'
            "System.out.println(client.listAddonPrecheckTasks(request));"
        ),
        (
            'var body = new AddonCheckRequest().withKind("AddonCheck").withApiVersion("v3");\n'
            'var request = new BatchCreateAddonPrecheckRequest().withClusterId("{cluster}").withBody(body);\n'
            "System.out.println(client.batchCreateAddonPrecheck(request));"
        ),
    ),
}
