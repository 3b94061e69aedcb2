"""The part of DirectoryService that is about content gaps."""

from typing import Any, TypeAlias

import grpc

from server.query import content_gaps
from server.query.gap_changes import GapChanges
from server.query.queries import Queries
from server.rpc import gate
from server.rpc.asking import Asking
from server.rpc.questions import content_gaps as messages
from tallywire.v1 import content_gap_pb2, directory_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ContentGapRpcs(directory_service_pb2_grpc.DirectoryServiceServicer):
    """Lists the content gaps of the caller's organization, and changes what is said of them."""

    _queries: Queries
    _asking: Asking
    _gaps: GapChanges

    async def ListContentGaps(  # noqa: N802 - the name in the contract
        self, request: content_gap_pb2.ListContentGapsRequest, context: _Context
    ) -> content_gap_pb2.ListContentGapsResponse:
        """Returns a page of content gaps."""
        return await self._asking.content_gaps(gate.caller().principal, request)

    async def GetContentGap(  # noqa: N802 - the name in the contract
        self, request: content_gap_pb2.GetContentGapRequest, context: _Context
    ) -> content_gap_pb2.GetContentGapResponse:
        """Returns one content gap, and its trend."""
        asked = messages.one_question(request)
        return messages.response(await content_gaps.one(self._queries, gate.caller().principal, *asked))

    async def UpdateContentGap(  # noqa: N802 - the name in the contract
        self, request: content_gap_pb2.UpdateContentGapRequest, context: _Context
    ) -> content_gap_pb2.UpdateContentGapResponse:
        """Changes the status and the note of a content gap."""
        topic, change = messages.topic("topic", request.topic), messages.change(request)
        done = await self._gaps.update(gate.caller().principal, topic, change, gate.actor(context))
        return content_gap_pb2.UpdateContentGapResponse(content_gap=messages.message(done.gap))

    async def MergeContentGaps(  # noqa: N802 - the name in the contract
        self, request: content_gap_pb2.MergeContentGapsRequest, context: _Context
    ) -> content_gap_pb2.MergeContentGapsResponse:
        """Merges a topic into another one."""
        topic, into = messages.topic("topic", request.topic), messages.topic("into_topic", request.into_topic)
        done = await self._gaps.merge(gate.caller().principal, topic, into, gate.actor(context))
        return content_gap_pb2.MergeContentGapsResponse(content_gap=messages.message(done.gap))

    async def UndoContentGapMerge(  # noqa: N802 - the name in the contract
        self, request: content_gap_pb2.UndoContentGapMergeRequest, context: _Context
    ) -> content_gap_pb2.UndoContentGapMergeResponse:
        """Lets a merged topic count for itself again."""
        topic = messages.topic("topic", request.topic)
        done = await self._gaps.undo(gate.caller().principal, topic, gate.actor(context))
        return content_gap_pb2.UndoContentGapMergeResponse(content_gap=messages.message(done.gap))
