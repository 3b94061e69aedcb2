"""ListEvents: raw events in the order of time, narrowed by what they carry, or those that a figure was counted from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server import timerange
from server.catalog.catalogue import BUILT_IN
from server.catalog.dimensions import Dimension
from server.catalog.rows import RowsKind
from server.catalog.selections import AsOf, Reading, Wanted
from server.events import rules
from server.events.event import Event
from server.query import page_tokens, rows_tokens
from server.query.answers import Context, Period, Source
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import CountedRows, RowsTokens
from server.store import event_conditions, event_lists, organizations, reading
from server.store.event_conditions import EventCondition
from server.store.event_lists import EventPlace, EventsAsked, ListedEvent
from server.tenancy.principal import Principal
from server.timerange import TimeRange

MAX_PAGE_SIZE = 1_000
MAX_CHARACTERS = 1_500_000  # of properties and details of a page: clients take messages of 4 MiB
_RARE = "conversation_id"
_SPARSE = frozenset({_RARE, "user_id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """What events of a list carry. People are user_id and conversation_id, which are no dimensions, by their names."""

    event_types: Sequence[str] = ()
    people: Sequence[tuple[str, str]] = ()
    values: Sequence[tuple[Dimension, str]] = ()
    properties: Sequence[tuple[Sequence[str], str]] = ()
    received_since: datetime | None = None

    def conditions(self) -> list[EventCondition]:
        """Returns the conditions on events."""
        return [
            *([event_conditions.of_types(self.event_types)] if self.event_types else ()),
            *(event_conditions.of_field(name, value) for name, value in self.people),
            *(event_conditions.of_value(dimension, value) for dimension, value in self.values),
            *(event_conditions.of_property(keys, value) for keys, value in self.properties),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsQuestion:
    """A question for a page of events: of a period that meet a filter, or those behind a figure. key is what must be
    equal for pages to belong to one list.
    """

    period: Period | None
    filter: EventFilter
    rows_token: str
    newest_first: bool
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        period = self.period and (self.period.start, self.period.end, self.period.zone and self.period.zone.key)
        some = self.filter
        values = [(one.name, value) for one, value in some.values]
        filters = (some.event_types, some.people, values, some.properties, some.received_since)
        return repr((period, filters, self.rows_token, self.newest_first))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event, and what it adds to the figure; None without one."""

    listed: ListedEvent
    amount: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSum:
    """How the rows of a list add up to a figure, up to the end of a page. missing is None until the last one; kept_from
    is None where every row of the period is kept.
    """

    counted: CountedRows
    rows: int
    figure: int
    missing: int | None
    kept_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of events. figure is None without a rows token."""

    context: Context
    rows: Sequence[EventRow]
    next_page_token: str
    figure: ListedSum | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """How far a list has come: of which revision it is, the last event that was looked at, and what was listed."""

    revision: int
    after: EventPlace | None = None
    rows: int = 0
    figure: int = 0


class EventListing:
    """Answers questions for pages of events."""

    def __init__(self, queries: Queries, pages: PageTokens, rows: RowsTokens) -> None:
        self._queries = queries
        self._pages = pages
        self._rows = rows

    async def answer(self, principal: Principal, question: EventsQuestion) -> EventPage:
        """Answers a question."""
        organization_id = principal.organization_id
        counted = None
        if question.rows_token:
            counted = self._rows.counted(organization_id, question.rows_token, RowsKind.EVENTS)
        async with self._queries.holding_raw(principal) as driver:
            read = await reading.read(driver, organization_id, [], Wanted(counters=[]))
            if counted is not None:
                rows_tokens.check_epoch(counted, read.as_of.epoch)
            place = self._place(organization_id, question, read, counted)
            period = _period(principal, question, counted, read.as_of.at)
            asked = _asked(question, counted, period, place.revision)
            found = await event_lists.page(driver, organization_id, asked, place.after, question.page_size)
            raw_from = await organizations.raw_from(driver, organization_id)
        rows, following = _fitting(found, counted)
        place = _Place(
            revision=place.revision,
            after=following,
            rows=place.rows + len(rows),
            figure=place.figure + sum(one.amount or 0 for one in rows),
        )
        return EventPage(
            context=_context(principal, period, read, place.revision),
            rows=rows,
            next_page_token=self._token(organization_id, question, read.as_of.epoch, place),
            figure=None if counted is None else _sum(counted, place, raw_from),
        )

    def _place(
        self, organization_id: int, question: EventsQuestion, read: Reading, counted: CountedRows | None
    ) -> _Place:
        """Returns how far a list has come; refuses a token from before the database was restored."""
        if not question.page_token:
            return _Place(revision=read.as_of.revision if counted is None else counted.revision)
        found = self._pages.place(organization_id, question.key, question.page_token)
        if found.epoch != read.as_of.epoch:
            raise page_tokens.restored(found, read.as_of.epoch)
        at, key, rows, figure = found.after
        after = EventPlace(timerange.of_microseconds(int(at or 0)), bytes.fromhex(str(key)))
        return _Place(revision=found.revision, after=after, rows=int(rows or 0), figure=int(figure or 0))

    def _token(self, organization_id: int, question: EventsQuestion, epoch: str, place: _Place) -> str:
        if place.after is None:
            return ""
        at, key = place.after
        after = (rules.microseconds(at), key.hex(), place.rows, place.figure)
        following = ListPlace(epoch=epoch, revision=place.revision, after=after)
        return self._pages.token_after(organization_id, question.key, following)


def _period(principal: Principal, question: EventsQuestion, counted: CountedRows | None, now: datetime) -> TimeRange:
    """Returns the period of a list, to the microsecond: that of the figure, if there is one."""
    asked = question.period
    if counted is not None:
        asked = Period(start=counted.bounds.start, end=counted.bounds.end, zone=None)
    assert asked is not None  # noqa: S101 - a question has one of the two
    return asked.resolved(principal, now, raw_from=0)


def _asked(question: EventsQuestion, counted: CountedRows | None, period: TimeRange, revision: int) -> EventsAsked:
    conditions = question.filter.conditions()
    fields = {name for name, _ in question.filter.people}
    if counted is not None:
        measures = [BUILT_IN.measure(term) for term in counted.sum.terms]
        conditions = [event_conditions.of_any_measure(measures)]
        conditions += (event_conditions.of_value(*one) for one in counted.conditions)
        fields = {dimension.field for dimension, _ in counted.conditions}
    return EventsAsked(
        start=period.bounds.start,
        end=period.bounds.end,
        revision=revision,
        received_since=question.filter.received_since,
        conditions=conditions,
        newest_first=question.newest_first,
        is_sparse=not fields.isdisjoint(_SPARSE),
        is_rare=_RARE in fields,
    )


def _fitting(found: event_lists.EventsFound, counted: CountedRows | None) -> tuple[list[EventRow], EventPlace | None]:
    """Returns the rows of a page, as many as a message can hold, and the place after which the next one begins."""
    kept: list[ListedEvent] = []
    following, characters = found.following, 0
    for one in found.events:
        characters += _characters(one.event)
        if kept and characters > MAX_CHARACTERS:
            following = kept[-1].place
            break
        kept.append(one)
    if counted is None:
        return [EventRow(listed=one, amount=None) for one in kept], following
    amounts = counted.sum.amounts([one.event for one in kept], counted.part.dimension)
    rows = zip(kept, amounts, strict=True)
    return [EventRow(listed=one, amount=amount) for one, amount in rows if amount is not None], following


def _characters(event: Event) -> int:
    return len(event.properties) + sum(len(value) for value in event.detail.values() if isinstance(value, str))


def _sum(counted: CountedRows, place: _Place, raw_from: int) -> ListedSum:
    is_kept = timerange.floor_bucket(counted.bounds.start) >= raw_from
    return ListedSum(
        counted=counted,
        rows=place.rows,
        figure=place.figure,
        missing=counted.figure - place.figure if place.after is None else None,
        kept_from=None if is_kept else timerange.instant(raw_from),
    )


def _context(principal: Principal, period: TimeRange, read: Reading, revision: int) -> Context:
    return Context(
        period=period,
        as_of=AsOf(epoch=read.as_of.epoch, revision=revision, at=read.as_of.at),
        approximate=(),
        lagging={},
        currency=principal.settings.currency,
        first_event=read.first_event,
        source=Source.RAW_EVENTS,
    )
