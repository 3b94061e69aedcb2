"""What tools that bring no proto files learn of the server, by either version of reflection."""

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2

from server.app import Running
from server.rpc import services

_VERSIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


async def asked(server: Running, version: str, **question: str) -> reflection_pb2.ServerReflectionResponse:
    """The answer to a question, which needs no key."""
    async with grpc.aio.insecure_channel(server.address) as channel:
        call: Any = channel.stream_stream(
            f"/{version}/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )(timeout=30)
        await call.write(reflection_pb2.ServerReflectionRequest(**question))
        answer: reflection_pb2.ServerReflectionResponse = await call.read()
        await call.done_writing()
        return answer


def files(answer: reflection_pb2.ServerReflectionResponse) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    found = map(descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto)
    return {file.name: file for file in found}


@pytest.mark.parametrize("version", _VERSIONS)
async def test_services_are_listed(server: Running, version: str) -> None:
    answer = await asked(server, version, list_services="")
    names = {one.name for one in answer.list_services_response.service}
    rpcs = {method.split("/")[1] for method in services.SCOPES}
    assert names == {*rpcs, "grpc.health.v1.Health", *_VERSIONS}


@pytest.mark.parametrize("version", _VERSIONS)
async def test_every_service_and_every_method_can_be_described(server: Running, version: str) -> None:
    own = [f"{name}.ServerReflectionInfo" for name in _VERSIONS]
    for method in [one[1:].replace("/", ".") for one in services.SCOPES] + ["grpc.health.v1.Health.Check", *own]:
        service, _, name = method.rpartition(".")
        described = [files(await asked(server, version, file_containing_symbol=one)) for one in (service, method)]
        assert described[0] == described[1]
        # Files that it imports may have services of their own.
        found = {
            f"{file.package}.{one.name}": [rpc.name for rpc in one.method]
            for file in described[1].values()
            for one in file.service
        }
        assert name in found[service]


@pytest.mark.parametrize("version", _VERSIONS)
@pytest.mark.parametrize(
    "symbol",
    [
        "tallywire.v1.EventService.DropEverything",
        "tallywire.v1.Nobody.TrackEvent",
        "tallywire.v1",
        "Event",
        "",
    ],
)
async def test_what_there_is_not_is_not_found(server: Running, version: str, symbol: str) -> None:
    answer = await asked(server, version, file_containing_symbol=symbol)
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_the_second_version_is_described_by_its_own_name(server: Running) -> None:
    described = files(await asked(server, _VERSIONS[0], file_containing_symbol=_VERSIONS[0]))
    (file,) = described.values()
    assert (file.name, file.package) == ("grpc/reflection/v1/reflection.proto", "grpc.reflection.v1")
    assert "v1alpha" not in str(file)
