"""What the testee's replies hold, and the options that its commands name: see clients/conformance/TESTEE.md."""

import math
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from tallywire import errors

Reply = dict[str, Any]


class Unsupported(Exception):
    """The client has no such thing."""


def to_json(message: Message) -> Any:
    """Returns a message in protobuf's JSON form."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def error_of(error: errors.TallywireError) -> Reply:
    """Returns an error of the client as a reply has it."""
    asked = error.retry_after
    return {
        "code": error.code.name,
        "reason": error.reason,
        "field": error.field,
        "metadata": error.metadata,
        "message": str(error),
        "retry_after_ms": None if asked is None else -1 if math.isinf(asked) else round(asked * 1000),
        "outcome_unknown": error.outcome_unknown,
        "local": False,
    }


def refused(message: str, field: str) -> Reply:
    """Returns the error for arguments that the client has refused itself."""
    return {
        "code": "INVALID_ARGUMENT",
        "reason": "",
        "field": field,
        "metadata": {},
        "message": message,
        "retry_after_ms": None,
        "outcome_unknown": False,
        "local": True,
    }


def connection_options(command: Reply) -> dict[str, Any]:
    """Returns the arguments of a client or a tracker."""
    addresses = command["addresses"]
    options: dict[str, Any] = {
        "target": "ipv4:" + ",".join(addresses) if len(addresses) > 1 else "".join(addresses),
        "api_key": command["key"],
    }
    for name in ("root_certificates", "certificate_chain", "private_key"):
        if name in command:
            options[name] = command[name].encode()
    if "insecure" in command:
        options["insecure"] = command["insecure"]
    if "connections" in command:
        options["connections"] = command["connections"]
    return options
