"""What has happened lately in an organization, for those who read every update: kept once, encoded once, for all."""

import asyncio
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
    """An update with its raw events, as far as they are still kept. whole: all of them were read, with all they say.

    messages are those for one reader, where they are made already.
    """

    update: Update
    events: Sequence[Event]
    whole: bool
    messages: Sequence[bytes] = ()

    @property
    def weight(self) -> int:
        """What it costs to keep: events, changed cells, and what hangs on events."""
        properties = sum(len(event.properties) for event in self.events) // _WEIGHT_CHARACTERS
        return len(self.events) + len(self.update.changes) + properties


# The messages of an update for a part, with or without its events. The last one still lacks the resume token. An empty
# one is no message: there the work may be interrupted.
Encode = Callable[[Batch, ViewFilter, bool], Iterator[bytes]]


class Recent:
    """The latest updates, one by one, up to a weight."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._batches: deque[Batch] = deque()
        self._weight = 0
        self._encoded: OrderedDict[tuple[int, ViewFilter, bool], Sequence[bytes]] = OrderedDict()
        self._encoding = asyncio.Lock()
        self._bytes = 0

    def keep(self, fresh: Sequence[Batch]) -> None:
        """Takes what follows the newest update that is kept."""
        for batch in fresh:
            kept = batch if batch.whole else Batch(update=batch.update, events=(), whole=False)
            self._batches.append(kept)
            self._weight += kept.weight
        while len(self._batches) > _KEPT_UPDATES or (self._batches and self._weight > _KEPT_WEIGHT):
            self._weight -= self._batches.popleft().weight

    def forget(self) -> None:
        """Lets go of everything."""
        self._batches.clear()
        self._encoded.clear()
        self._weight = self._bytes = 0

    def after(self, revision: int, limit: int, *, include_events: bool) -> list[Batch]:
        """The updates after a revision, at most so many; none where the next one is not kept as it is wanted."""
        if not self._batches or self._batches[0].update.revision > revision + 1:
            return []
        first = revision + 1 - self._batches[0].update.revision
        found = itertools.islice(self._batches, first, first + limit)
        return list(itertools.takewhile(lambda one: one.whole or not include_events, found))

    async def encoded(self, batch: Batch, part: ViewFilter, *, include_events: bool) -> Sequence[bytes]:
        """The messages of an update, made once for all who are about to send it, and a little at a time."""
        if batch.messages:
            return batch.messages
        key = (batch.update.revision, part, include_events)
        known = self._encoded.get(key)
        if known is not None:
            return known
        async with self._encoding:  # whoever comes meanwhile finds them made
            known = self._encoded.get(key)
            if known is not None:
                return known
            messages = list[bytes]()
            for message in self._encode(batch, part, include_events):
                if message:
                    messages.append(message)
                else:
                    await asyncio.sleep(0)
            self._keep_encoded(key, messages)
        return messages

    def _keep_encoded(self, key: tuple[int, ViewFilter, bool], messages: Sequence[bytes]) -> None:
        if self._batches and key[0] >= self._batches[0].update.revision:
            self._encoded[key] = messages
            self._bytes += sum(map(len, messages))
            while self._bytes > _KEPT_BYTES:
                _, dropped = self._encoded.popitem(last=False)
                self._bytes -= sum(map(len, dropped))

    def prepared(self, batches: Iterable[Batch], part: ViewFilter, *, include_events: bool) -> Iterator[Batch | None]:
        """Updates with their messages in place of their events, for one reader; None where work may be interrupted."""
        for batch in batches:
            messages = list[bytes]()
            for message in self._encode(batch, part, include_events):
                if message:
                    messages.append(message)
                else:
                    yield None
            yield Batch(update=batch.update, events=(), whole=batch.whole, messages=messages)
