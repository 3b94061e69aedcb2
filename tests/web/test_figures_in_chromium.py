"""The pages' figures equal the Python client's at the same revision, as texts, in five zones around clock changes."""

import dataclasses
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from server.app import Running
from server.settings import Settings
from server.tenancy.principal import Scope
from server.web import pages
from tallywire import AsyncClient
from tallywire.v1 import metrics_service_pb2
from tests.harness.pages import chromium
from tests.support import browsing, company, shown
from tests.support.serving import Accounts, Caller

SCOPES = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
BATCH = 1_000
NOTHING = "Nothing to compute it from."
# A day in each zone, and how many points a chart of it has. Clocks go back in Berlin and New York, which have an hour
# twice, and half an hour ahead on Lord Howe Island; Kathmandu is 5:45 ahead of UTC all year.
DAYS = (
    ("UTC", date(2025, 10, 26), 24),
    ("Asia/Kathmandu", date(2025, 10, 26), 24),
    ("Europe/Berlin", date(2025, 10, 26), 25),
    ("America/New_York", date(2025, 11, 2), 25),
    ("Australia/Lord_Howe", date(2025, 10, 5), 24),
)
OUTCOMES = ("conversations_resolved", "conversations_escalated", "conversations_abandoned", "conversations_ended")
RESPONSE = ("p50_response_time_ms", "p95_response_time_ms")
CARDS = {
    "total_conversations": "1",
    "total_messages": "1",
    "unique_users": "1",
    "resolution_rate": "fraction",
    "escalation_rate": "fraction",
    "p50_response_time_ms": "ms",
    "satisfaction_score": "rating",
    "cost_micros": "micros",
}
AGENT_CARDS = {
    "total_conversations": ("conversation_count", "1"),
    "total_messages": ("message_count", "1"),
    "unique_users": ("unique_users", "1"),
    "resolution_rate": ("resolution_rate", "fraction"),
    "p50_response_time_ms": ("p50_response_time_ms", "ms"),
    "satisfaction_score": ("satisfaction_score", "rating"),
    "error_rate": ("error_rate", "fraction"),
    "cost_micros": ("cost_micros", "micros"),
}
COST_CARDS = {
    "cost_micros": "micros",
    "token_usage": "1",
    "cost_per_conversation_micros": "micros",
    "cost_per_resolved_conversation_micros": "micros",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole days of a zone, both included."""

    zone: str
    first: date
    last: date

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The first instant, and the first one after it."""
        midnight = time(tzinfo=ZoneInfo(self.zone))
        return datetime.combine(self.first, midnight), datetime.combine(self.last + timedelta(days=1), midnight)

    def address(self, path: str) -> str:
        """The page that shows it."""
        return f"{path}?range={self.first}..{self.last}&tz={self.zone}"

    def names(self, starts: Iterable[datetime]) -> list[str]:
        """The names of the points of a chart: days, or hours of a single one."""
        walls = [shown.local(at, self.zone) for at in starts]
        return shown.hours(walls) if self.first == self.last else shown.days(walls)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page has to say: metrics and figures of its cards, rows of the tables of its charts, and the revision."""

    cards: list[tuple[str, str]]
    charts: list[list[list[str]]]
    revision: int


WEEKS = [Period(zone=zone, first=day - timedelta(days=3), last=day + timedelta(days=3)) for zone, day, _ in DAYS]
ALONE = [Period(zone=zone, first=day, last=day) for zone, day, _ in DAYS]


def _optional(message: Any, field: str) -> float | None:
    return getattr(message, field) if message.HasField(field) else None


def _cards(message: Any, units: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, shown.figure(_optional(message, name), unit)) for name, unit in units.items()]


def _values(series: Sequence[metrics_service_pb2.Series], metric: str) -> list[float | None]:
    (found,) = (one for one in series if one.metric == metric)
    return [None if (kind := one.WhichOneof("value")) is None else getattr(one, kind) for one in found.values]


def _table(
    period: Period, answer: metrics_service_pb2.GetUsageTrendsResponse, unit: str, *metrics: str, compares: bool = False
) -> list[list[str]]:
    """The rows of a chart: a point's name, its figures, and that of the earlier period where the chart compares."""
    columns = [_values(answer.series, name) for name in metrics]
    if compares:
        columns.append(_values(answer.earlier_series, metrics[0]))
    names = period.names(bucket.start.ToDatetime(UTC) for bucket in answer.buckets)
    return [
        [name, *(shown.figure(value, unit) for value in values)] for name, *values in zip(names, *columns, strict=True)
    ]


async def _by_dimension(client: AsyncClient, period: Period, dimension: str, metric: str, unit: str) -> list[list[str]]:
    """The rows of a chart by a dimension that has six values at most: these, and what the total has beside them."""
    answer = await client.query_metrics(
        *period.bounds, [metric], time_zone=period.zone, group_by=[dimension], series="auto", page_size=100
    )
    assert len(answer.rows) <= 6
    total, *rows = [
        [None if (kind := one.WhichOneof("value")) is None else getattr(one, kind) for one in row.series[0].values]
        for row in (answer.total, *answer.rows)
    ]
    rest = [
        None if whole is None else whole - sum(value or 0 for value in parts)
        for whole, *parts in zip(total, *rows, strict=True)
    ]
    columns = [*rows, rest] if any(rest) else rows
    names = period.names(bucket.start.ToDatetime(UTC) for bucket in answer.buckets)
    return [
        [name, *(shown.figure(value, unit) for value in values)] for name, *values in zip(names, *columns, strict=True)
    ]


async def _overview(client: AsyncClient, period: Period) -> Page:
    answer = await client.overview(*period.bounds, time_zone=period.zone)
    names = ("total_conversations", *OUTCOMES, *RESPONSE)
    trends = await client.usage(*period.bounds, time_zone=period.zone, metrics=names, compare="previous")
    return Page(
        cards=_cards(answer.overview, CARDS),
        charts=[
            _table(period, trends, "1", "total_conversations", compares=True),
            _table(period, trends, "1", *OUTCOMES),
            _table(period, trends, "ms", *RESPONSE),
        ],
        revision=answer.context.as_of_revision,
    )


async def _agent(client: AsyncClient, period: Period) -> Page:
    answer = await client.agent(company.BUSIEST, *period.bounds, time_zone=period.zone)
    trends = await client.usage(
        *period.bounds,
        time_zone=period.zone,
        metrics=("total_conversations", *RESPONSE),
        compare="previous",
        agent_id=company.BUSIEST,
    )
    return Page(
        cards=[
            (name, shown.figure(_optional(answer.agent, field), unit)) for name, (field, unit) in AGENT_CARDS.items()
        ],
        charts=[
            _table(period, trends, "1", "total_conversations", compares=True),
            _table(period, trends, "ms", *RESPONSE),
        ],
        revision=answer.context.as_of_revision,
    )


async def _usage(client: AsyncClient, period: Period) -> Page:
    answer = await client.costs(*period.bounds, time_zone=period.zone)
    tokens = ("prompt_tokens", "completion_tokens")
    work = ("api_calls", "workflow_executions", "workflow_failures")
    trends = await client.usage(
        *period.bounds, time_zone=period.zone, metrics=("cost_micros", *tokens, *work), compare="previous"
    )
    return Page(
        cards=_cards(answer.total, COST_CARDS),
        charts=[
            await _by_dimension(client, period, "model", "cost_micros", "micros"),
            _table(period, trends, "micros", "cost_micros", compares=True),
            _table(period, trends, "1", *tokens),
            _table(period, trends, "1", *work),
        ],
        revision=answer.context.as_of_revision,
    )


async def _conversations(client: AsyncClient, period: Period) -> Page:
    answer = await client.conversation_metrics(*period.bounds, time_zone=period.zone)
    figures = answer.figures
    names = period.names(point.start.ToDatetime(UTC) for point in answer.series)
    return Page(
        cards=[
            *_cards(figures, {"total_conversations": "1", "conversations_closed": "1"}),
            *_cards(figures, {"resolution_rate": "fraction", "escalation_rate": "fraction"}),
            *_cards(answer, {"open_conversations": "1"}),
            ("avg_first_response_time_ms", shown.figure(_optional(figures.first_response_ms, "p50"), "ms")),
            ("resolution_rate", _share(answer.durable_resolution, "durable_resolution_rate")),
            ("escalation_rate", _share(answer.repeat_contacts, "repeat_contact_rate")),
        ],
        charts=[
            [
                [name, *(shown.figure(getattr(point.figures, outcome), "1") for outcome in OUTCOMES)]
                for name, point in zip(names, answer.series, strict=True)
            ],
            await _by_dimension(client, period, "channel", "total_conversations", "1"),
        ],
        revision=answer.context.as_of_revision,
    )


def _share(message: Any, field: str) -> str:
    return shown.figure(_optional(message, field), "fraction")


PAGES: dict[str, Callable[[AsyncClient, Period], Awaitable[Page]]] = {
    "/overview": _overview,
    f"/agents/{company.BUSIEST}": _agent,
    "/usage": _usage,
    "/conversations": _conversations,
}


async def _fill(caller: Caller) -> None:
    """Six weeks of a company that hold all of the days, and the weeks before them."""
    events = list(company.events(datetime(2025, 11, 9, tzinfo=UTC), days=48, a_day=24))
    for start in range(0, len(events), BATCH):
        await caller.track_all(events[start : start + BATCH])


def _compare(address: str, said: Any, expected: Page) -> None:
    cards = [(metric, shown.ABSENT if title == NOTHING else title) for metric, title, _ in said["cards"]]
    assert cards == expected.cards, address
    # The accessible name says the figure in full, too.
    assert all(title in name for _, title, name in said["cards"]), address
    rows = [[[name.replace(",", ""), *figures] for name, *figures in chart["rows"]] for chart in said["charts"]]
    assert rows == expected.charts, address
    assert f"As of revision {expected.revision:,} · " in said["foot"], address


async def test_figures_are_those_of_the_python_client(settings: Settings, server: Running, accounts: Accounts) -> None:
    if missing := chromium.missing():
        if os.environ.get("TALLYWIRE_ALL_CLIENTS") and "chromium" not in missing:
            pytest.fail(missing)
        pytest.skip(missing)
    caller = await accounts.caller(scopes=SCOPES)
    await _fill(caller)
    async with AsyncClient(server.address, api_key=caller.key.secret) as client:
        looks = [
            (period.address(path), await ask(client, period))
            for path, ask in PAGES.items()
            for period in (WEEKS if path != "/overview" else (*WEEKS, *ALONE))
        ]
    points = {address: len(page.charts[0]) for address, page in looks}
    assert [points[period.address("/overview")] for period in ALONE] == [hours for _, _, hours in DAYS]
    addresses = [{"address": address, "charts": len(page.charts)} for address, page in looks]
    async with browsing.web(settings, server.address, pages.FOLDER) as web:
        link = await browsing.link(caller, web)
        report = await chromium.report("figures", link, json.dumps(addresses))
    assert report["problems"] == []
    for (address, expected), said in zip(looks, report["pages"], strict=True):
        _compare(address, said, expected)
