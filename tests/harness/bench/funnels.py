"""Funnels over a million leads, beside plain SQL over a table with a row for each step of a lead.

The leads are put into the projection's table by SQL, as the projection would have left them: sending five million
events would take most of an hour and change nothing of what is measured.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from tallywire.v1 import funnel_service_pb2 as messages
from tests.harness.bench import raw, sending
from tests.harness.bench.report import Figure, at_most, of_rounds, percentile
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import World

_PATH = "/tallywire.v1.FunnelService/QueryFunnel"
_STAGES = ("new", "qualified", "proposal", "negotiation", "won")
_DAYS = 90
_WINDOW = timedelta(days=30)
# Leads of the last 90 days, fewer of them in each further stage. One of ten goes back to the first stage in between.
_FILL = """
    INSERT INTO leads (organization_id, version, lead_id, first_at, last_at, began_at, went_on_at, stage_at, stage,
        is_creation_told, began_key, value_key, agent_id, channel, team_id, campaign_id, currency, latest_agent_id,
        named_agent_id, named_channel, named_team_id, named_campaign_id, named_currency, step_times, steps)
    SELECT $1, 1, 'lead-' || number, began, last, began, last, last, steps[cardinality(steps)], true, '', '',
        'agent-' || number % 300, (ARRAY['web', 'phone', 'mail'])[1 + number % 3], 'team-' || number % 12,
        'campaign-' || number % 40, '', '', '', '', '', '', '', times,
        array(SELECT '=' || one FROM unnest(steps) AS one)
    FROM (
        SELECT number, began, began + pace * (cardinality(steps) - 1) AS last, steps, array(
            SELECT (extract(epoch FROM began + pace * place) * 1000000)::bigint
            FROM generate_series(0, cardinality(steps) - 1) AS place) AS times
        FROM (
            SELECT number, $3::timestamptz - random() * interval '1 day' * $4 AS began,
                random() * interval '9 days' AS pace,
                CASE WHEN number % 10 = 0 AND depth > 2
                    THEN ($5::text[])[1:2] || ($5::text[])[1:1] || ($5::text[])[2:depth]
                    ELSE ($5::text[])[1:depth] END AS steps
            FROM (SELECT number, 1 + floor(5 * random() ^ 1.5)::integer AS depth FROM generate_series(1, $2) AS number)
                AS n
        ) AS s
    ) AS l
"""
_PLAIN = (
    """
    CREATE UNLOGGED TABLE lead_steps AS SELECT organization_id, lead_id, substr(step, 2) AS stage,
        to_timestamp(at / 1000000.0) AS entered_at
    FROM leads, unnest(steps, step_times) AS s(step, at)
    """,
    "CREATE INDEX ON lead_steps (organization_id, lead_id, stage, entered_at)",
    "CREATE INDEX ON lead_steps (organization_id, stage, entered_at)",
    "VACUUM ANALYZE lead_steps",
)


def _yardstick() -> str:
    """The funnel as one would write it: for each entry the earliest entry of every further stage."""
    sql = (
        "(SELECT lead_id, min(entered_at) AS t1 FROM lead_steps WHERE organization_id = $1 AND stage = 'new'"
        " AND entered_at >= $2 AND entered_at < $3 GROUP BY lead_id) AS s1"
    )
    for place, stage in enumerate(_STAGES[1:], 2):
        sql += (
            f" LEFT JOIN LATERAL (SELECT min(entered_at) AS t{place} FROM lead_steps WHERE organization_id = $1"
            f" AND lead_id = s1.lead_id AND stage = '{stage}' AND entered_at >= t{place - 1}"
            f" AND entered_at <= t1 + $4) AS s{place} ON t{place - 1} IS NOT NULL"
        )
    times = ", ".join(
        f"percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY t{place} - t{place - 1})" for place in range(2, 6)
    )
    return f"SELECT {', '.join(f'count(t{place})' for place in range(1, 6))}, {times} FROM {sql}"


@dataclass(slots=True, kw_only=True)
class _Question:
    """A question and how long it took, a list of milliseconds for each round."""

    what: str
    days: int
    fields: dict[str, Any]
    latencies: list[Sequence[float]] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)

    def requests(self, now: datetime, first: int, count: int) -> list[bytes]:
        """Requests of which no two ask about the same period."""
        return [self.request(now, timedelta(seconds=number)) for number in range(first, first + count)]

    def request(self, now: datetime, later: timedelta = timedelta()) -> bytes:
        """A request over the days, less the first moments."""
        request = messages.QueryFunnelRequest(**self.fields)
        request.time_range.start.FromDatetime(now - timedelta(days=self.days) + later)
        request.time_range.end.FromDatetime(now)
        for stage in _STAGES:
            request.definition.stages.add(event_type="lead.stage_entered", lead_stage=stage)
        request.definition.window.FromTimedelta(_WINDOW)
        return request.SerializeToString()


async def funnel(bench: Bench) -> Sequence[Figure]:
    """QueryFunnel of five stages over a million leads: all of them, by campaign, and those of 30 days."""
    leads, calls = bench.of(1_000_000, 2_000), bench.of(10, 3)
    questions = [
        _Question(what=f"{_DAYS} days, all leads", days=_DAYS, fields={}),
        _Question(what=f"{_DAYS} days, all leads, by campaign", days=_DAYS, fields={"breakdown": "campaign"}),
        _Question(what="30 days, a third of the leads", days=30, fields={}),
    ]
    async with bench.world("funnel") as world:
        organization_id, key = await world.tenant("funnel")
        now = datetime.now(UTC)
        await _fill(world, organization_id, leads, now)
        async with world.server() as served:
            for one in questions:
                await _check(world, served.address, key, one, organization_id, now)
            for number in range(bench.of(3, 1)):
                for one in questions:
                    requests = one.requests(now, number * calls + 1, calls)
                    one.latencies.append(await bench.asker.run(sending.ask, served.address, _PATH, key, requests))
                    one.plain.append((await _plain(world, organization_id, one, now))[1])
    return [_figure(one, leads) for one in questions]


async def _fill(world: World, organization_id: int, leads: int, now: datetime) -> None:
    async with world.connected() as connection:
        await connection.execute(
            "INSERT INTO projections (organization_id, name) VALUES ($1, 'leads')", organization_id
        )
        await connection.execute(_FILL, organization_id, leads, now, float(_DAYS), list(_STAGES))
        await connection.execute("VACUUM ANALYZE leads")
        for statement in _PLAIN:
            await connection.execute(statement)


async def _check(world: World, address: str, key: str, one: _Question, organization_id: int, now: datetime) -> None:
    """Fails unless both count the same; afterwards all caches are warm."""
    async with grpc.aio.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {key}"),)
        answer = await channel.unary_unary(_PATH)(one.request(now), metadata=metadata, timeout=60)
    stages = messages.QueryFunnelResponse.FromString(answer).total.stages
    plain, _ = await _plain(world, organization_id, one, now)
    assert [stage.entered for stage in stages] == list(plain[: len(_STAGES)])


async def _plain(world: World, organization_id: int, one: _Question, now: datetime) -> tuple[Any, float]:
    async with world.connected() as connection:
        await connection.execute(f"SET work_mem = '{raw.WORK_MEM}'")
        started = time.perf_counter()
        start = now - timedelta(days=one.days)
        row = await connection.fetchrow(_yardstick(), organization_id, start, now, _WINDOW)
        return row, (time.perf_counter() - started) * 1000


def _figure(one: _Question, leads: int) -> Figure:
    every = [latency for each in one.latencies for latency in each]
    medians = [statistics.median(each) for each in one.latencies]
    return Figure(
        name="funnel",
        what=f"QueryFunnel of {len(_STAGES)} stages over {leads:,} leads, {one.what}, p50 in ms; judged is the p99",
        against="counts of the same funnel by SQL over a table of steps, ms",
        unit="ms",
        measured=medians,
        yardstick=one.plain,
        result=percentile(every, 0.99),
        result_unit="ms",
        must=at_most(1_000),
        details={
            "p50 ms": statistics.median(every),
            "p99 ms": percentile(every, 0.99),
            "SQL ÷ p50": of_rounds(one.plain, medians),
        },
    )
