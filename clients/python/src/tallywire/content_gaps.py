"""Content gaps: how a client lists the topics that the knowledge does not answer, and says what is done about them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, TypedDict, Unpack

import grpc

from tallywire import directory_requests, requests, retries
from tallywire.custom_metrics import Call
from tallywire.v1 import (
    content_gap_pb2,
    directory_service_pb2_grpc,
    metrics_service_pb2,
    time_pb2,
)

ContentGap = content_gap_pb2.ContentGap
ContentGapPoint = content_gap_pb2.ContentGapPoint
GapStatusName = Literal["identified", "in_progress", "resolved", "dismissed"]
GapOrderName = Literal["priority", "frequency", "last_seen", "first_seen", "topic"]
GapGranularityName = Literal["quarter_hour", "half_hour", "hour", "day", "week", "month", "quarter", "year"]
STATUSES: Final = directory_requests.named("CONTENT_GAP_STATUS_", content_gap_pb2.ContentGapStatus.items())
ORDERS: Final = directory_requests.named("CONTENT_GAP_ORDER_", content_gap_pb2.ContentGapOrder.items())
_GRANULARITIES: Final = directory_requests.named("GRANULARITY_", time_pb2.Granularity.items())


class GapsOptions(TypedDict, total=False):
    """Which content gaps are wanted, and their order; what is not given does not matter.

    status: the status now. prefix, search: what the topic begins with, or has in it. start, end: only those found in
    [start, end), with the numbers of that time; time_zone is that of their days. descending: without, as the server
    does: the greatest first, and ascending by topic.
    """

    status: GapStatusName | None
    prefix: str | None
    search: str | None
    start: datetime | None
    end: datetime | None
    time_zone: str | None
    order_by: GapOrderName | None
    descending: bool | None


def listed(options: GapsOptions, page_size: int) -> content_gap_pb2.ListContentGapsRequest:
    """Returns the request for the first page. Raises ValueError for an unknown status or order, and half a period."""
    descending = options.get("descending")
    direction = metrics_service_pb2.SORT_DIRECTION_UNSPECIFIED
    if descending is not None:
        names = metrics_service_pb2.SORT_DIRECTION_ASCENDING, metrics_service_pb2.SORT_DIRECTION_DESCENDING
        direction = names[descending]
    return content_gap_pb2.ListContentGapsRequest(
        status=directory_requests.number("status", STATUSES, options.get("status")),
        prefix=options.get("prefix") or "",
        search=options.get("search") or "",
        time_range=_time_range(options.get("start"), options.get("end"), options.get("time_zone")),
        order_by=directory_requests.number("order_by", ORDERS, options.get("order_by")),
        direction=direction,
        page_size=page_size,
    )


def one(
    topic: str,
    start: datetime | None,
    end: datetime | None,
    granularity: GapGranularityName | None,
    time_zone: str | None,
) -> content_gap_pb2.GetContentGapRequest:
    """Returns the request for one content gap. Raises ValueError for an unknown granularity, and half a period."""
    return content_gap_pb2.GetContentGapRequest(
        topic=topic,
        time_range=_time_range(start, end, time_zone),
        granularity=directory_requests.number("granularity", _GRANULARITIES, granularity),
    )


def _time_range(start: datetime | None, end: datetime | None, time_zone: str | None) -> time_pb2.TimeRange | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise ValueError("a period has a start and an end")
    return requests.time_range(start, end, time_zone)


def change(
    topic: str, status: GapStatusName | None, note: str | None, etag: str | None
) -> content_gap_pb2.UpdateContentGapRequest:
    """Returns the request that changes what is said of a content gap. Raises ValueError for an unknown status."""
    return content_gap_pb2.UpdateContentGapRequest(
        topic=topic, status=directory_requests.number("status", STATUSES, status), note=note, etag=etag or ""
    )


class ContentGaps:
    """The content gaps of the organization, as `client.content_gaps`.

    To list them needs a key with the scope events, and to change anything one with the scope admin. A topic may be
    spelt in any way: case, spaces and punctuation do not matter.
    """

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = directory_service_pb2_grpc.DirectoryServiceStub(channel)
        self._call = call

    def list(
        self,
        *,
        page_size: int = directory_requests.PAGE_SIZE,
        timeout: float | None = None,
        **options: Unpack[GapsOptions],
    ) -> Iterator[ContentGap]:
        """Yields content gaps, those with the highest priority first, page by page as they are taken. The options are
        those of GapsOptions; timeout is that of a page.
        """
        request = listed(options, page_size)
        while True:
            page = self._call(self._stub.ListContentGaps, lambda: request, retries.QUERY, timeout)
            yield from page.content_gaps
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get(
        self,
        topic: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        granularity: GapGranularityName | None = None,
        time_zone: str | None = None,
        timeout: float | None = None,
    ) -> content_gap_pb2.GetContentGapResponse:
        """Returns a content gap, and with a period its trend, by day unless a granularity is given. Raises NotFound for
        one that was never found.
        """
        request = one(topic, start, end, granularity, time_zone)
        found: content_gap_pb2.GetContentGapResponse = self._call(
            self._stub.GetContentGap, lambda: request, retries.QUERY, timeout
        )
        return found

    def update(
        self,
        topic: str,
        *,
        status: GapStatusName | None = None,
        note: str | None = None,
        etag: str | None = None,
        timeout: float | None = None,
    ) -> ContentGap:
        """Sets the status of a content gap, its note or both. With the etag of the content gap as it was read, raises
        FailedPrecondition if somebody has changed it since.
        """
        request = change(topic, status, note, etag)
        found: ContentGap = self._call(
            self._stub.UpdateContentGap, lambda: request, retries.CHANGE, timeout
        ).content_gap
        return found

    def merge(self, topic: str, into_topic: str, *, timeout: float | None = None) -> ContentGap:
        """Lets a topic count for another one, whatever comes in later too, and returns that one. Raises
        FailedPrecondition if either is merged already.
        """
        request = content_gap_pb2.MergeContentGapsRequest(topic=topic, into_topic=into_topic)
        found: ContentGap = self._call(
            self._stub.MergeContentGaps, lambda: request, retries.CHANGE, timeout
        ).content_gap
        return found

    def undo_merge(self, topic: str, *, timeout: float | None = None) -> ContentGap:
        """Lets a merged topic count for itself again, and returns it as if it had never been merged. Raises
        FailedPrecondition if it is not merged.
        """
        request = content_gap_pb2.UndoContentGapMergeRequest(topic=topic)
        found: ContentGap = self._call(
            self._stub.UndoContentGapMerge, lambda: request, retries.CHANGE, timeout
        ).content_gap
        return found
