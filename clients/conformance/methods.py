"""The RPCs of the contract by their paths, from the descriptors."""

import functools
import importlib
import pkgutil
from typing import Any, Final

from google.protobuf import message_factory

import tallywire.v1

PACKAGE: Final = "tallywire.v1"


@functools.cache
def by_path() -> dict[str, Any]:
    """Returns the descriptor of each RPC by its path, such as "/tallywire.v1.EventService/TrackEvent"."""
    found = {}
    for module in pkgutil.iter_modules(tallywire.v1.__path__):
        if module.name.endswith("_pb2"):
            descriptor = importlib.import_module(f"{PACKAGE}.{module.name}").DESCRIPTOR
            for service in descriptor.services_by_name.values():
                found.update({f"/{service.full_name}/{method.name}": method for method in service.methods})
    return found


def request_class(method: Any) -> Any:
    """Returns the class of an RPC's requests."""
    return message_factory.GetMessageClass(method.input_type)


def response_class(method: Any) -> Any:
    """Returns the class of an RPC's responses."""
    return message_factory.GetMessageClass(method.output_type)
