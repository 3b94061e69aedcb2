"""Mistakes in what subscribers are told."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

from server.broadcast import Broadcast
from server.events.event import Event
from server.realtime import hub as hub_module
from server.realtime import hubs
from server.realtime.hub import Hub
from server.realtime.hubs import Hubs
from server.realtime.notifications import Notifications
from server.realtime.resume_tokens import Position
from server.realtime.view import ViewFilter
from server.rpc import realtime_conversion
from server.rpc.realtime_service import RealtimeService
from server.rpc.subscription import Stream
from server.store import updates
from server.store.database import Driver
from server.store.updates import Update
from tests.harness.faults.ingest_mistakes import take_revision_ahead
from tests.harness.faults.mistake import Mistake, replace, together

_GAPS = frozenset(("stream gap", "stream repeats", "stream out of order", "resumed elsewhere"))


def _skip_one() -> None:
    position = Hub.position

    async def wrong(self: Hub, resumed: Position | None) -> int:
        found, newest = await position(self, resumed), await position(self, None)
        return found if resumed is None else min(found + 1, newest)

    replace(position, wrong)


def _repeat_one() -> None:
    position = Hub.position

    async def wrong(self: Hub, resumed: Position | None) -> int:
        found = await position(self, resumed)
        return found if resumed is None else max(found - 1, 0)

    replace(position, wrong)


_sending: ContextVar[tuple[Stream, Hub]] = ContextVar("sending")


def _bookmark_ahead() -> None:
    send, bookmark = RealtimeService._send_updates, realtime_conversion.bookmark

    async def wrong_send(
        self: RealtimeService, stream: Stream, hub: Hub, part: ViewFilter, *, include_events: bool
    ) -> None:
        _sending.set((stream, hub))
        await send(self, stream, hub, part, include_events=include_events)

    def wrong_bookmark(revision: int, token: str) -> bytes:
        stream, hub = _sending.get()
        return bookmark(revision, stream.tokens.after(hub.revision))

    replace(send, wrong_send)
    replace(bookmark, wrong_bookmark)


def _take_gaps_for_none() -> None:
    def wrong(found: Sequence[Update], revision: int, portions: int = 0) -> list[Update]:
        return list(found)

    replace(hub_module.without_gap, wrong)


def _lose_first_events() -> None:
    read = updates.events_of

    async def wrong(driver: Driver, organization_id: int, first: Update, last: Update) -> dict[int, list[Event]]:
        found = await read(driver, organization_id, first, last)
        return {revision: some for revision, some in found.items() if revision > first.revision}

    replace(read, wrong)


def _share_hubs() -> None:
    entry = Hubs._entry

    def wrong(self: Hubs, organization_id: int, time_zone: str) -> "hubs._Entry":
        first = next(iter(self._entries.values()), None)
        return entry(self, organization_id, time_zone) if first is None or first.hub.is_over else first

    replace(entry, wrong)


def _swallow_cancellation() -> None:
    wait = Broadcast.wait

    async def wrong(self: Broadcast, seconds: float) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await wait(self, seconds)

    replace(wait, wrong)


def _share_states() -> None:
    key = Notifications._state_key

    def wrong(self: Notifications, organization_id: int, time_zone: str, part: ViewFilter) -> str:
        return key(self, 0, "", part)

    replace(key, wrong)


MISTAKES: Mapping[str, Mistake] = {
    "resume-skips-one": Mistake(make=_skip_one, checks=_GAPS),
    "resume-repeats-one": Mistake(make=_repeat_one, checks=_GAPS),
    "bookmark-ahead": Mistake(make=_bookmark_ahead, checks=_GAPS),
    # Numbers in another order than that of commits: what commits late stays behind the watermark.
    "watermark-in-stream": Mistake(make=together(take_revision_ahead, _take_gaps_for_none), checks=_GAPS),
    "update-without-first-events": Mistake(make=_lose_first_events, checks=frozenset(("update not whole",))),
    "hub-without-organization": Mistake(
        make=_share_hubs, checks=frozenset(("update not whole", "table of updates", *_GAPS))
    ),
    # Whoever drops a stream stays a subscriber until something is sent to it.
    "cancellation-swallowed-in-stream": Mistake(make=_swallow_cancellation, checks=frozenset(("resources", "end"))),
    "state-without-organization": Mistake(make=_share_states, checks=frozenset(("figures of now",))),
}
