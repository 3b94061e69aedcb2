"""What a worker looks at to find what is behind: most often at what changed lately alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from server import errors
from server.catalog.families.conversations import PROJECTION
from server.organizations.settings import OrganizationSettings
from server.projections.projector import Projector
from server.projections.registry import PROJECTIONS
from server.store import projection_states, projections
from server.store.database import Database
from server.store.projections import Behind
from server.tenancy import administration
from tests.projections.test_projections import message, state
from tests.support import worlds
from workers import projecting
from workers.projecting import Projecting

PATIENCE = 30.0


async def leave_behind(database: Database, organization: int, number: int) -> None:
    """Stores an event long ago."""
    await worlds.store(database, organization, [message("c", number)])
    await worlds.execute(
        database,
        f"UPDATE revisions SET revised_at = {worlds.moved('revised_at', '-1 hour')} WHERE organization_id = $1",
        organization,
    )


async def is_behind(database: Database, organization: int) -> bool:
    found = await state(database, organization)
    return bool(found.get("revision", 0) < found["newest"])


async def test_all_organizations_are_looked_at_once_in_a_while(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)
    working = Projecting(own_database, Projector(own_database))
    await leave_behind(own_database, own_organization, 1)
    await working.due()
    assert not await is_behind(own_database, own_organization), "the first look is at all of them"
    await leave_behind(own_database, own_organization, 2)
    await working.due()
    assert await is_behind(own_database, own_organization)
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 0)
    await working.due()
    assert not await is_behind(own_database, own_organization)


async def test_what_changed_lately_is_looked_at_every_time(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)
    monkeypatch.setattr(projecting, "_LATELY_SECONDS", 1_800)
    working = Projecting(own_database, Projector(own_database))
    for number in range(3):
        await worlds.store(own_database, own_organization, [message("c", number)])
        await working.due()
        assert not await is_behind(own_database, own_organization)


async def test_what_a_wake_up_has_just_moved_on_is_left_alone_for_a_moment(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)
    monkeypatch.setattr(projecting, "_REST_SECONDS", 3_600)
    working = Projecting(own_database, Projector(own_database))
    await working.due()
    await worlds.store(own_database, own_organization, [message("c", 1)])
    await working.organization(own_organization)
    assert not await is_behind(own_database, own_organization)
    await worlds.store(own_database, own_organization, [message("c", 2)])
    await working.due()
    assert await is_behind(own_database, own_organization)
    monkeypatch.setattr(projecting, "_REST_SECONDS", 0)
    await working.due()
    assert not await is_behind(own_database, own_organization)


async def test_what_could_not_be_moved_on_is_found_by_the_next_look(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)

    class Failing(Projector):
        fails = True

        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            if self.fails:
                raise errors.StorageUnavailable("for a while")
            return await super().follow(organization_id, name, target)

    projector = Failing(own_database)
    working = Projecting(own_database, projector)
    await leave_behind(own_database, own_organization, 1)
    await working.due()
    assert await is_behind(own_database, own_organization)
    projector.fails = False
    await working.due()
    assert not await is_behind(own_database, own_organization)


async def test_what_fails_every_time_is_tried_every_time_and_others_are_not_looked_at_for_it(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)
    tried, looks, behind = Counter[str](), list[object](), projections.behind

    class Failing(Projector):
        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            tried[name] += 1
            raise errors.StorageUnavailable("for ever")

    async def counted(*arguments: object, within_seconds: float | None = None) -> list[Behind]:
        looks.append(within_seconds)
        return await behind(*arguments, within_seconds=within_seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(projections, "behind", counted)
    working = Projecting(own_database, Failing(own_database))
    await leave_behind(own_database, own_organization, 1)
    for _ in range(3):
        await working.due()
    assert tried == dict.fromkeys(PROJECTIONS.keys() - projections.ON_DEMAND, 3)
    assert looks == [None, projecting._LATELY_SECONDS, projecting._LATELY_SECONDS]


async def test_how_far_projections_are_behind_is_published_with_the_look_at_all(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "_EVERYTHING_SECONDS", 3_600)
    published, read = [], projection_states.read

    async def counted(*arguments: object) -> object:
        published.append(PROJECTION)
        return await read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(projection_states, "read", counted)
    working = Projecting(own_database, Projector(own_database))
    for _ in range(3):
        await working.due()
    assert len(published) == 1


async def test_organizations_with_a_backlog_leave_turns_to_the_others(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are moved on at once have a backlog that has no end, and one has a single event."""
    monkeypatch.setattr(projecting, "_TURN_SECONDS", 0.01)
    monkeypatch.setattr(projecting, "_SWEEP_SECONDS", 3_600.0)
    large = [
        await administration.create_organization(own_database, f"large {number}", OrganizationSettings())
        for number in range(projecting.CONCURRENCY)
    ]
    turns = Counter[int]()

    class Busy(Projector):
        async def follow(self, organization_id: int, name: str, target: int | None = None) -> int:
            if organization_id not in large:
                return await super().follow(organization_id, name, target)
            turns[organization_id] += 1
            return await asyncio.get_running_loop().create_future()

    for organization in (*large, own_organization):
        await worlds.store(own_database, organization, [message("c", 1)])
    monkeypatch.setattr(projecting, "_by_organization", lambda found: sorted_by(found, large))
    working = asyncio.create_task(Projecting(own_database, Busy(own_database)).due())
    async with asyncio.timeout(PATIENCE):
        while min(turns[one] for one in large) < 5 or await is_behind(own_database, own_organization):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    working.cancel()
    await asyncio.wait((working,))


def sorted_by(found: Sequence[Behind], first: Sequence[int]) -> list[Sequence[Behind]]:
    """Puts what waits in an order in which some organizations come first."""
    others = [one for one in found if one.organization_id not in first]
    return [[one for one in found if one.organization_id == organization][:1] for organization in first] + [others]
