"""Content gaps for asyncio code."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Unpack

from tallywire import aio_stubs, content_gaps, directory_requests, retries
from tallywire.aio_custom_metrics import Call
from tallywire.content_gaps import ContentGap, GapGranularityName, GapsOptions, GapStatusName
from tallywire.v1 import content_gap_pb2


class AsyncContentGaps:
    """The content gaps of the organization, as `client.content_gaps` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def list(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[GapsOptions],
    ) -> AsyncIterator[ContentGap]:
        """Yields content gaps, as ContentGaps.list() does."""
        request = content_gaps.listed(options, page_size)
        while True:
            page = await self._call(self._bound().directory.ListContentGaps, lambda: request, retries.QUERY, timeout)
            for one in page.content_gaps:
                yield one
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get(
        self,
        topic: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        granularity: GapGranularityName | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> content_gap_pb2.GetContentGapResponse:
        """Returns a content gap, and with a period its trend, as ContentGaps.get() does."""
        request = content_gaps.one(topic, start, end, granularity, time_zone)
        method = self._bound().directory.GetContentGap
        found: content_gap_pb2.GetContentGapResponse = await self._call(method, lambda: request, retries.QUERY, timeout)
        return found

    async def update(
        self,
        topic: str,
        *,
        status: GapStatusName | None = None,
        note: str | None = None,
        etag: str | None = None,
        timeout: float | None = None,
    ) -> ContentGap:
        """Sets the status of a content gap, its note or both, as ContentGaps.update() does."""
        request = content_gaps.change(topic, status, note, etag)
        method = self._bound().directory.UpdateContentGap
        found: ContentGap = (await self._call(method, lambda: request, retries.CHANGE, timeout)).content_gap
        return found

    async def merge(self, topic: str, into_topic: str, *, timeout: float | None = None) -> ContentGap:
        """Lets a topic count for another one, as ContentGaps.merge() does."""
        request = content_gap_pb2.MergeContentGapsRequest(topic=topic, into_topic=into_topic)
        method = self._bound().directory.MergeContentGaps
        found: ContentGap = (await self._call(method, lambda: request, retries.CHANGE, timeout)).content_gap
        return found

    async def undo_merge(self, topic: str, *, timeout: float | None = None) -> ContentGap:
        """Lets a merged topic count for itself again, as ContentGaps.undo_merge() does."""
        request = content_gap_pb2.UndoContentGapMergeRequest(topic=topic)
        method = self._bound().directory.UndoContentGapMerge
        found: ContentGap = (await self._call(method, lambda: request, retries.CHANGE, timeout)).content_gap
        return found
