"""The figures of the views are those of the RPCs, for the days and hours of the organization's time zone."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from server.catalog import dimensions, figures, registry
from server.catalog.metrics import Quantile
from server.organizations.settings import OrganizationSettings
from server.rollups import fold
from server.store.bi import long_views, schema
from server.store.database import Database
from server.timerange import zone
from tallywire.v1 import metrics_service_pb2, time_pb2
from tests.bi.reading import Reader, logged_in
from tests.support import citus, company, serving, worlds
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import Figure

pytestmark = citus.one_node

DAYS = 4
# Two zones in which no hour is one of UTC. In the second one clocks go back by half an hour within these days.
PLACES = [
    ("Asia/Kathmandu", datetime(2024, 5, 20, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 9, tzinfo=UTC)),
]
LONG = [str(row[0]) for row in long_views.catalogue()[0] if row[6] != "percentile"]
PERCENTILES = [name for name, one in registry.METRICS.items() if isinstance(one, Quantile)]
SAMPLE = (
    *("events", "unique_users", "messages_sent", "avg_response_time_ms", "total_conversations", "resolution_rate"),
    *("prompt_tokens", "cost_micros", "api_calls", "api_error_rate", "calls_handled", "avg_handle_time_ms"),
    *("leads_generated", "lead_conversion_rate", "quality_reviews", "campaign_cost_micros", "content_gaps_found"),
)
Key = tuple[int, str, str]  # the first second, a value of the dimension, a metric


class World(NamedTuple):
    caller: Caller
    zone: str
    period: time_pb2.TimeRange
    until: date


def _portions(names: Collection[str]) -> list[list[str]]:
    return [list(names)[start : start + 20] for start in range(0, len(names), 20)]


def _figure(one: metrics_service_pb2.SeriesValue) -> Figure:
    kind = one.WhichOneof("value")
    return getattr(one, kind) if kind else None


async def told(world: World, dimension: str, names: Sequence[str], granularity: int) -> dict[Key, Figure]:
    """What RPCs tell of metrics that a dimension keeps, by its values; without those that are nothing."""
    known: dict[Key, Figure] = {}
    by = next(one for one in dimensions.TABLE.entries if one.name == dimension)
    for portion in _portions([name for name in names if figures.is_kept(name, by)]):
        if by is dimensions.TOTAL:
            answer = await world.caller.trends(world.period, *portion, granularity=granularity)
            series = [("", one.metric, one.values) for one in answer.series]
        else:
            request = metrics_service_pb2.SeriesRequest(granularity=granularity)  # type: ignore[arg-type]
            answer = await world.caller.table(world.period, *portion, by=[dimension], series=request, page_size=1000)
            rows = [*answer.rows, *([answer.other] if answer.HasField("other") else [])]
            series = [
                (row.values[0] if row.values else "_other", column.metric, one.values)
                for row in rows
                for column, one in zip(answer.metrics, row.series, strict=True)
            ]
        for value, metric, points in series:
            for bucket, point in zip(answer.buckets, points, strict=True):
                known[bucket.start.seconds, value, metric] = _figure(point)
    return known


def something(known: Mapping[Key, Figure]) -> dict[Key, Figure]:
    return {key: figure for key, figure in known.items() if figure}


def midnight(world: World, day: date) -> int:
    return worlds.seconds(datetime(day.year, day.month, day.day, tzinfo=zone(world.zone)))


async def long(world: World, reader: Reader, view: str, dimension: str, names: Sequence[str]) -> dict[Key, Figure]:
    """What a long view has."""
    wanted = "dimension = $1 AND metric = ANY($2) AND day < $3"
    rows = await reader.fetch(f"SELECT * FROM bi.{view} WHERE {wanted}", dimension, names, world.until)
    known = {
        (
            worlds.seconds(row["hour"]) if "hour" in row else midnight(world, row["day"]),
            row["dimension_value"],
            row["metric"],
        ): row["value"]
        for row in rows
    }
    assert len(known) == len(rows)
    return known


async def wide(world: World, reader: Reader, view: str, value: str = "") -> dict[Key, Figure]:
    """What a wide view has, by the column of its value."""
    columns = {"day", "hour", "local_hour", value}
    return {
        (
            worlds.seconds(row["hour"]) if "hour" in row else midnight(world, row["day"]),
            row[value] if value else "",
            metric,
        ): figure
        for row in await reader.fetch(f"SELECT * FROM bi.{view} WHERE day < $1", world.until)
        for metric, figure in row.items()
        if metric not in columns
    }


@pytest.fixture(params=PLACES, ids=[name for name, _ in PLACES])
async def world(request: pytest.FixtureRequest, accounts: Accounts) -> World:
    name, until = request.param
    start = datetime.fromisoformat((until - timedelta(days=DAYS)).date().isoformat()).replace(tzinfo=zone(name))
    caller = await accounts.caller(settings=OrganizationSettings(time_zone=name, pairs=()))
    events = list(company.events(until, days=DAYS, a_day=8))
    for at in range(0, len(events), 400):
        answer = await caller.track_all(events[at : at + 400])
        assert not any(one.HasField("rejection") for one in answer.results)
    end = start + timedelta(days=DAYS + 2)
    return World(caller, name, serving.period(start, end, name), end.date())


async def check(world: World, reader: Reader) -> None:
    day, hour = time_pb2.GRANULARITY_DAY, time_pb2.GRANULARITY_HOUR
    total = await told(world, "total", [*registry.METRICS], day)
    everything = something(total)
    assert len({metric for _, _, metric in everything}) > 150
    assert something(await long(world, reader, "metrics_daily", "total", LONG)) == {
        key: figure for key, figure in everything.items() if key[2] in LONG
    }
    assert something(await long(world, reader, "percentiles_daily", "total", PERCENTILES)) == {
        key: figure for key, figure in everything.items() if key[2] in PERCENTILES
    }
    for view in ("daily", "calls_daily", "api_usage_daily"):
        found = await wide(world, reader, view)
        assert found == {key: total[key] for key in found}
        assert {key[0] for key in found} == {key[0] for key in total}
    by_hour = await told(world, "total", SAMPLE, hour)
    found = await long(world, reader, "metrics_hourly", "total", SAMPLE)
    assert something(found) == something(by_hour)
    found = {key: one for key, one in (await wide(world, reader, "hourly")).items() if key[2] in SAMPLE}
    assert found == {key: by_hour[key] for key in found}
    assert something(found) == {key: one for key, one in something(by_hour).items() if key[2] in {k[2] for k in found}}


async def check_dimensions(world: World, reader: Reader, *names: str) -> None:
    views = {"agent": "agents_daily", "channel": "channels_daily", "team": "teams_daily", "topic": "topics_daily"}
    views |= {"queue": "queues_daily", "campaign": "campaigns_daily", "endpoint": "endpoints_daily"}
    keys = {"agent": "agent_id", "team": "team_id", "campaign": "campaign_id"}
    for name in names:
        columns = next((one.columns for one in schema.views() if one.name == views.get(name)), ())
        metrics = {*SAMPLE, *(one.name for one in columns if one.name in registry.METRICS)}
        known = await told(world, name, sorted(metrics), time_pb2.GRANULARITY_DAY)
        exact = [one for one in metrics if one in LONG]
        found = await long(world, reader, "metrics_daily", name, exact)
        assert something(found) == {key: one for key, one in something(known).items() if key[2] in exact}
        if name in views:
            found = await wide(world, reader, views[name], keys.get(name, name))
            assert found
            assert found == {key: known[key] for key in found}


async def test_figures_are_those_of_the_rpcs(world: World, database: Database) -> None:
    async with logged_in(database, world.caller.name) as reader:
        is_first = world.zone == PLACES[0][0]
        if is_first:
            # Nothing is folded yet; the RPCs bring the projections to the newest revision.
            await check(world, reader)
            await check_dimensions(world, reader, "agent", "campaign")
        await fold.fold_all(database, world.caller.organization_id)
        await check(world, reader)
        if is_first:
            await check_dimensions(world, reader, *(one.name for one in dimensions.TABLE.entries if one.number))


async def test_what_is_not_widened_yet_is_read_by_quarter_hours(caller: Caller, database: Database) -> None:
    """Of today and of the days before, in UTC, where a day is one row once it is over."""
    at = [serving.now() - timedelta(hours=hours) for hours in (0, 20, 40, 60)]
    await caller.track_all([serving.event("a.b", at=one, user_id=f"u{number % 2}") for number, one in enumerate(at)])
    await fold.fold_all(database, caller.organization_id)
    await caller.track_all([serving.event("a.b", at=one, user_id="u9") for one in at])
    period = serving.period(at[-1] - timedelta(days=2), at[0] + timedelta(hours=1))
    answer = await caller.trends(period, "events", "unique_users", granularity=time_pb2.GRANULARITY_DAY)
    events, users = ([_figure(one) for one in series.values] for series in answer.series)
    async with logged_in(database, caller.name) as reader:
        found = await reader.fetch("SELECT events, unique_users FROM bi.daily ORDER BY day")
    # Either may have days without events at its ends: those before, and the one that begins within an hour.
    days: tuple[list[Any], list[Any]] = [tuple(row) for row in found], list(zip(events, users, strict=True))
    of_views, of_trends = (_without_empty(_without_empty(one)[::-1])[::-1] for one in days)
    assert of_views == of_trends
    assert len(of_views) >= 2
    assert sum(row["events"] for row in found) == 8


def _without_empty(days: list[Any]) -> list[Any]:
    return list(itertools.dropwhile(lambda day: not day[0], days))
