"""Corrected events count as if they had been sent as they are now, and retracted ones as if they had not been sent."""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from server.clock import Clock
from server.errors import Reason, Refused
from server.events.content_gap import FoundGaps
from server.events.event import Event, key_of
from server.events.user_activity import Activity
from server.ingest.corrections import Correction, CorrectionStatus, Corrector
from server.organizations.audit_trail import Actor, ActorKind
from server.organizations.settings import OrganizationSettings
from server.projections import projector
from server.projections.projector import Projector
from server.projections.rebuild import rebuild
from server.rollups import audit, fold
from server.rollups.member_numbers import NumberCache
from server.store import following, partitions
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import retention
from server.tenancy import administration
from server.tenancy.principal import Principal, Scope
from tests.support import worlds

# What projections keep, without the columns that say whose rows these are.
KEPT = (
    "conversations",
    "conversation_closings",
    "users",
    "user_days",
    "user_conversations",
    "agents",
    "leads",
    "campaigns",
    "content_gaps",
    "content_gap_quarters",
)
BY = Actor(kind=ActorKind.API_KEY, id="corrector")
LEADS = ("created", "contacted", "stage_entered", "converted", "lost")


def world(seed: int, count: int) -> list[Event]:
    """Random events of all kinds that projections follow."""
    dice = random.Random(seed)
    return [_varied(dice, event) for event in worlds.events(seed, count)]


def _varied(dice: random.Random, event: Event) -> Event:
    match dice.randrange(7):
        case 0:
            detail: dict[str, int | str] = {"stage": dice.choice(("demo", "offer"))}
            if dice.random() < 0.5:
                detail |= {"value_micros": dice.randrange(10**9), "currency": dice.choice(("EUR", "USD"))}
            kind = f"lead.{dice.choice(LEADS)}"
            lead = f"lead-{dice.randrange(8)}"
            return event._replace(
                event_type=kind, detail=detail, resource_id=lead, campaign_id="spring", conversation_id=""
            )
        case 1:
            kind = f"campaign.{dice.choice(('started', 'ended', 'cost_recorded'))}"
            campaign = dice.choice(("spring", "autumn"))
            told: dict[str, int | str] = {"name": dice.choice(("One", "Two")), "cost_micros": dice.randrange(1000)}
            return event._replace(event_type=kind, detail=told, campaign_id=campaign, conversation_id="")
        case 2:
            agent = event.agent_id or "ada"
            status = {"status": dice.randrange(1, 5)}
            return event._replace(event_type="agent.status_changed", detail=status, agent_id=agent, conversation_id="")
        case 3:
            topic = {"topic": dice.choice(("Refunds", "refunds!", "Delivery  times"))}
            asked = {"question": f"Question {dice.randrange(9)}?"} if dice.random() < 0.8 else {}
            sure = {"confidence": dice.randrange(10_000)} if dice.random() < 0.5 else {}
            gap: dict[str, int | str] = {**topic, **asked, **sure}
            return event._replace(event_type="content_gap.found", detail=gap, conversation_id="")
        case _:
            return event


async def organization_of(database: Database, events: Sequence[Event]) -> int:
    """An organization that knows the ids of events, so that two of them have the same numbers for them."""
    organization_id = await administration.create_organization(
        database, f"o{random.getrandbits(60)}", OrganizationSettings()
    )
    async with database.ingest(of=EVERY) as driver:
        await NumberCache().of_all(driver, {organization_id: events})
    return organization_id


def principal(organization_id: int) -> Principal:
    """Whoever may correct events of an organization."""
    return Principal(
        organization_id=organization_id,
        key_id="corrector",
        scopes=frozenset((Scope.CORRECT,)),
        settings=OrganizationSettings(),
    )


def service(database: Database) -> Corrector:
    """What corrects events."""
    return Corrector(database, Clock(), on_commit=lambda _: None)


def correction(event: Event | None, event_id: str) -> Correction:
    """What an event should be."""
    return Correction(event_id=event_id, event_key=key_of(event_id), event=event)


async def kept(database: Database, organization_id: int) -> dict[str, list[Any]]:
    """The rows of projections, in an order that depends on nothing else."""
    found: dict[str, list[Any]] = {}
    async with database.transaction(of=EVERY) as driver:
        for table in (*KEPT, "agent_statuses"):
            rows = await driver.fetch(
                f"SELECT (to_jsonb(t) - '{{organization_id,version}}'::text[])::text AS row FROM {table} AS t"
                " WHERE organization_id = $1 ORDER BY 1",
                organization_id,
            )
            found[table] = [row[0] for row in rows]
    return found


async def check(database: Database, corrected: int, final: int) -> None:
    """Compares an organization with one that was sent the events as they are now."""
    assert await worlds.figures(database, corrected) == await worlds.figures(database, final)
    assert await kept(database, corrected) == await kept(database, final)
    report = await audit.check(database, corrected)
    assert report.mismatches == 0, report.examples


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_as_if_sent_so(own_database: Database, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever folds, widening and projections stand, how long their steps are, and however often an event is
    corrected; and after a rebuild.
    """
    monkeypatch.setattr(projector, "STEP_EVENTS", (10_000, 40, 7)[seed % 3])
    dice = random.Random(seed)
    first, others = world(seed, 160), {event.event_id: event for event in world(seed + 100, 160)}
    turned = list(others.values())
    corrected, final = await _pair(own_database, [*first, *turned])
    await worlds.keep_every_width(own_database, corrected)
    await worlds.store(own_database, corrected, first[:100])
    if dice.random() < 0.7:
        await worlds.project(own_database, corrected)
    await fold.fold_all(own_database, corrected)
    await worlds.store(own_database, corrected, first[100:])
    now = {event.event_id: event for event in first}
    corrections = service(own_database)
    for round_number in range(4):
        chosen = dice.sample(sorted(now), 25)
        if round_number % 2:
            retracted = chosen[:6]
            done = await corrections.correct(
                principal(corrected), [correction(None, one) for one in retracted], "never happened", BY
            )
            assert {one.status for one in done.results} == {CorrectionStatus.RETRACTED}
            for one in retracted:
                del now[one]
            await fold.fold_all(own_database, corrected)
        else:
            made = [_like(dice.choice(turned), now[one]) for one in chosen]
            done = await corrections.correct(
                principal(corrected), [correction(one, one.event_id) for one in made], "late", BY
            )
            assert {one.status for one in done.results} <= {CorrectionStatus.CORRECTED, CorrectionStatus.UNCHANGED}
            now |= {one.event_id: one for one in made}
        if dice.random() < 0.5:
            await worlds.project(own_database, corrected)
    assert (await audit.check(own_database, corrected)).mismatches == 0  # also while projections are behind
    await worlds.store(own_database, final, list(now.values()))
    await check(own_database, corrected, final)
    if seed == 1:
        for name in ("conversations", "leads", "users", "agents"):
            await rebuild(own_database, corrected, name, lambda _: None)
        await check(own_database, corrected, final)


async def test_what_is_made_anew_is_read_in_portions(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic may have a million events, and a user too: no more than a portion of them is there at once."""
    some = world(9, 150)
    made = [one._replace(user_id="eve") for one in some if one.event_type == "content_gap.found"][:4]
    made += [one._replace(channel="fax") for one in some if one.conversation_id and one.user_id][:4]
    corrected, final = await _pair(own_database, [*some, *made])
    await worlds.store(own_database, corrected, some)
    await worlds.project(own_database, corrected)
    monkeypatch.setattr(following, "PORTION", 9)
    sizes: dict[str, list[int]] = {"gaps": [], "users": []}

    def noted(name: str, take: Callable[[Any, list[Any]], None]) -> Callable[[Any, Iterable[Any]], None]:
        def taken(self: Any, told: Iterable[Any]) -> None:
            portion = list(told)
            sizes[name].append(len(portion))
            take(self, portion)

        return taken

    monkeypatch.setattr(FoundGaps, "take", noted("gaps", FoundGaps.take))
    monkeypatch.setattr(Activity, "add", noted("users", Activity.add))
    asked = [correction(one, one.event_id) for one in made]
    await service(own_database).correct(principal(corrected), asked, "late", BY)
    await worlds.project(own_database, corrected)
    assert max(sizes["gaps"]) <= 9 < sum(sizes["gaps"])
    assert max(sizes["users"]) <= 9 < sum(sizes["users"])
    monkeypatch.undo()
    now = {one.event_id: one for one in [*some, *made]}
    await worlds.store(own_database, final, list(now.values()))
    await check(own_database, corrected, final)


async def _pair(database: Database, events: Sequence[Event]) -> tuple[int, int]:
    return await organization_of(database, events), await organization_of(database, events)


def _like(event: Event, named: Event) -> Event:
    """An event under the id of another one."""
    return event._replace(event_id=named.event_id, event_key=named.event_key)


async def test_what_is_rejected_stays_as_it_is(own_database: Database) -> None:
    """Each correction is judged by itself, and the others hold."""
    profile = world(5, 1)[0]._replace(event_id="p", event_key=key_of("p"), event_type="agent.updated", agent_id="ada")
    plain = world(6, 3)
    organization_id = await organization_of(own_database, [profile, *plain])
    await worlds.store(own_database, organization_id, [profile, *plain])
    before = await worlds.figures(own_database, organization_id)
    asked = [
        correction(profile._replace(detail={"name": "Ada"}), "p"),
        correction(plain[0]._replace(event_type="agent.created", agent_id="ada"), plain[0].event_id),
        correction(plain[1], plain[1].event_id),
        correction(plain[2]._replace(event_id="x", event_key=key_of("x")), "x"),
    ]
    done = await service(own_database).correct(principal(organization_id), asked, "why not", BY)
    reasons = [one.rejection.reason if one.rejection else one.status for one in done.results]
    assert reasons == [
        Reason.EVENT_NOT_CORRECTABLE,
        Reason.EVENT_NOT_CORRECTABLE,
        CorrectionStatus.UNCHANGED,
        Reason.EVENT_NOT_FOUND,
    ]
    assert done.revision == 0
    assert await worlds.figures(own_database, organization_id) == before
    with pytest.raises(Refused, match="twice"):
        await service(own_database).correct(principal(organization_id), [asked[2], asked[2]], "again", BY)


async def test_events_that_come_in_meanwhile(own_database: Database) -> None:
    """Whoever sends, folds and projects while events are corrected counts as ever."""
    first, more = world(7, 120), world(8, 300)
    corrected, final = await _pair(own_database, [*first, *more])
    await worlds.store(own_database, corrected, first)
    made = [_like(more[place], first[place]) for place in range(0, 60)]
    going = asyncio.Event()

    async def send() -> None:
        for start in range(0, len(more), 10):
            await worlds.store(own_database, corrected, more[start : start + 10])
            going.set()

    async def settle() -> None:
        await going.wait()
        for _ in range(3):
            await fold.fold(own_database, corrected, 50)
            await Projector(own_database).follow_patiently(corrected, "conversations")

    async def correct() -> None:
        await going.wait()
        for start in range(0, len(made), 10):
            some = [correction(one, one.event_id) for one in made[start : start + 10]]
            done = await service(own_database).correct(principal(corrected), some, "late", BY)
            assert all(one.rejection is None for one in done.results)

    await asyncio.gather(send(), settle(), correct())
    await worlds.store(own_database, final, [*made, *first[60:], *more])
    await check(own_database, corrected, final)


async def test_raw_events_that_are_needed_are_kept(own_database: Database) -> None:
    """Retention waits for projections that have to make something anew; what it has removed cannot be corrected."""
    kept_for_a_month = OrganizationSettings(event_retention_days=30)
    organization_id = await administration.create_organization(own_database, "month", kept_for_a_month)
    condition = await own_database.condition()
    at = condition.now
    old, new = worlds.events(1, 80, end=at - timedelta(days=40)), worlds.events(2, 80, end=at)
    await worlds.store(own_database, organization_id, old)
    await worlds.project(own_database, organization_id)
    await _received(own_database, at - timedelta(days=40))
    await worlds.store(own_database, organization_id, new)
    await worlds.project(own_database, organization_id)
    change = correction(old[0]._replace(channel="fax"), old[0].event_id)
    done = await service(own_database).correct(principal(organization_id), [change], "late", BY)
    assert done.results[0].status is CorrectionStatus.CORRECTED
    empty = await retention.event_retention(own_database, at, {})
    assert empty == {"removed": 0, "dropped": 1}, "that of the day before is empty"
    await worlds.project(own_database, organization_id)
    before = await worlds.figures(own_database, organization_id)
    assert await retention.event_retention(own_database, at, {}) == {"removed": 0, "dropped": 1}
    assert await worlds.value(own_database, "SELECT count(*) FROM replaced_events") == 0
    assert await worlds.figures(own_database, organization_id) == before
    assert (await audit.check(own_database, organization_id)).mismatches == 0
    gone = correction(old[1]._replace(channel="fax"), old[1].event_id)
    again = correction(old[0]._replace(channel="mail"), old[0].event_id)
    done = await service(own_database).correct(principal(organization_id), [gone, again], "late", BY)
    reasons = [one.rejection and one.rejection.reason for one in done.results]
    assert reasons == [Reason.EVENT_NOT_FOUND, Reason.RAW_EVENTS_GONE]


async def test_history_goes_with_its_day_also_where_no_raw_event_of_it_is_left(own_database: Database) -> None:
    """Events of a day of which all were corrected or retracted: no partition has any of the organization's."""
    kept_for_a_month = OrganizationSettings(event_retention_days=30)
    organization_id = await administration.create_organization(own_database, "month", kept_for_a_month)
    at = (await own_database.condition()).now
    some = worlds.events(3, 6, end=at - timedelta(days=40))
    await worlds.store(own_database, organization_id, some)
    await worlds.project(own_database, organization_id)
    await _received(own_database, at - timedelta(days=40))
    changed = [correction(one._replace(channel="fax"), one.event_id) for one in some[:3]]
    await service(own_database).correct(principal(organization_id), changed, "late", BY)
    gone = [correction(None, one.event_id) for one in some[3:]]
    await service(own_database).correct(principal(organization_id), gone, "never happened", BY)
    count = "SELECT count(*) FROM replaced_events"
    await retention.event_retention(own_database, at, {})
    assert await worlds.value(own_database, count) == 6, "a projection has to make something anew"
    await worlds.project(own_database, organization_id)
    figures = await worlds.figures(own_database, organization_id)
    await retention.event_retention(own_database, at, {})
    assert await worlds.value(own_database, count) == 0
    raw_from = await worlds.value(own_database, "SELECT raw_from_bucket FROM organizations")
    assert raw_from == max(one.occurred_at for one in some) // 900_000_000 + 1, "nothing is told of then any more"
    assert await worlds.figures(own_database, organization_id) == figures
    assert (await audit.check(own_database, organization_id)).mismatches == 0


async def _received(database: Database, at: datetime) -> None:
    """Lets all events have been received at an instant."""
    async with database.transaction(of=EVERY) as driver:
        await partitions.ensure(driver, at.date(), days=0)
        await driver.execute("UPDATE events SET received_at = $1", at)
