"""Figures by two dimensions together: which pairs are kept, since when, and that they are exact."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from server import timerange
from server.catalog import cells, dimensions, pairs, registry
from server.catalog.cells import OTHER, Cell, CellKey
from server.catalog.dimensions import joined
from server.organizations.settings import OrganizationSettings
from server.quarters import Width
from server.rollups import audit, fold, windows
from server.rollups.member_numbers import Limits, NumberCache
from server.rollups.recount import Recount, Recounted, recount
from server.settings import Settings
from server.store import members, organizations, rollups
from server.store import pairs as stored_pairs
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import pair_figures
from server.tasks.kinds import UNFINISHED, Work
from server.tasks.pair_figures import PairFigures
from server.tenancy import administration
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, quality_pb2, time_pb2
from tests.support import serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import NOON, THE_DAY, by_field, closing, e

TEAM_MODEL = "team,model"
STANDING = [one.name for one in dimensions.TABLE.standing]


def by(**values: str) -> list[answer_pb2.DimensionFilter]:
    """A filter by values of dimensions."""
    return [answer_pb2.DimensionFilter(dimension=name, value=value) for name, value in values.items()]


def sent(minute: float, conversation_id: str, **fields: Any) -> event_pb2.Event:
    """A message, with fields of events and of messages as they come."""
    names = event_pb2.MessageDetail.DESCRIPTOR.fields_by_name
    detail = {name: fields.pop(name) for name in [*fields] if name in names}
    message = event_pb2.MessageDetail(**detail)
    return e("message.sent", minute, conversation_id=conversation_id, message=message, **fields)


async def declare(database: Database, caller: Caller, *names: str) -> None:
    await administration.change_settings(database, caller.name, {"pairs": names})


async def settle(
    database: Database, limits: Limits | None = None, on_commit: Callable[[int], None] = lambda _: None
) -> None:
    """Does what workers do of pairs, until nothing is left."""
    figures = PairFigures(distinct=limits or Limits(), on_commit=on_commit)
    more, task_id = True, 0
    while more:
        task_id += 1
        now = datetime.now(UTC)
        work = Work(database=database, task_id=task_id, organization_id=0, payload={}, now=now, period=None, last={})
        more = bool((await figures.settle(work))[UNFINISHED])


async def without_mismatch(database: Database, caller: Caller) -> None:
    report = await audit.check(database, caller.organization_id)
    assert report.mismatches == 0, report


async def test_figures_of_an_agent_on_a_channel(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(
        [
            sent(0, "c1", agent_id="a", channel="web", response_time_ms=10, user_id="u1"),
            sent(300, "c1", agent_id="a", channel="web", response_time_ms=30, user_id="u2"),
            sent(1, "c2", agent_id="a", channel="phone", response_time_ms=70),
            sent(1, "c3", agent_id="b", channel="web", response_time_ms=90),
            sent(1, "c4", agent_id="a", channel=""),
            *closing("c1", "started", "resolved"),
        ]
    )
    for _ in range(2):  # from deltas, then folded
        narrowed = by_field((await caller.overview(THE_DAY, agent_id="a", channel="web")).overview)
        assert narrowed["messages_sent"] == 2
        assert narrowed["avg_response_time_ms"] == 20
        assert narrowed["p95_response_time_ms"] == pytest.approx(30, rel=0.05)
        assert narrowed["unique_users"] == 2
        assert narrowed["total_conversations"] is None  # counted by single dimensions
        turned = by_field((await caller.overview(THE_DAY, dimensions=by(channel="web", agent="a"))).overview)
        assert turned == narrowed
        other = by_field((await caller.overview(THE_DAY, agent_id="b", channel="phone")).overview)
        assert other["messages_sent"] == 0
        trends = await caller.trends(THE_DAY, "messages_sent", agent_id="a", channel="phone")
        (series,) = trends.series
        assert sum(getattr(point, point.WhichOneof("value") or "") for point in series.values) == 1
        await fold.fold_all(database, caller.organization_id)
    await without_mismatch(database, caller)


async def test_a_pair_that_is_not_declared_is_refused(caller: Caller) -> None:
    part = {"team_id": "x", "channel": "web"}
    for error in (
        await refused(caller.overview(THE_DAY, **part)),
        await refused(caller.trends(THE_DAY, "events", **part)),
    ):
        assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "PAIR_NOT_KEPT", "filter")
        found = serving.info(error)
        assert (found["pair"], found["kept"]) == ("channel,team", f"{' and '.join(STANDING)} and agent,channel")
        assert "organizations set NAME --pair agent,channel --pair channel,team" in (error.details() or "")


async def test_a_pair_that_is_declared_later_is_filled_from_raw_events(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller()
    before = [sent(0, "c", team_id="blue", model="m"), sent(200, "c", team_id="blue", model="n"), sent(0, "c")]
    await caller.track_all(before)
    await declare(database, caller, TEAM_MODEL)
    # The service has remembered other pairs: a transaction finds out.
    await caller.track_all([sent(0, "c", team_id="blue", model="m"), sent(0, "c", team_id="red", model="m")])
    error = await refused(caller.overview(THE_DAY, dimensions=by(model="m", team="blue")))
    assert serving.refusal(error)[1:] == ("PAIR_INCOMPLETE", "filter", True)
    await without_mismatch(database, caller)
    await settle(database)
    for model, team, messages in (("m", "blue", 2), ("n", "blue", 1), ("m", "red", 1), ("n", "red", 0)):
        found = (await caller.overview(THE_DAY, dimensions=by(model=model, team=team))).overview
        assert found.messages_sent == messages, (model, team)
    await without_mismatch(database, caller)
    error = await refused(caller.overview(THE_DAY, agent_id="a", channel="web"))
    assert serving.info(error)["kept"] == f"{' and '.join(STANDING)} and {TEAM_MODEL}"


async def test_a_pair_that_was_taken_back_leaves_nothing(caller: Caller, database: Database) -> None:
    await caller.track_all([sent(0, "c", agent_id="a", channel="web")])
    await fold.fold_all(database, caller.organization_id)
    await caller.track_all([sent(1, "c", agent_id="a", channel="web")])
    await declare(database, caller)
    await caller.track_all([sent(2, "c", agent_id="a", channel="web")])
    await without_mismatch(database, caller)
    await settle(database)
    async with database.snapshot(of=EVERY) as driver:
        stored = await rollups.stored_between(driver, caller.organization_id, Width.QUARTER, worlds.ALL_TIME)
        assert not [key for key in stored if dimensions.is_pair(key.dimension)]
        assert await stored_pairs.kept(driver, caller.organization_id) == []
    await declare(database, caller, "channel,agent")
    await settle(database)
    assert (await caller.overview(THE_DAY, agent_id="a", channel="web")).overview.messages_sent == 3
    await without_mismatch(database, caller)


async def test_a_pair_taken_back_and_declared_again_at_once_is_counted_again(
    caller: Caller, database: Database
) -> None:
    await caller.track_all([sent(0, "c", agent_id="a", channel="web")])
    await declare(database, caller)
    await caller.track_all([sent(1, "c", agent_id="a", channel="web")])
    await declare(database, caller, "agent,channel")
    await caller.track_all([sent(2, "c", agent_id="a", channel="web")])
    await settle(database)
    assert (await caller.overview(THE_DAY, agent_id="a", channel="web")).overview.messages_sent == 3
    await without_mismatch(database, caller)


async def test_a_pair_says_since_when_it_is_complete(caller: Caller, database: Database) -> None:
    await declare(database, caller)
    await caller.track_all([sent(0, "c", agent_id="a", channel="web")])
    noon = timerange.floor_bucket(NOON)
    async with database.transaction(of=EVERY) as driver:
        await organizations.raise_raw_from(driver, caller.organization_id, noon)
    await declare(database, caller, "agent,channel", "channel,rubric")
    await settle(database)
    error = await refused(caller.overview(THE_DAY, agent_id="a", channel="web"))
    assert serving.refusal(error)[1:] == ("PAIR_INCOMPLETE", "time_range.start", False)
    assert serving.info(error)["complete_from"] == timerange.instant(noon).isoformat().replace("+00:00", "Z")
    later = serving.period(NOON, NOON + timedelta(days=1))
    overview = (await caller.overview(later, agent_id="a", channel="web")).overview
    assert overview.messages_sent == 1
    assert overview.messages_change.absence_reason == answer_pb2.ABSENCE_REASON_NOT_KEPT
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    question = quality_pb2.GetQualityRequest(
        time_range=later, filter=answer_pb2.Filter(channel="web"), comparison=previous
    )
    answer = await caller.ask("GetQuality", question)
    assert answer.compared.absence_reason == answer_pb2.ABSENCE_REASON_NOT_KEPT


@pytest.fixture(scope="module")
async def small(settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """A server that keeps figures of one channel."""
    async with (
        serving.running(settings, max_distinct={"channel": 1}) as server,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        yield channel


async def test_pairs_with_a_value_over_the_limit_are_counted_together(
    accounts: Accounts, small: grpc.aio.Channel, database: Database
) -> None:
    caller = replace(await accounts.caller(), channel=small)
    for number, channel in enumerate(("web", "phone", "mail", "web")):
        await caller.track(sent(number, "c", agent_id="a", channel=channel))
    assert (await caller.overview(THE_DAY, agent_id="a", channel="web")).overview.messages_sent == 2
    for channel in ("phone", OTHER):
        error = await refused(caller.overview(THE_DAY, agent_id="a", channel=channel))
        assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "CARDINALITY_OVERFLOW", "filter")
    assert (await caller.overview(THE_DAY, agent_id=OTHER, channel=OTHER)).overview.messages_sent == 2
    await without_mismatch(database, caller)


async def test_the_catalogue_lists_the_pairs(caller: Caller, other: Caller, database: Database) -> None:
    async def listed(one: Caller) -> dict[str, tuple[list[str], bool]]:
        answer = await one.ask("ListMetrics", metrics_service_pb2.ListMetricsRequest())
        return {pair.name: ([*pair.dimensions], pair.complete) for pair in answer.pairs}

    await declare(database, other, TEAM_MODEL)
    standing = {name: (name.split(","), True) for name in STANDING}
    assert await listed(caller) == standing | {"agent,channel": (["agent", "channel"], True)}
    assert await listed(other) == standing | {TEAM_MODEL: (["team", "model"], False)}


async def test_standing_pairs_are_kept_for_every_organization(caller: Caller, database: Database) -> None:
    """Whatever pairs it declares, and what must not be added up otherwise is there by them."""

    def scored(**detail: Any) -> event_pb2.Event:
        return e("quality.scored", quality=event_pb2.QualityDetail(overall=4000, rubric_version="v2", **detail))

    await declare(database, caller)
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(
        [
            scored(scorer="ann"),
            scored(topic="returns"),
            e("campaign.cost_recorded", campaign_id="spring", campaign=event_pb2.CampaignDetail(cost_micros=5)),
            e("lead.created", campaign_id="spring", lead=event_pb2.LeadDetail(value_micros=7, currency="EUR")),
            *(
                e("api.called", api=event_pb2.ApiDetail(endpoint="/orders", status_code=code, latency_ms=10))
                for code in (200, 503)
            ),
        ]
    )
    expected: list[tuple[dict[str, str], dict[str, float]]] = [
        ({"agent": "bot", "rubric": "v2"}, {"quality_reviews": 2, "avg_quality_overall": 0.4}),
        ({"topic": "returns", "rubric": "v2"}, {"quality_reviews": 1, "avg_quality_overall": 0.4}),
        ({"rubric": "v2", "scorer": "ann"}, {"quality_reviews": 1, "avg_quality_overall": 0.4}),
        ({"campaign": "spring", "currency": "XXX"}, {"campaign_cost_micros": 5, "lead_value_micros": 0}),
        ({"campaign": "spring", "currency": "EUR"}, {"campaign_cost_micros": 0, "lead_value_micros": 7}),
        ({"endpoint": "/orders", "status_class": "5xx"}, {"api_calls": 1, "api_error_rate": 1}),
    ]
    for _ in range(2):  # from deltas, then folded
        for values, figures in expected:
            answer = await caller.trends(
                THE_DAY, *figures, granularity=time_pb2.GRANULARITY_DAY, dimensions=by(**values)
            )
            found = {
                one.metric: getattr(one.values[0], one.values[0].WhichOneof("value") or "") for one in answer.series
            }
            assert found == figures, values
        await fold.fold_all(database, caller.organization_id)
    await without_mismatch(database, caller)


async def test_figures_by_a_pair_are_the_callers_own(caller: Caller, other: Caller) -> None:
    await caller.track(sent(0, "c", agent_id="a", channel="web"))
    assert (await other.overview(THE_DAY, agent_id="a", channel="web")).overview.messages_sent == 0


async def stored_pair_cells(database: Database, organization: int) -> dict[CellKey, Cell]:
    async with database.snapshot(of=EVERY) as driver:
        stored = await rollups.stored_between(driver, organization, Width.QUARTER, worlds.ALL_TIME)
    return {key: cell for key, cell in stored.items() if dimensions.is_pair(key.dimension)}


async def test_a_pair_that_is_half_removed_and_declared_again_is_exact(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of some buckets the hour is left and not its quarters, or the other way round: all of it goes first."""
    monkeypatch.setattr(pair_figures, "_REMOVED_AT_ONCE", 7)
    remove, turns = stored_pairs.remove_figures, 0

    async def interrupted(*arguments: Any) -> bool:
        nonlocal turns
        turns += 1
        if turns == 4:
            raise RuntimeError("a worker was killed")
        return await remove(*arguments)

    await worlds.keep_every_width(own_database, own_organization)
    await worlds.store(own_database, own_organization, worlds.events(1, 200))
    await fold.fold_all(own_database, own_organization)
    await administration.change_settings(own_database, "acme", {"pairs": ()})
    monkeypatch.setattr(stored_pairs, "remove_figures", interrupted)
    with pytest.raises(RuntimeError):
        await settle(own_database)
    before = len(await stored_pair_cells(own_database, own_organization))
    assert before > 0
    await administration.change_settings(own_database, "acme", {"pairs": ("agent,channel",)})
    await worlds.store(own_database, own_organization, worlds.events(2, 50))
    await fold.fold_all(own_database, own_organization)
    await settle(own_database)
    await fold.fold_all(own_database, own_organization)
    assert len(await stored_pair_cells(own_database, own_organization)) > before
    assert (await audit.check(own_database, own_organization)).mismatches == 0
    async with own_database.snapshot(of=EVERY) as driver:
        assert [one.complete_from for one in await stored_pairs.kept(driver, own_organization)] == [0]


async def test_a_pair_that_changes_while_it_is_counted_is_counted_again(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored between taking it back and declaring it again has never been counted by it."""
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 20)
    await administration.change_settings(own_database, "acme", {"pairs": ()})
    await worlds.store(own_database, own_organization, worlds.events(1, 200))
    await administration.change_settings(own_database, "acme", {"pairs": ("agent,channel",)})
    count, noted = stored_pairs.note_counted, 0

    async def meanwhile(*arguments: Any) -> bool:
        nonlocal noted
        noted += 1
        if noted == 3:
            await administration.change_settings(own_database, "acme", {"pairs": ()})
            await worlds.store(own_database, own_organization, worlds.events(2, 50))
            await administration.change_settings(own_database, "acme", {"pairs": ("agent,channel",)})
        return await count(*arguments)

    monkeypatch.setattr(stored_pairs, "note_counted", meanwhile)
    await settle(own_database)
    assert noted > 6
    async with own_database.snapshot(of=EVERY) as driver:
        assert [one.complete_from for one in await stored_pairs.kept(driver, own_organization)] == [0]
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_counting_goes_on_where_it_was_ended(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 20)
    monkeypatch.setattr(pair_figures, "_TURN_SECONDS", 0.0)  # one window
    monkeypatch.setattr(
        pair_figures.time, "monotonic", itertools.count(step=-1).__next__
    )  # one window at a time, a turn
    await administration.change_settings(own_database, "acme", {"pairs": ()})
    await worlds.store(own_database, own_organization, worlds.events(1, 200))
    await administration.change_settings(own_database, "acme", {"pairs": ("agent,channel",)})
    begun: list[int] = []
    window = Recount.window

    async def watched(self: Recount, start: int, before: Recounted) -> Any:
        begun.append(start)
        return await window(self, start, before)

    monkeypatch.setattr(Recount, "window", watched)
    await settle(own_database)
    assert len(begun) > 3
    assert begun == sorted(set(begun))
    assert (await audit.check(own_database, own_organization)).mismatches == 0


async def test_what_has_a_side_over_the_limit_takes_no_place_of_a_pair(
    own_database: Database, own_organization: int
) -> None:
    numbers = NumberCache(Limits({"agent": 1}))
    some = [one for one in worlds.events(3, 100) if one.agent_id and one.channel]
    await worlds.store(own_database, own_organization, some, batch=10, numbers=numbers)
    async with own_database.snapshot(of=EVERY) as driver:
        kind = dimensions.TABLE.pairs["agent,channel"].member_kind
        values = {joined(one.agent_id, one.channel) for one in some}
        found = await members.find(driver, own_organization, kind, values)
    assert not any(member.overflow for member in found.values())
    assert len({dimensions.parted(value)[0] for value in found}) == 1 < len({one.agent_id for one in some})
    assert (await audit.check(own_database, own_organization)).mismatches == 0


def test_no_pair_is_of_details_that_no_event_carries_together() -> None:
    assert pairs.named("model,queue") is None
    assert pairs.named("model,team") is not None


async def test_filters_that_no_event_can_pass_are_refused(caller: Caller) -> None:
    error = await refused(caller.overview(THE_DAY, dimensions=by(model="m", queue="q")))
    assert serving.refusal(error)[:3] == ("FAILED_PRECONDITION", "PAIR_NOT_KEPT", "filter")
    assert "no event carries both" in (error.details() or "")


@pytest.mark.parametrize("seed", range(3))
async def test_declared_while_events_come_in(own_database: Database, own_organization: int, seed: int) -> None:
    """Whatever servers remember, and whenever a pair is declared, filled or taken back, its figures are exact."""
    dice = random.Random(seed)
    servers = [NumberCache() for _ in range(2)]
    some = [
        one._replace(detail={**one.detail, "model": dice.choice("mn")}) if one.event_type == "message.sent" else one
        for one in worlds.events(seed, 240)
    ]

    async def send(mine: Sequence[Any], numbers: NumberCache) -> None:
        for start in range(0, len(mine), 10):
            await worlds.store(own_database, own_organization, mine[start : start + 10], numbers=numbers)
            await asyncio.sleep(0)

    async def change() -> None:
        for names in ((TEAM_MODEL,), (), (TEAM_MODEL, "agent,channel"), ("agent,channel", "channel,team")):
            await administration.change_settings(own_database, "acme", {"pairs": names})
            if dice.random() < 0.5:
                await settle(own_database)
            await fold.fold_all(own_database, own_organization)

    await asyncio.gather(send(some[:100], servers[0]), send(some[100:200], servers[1]), change())
    await settle(own_database)
    # Nothing tells a server that pairs were declared but the transaction that counts others.
    await send(some[200:220], servers[0])
    await send(some[220:], servers[1])
    assert (await audit.check(own_database, own_organization)).mismatches == 0
    async with own_database.snapshot(of=EVERY) as driver:
        kept = await stored_pairs.kept(driver, own_organization)
        stored = await rollups.stored_between(driver, own_organization, Width.QUARTER, worlds.ALL_TIME)
    assert [one.complete_from for one in kept] == [0, 0]
    events = registry.MEASURES["events"].number
    for pair in (one.dimension for one in kept):
        mine = [cell for key, cell in stored.items() if key.dimension == pair.number]
        counted = sum(cell.counters.get(cells.count_key(events), 0) for cell in mine)
        assert counted == sum(1 for one in some if pair.value_of(one)) > 0


async def test_recounting_everything_leaves_pairs_as_they_are(caller: Caller, database: Database) -> None:
    await caller.track_all([sent(number, "c", agent_id="a", channel="web") for number in range(5)])
    every = [one.number for one in registry.MEASURES.values()]
    await recount(database, caller.organization_id, every, Limits(), lambda _: None)
    assert (await caller.overview(THE_DAY, agent_id="a", channel="web")).overview.messages_sent == 5
    await without_mismatch(database, caller)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("agent",), "does not name two of the dimensions"),
        (("agent,agent",), "does not name two of the dimensions"),
        (("agent,total",), "does not name two of the dimensions"),
        (("agent,channel,team",), "does not name two of the dimensions"),
        (("rubric,agent",), "agent,rubric is kept for every organization: leave it out"),
        (("agent,channel", "agent,team", "agent,model", "agent,topic", "agent,queue", "team,queue"), "at most 5 pairs"),
    ],
)
def test_pairs_that_are_none(names: tuple[str, ...], says: str) -> None:
    with pytest.raises(Exception, match=says):
        OrganizationSettings(pairs=names).checked()


def test_a_pair_has_one_name() -> None:
    assert OrganizationSettings(pairs=("channel, agent", "agent,channel")).checked().pairs == ("agent,channel",)
    assert joined("a", "b") != joined("ab", "")
    assert dimensions.parted(joined("a", "b,c")) == ["a", "b,c"]
