"""A program of a few lines in the SDK's own language that repeats a case; it needs nothing but the SDK."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pytest_cce_precheck._files import packaged
from pytest_cce_precheck.sdk.case import PROJECT_ID, CaseFailure
from pytest_cce_precheck.sdk.protocol import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_cce_precheck.sdk.case import Case
    from pytest_cce_precheck.sdk.protocol import Introduction

PORT: Final = 4711
ENDPOINT: Final = f"http://127.0.0.1:{PORT}"
"""Where `cce-precheck serve --corpus --port 4711` answers the message of a driver in an unknown language."""


def reproducer(introduction: Introduction, case: Case) -> tuple[str, str]:
    """Return the language, as Markdown names it, and the program; for an unknown language the driver's own message."""
    language = introduction.language.partition(" ")[0].lower()
    if language not in _LANGUAGES:
        return "json", encode(1, case.call(ENDPOINT).message()).decode().rstrip()
    ending, indentation, token, call_lines, (closes, holds) = _LANGUAGES[language]
    *prepare, call = call_lines(case)
    holds_open = isinstance(case.answer, CaseFailure) and case.answer.connection == "holds"
    template = packaged(f"sdk/data/reproducer.{ending}.txt")
    program = template.format(
        project=PROJECT_ID,
        answer=_answer_literal(case, language),
        end=holds if holds_open else closes,
        token=token if case.authentication == "temporary" else "",
        seconds=case.timeout,
        milliseconds=round(case.timeout * 1000),
        whole_seconds=max(1, round(case.timeout)),
        # Go refuses an import that is not used
        json='\t"encoding/json"\n' if case.operation == "create" else "",
        prepare="".join(f"{indentation}{line}\n" for line in prepare),
        call=call,
    )
    return language, program


def _answer_literal(case: Case, language: str) -> str:
    """Return what is on the wire, as a literal of the language, with a line of the source for each line of the head."""
    head, gap, body = _on_the_wire(case).partition(b"\r\n\r\n")
    parts = [line + b"\r\n" for line in (head + gap).split(b"\r\n")[:-1]] if gap else [head]
    literals = [_escaped(part, octal=language == "java") for part in (*parts, body) if part] or [""]
    if language == "python":
        return "\n".join(f'    b"{literal}"' for literal in literals)
    if language == "go":
        return " +\n".join(f'\t"{literal}"' for literal in literals)
    return "\n".join(f'        + "{literal}"' for literal in literals)


def _on_the_wire(case: Case) -> bytes:
    answer = case.answer
    if isinstance(answer, CaseFailure):
        return answer.raw
    # the body of a case is not compressed
    headers = answer.headers.without("Content-Encoding").without("Content-Length").pairs
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        *(f"{name}: {text}" for name, text in headers),
    ]
    if answer.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + answer.body


def _escaped(data: bytes, *, octal: bool) -> str:
    named = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\r"): "\\r", ord("\n"): "\\n"}
    # Java has no \x, and reads \u before anything else
    other = "\\{:03o}" if octal else "\\x{:02x}"
    return "".join(named.get(byte) or (chr(byte) if 32 <= byte < 127 else other.format(byte)) for byte in data)


def _python(case: Case) -> Iterator[str]:
    if case.operation == "list":
        filters = "".join(f", {name}={text!r}" for name, text in case.filters.items())
        request = f'ListAddonPrecheckTasksRequest("{case.cluster_id}"{filters})'
        yield f"client.list_addon_precheck_tasks({request})"
        return
    yield f"addons = [{', '.join(map(_python_addon, case.addons))}]"
    yield f'body = AddonCheckRequest("AddonCheck", "v3", AddonCheckSpec("{case.cluster_id}", addons))'
    yield f'client.batch_create_addon_precheck(BatchCreateAddonPrecheckRequest("{case.cluster_id}", body))'


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
        yield "client.ListAddonPrecheckTasks(request)"
        return
    yield f'spec := &model.AddonCheckSpec{{ClusterID: "{case.cluster_id}"}}'
    addons = _go_text(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"_ = json.Unmarshal([]byte({addons}), &spec.AddonList)"
    yield 'body := &model.AddonCheckRequest{Kind: "AddonCheck", ApiVersion: "v3", Spec: spec}'
    yield f'request := &model.BatchCreateAddonPrecheckRequest{{ClusterId: "{case.cluster_id}", Body: body}}'
    yield "client.BatchCreateAddonPrecheck(request)"


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
        yield "client.listAddonPrecheckTasks(request)"
        return
    addons = json.dumps(json.dumps([*map(dict, case.addons)], ensure_ascii=False))
    yield f"var addons = JsonUtils.toObject({addons}, new TypeReference<List<AddonInfo>>() {{}});"
    yield f'var spec = new AddonCheckSpec().withClusterID("{case.cluster_id}").withAddonList(addons);'
    yield 'var body = new AddonCheckRequest().withKind("AddonCheck").withApiVersion("v3").withSpec(spec);'
    yield f'var request = new BatchCreateAddonPrecheckRequest().withClusterId("{case.cluster_id}").withBody(body);'
    yield "client.batchCreateAddonPrecheck(request)"


# the ending of the program in data/, its indentation, what temporary keys add to it, what writes its call, and how its
# server ends or holds a connection
_LANGUAGES: Final = {
    "python": ("py", "", '.with_security_token("STS")', _python, ("connection.close()", "held.append(connection)")),
    "go": ("go", "\t", '.WithSecurityToken("STS")', _go, ("connection.Close()", "// the connection stays open")),
    "java": (
        "java",
        "        ",
        '.withSecurityToken("STS")',
        _java,
        ("connection.close();", "// the connection stays open"),
    ),
}
