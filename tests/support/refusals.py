"""What calls are refused for: in a word that tables of tests can hold, or with all that is said."""

import json
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import status_pb2

from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Caller


async def reason(call: Any) -> str:
    """The reason and the field for which a call is refused: "REQUIRED_FIELD metrics"; it must be."""
    said = serving.refusal(await serving.refused(call))
    return f"{said.reason} {said.field}"


async def told(caller: Caller, rpc: str, fields: Mapping[str, Any], ids: Mapping[str, str]) -> str:
    """All that the refusal of a request says, in which names stand for ids: as its fields have them. The order of a map
    is by chance, and is left out.
    """
    asked = json.dumps(fields)
    for name, value in ids.items():
        asked = asked.replace(f'"{name}"', f'"{value}"')
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(caller, rpc, json.loads(asked))
    (details,) = (value for key, value in refused.value.trailing_metadata() or () if key == "grpc-status-details-bin")
    said = json.dumps(json_format.MessageToDict(status_pb2.Status.FromString(details)), sort_keys=True)
    for name, value in ids.items():
        said = said.replace(f'"{value}"', name).replace(f"'{value}'", name)
    return said
