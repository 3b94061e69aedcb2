"""The latest updates of an organization, for subscribers that read all of them: kept once and encoded once for all."""

import asyncio
import enum
import itertools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from server.events.event import Event
from server.realtime.view import ViewFilter
from server.store.updates import Update

_KEPT_UPDATES, _KEPT_WEIGHT = 512, 20_000
_KEPT_BYTES = 4 * 1024 * 1024  # of encoded updates
_WEIGHT_CHARACTERS = 500  # of an event's properties that weigh as much as another event


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An update, or a portion of one, with those of its raw events that are still stored. whole says that all of them
    were read in full.

    messages are the encoded messages for one reader, if they were made already. A portion in which nothing concerns the
    reader has none, unless it is the last one.
    """

    update: Update
    events: Sequence[Event]
    whole: bool
    messages: Sequence[bytes] | None = None

    @property
    def weight(self) -> int:
        """Returns the cost of keeping the update: its events, its changed cells, and the events' properties."""
        properties = sum(len(event.properties) for event in self.events) // _WEIGHT_CHARACTERS
        return len(self.events) + len(self.update.changes) + properties


class ShownEvents(enum.IntEnum):
    """What a reader gets of the events of an update: nothing, or them without or with what they say about users."""

    NONE = 0
    WITHOUT_USERS = 1
    WHOLE = 2

    @classmethod
    def of(cls, *, include_events: bool, user_details: bool) -> "ShownEvents":
        """Returns what a reader gets that has asked for events or not; user_details: the organization keeps these."""
        return cls.NONE if not include_events else cls.WHOLE if user_details else cls.WITHOUT_USERS


# Yields the messages of an update, or of a portion, for a filter. The update's last one still lacks the resume token.
# An empty message marks a point at which the work may be interrupted.
Encode = Callable[[Batch, ViewFilter, ShownEvents], Iterator[bytes]]


class Recent:
    """The latest updates in order, up to a total weight."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._batches: deque[Batch] = deque()
        self._weight = 0
        self._encoded: OrderedDict[tuple[int, ViewFilter, ShownEvents], Sequence[bytes]] = OrderedDict()
        self._encoding = asyncio.Lock()
        self._bytes = 0

    def keep(self, fresh: Sequence[Batch]) -> None:
        """Adds the updates that follow the newest one that is kept."""
        for batch in fresh:
            kept = batch if batch.whole else Batch(update=batch.update, events=(), whole=False)
            self._batches.append(kept)
            self._weight += kept.weight
        while len(self._batches) > _KEPT_UPDATES or (self._batches and self._weight > _KEPT_WEIGHT):
            self._weight -= self._batches.popleft().weight

    def forget(self) -> None:
        """Drops all updates."""
        self._batches.clear()
        self._encoded.clear()
        self._weight = self._bytes = 0

    def after(self, revision: int, limit: int, shown: ShownEvents) -> list[Batch]:
        """Returns at most so many updates after a revision; none if the next one is not kept, or not with events."""
        if not self._batches or self._batches[0].update.revision > revision + 1:
            return []
        first = revision + 1 - self._batches[0].update.revision
        found = itertools.islice(self._batches, first, first + limit)
        return list(itertools.takewhile(lambda one: one.whole or not shown, found))

    async def encoded(self, batch: Batch, part: ViewFilter, shown: ShownEvents) -> Sequence[bytes]:
        """Returns the messages of an update, encoded once for all readers, a little work at a time."""
        if batch.messages is not None:
            return batch.messages
        key = (batch.update.revision, part, shown)
        known = self._encoded.get(key)
        if known is not None:
            return known
        async with self._encoding:  # other readers wait, and then find the messages
            known = self._encoded.get(key)
            if known is not None:
                return known
            messages = list[bytes]()
            for message in self._encode(batch, part, shown):
                if message:
                    messages.append(message)
                else:
                    await asyncio.sleep(0)
            self._keep_encoded(key, messages)
        return messages

    def _keep_encoded(self, key: tuple[int, ViewFilter, ShownEvents], messages: Sequence[bytes]) -> None:
        if self._batches and key[0] >= self._batches[0].update.revision:
            self._encoded[key] = messages
            self._bytes += sum(map(len, messages))
            while self._bytes > _KEPT_BYTES:
                _, dropped = self._encoded.popitem(last=False)
                self._bytes -= sum(map(len, dropped))

    def prepared(self, batches: Iterable[Batch], part: ViewFilter, shown: ShownEvents) -> Iterator[Batch | None]:
        """Yields updates with encoded messages in place of events, for one reader; None where the work may be
        interrupted.
        """
        for batch in batches:
            messages = list[bytes]()
            for message in self._encode(batch, part, shown):
                if message:
                    messages.append(message)
                else:
                    yield None
            yield Batch(update=batch.update, events=(), whole=batch.whole, messages=messages)
