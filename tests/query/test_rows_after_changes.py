"""The rows behind figures stay those that were counted, whatever is done before and while they are listed."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import pytest

from server.catalog import figures, registry, rows
from server.clock import Clock
from server.events import lead, rules
from server.events.event import Event
from server.ingest.corrections import Correction, CorrectionStatus, Corrector
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.projections.rebuild import rebuild
from server.rollups import audit, fold
from server.rollups.member_numbers import Limits, NumberCache
from server.store import organizations, replaced_events
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire.v1 import rows_pb2
from tests.privacy import erasures
from tests.query import test_conversation_lists as conversations
from tests.query import test_event_lists as event_lists
from tests.query import test_lead_rows as leads
from tests.query import test_user_directory as users
from tests.support import effort, serving, worlds
from tests.support.serving import Accounts, Caller

SCOPES = (Scope.READ, Scope.EVENTS)
LISTED = [name for name, one in registry.METRICS.items() if rows.behind(one) is not None]
OTHERS = [name for name in LISTED if name not in event_lists.METRICS]
GROUPS: Sequence[Sequence[str]] = (("agent",), ("channel",), ("campaign",), ("topic",), ("user",), ("agent", "channel"))
WHOLE = serving.period("2026-03-10", "2026-03-11")
PERIODS = (
    WHOLE,
    serving.period("2026-03-10T09:47", "2026-03-10T11:11:11.5"),
    serving.period("2026-03-10T10:45", "2026-03-10T12:00"),
)
REBUILT = ("agents", "conversations", "users", "leads")
KINDS = ("started", "escalated", "resolved", "abandoned", "ended", "reopened")
MINUTES, MINUTE = range(180), 60_000_000  # after START, in microseconds
PEOPLE = [f"person {number}" for number in range(8)]


def event(dice: random.Random, event_id: str, minutes: range = MINUTES) -> Event:
    """An event of any type in some minutes, of few people, conversations and leads; more of those two than of others.
    Most conversations are short.
    """
    minute = dice.choice(minutes)
    about = minute if dice.random() < 0.9 else dice.choice(MINUTES)
    made = event_lists.made_up(dice, event_id)._replace(
        occurred_at=rules.microseconds(event_lists.START) + minute * MINUTE + dice.randrange(MINUTE),
        user_id=dice.choice(("", *PEOPLE)),
        conversation_id=f"conversation {about // 45} {dice.randrange(4)}",
        properties="",
    )
    match dice.randrange(10):
        case 0 | 1 | 2:
            topic = {"topic": dice.choice(("returns", "delivery"))} if dice.random() < 0.5 else {}
            return made._replace(event_type=f"conversation.{dice.choice(KINDS)}", detail=topic)
        case 3 | 4:
            worth = {"value_micros": dice.randrange(9), "currency": dice.choice(("EUR", "USD"))}
            told: dict[str, int | str] = {**({"stage": "demo"}), **(worth if dice.random() < 0.5 else {})}
            of_lead = {"resource_id": f"lead-{dice.randrange(9)}", "conversation_id": "", "detail": told}
            return made._replace(event_type=dice.choice(lead.EVENT_TYPES), **of_lead)
        case _:
            flag = {"by_human": dice.randrange(2)} if "by_human" in made.detail else {}
            return made._replace(detail={**made.detail, **flag})


class Version(NamedTuple):
    """An event as it is stored under a revision."""

    revision: int
    occurred_at: int
    event_type: str


class Found(NamedTuple):
    """The rows behind a figure, each with what it adds, and what the last page says of all of them."""

    rows: Counter[tuple[Any, int]]
    sum: rows_pb2.FigureRows


class Opened(NamedTuple):
    """A figure with its token, what it was listed as at once, and how often leads had changed then."""

    metric: str
    by: Sequence[str]
    values: Sequence[str]
    token: rows_pb2.RowsToken
    then: Found
    lead_changes: int


class World:
    """An organization in which everything happens, and what the test knows of it."""

    def __init__(self, database: Database, caller: Caller, dice: random.Random) -> None:
        self.database, self.caller, self.dice = database, caller, dice
        self.organization_id = caller.organization_id
        limits = Limits({"agent": 2, "topic": 1, "campaign": 1, "event_type": 2})
        self._numbers = NumberCache(limits, digest=erasures.HASHES.erased_user)
        self._corrector = Corrector(
            database, Clock(), on_commit=lambda _: None, distinct=limits, digest=erasures.HASHES.erased_user
        )
        self._stored: dict[str, Event] = {}
        self._count = 0
        self.erased: set[str] = set()
        self.dropped: Counter[Version] = Counter()
        self.has_dropped = False
        self.lead_changes = 0

    @property
    def steps(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """All that may happen."""
        some = (self.arrive, self.fold, self.rebuild, self.erase, self.drop, self.correct, self.retract)
        return {one.__name__: one for one in some}

    async def arrive(self, count: int = 30, minutes: range = MINUTES) -> None:
        """New events come in."""
        some = [event(self.dice, f"event {self._count + number}", minutes) for number in range(count)]
        some = self._of_one_kind(some)
        self._count += count
        await worlds.store(self.database, self.organization_id, some, batch=10, numbers=self._numbers)
        # What an erased person sent cannot be corrected by what it was.
        self._stored |= {one.event_id: one for one in some if one.user_id not in self.erased}
        self._saw(some)

    async def fold(self) -> None:
        """Deltas are folded."""
        await fold.fold_all(self.database, self.organization_id)

    async def rebuild(self) -> None:
        """A projection is rebuilt."""
        await rebuild(self.database, self.organization_id, self.dice.choice(REBUILT), lambda _: None)

    async def erase(self) -> None:
        """Somebody is erased."""
        user = self.dice.choice(PEOPLE)
        self.erased.add(user)
        self._stored = {key: one for key, one in self._stored.items() if one.user_id != user}
        await erasures.run(self.database, await erasures.begin(self.database, self.organization_id, user))

    async def drop(self) -> None:
        """Retention drops the first third of the raw events, once all projections have seen them."""
        await worlds.project(self.database, self.organization_id)
        async with self.database.transaction(of=EVERY) as driver:
            assert not await replaced_events.is_pending(driver, self.organization_id, ["conversations", "leads"])
            end = await driver.fetchval(
                "SELECT received_at FROM events WHERE organization_id = $1 ORDER BY received_at"
                " OFFSET (SELECT count(*) / 3 FROM events WHERE organization_id = $1) LIMIT 1",
                self.organization_id,
            )
            gone = await driver.fetch(_DROP_EVENTS, self.organization_id, end)
            gone += await driver.fetch(_DROP_REPLACED, self.organization_id, end)
            known = [Version(one[0], rules.microseconds(one[1]), one[2]) for one in gone]
            latest = max((one.occurred_at for one in known), default=0)
            await organizations.raise_raw_from(driver, self.organization_id, latest // 900_000_000 + 1)
        self.dropped.update(known)
        self.has_dropped = True
        async with self.database.transaction(of=EVERY) as driver:
            ids = await driver.fetch("SELECT event_id FROM events WHERE organization_id = $1", self.organization_id)
        there = {one[0] for one in ids}
        self._stored = {key: one for key, one in self._stored.items() if key in there}

    async def correct(self) -> None:
        """Events become others, at other times, of other people, conversations and leads."""
        some = self._chosen()
        changed = [event(self.dice, one.event_id)._replace(fingerprint=one.fingerprint) for one in some]
        changed = self._of_one_kind(changed)
        some = [self._stored[one.event_id] for one in changed]
        results = await self._replace([(one, other) for one, other in zip(some, changed, strict=True)])
        done = {key for key, status in results.items() if status is CorrectionStatus.CORRECTED}
        changed = [one for one in changed if one.event_id in done]
        self._saw([*some, *changed])
        self._stored |= {one.event_id: one for one in changed}
        self._stored = {key: one for key, one in self._stored.items() if one.user_id not in self.erased}

    async def retract(self) -> None:
        """Events are taken out."""
        some = self._chosen()
        await self._replace([(one, None) for one in some])
        self._saw(some)
        for one in some:
            del self._stored[one.event_id]

    def _chosen(self) -> list[Event]:
        can = [one for one in self._stored.values() if not one.event_type.startswith("agent.")]
        can = self._of_one_kind(can)
        return self.dice.sample(can, min(len(can), 12))

    def _of_one_kind(self, some: list[Event]) -> list[Event]:
        """Events, now and then without those of leads: the figures of leads stay what they are."""
        is_without = self.dice.random() < 0.7
        return [one for one in some if not (is_without and one.event_type in lead.EVENT_TYPES)]

    def _saw(self, some: Sequence[Event]) -> None:
        self.lead_changes += any(one.event_type in lead.EVENT_TYPES for one in some)

    async def _replace(self, pairs: Sequence[tuple[Event, Event | None]]) -> Mapping[str, CorrectionStatus]:
        wanted = [Correction(event_id=one.event_id, event_key=one.event_key, event=new) for one, new in pairs]
        principal = erasures.principal(self.organization_id)
        done = await self._corrector.correct(principal, wanted, "it was wrong", UNNAMED_OPERATOR)
        return {one.event_id: one.status for one in done.results}

    async def tokens(self) -> list[Opened]:
        """Asks for figures of the whole and of parts, and opens all of them at once."""
        names = [*self.dice.sample(event_lists.METRICS, 12), *OTHERS]
        tables = [((), names), (self.dice.choice(GROUPS), ["events", *self.dice.sample(names, 12)])]
        found = []
        for by, metrics in tables:
            shown = [one for one in metrics if not figures.only_by(one) or set(figures.only_by(one)) & set(by)]
            for first in range(0, len(shown), 20):
                period = WHOLE if by == ("user",) else self.dice.choice(PERIODS)
                table = await self.caller.table(period, *shown[first : first + 20], by=by, include_rows_tokens=True)
                for row in (table.total, *table.rows, table.other):
                    found += [(name, by, row.values, token) for name, token in row.rows_tokens.items()]
        chosen = []
        for kind in _LISTS:
            some = [one for one in found if one[-1].kind == kind and (one[-1].figure or self.dice.random() < 0.2)]
            chosen += self.dice.sample(some, min(len(some), effort.chosen(12, thorough=40)))
        opened = []
        for one in chosen:
            listed = await self.listed(one[-1])
            assert listed is not None, one
            opened.append(Opened(*one, then=listed, lead_changes=self.lead_changes))
        return opened

    async def listed(
        self, token: rows_pb2.RowsToken, step: Callable[[], Awaitable[None]] | None = None
    ) -> Found | None:
        """Lists the rows behind a figure, on pages of some size; None where they can no longer be told. A step may be
        taken after the first page.
        """
        fetch, size = _LISTS[token.kind], self.dice.choice((9, 40, 1000))
        found, page_token = Counter[tuple[Any, int]](), ""
        while True:
            try:
                page = await fetch(self.caller, rows_token=token.token, page_size=size, page_token=page_token)
            except grpc.aio.AioRpcError as error:
                if serving.refusal(error).reason != "ROWS_TOKEN_EXPIRED":
                    raise
                return None
            found.update(_rows(token.kind, page))
            page_token = page.next_page_token
            if not page_token:
                return Found(rows=found, sum=page.figure)
            if step is not None:
                await step()
                step = None

    async def check(self, one: Opened, step: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Opens a figure again: what is listed is what was listed, but for raw events that were dropped since, and adds
        up with what is missing. Returns whether it could be told.
        """
        found, about = await self.listed(one.token, step), (one.metric, one.by, one.values)
        if found is None:
            assert self.may_be_untold(one), about
            return False
        added_up = sum(amount * count for (_, amount), count in found.rows.items())
        assert (found.sum.listed_rows, found.sum.listed_figure) == (found.rows.total(), added_up), about
        assert found.sum.figure == one.token.figure == added_up + found.sum.missing_figure, about
        if not self.erased.isdisjoint(one.values):  # nothing of theirs is found under their name any more
            assert not found.rows, about
        elif one.token.kind == rows_pb2.ROWS_KIND_EVENTS:
            gone = Counter({row: count for row, count in one.then.rows.items() if row[0] in self.dropped})
            assert found.rows == one.then.rows - gone, about
            assert self.has_dropped or not found.sum.missing_figure, about
        else:
            assert _shown(found.rows, self.erased) == _shown(one.then.rows, self.erased), about
            assert not found.sum.missing_figure, about
        return True

    def may_be_untold(self, one: Opened) -> bool:
        """Whether it cannot be told any more what was behind a figure, for what has happened since."""
        if one.token.kind == rows_pb2.ROWS_KIND_LEADS:
            return self.lead_changes > one.lead_changes
        return self.has_dropped and one.token.kind != rows_pb2.ROWS_KIND_EVENTS


_RETURNING = "revision, occurred_at, event_type"
_DROP_EVENTS = f"DELETE FROM events WHERE organization_id = $1 AND received_at < $2 RETURNING {_RETURNING}"
_DROP_REPLACED = (
    f"DELETE FROM replaced_events WHERE organization_id = $1 AND received_at < $2 RETURNING replaced_{_RETURNING}"
)
_LISTS: Mapping[int, Callable[..., Awaitable[Any]]] = {
    rows_pb2.ROWS_KIND_EVENTS: event_lists.page,
    rows_pb2.ROWS_KIND_CONVERSATIONS: conversations.ask,
    rows_pb2.ROWS_KIND_LEADS: leads.listed,
    rows_pb2.ROWS_KIND_USERS: users.listed,
}


def _rows(kind: int, page: Any) -> list[tuple[Any, int]]:
    match kind:
        case rows_pb2.ROWS_KIND_EVENTS:
            return [
                (Version(one.revision, one.event.occurred_at.ToMicroseconds(), one.event.event_type), one.amount)
                for one in page.rows
            ]
        case rows_pb2.ROWS_KIND_CONVERSATIONS:
            return [(one.conversation_id, one.amount) for one in page.conversations]
        case rows_pb2.ROWS_KIND_LEADS:
            return [(one.lead_id, one.amount) for one in page.leads]
        case _:
            return [(one.user_id, 1) for one in page.users]


def _shown(found: Counter[tuple[Any, int]], erased: set[str]) -> Counter[tuple[Any, int]]:
    """Rows as they are shown once some people are erased."""
    shown = Counter[tuple[Any, int]]()
    for (row, amount), count in found.items():
        shown["_erased" if row in erased else row, amount] += count
    return shown


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=60)))
async def test_whatever_happens_in_between_the_rows_are_those_that_were_counted(
    accounts: Accounts, database: Database, seed: int
) -> None:
    dice = random.Random(seed)
    world = World(database, await accounts.caller(scopes=SCOPES), dice)
    await world.arrive(100, MINUTES[:60])
    await world.arrive(100, MINUTES[40:])
    opened, told = list[Opened](), Counter[int]()
    for _ in range(2):
        steps = dice.sample([*world.steps, "arrive", "correct"], 7)
        for name in steps[: len(steps) // 2]:
            await world.steps[name]()
        opened += await world.tokens()
        for name in steps[len(steps) // 2 :]:
            await world.steps[name]()
        for one in opened:
            told[one.token.kind] += await world.check(one)
        for name in ("arrive", "correct", "retract", "fold", "rebuild"):  # between two pages
            await world.check(dice.choice(opened), world.steps[name])
    assert told[rows_pb2.ROWS_KIND_EVENTS] > 10
    report = await audit.check(database, world.organization_id)
    assert report.mismatches == 0, report.examples


async def test_figures_of_a_person_open_nothing_once_the_person_is_erased(
    accounts: Accounts, database: Database
) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    world = World(database, caller, random.Random(1))
    await world.arrive(40)
    before = await caller.table(WHOLE, "events", by=("user",), include_rows_tokens=True)
    (row,) = (one for one in before.rows if one.values == ["person 3"])
    await erasures.run(database, await erasures.begin(database, caller.organization_id, "person 3"))
    found = await world.listed(row.rows_tokens["events"])
    assert found is not None
    assert (found.sum.listed_rows, found.sum.missing_figure) == (0, row.figures[0].integer)
    whole = await world.listed(before.total.rows_tokens["events"])
    assert whole is not None
    assert (whole.sum.listed_rows, whole.sum.missing_figure) == (before.total.figures[0].integer, 0)
    after = await caller.table(WHOLE, "events", by=("user",), include_rows_tokens=True)
    (row,) = (one for one in after.rows if one.values == ["_erased"])
    found = await world.listed(row.rows_tokens["events"])
    assert found is not None
    assert found.sum.listed_rows == row.figures[0].integer
