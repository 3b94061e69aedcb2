"""What a subscriber must have been told: one function for each promise of the streams, which says what is wrong."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tallywire.v1 import realtime_service_pb2 as messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A whole update or a bookmark, as a subscriber got it over one of its connections."""

    connection: int
    revision: int
    bookmark: bool = False
    resumable: bool = True  # it came with a token
    counted: int = 0  # events, by the changes
    begun: int = 0  # conversations, by the changes
    event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a revision holds of what a subscriber asked for: events, and by how many conversations it changes the number
    of those that have begun (None: that is not known). event_ids is None where events were not asked for.
    """

    counted: int
    begun: int | None = 0
    event_ids: tuple[str, ...] | None = None


def ordered(deliveries: Sequence[Delivery]) -> Iterator[str]:
    """Revisions only grow, over however many connections."""
    revisions = _updates(deliveries)
    for before, after in itertools.pairwise(revisions):
        if after < before:
            yield f"revision {after} came after {before}"


def unique(deliveries: Sequence[Delivery]) -> Iterator[str]:
    """No revision comes twice."""
    for revision, times in Counter(_updates(deliveries)).items():
        if times > 1:
            yield f"revision {revision} came {times} times"


def reliable(deliveries: Sequence[Delivery], newest: int) -> Iterator[str]:
    """Every revision from the first bookmark to the newest one has come, and nothing else."""
    first = next((one.revision for one in deliveries if one.bookmark), None)
    if first is None:
        yield "there was no bookmark"
        return
    came, wanted = set(_updates(deliveries)), set(range(first + 1, newest + 1))
    for title, revisions in (("never came", wanted - came), ("came, which has not been", came - wanted)):
        if revisions:
            yield f"revision {min(revisions)} {title}, one of {len(revisions)}; the first bookmark was {first}"


def atomic(deliveries: Sequence[Delivery], contents: Mapping[int, Content]) -> Iterator[str]:
    """Each update is whole and holds nothing else: all events of its revision, and the changes that count them."""
    for one in deliveries:
        if one.bookmark or one.revision not in contents:
            continue
        content = contents[one.revision]
        if one.counted != content.counted:
            yield f"the changes of revision {one.revision} count {one.counted} events of {content.counted}"
        if content.begun is not None and one.begun != content.begun:
            yield f"the changes of revision {one.revision} count {one.begun} conversations, not {content.begun}"
        if content.event_ids is not None and sorted(one.event_ids) != sorted(content.event_ids):
            yield f"revision {one.revision} came with {len(one.event_ids)} events of {len(content.event_ids)}"


def resumable(deliveries: Sequence[Delivery], resumed: Mapping[int, int]) -> Iterator[str]:
    """A connection that was opened with the token of a revision goes on with the very next one.

    resumed: by connection, the revision whose token opened it; without those that were opened without any.
    """
    for connection, after in resumed.items():
        following = after
        for one in deliveries:
            if one.connection != connection:
                continue
            following += not one.bookmark
            if one.revision != following:
                what = "the bookmark" if one.bookmark else "revision"
                yield f"{what} {one.revision} came in the place of {following}, resumed after {after}"
                break


def bookmarkable(deliveries: Sequence[Delivery]) -> Iterator[str]:
    """A connection begins with a bookmark; each names the last revision that came, and everything whole has a token."""
    last: dict[int, int] = {}
    for one in deliveries:
        if one.connection not in last and not one.bookmark:
            yield f"revision {one.revision} came before any bookmark"
        if one.bookmark and one.revision != last.get(one.connection, one.revision):
            yield f"a bookmark is at {one.revision}, and {last[one.connection]} came last"
        if not one.resumable:
            yield f"what came at revision {one.revision} has no token"
        last[one.connection] = one.revision


def monotonic(revisions: Sequence[int]) -> Iterator[str]:
    """In latest-state mode, revisions never go back within a stream."""
    for before, after in itertools.pairwise(revisions):
        if after < before:
            yield f"revision {after} was shown after {before}"


def _updates(deliveries: Sequence[Delivery]) -> list[int]:
    return [one.revision for one in deliveries if not one.bookmark]


class Assembly:
    """Puts deliveries together of the messages of a stream, as a client does: what is cut off does not count.

    The changes of the dimension add up to what was subscribed to.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._parts: list[messages.WatchUpdatesResponse] = []

    def take(self, message: messages.WatchUpdatesResponse, connection: int) -> Delivery | None:
        """The delivery that a message completes, if it does. A new connection begins anew."""
        if self._parts and self._parts[-1].revision != message.revision:
            self._parts = []
        self._parts.append(message)
        if message.more:
            return None
        parts, self._parts = self._parts, []
        return Delivery(
            connection=connection,
            revision=message.revision,
            bookmark=message.bookmark,
            resumable=bool(message.resume_token),
            counted=self._added(parts, "events"),
            begun=self._added(parts, "total_conversations"),
            event_ids=tuple(event.event_id for part in parts for event in part.events),
        )

    def _added(self, parts: Sequence[messages.WatchUpdatesResponse], measure: str) -> int:
        return sum(
            change.count
            for part in parts
            for change in part.changes
            if (change.dimension, change.measure) == (self._dimension, measure)
        )


class Table:
    """Measures by value of a dimension and quarter hour, made of nothing but updates."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, str], Counter[datetime]] = defaultdict(Counter)
        self._sums: dict[tuple[int, str, str], Counter[datetime]] = defaultdict(Counter)

    def take(self, message: messages.WatchUpdatesResponse) -> None:
        """Adds what a message says."""
        for change in message.changes:
            key, bucket = (change.dimension, change.value, change.measure), change.bucket.ToDatetime(UTC)
            self._counts[key][bucket] += change.count
            self._sums[key][bucket] += change.sum

    def counts(
        self, measure: str, *, dimension: int = messages.CHANGE_DIMENSION_TOTAL, value: str = ""
    ) -> Counter[datetime]:
        """How often a measure was taken, by quarter hour."""
        return Counter({at: count for at, count in self._counts[dimension, value, measure].items() if count})

    def sums(
        self, measure: str, *, dimension: int = messages.CHANGE_DIMENSION_TOTAL, value: str = ""
    ) -> Counter[datetime]:
        """The values of a measure added up, by quarter hour."""
        return Counter({at: total for at, total in self._sums[dimension, value, measure].items() if total})
