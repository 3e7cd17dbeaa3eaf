"""The driver of the vendor's Python SDK, huaweicloudsdkcce: it answers JSON messages, one a line.

With the argument ``async`` it makes the calls with the SDK's CceAsyncClient, and waits for each result.
It imports nothing of this project, so that this file also runs alone in an environment with another version of the SDK.
What it reports is read from the SDK's own objects, never from the body that the SDK keeps beside them.
"""

from __future__ import annotations

import datetime
import decimal
import json
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

from huaweicloudsdkcce import v3
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import SdkException, ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Document = dict[str, Any]

PROTOCOL = 1
DISTRIBUTION = "huaweicloudsdkcce"
CALLS = {
    "list": ("list_addon_precheck_tasks", "ListAddonPrecheckTasksRequest"),
    "create": ("batch_create_addon_precheck", "BatchCreateAddonPrecheckRequest"),
}


MODELS = {
    "list_answer": "ListAddonPrecheckTasksResponse",
    "create_answer": "BatchCreateAddonPrecheckResponse",
    "create_request": "AddonCheckRequest",
}
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "datetime": "string"}
# these are mistakes in the code that raises them; ValueError and OSError are also about what was received
LANGUAGE_ERRORS = (TypeError, AttributeError, LookupError, NameError, AssertionError, ArithmeticError, RecursionError)


class MessageError(Exception):
    """A message is invalid."""


class Calls:
    """Makes the calls; keeps a client for each endpoint, project, way to authenticate and timeout."""

    def __init__(self, environment: Mapping[str, str], *, asynchronous: bool = False) -> None:
        self._environment = environment
        self._asynchronous = asynchronous
        self._clients: dict[tuple[Any, ...], Any] = {}

    def client(self, endpoint: str, project_id: str, authentication: str, timeout: float) -> Any:
        """Return the SDK's client, with the SDK's own defaults except for the timeout."""
        key = (endpoint, project_id, authentication, timeout)
        if key not in self._clients:
            credentials = BasicCredentials(
                self._environment["HUAWEICLOUD_SDK_AK"], self._environment["HUAWEICLOUD_SDK_SK"], project_id
            )
            if authentication == "temporary":
                credentials = credentials.with_security_token(self._environment["HUAWEICLOUD_SDK_SECURITY_TOKEN"])
            elif authentication != "ak/sk":
                raise MessageError(f"the SDK cannot authenticate with {authentication!r}")
            config = HttpConfig.get_default_config()
            config.timeout = timeout
            client = v3.CceAsyncClient if self._asynchronous else v3.CceClient
            builder = client.new_builder().with_credentials(credentials).with_http_config(config)
            self._clients[key] = builder.with_endpoint(endpoint).build()
        return self._clients[key]

    def call(self, message: Document) -> Document:
        """Make one call and return the fields of the answer."""
        try:
            method, request_type = CALLS[message["operation"]]
            client = self.client(*(message[n] for n in ("endpoint", "project_id", "authentication", "timeout")))
            request = getattr(v3, request_type)(cluster_id=message["cluster_id"])
            if message["operation"] == "list":
                for name, text in message["filters"].items():
                    setattr(request, name, text)
            else:
                request.body = create_body(request, message)
            call = getattr(client, f"{method}_async" if self._asynchronous else method)
        except (KeyError, AttributeError) as error:
            raise MessageError(f"{type(error).__name__}: {error}") from error
        try:
            answer = call(request).result() if self._asynchronous else call(request)
        except Exception as error:
            return {"outcome": "error", "error": described(error)}
        status = answer.status_code
        return {"outcome": "value", "value": tree(answer), **({} if status is None else {"status": status})}


def create_body(request: Any, message: Document) -> Any:
    """Return the SDK's own models, filled by the JSON names of their fields."""
    spec = {"clusterID": message["cluster_id"], "addonList": message["addons"]}
    document = {"kind": "AddonCheck", "apiVersion": "v3", "spec": spec}
    return filled(type(request).openapi_types["body"], document)


def filled(type_name: str, value: Any) -> Any:
    """Return ``value`` as the SDK's type ``type_name``; fields that its models do not have are left out."""
    if type_name.startswith("list["):
        return [filled(type_name[5:-1], part) for part in value]
    model = getattr(v3, type_name, None)
    if model is None:
        return value
    known = {attribute: name for attribute, name in model.attribute_map.items() if name in value}
    return model(**{a: filled(model.openapi_types[a], value[name]) for a, name in known.items()})


def tree(held: Any) -> Any:
    """Return what an object of the SDK holds, by the JSON names of its fields."""
    if hasattr(held, "openapi_types"):
        named = ((held.attribute_map[attribute], getattr(held, attribute)) for attribute in held.openapi_types)
        return {name: tree(value) for name, value in named if value is not None}
    if isinstance(held, dict):
        return {str(name): tree(value) for name, value in held.items() if value is not None}
    if isinstance(held, (list, tuple)):
        return [tree(value) for value in held]
    if isinstance(held, decimal.Decimal):
        return float(held)
    if isinstance(held, (datetime.datetime, datetime.date)):
        return held.isoformat()
    return held


def models() -> Document:
    """Return the JSON path and type of every field of the SDK's models, without a call."""
    return {name: dict(fields_of("$", model)) for name, model in MODELS.items() if hasattr(v3, model)}


def fields_of(path: str, type_name: str) -> Iterator[tuple[str, str]]:
    """Yield the path and type of each field below a model, by the JSON names."""
    if type_name.startswith("list["):
        yield from fields_of(f"{path}[*]", type_name[5:-1])
        return
    model: Any = getattr(v3, type_name, None)
    if hasattr(model, "openapi_types"):
        for attribute, field_type in model.openapi_types.items():
            field = f"{path}.{model.attribute_map[attribute]}"
            # what is neither a list nor a plain type is a model, or free
            yield field, "array" if field_type.startswith("list[") else TYPES.get(field_type, "object")
            yield from fields_of(field, field_type)


def described(error: Exception) -> Document:
    """Return what an exception reports; it is `expected` if the SDK documents its type."""
    report: Document = {"class": type(error).__name__, "expected": False, "message": str(error)}
    if isinstance(error, LANGUAGE_ERRORS):
        report["panic"] = True
    if isinstance(error, SdkException):
        report |= {"expected": True, "message": str(error.error_msg or "")}
    if isinstance(error, ServiceResponseException):
        details = {"code": error.error_code, "request_id": error.request_id}
        report |= {name: str(value) for name, value in details.items() if value}
        if error.status_code:
            report["status"] = error.status_code
    return report


def introduction(name: str = DISTRIBUTION) -> Document:
    """Return the driver's language, its SDK, and what the SDK can do."""
    has = [name for name, (method, request) in CALLS.items() if hasattr(v3.CceClient, method) and hasattr(v3, request)]
    return {
        "language": f"Python {platform.python_version()}",
        "sdk": {"name": name, "version": metadata.version(DISTRIBUTION)},
        "operations": has,
        "authentication": ["ak/sk", "temporary"],
    }


def answer_to(line: bytes, calls: Calls, name: str = DISTRIBUTION) -> Document:
    """Return the answer to one line."""
    head: Document = {"protocol": PROTOCOL, "id": None}
    try:
        message = json.loads(line)
        head["id"] = message["id"]
        if message["protocol"] != PROTOCOL:
            raise MessageError(f"protocol {message['protocol']!r}; this driver speaks {PROTOCOL}")
        if message["do"] == "hello":
            return {**head, **introduction(name)}
        if message["do"] == "models":
            return {**head, "models": models()}
        if message["do"] == "call":
            return {**head, **calls.call(message)}
        raise MessageError(f"do {message['do']!r}; this driver knows hello, models and call")
    except (MessageError, ValueError, KeyError, TypeError) as error:
        text = str(error) if isinstance(error, MessageError) else f"{type(error).__name__}: {error}"
        return {**head, "outcome": "error", "error": {"class": "ProtocolError", "expected": False, "message": text}}


def main() -> None:
    """Answer until standard input ends."""
    asynchronous = sys.argv[1:] == ["async"]
    calls = Calls(os.environ, asynchronous=asynchronous)
    name = f"{DISTRIBUTION}.async" if asynchronous else DISTRIBUTION
    answers = sys.stdout
    # what the SDK prints must not come between the messages
    sys.stdout = sys.stderr
    for line in sys.stdin.buffer:
        answers.write(json.dumps(answer_to(line, calls, name), separators=(",", ":")) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
