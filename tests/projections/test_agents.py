"""The projection of agents: what is known of each, and that messages of agents who are humans count as a human's."""

import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server import timerange
from server.events.agent_profile import AgentKind, AgentProfile
from server.events.event import Event
from server.projections import projector as projectors
from server.projections.projector import Projector
from server.projections.rebuild import rebuild
from server.rollups import audit
from server.store import projections
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import event_pb2
from tests.projections.test_projections import plain_figures, rows
from tests.support import effort, serving, stepping, worlds
from tests.support.serving import Caller

AGENTS = "agents"
DESCRIBE = ("agent.created", "agent.updated", "agent.deployed")


def events(seed: int, count: int) -> list[Event]:
    """Events of a small business, some of which are about its agents, at few different times."""
    dice = random.Random(seed)
    now = datetime.now(UTC)
    end = now.replace(hour=now.hour // 6 * 6, minute=0, second=0, microsecond=0)  # the same world at any time of day
    return [_about_agents(dice, event) for event in worlds.events(seed, count, end=end)]


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
    async with database.snapshot(of=EVERY) as driver:
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


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=3)))
async def test_agents_do_not_depend_on_order_and_steps(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    some = events(seed, 300)
    await stepping.in_random_steps(own_database, own_organization, some, monkeypatch, seed)
    assert await known(own_database, own_organization) == recomputed(some)


@pytest.mark.usefixtures("small_steps")
async def test_many_that_step_at_once(own_database: Database, own_organization: int) -> None:
    some = events(5, 300)
    await stepping.by_many_at_once(own_database, own_organization, some, AGENTS)
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
    kinds = (await all_kept(own_database, own_organization))[1]
    middle = sorted(event.occurred_at for event in some)[100] // 900_000_000
    await worlds.execute(own_database, "DELETE FROM events WHERE occurred_at < to_timestamp($1)", middle * 900)
    await worlds.execute(own_database, "UPDATE organizations SET raw_from_bucket = $1", middle)
    await rebuild(own_database, own_organization, AGENTS, lambda _: None)
    assert await known(own_database, own_organization) == recomputed(some)
    assert (await all_kept(own_database, own_organization))[1] == kinds


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


async def test_a_kind_that_is_told_late_counts_from_then_on_and_a_rebuild_knows_no_better(
    caller: Caller, database: Database
) -> None:
    organization = caller.organization_id
    await caller.track(sent("ann"))
    await caller.track_all([created("ann", AgentKind.HUMAN), sent("eve")])
    assert await with_humans(database, organization) == set()
    await caller.track_all([sent("mia"), created("mia", AgentKind.HUMAN), created("eve", AgentKind.HUMAN)])
    await worlds.project(database, organization)
    assert await with_humans(database, organization) == {"with mia"}, "told in one call, in whatever order"
    for projection in (AGENTS, "conversations"):
        await rebuild(database, organization, projection, lambda _: None)
        assert await with_humans(database, organization) == {"with mia"}
    await caller.track(sent("eve"))
    await worlds.project(database, organization)
    assert await with_humans(database, organization) == {"with eve", "with mia"}


def humans_messages(batches: list[list[Event]]) -> dict[str, list[int]]:
    """When humans wrote in each conversation, by the kinds known when a batch came in."""
    told: dict[str, tuple[int, int | str]] = {}
    found: dict[str, list[int]] = {}
    for batch in batches:
        for event in batch:
            if event.event_type in DESCRIBE and event.detail.get("kind"):
                said = event.occurred_at, event.detail["kind"]
                told[event.agent_id] = max(told.get(event.agent_id, said), said)
        for event in batch:
            if event.event_type == "message.sent" and event.agent_id and event.conversation_id:
                known = told.get(event.agent_id, (0, AgentKind.UNKNOWN))[1]
                found.setdefault(event.conversation_id, []).extend([event.occurred_at] * (known == AgentKind.HUMAN))
    return {conversation: sorted(times) for conversation, times in found.items() if times}


async def all_kept(database: Database, organization: int) -> tuple[object, ...]:
    """All that there is of agents and conversations: rows, and figures."""
    kinds = "SELECT agent_id, k.revision, kind FROM agent_kinds k JOIN projections p USING (organization_id, version)"
    async with database.snapshot(of=EVERY) as driver:
        found = await driver.fetch(f"{kinds} WHERE organization_id = $1 AND name = 'agents'", organization)
    agents, conversations = await known(database, organization), await rows(database, organization)
    return agents, sorted(map(tuple, found)), conversations, await plain_figures(database, organization)


@pytest.mark.parametrize("seed", range(effort.chosen(2, thorough=4)))
async def test_who_is_human_follows_from_the_revisions(
    own_database: Database, make_own: Callable[[], Awaitable[int]], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """However steps are cut, whichever projection goes on when, and after rebuilding both."""
    dice = random.Random(seed)
    some = events(seed, 300)
    bounds = sorted({0, 300, *(dice.randrange(300) for _ in range(40))})
    batches = [some[start:end] for start, end in itertools.pairwise(bounds)]
    at_once, in_steps = await make_own(), await make_own()
    for organization in (at_once, in_steps):
        for batch in batches:
            await worlds.store(own_database, organization, batch, batch=300)
            if organization == in_steps and dice.random() < 0.6:
                monkeypatch.setattr(projectors, "STEP_EVENTS", dice.choice((1, 3, 20, 1000)))
                await Projector(own_database).follow(organization, dice.choice((AGENTS, "conversations")))
        await worlds.project(own_database, organization)
    kept = await rows(own_database, in_steps)
    written = {row["conversation_id"]: row["human_messages"] for row in kept.values() if row["human_messages"]}
    assert written == humans_messages(batches)
    assert len(written) > 3
    agents, _, conversations, figures = await all_kept(own_database, at_once)
    before = await all_kept(own_database, in_steps)
    assert (before[0], before[2], before[3]) == (agents, conversations, figures)
    for projection in dice.sample((AGENTS, "conversations", AGENTS), 3):
        monkeypatch.setattr(projectors, "STEP_EVENTS", dice.choice((7, 50, 1000)))
        await rebuild(own_database, in_steps, projection, lambda _: None)
        assert await all_kept(own_database, in_steps) == before
    assert (await audit.check(own_database, in_steps)).mismatches == 0


async def test_conversations_do_not_wait_for_agents_that_have_stopped(
    own_database: Database, own_organization: int
) -> None:
    await worlds.store(own_database, own_organization, events(1, 50))
    async with own_database.transaction(of=EVERY) as driver:
        await projections.lock(driver, own_organization, AGENTS)
        await projections.stop(driver, own_organization, AGENTS, 1, "a fault")
    await Projector(own_database).follow(own_organization, "conversations")
    newest = "SELECT revision FROM revisions WHERE organization_id = $1"
    async with own_database.snapshot(of=EVERY) as driver:
        seen = await projections.seen(driver, own_organization, "conversations")
        assert seen == await driver.fetchval(newest, own_organization)


async def with_humans(database: Database, organization: int) -> set[str]:
    """The conversations in which a human wrote."""
    async with database.snapshot(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT conversation_id FROM conversations c JOIN projections p USING (organization_id, version)"
            " WHERE c.organization_id = $1 AND p.name = 'conversations' AND human_messages <> '{}'",
            organization,
        )
    return {row[0] for row in rows}
