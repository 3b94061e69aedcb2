"""Any RPC of the contract by its name, with the fields of its request."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

import tallywire.v1
from tests.support.serving import Caller


def _methods() -> dict[str, MethodDescriptor]:
    found = {}
    for module in pkgutil.iter_modules(tallywire.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"tallywire.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                found |= {f"{service.name}/{one.name}": one for one in service.methods}
    return found


# Every RPC of every service, as "Service/Method".
METHODS: Mapping[str, MethodDescriptor] = _methods()


async def answers(caller: Caller, rpc: str, fields: Mapping[str, Any]) -> list[Any]:
    """What an RPC answers to one request; of a subscription, which has no end, the first message."""
    method = METHODS[rpc]
    make, read = (message_factory.GetMessageClass(one) for one in (method.input_type, method.output_type))
    path = f"/{method.containing_service.full_name}/{method.name}"
    channel, options = caller.channel, {"metadata": caller.metadata, "timeout": 20}
    serialize, parse, request = make.SerializeToString, read.FromString, make(**fields)
    if method.client_streaming:
        both = channel.stream_stream(path, serialize, parse)(iter([request]), **options)
        return [one async for one in both]
    if not method.server_streaming:
        return [await channel.unary_unary(path, serialize, parse)(request, **options)]
    call, found = channel.unary_stream(path, serialize, parse)(request, **options), []
    try:
        async for one in call:
            found.append(one)
            if method.name.startswith("Watch"):
                break
    finally:
        call.cancel()
    return found
