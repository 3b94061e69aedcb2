"""The projection of agents: what is known of each, and that messages of agents who are humans count as a human's."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from server import timerange
from server.events.agent_profile import AgentKind, AgentProfile
from server.events.event import Event
from server.projections import projector as projectors
from server.projections.projector import Projector
from server.projections.rebuild import rebuild
from server.store.database import Database
from tallywire.v1 import event_pb2
from tests.support import serving, worlds
from tests.support.serving import Caller

AGENTS = "agents"
DESCRIBE = ("agent.created", "agent.updated", "agent.deployed")


def events(seed: int, count: int) -> list[Event]:
    """Events of a small business, some of which are about its agents, at few different times."""
    dice = random.Random(seed)
    return [_about_agents(dice, event) for event in worlds.events(seed, count)]


def _about_agents(dice: random.Random, event: Event) -> Event:
    if dice.random() < 0.5:
        return event
    detail: dict[str, int | str] = {"kind": dice.randrange(3)}
    detail |= {name: dice.choice(("a", "b", "")) for name in ("name", "version") if dice.random() < 0.7}
    at = event.occurred_at // 21_600_000_000 * 21_600_000_000
    event_type = dice.choice((*DESCRIBE, "agent.deleted"))
    return event._replace(event_type=event_type, occurred_at=at, conversation_id="", detail=detail)


def recomputed(some: list[Event]) -> dict[str, AgentProfile]:
    """What events say of agents, looked at all at once."""
    return {
        agent: _profile([one for one in some if one.agent_id == agent]) for agent in {e.agent_id for e in some} - {""}
    }


def _profile(mine: list[Event]) -> AgentProfile:
    def newest(said: Callable[[Event], Any]) -> tuple[int | None, Any]:
        told = [(one.occurred_at, said(one)) for one in mine if one.event_type in DESCRIBE and said(one)]
        return max(told, default=(None, None))

    name_at, name = newest(lambda one: one.detail.get("name"))
    kind_at, kind = newest(lambda one: one.detail.get("kind"))
    version_at, version = newest(lambda one: one.detail.get("version"))
    team_id_at, team_id = newest(lambda one: one.team_id)
    return AgentProfile(
        first_seen_at=min(one.occurred_at for one in mine),
        last_seen_at=max(one.occurred_at for one in mine),
        name=name or "",
        name_at=name_at,
        kind=AgentKind(kind or 0),
        kind_at=kind_at,
        agent_version=version or "",
        agent_version_at=version_at,
        team_id=team_id or "",
        team_id_at=team_id_at,
        created_at=max((one.occurred_at for one in mine if one.event_type == "agent.created"), default=None),
        deleted_at=max((one.occurred_at for one in mine if one.event_type == "agent.deleted"), default=None),
    )


async def known(database: Database, organization: int) -> dict[str, AgentProfile]:
    """The agents of an organization as they are kept."""
    async with database.snapshot() as driver:
        rows = await driver.fetch(
            "SELECT a.* FROM agents a JOIN projections p USING (organization_id, version)"
            " WHERE a.organization_id = $1 AND p.name = 'agents'",
            organization,
        )
    return {row["agent_id"]: _kept(dict(row)) for row in rows}


def _kept(row: dict[str, Any]) -> AgentProfile:
    apart = ("organization_id", "version", "agent_id")
    values = {name: value for name, value in row.items() if name not in apart}
    return AgentProfile(
        **{
            name: (value - timerange.EPOCH) // timedelta(microseconds=1)
            if name.endswith("_at") and value is not None
            else value
            for name, value in values.items()
        }
    )


@pytest.mark.parametrize("seed", range(3))
async def test_agents_do_not_depend_on_order_and_steps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    some = events(seed, 300)
    for start in range(0, 300, 30):
        await worlds.store(own_database, own_organization, some[start : start + 30], batch=dice.choice((1, 5, 30)))
        if dice.random() < 0.7:
            monkeypatch.setattr(projectors, "STEP_EVENTS", dice.choice((1, 3, 20, 1000)))
            await worlds.project(own_database, own_organization)
    await worlds.project(own_database, own_organization)
    assert await known(own_database, own_organization) == recomputed(some)


@pytest.mark.usefixtures("small_steps")
async def test_many_that_step_at_once(own_database: Database, own_organization: int) -> None:
    some = events(5, 300)

    async def follow(one: Projector) -> None:
        for _ in range(10):
            await one.follow(own_organization, AGENTS)

    storing = worlds.store(own_database, own_organization, some, batch=10)
    await asyncio.gather(storing, *(follow(Projector(own_database)) for _ in range(3)))
    await worlds.project(own_database, own_organization)
    assert await known(own_database, own_organization) == recomputed(some)


async def test_every_organization_has_agents_of_its_own(
    own_database: Database, make_own: Callable[[], Awaitable[int]]
) -> None:
    worlds_of = {await make_own(): events(seed, 100) for seed in range(2)}
    for organization, some in worlds_of.items():
        await worlds.store(own_database, organization, some)
        await worlds.project(own_database, organization)
    for organization, some in worlds_of.items():
        assert await known(own_database, organization) == recomputed(some)


@pytest.mark.usefixtures("small_steps")
async def test_a_rebuild_comes_to_the_same(own_database: Database, own_organization: int) -> None:
    some = events(3, 200)
    await worlds.store(own_database, own_organization, some, batch=5)
    await worlds.project(own_database, own_organization)
    figures = await worlds.figures(own_database, own_organization)
    await worlds.execute(own_database, "UPDATE agents SET name = 'wrong', kind = 2, last_seen_at = now()")

    def end(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, own_organization, AGENTS, end)
    done = await rebuild(own_database, own_organization, AGENTS, lambda _: None)
    assert 0 < done.events < 200
    assert await known(own_database, own_organization) == recomputed(some)
    assert await worlds.figures(own_database, own_organization) == figures
    assert await worlds.value(own_database, "SELECT count(*) FROM agents WHERE version = 1") == 0


async def test_a_rebuild_keeps_what_is_known_from_times_without_raw_events(
    own_database: Database, own_organization: int
) -> None:
    some = events(3, 200)
    await worlds.store(own_database, own_organization, some)
    await worlds.project(own_database, own_organization)
    middle = sorted(event.occurred_at for event in some)[100] // 900_000_000
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < to_timestamp($1)", middle * 900)
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", middle)
    await rebuild(own_database, own_organization, AGENTS, lambda _: None)
    assert await known(own_database, own_organization) == recomputed(some)


# Who wrote a message


def created(agent_id: str, kind: AgentKind) -> event_pb2.Event:
    detail = event_pb2.AgentDetail(kind=event_pb2.AgentKind.ValueType(kind))
    return serving.event("agent.created", agent_id=agent_id, agent=detail)


def sent(agent_id: str, **detail: Any) -> event_pb2.Event:
    message = event_pb2.MessageDetail(**detail)
    return serving.event("message.sent", conversation_id=f"with {agent_id}", agent_id=agent_id, message=message)


async def test_a_message_is_a_humans_if_it_says_so_or_else_if_its_agent_is_one(
    caller: Caller, database: Database
) -> None:
    await caller.track_all(
        [created("ann", AgentKind.HUMAN), created("eve", AgentKind.HUMAN), created("bot", AgentKind.AI)]
    )
    messages = [sent("ann"), sent("eve", by_human=False), sent("bot"), sent("mia", by_human=True), sent("stranger")]
    await caller.track_all(messages)
    await worlds.project(database, caller.organization_id)
    assert await with_humans(database, caller.organization_id) == {"with ann", "with mia"}


async def test_a_rebuild_knows_who_is_human_though_it_was_told_late(caller: Caller, database: Database) -> None:
    await caller.track(sent("ann"))
    await worlds.project(database, caller.organization_id)
    await caller.track(created("ann", AgentKind.HUMAN))
    assert await with_humans(database, caller.organization_id) == set()
    await rebuild(database, caller.organization_id, "conversations", lambda _: None)
    assert await with_humans(database, caller.organization_id) == {"with ann"}


async def with_humans(database: Database, organization: int) -> set[str]:
    """The conversations in which a human wrote."""
    async with database.snapshot() as driver:
        rows = await driver.fetch(
            "SELECT conversation_id FROM conversations c JOIN projections p USING (organization_id, version)"
            " WHERE c.organization_id = $1 AND p.name = 'conversations' AND human_messages <> '{}'",
            organization,
        )
    return {row[0] for row in rows}
