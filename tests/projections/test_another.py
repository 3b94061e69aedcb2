"""A projection is added by the steps of docs/contributing.md, and by nothing else: this one counts loud users."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pytest

from server.catalog import cells, dimensions, registry
from server.catalog.cells import CellKey, Cells
from server.catalog.metrics import Aggregation, Measure, Unit
from server.projections import portions
from server.projections.projection import Advance, Replacement
from server.projections.projector import Projector
from server.projections.rebuild import rebuild
from server.projections.registry import PROJECTIONS
from server.store import projection_rows, projection_states, projections
from server.store.database import Database, Driver
from server.store.following import EventReader
from server.store.isolation import EVERY
from server.store.projections import ProjectionPosition, Rows
from tests.support import serving, worlds
from tests.support.serving import Caller
from workers.projecting import Projecting

LOUD = Measure(
    number=900,
    name="loud_users",
    title="Loud users",
    description="Users with three messages or more, at the time of their first message.",
    unit=Unit.COUNT,
    aggregation=Aggregation.COUNT,
    field="loud",
    projection="loudness",
)
THREE = 3
KNOWN = "SELECT * FROM loudness WHERE (organization_id, version, user_id) = ($1, $2, $3)"


class Said(NamedTuple):
    """A message, as far as the projection depends on it."""

    revision: int
    received_at: int
    occurred_at: int
    event_key: bytes
    event_type: str
    user_id: str


READ = EventReader(("user_id",), "event_type = 'message.received' AND user_id IS NOT NULL", Said._make)


class Loudness:
    """Follows how often users speak."""

    name = "loudness"
    is_realtime = False
    needs: Sequence[str] = ()

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        portion = await portions.read(READ, driver, rows.organization_id, position, newest, limit)
        changes: Cells = {}
        for said in portion.events:
            before = await driver.fetchrow(KNOWN, *rows, said.user_id)
            first, messages = (before["first_at"], before["messages"]) if before else (said.occurred_at, 0)
            _count(changes, first, messages, -1)
            first, messages = min(first, said.occurred_at), messages + 1
            _count(changes, first, messages, 1)
            await driver.execute(
                "INSERT INTO loudness VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, version, user_id)"
                " DO UPDATE SET first_at = excluded.first_at, messages = excluded.messages",
                *rows,
                said.user_id,
                first,
                messages,
            )
        return Advance(position=portion.reached, events=len(portion.events), changes=changes)

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        changes: Cells = {}
        for rows, sign in ((valid, -1), (filled, 1)):
            for row in await driver.fetch("SELECT * FROM loudness WHERE (organization_id, version) = ($1, $2)", *rows):
                _count(changes, row["first_at"], row["messages"], sign)
        return Replacement(valid=filled, changes=changes)

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        return await projection_rows.remove_others(driver, ("loudness",), valid, latest, limit)


def _count(changes: Cells, first_at: int, messages: int, sign: int) -> None:
    if messages >= THREE:
        cell = cells.cell(changes, CellKey(dimensions.TOTAL.number, "", first_at // 900_000_000))
        cells.add_into(cell.counters, [(cells.count_key(LOUD.number), sign)])


@pytest.fixture
async def added(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await worlds.execute(
        database,
        "CREATE TABLE IF NOT EXISTS loudness (organization_id integer, version smallint, user_id text, first_at bigint,"
        " messages integer, PRIMARY KEY (organization_id, version, user_id))",
    )
    monkeypatch.setitem(PROJECTIONS, "loudness", Loudness())  # type: ignore[arg-type]
    for mapping in (registry.ALL, registry.METRICS, registry.MEASURES):
        monkeypatch.setitem(mapping, LOUD.name, LOUD)  # type: ignore[arg-type]


async def loud(caller: Caller) -> int:
    answer = await caller.trends(serving.today(), "loud_users")
    return sum(one.integer for one in answer.series[0].values)


@pytest.mark.usefixtures("added")
async def test_answers_workers_status_and_rebuilding_go_by_the_registry(caller: Caller, database: Database) -> None:
    for user, messages in (("quiet", 2), ("loud", 4)):
        await caller.track_all([serving.event("message.received", user_id=user) for _ in range(messages)])
    assert await loud(caller) == 1, "an answer catches it up"
    await caller.track(serving.event("message.received", user_id="quiet"))
    await Projecting(database, Projector(database)).organization(caller.organization_id)
    async with database.snapshot(of=EVERY) as driver:
        states = {one.name: one for one in await projection_states.read(driver, list(PROJECTIONS))}
        newest = await driver.fetchval(
            "SELECT revision FROM revisions WHERE organization_id = $1", caller.organization_id
        )
        assert await projections.seen(driver, caller.organization_id, "loudness") == newest
    assert "loudness" in states
    assert await loud(caller) == 2
    done = await rebuild(database, caller.organization_id, "loudness", lambda _: None)
    assert (done.events, await loud(caller)) == (7, 2)
