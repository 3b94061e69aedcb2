"""The reflection service as v1 and as v1alpha, which have the same messages under two names.

grpcio has v1alpha alone, and its pool of descriptors finds services but not their methods.
"""

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

_ALPHA, _V1 = "grpc.reflection.v1alpha", "grpc.reflection.v1"
_V1_FILE = "grpc/reflection/v1/reflection.proto"
_V1_NAME = f"{_V1}.ServerReflection"
NAMES = (_V1_NAME, reflection.SERVICE_NAME)


def register(services: Iterable[str], server: grpc.aio.Server) -> None:
    """Serves reflection for these services and for itself, under both names."""
    servicer = reflection.aio.ReflectionServicer((*services, *NAMES), _Pool())
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in NAMES:
        handler = grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
        server.add_generic_rpc_handlers((handler,))


class _Pool:
    """The pool of all descriptors. It finds the file of a method by its service, and holds reflection v1."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()
        try:
            self._pool.FindFileByName(_V1_FILE)
        except KeyError:
            self._pool.Add(_v1())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 - the name in protobuf
        """Returns the file that defines a message, field, enum, service or method. Raises KeyError if none does."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            name, _, method = symbol.rpartition(".")
            service = self._pool.FindServiceByName(name)
            return service.methods_by_name[method].containing_service.file


def _v1() -> descriptor_pb2.FileDescriptorProto:
    """Returns the file of v1, made from the file of v1alpha."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = _V1_FILE, _V1
    for option in ("go_package", "java_package"):
        setattr(file.options, option, getattr(file.options, option).replace("v1alpha", "v1"))
    for message in file.message_type:
        for field in (one for one in message.field if one.type_name):
            field.type_name = field.type_name.replace(f".{_ALPHA}.", f".{_V1}.")
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(f".{_ALPHA}.", f".{_V1}.")
        method.output_type = method.output_type.replace(f".{_ALPHA}.", f".{_V1}.")
    return file
