"""Tables of published records hold what was worked out of the same bytes without this project."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import real_data

from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import answer_pb2, content_gap_pb2, event_pb2, metrics_service_pb2, time_pb2
from tests.query import test_content_gap_lists as gaps
from tests.support import serving
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import Figure

pytestmark = pytest.mark.skipif(
    not real_data.DATA.exists(), reason="published records are not part of this repository and do not lie beside it"
)
_PERCENTILES = (50, 90, 95, 99)


async def send(caller: Caller, database: Database, events: list[event_pb2.Event]) -> None:
    """Stores events and folds the first half of them, so that answers come from rollups and from deltas."""
    for first in range(0, len(events), 1000):
        await caller.track_all(events[first : first + 1000])
        if first == len(events) // 2000 * 1000:
            await fold.fold_all(database, caller.organization_id)


def figure(value: metrics_service_pb2.SeriesValue) -> Figure:
    name = value.WhichOneof("value")
    return None if name is None else getattr(value, name)


def rows(table: metrics_service_pb2.QueryMetricsResponse) -> dict[str, dict[str, Figure]]:
    """The figures of each row by its value; those of the whole under total, rest and other."""
    found = {" ".join(row.values): row for row in table.rows}
    found |= {"total": table.total, "rest": table.rest, "other": table.other}
    return {
        name: {column.metric: figure(one) for column, one in zip(table.metrics, row.figures, strict=False)}
        for name, row in found.items()
    }


def names(table: metrics_service_pb2.QueryMetricsResponse) -> list[str]:
    return [" ".join(row.values) for row in table.rows]


def percentiles(metric: str, expected: Mapping[str, float]) -> dict[str, Any]:
    """The figures of a metric's percentiles: at most 1 % off."""
    return {f"p{one}_{metric}": pytest.approx(expected[f"p{one}"], rel=0.01) for one in (50, 95, 99)}


async def test_tokens_of_requests(caller: Caller, database: Database) -> None:
    expected = real_data.answers(real_data.AZURE)
    await send(caller, database, list(real_data.azure()))
    day = serving.period(datetime(2023, 11, 16, tzinfo=UTC), datetime(2023, 11, 17, tzinfo=UTC))
    read, written = expected["context_tokens"], expected["generated_tokens"]
    figures = {
        "messages_sent": expected["requests"],
        "prompt_tokens": read["sum"],
        "completion_tokens": written["sum"],
        "token_usage": read["sum"] + written["sum"],
        **percentiles("prompt_tokens", read["percentile_cont_linear"]),
        **percentiles("completion_tokens", written["percentile_cont_linear"]),
    }
    assert rows(await caller.table(day, *figures))["total"] == figures


async def test_requests_of_sessions(caller: Caller, database: Database) -> None:
    expected = real_data.answers(real_data.RAGPULSE)
    await send(caller, database, list(real_data.ragpulse()))
    week = serving.period(datetime(2025, 9, 10, tzinfo=UTC), datetime(2025, 9, 18, tzinfo=UTC))
    read = expected["input_tokens"]
    figures = {
        "messages_sent": expected["requests"],
        "total_conversations": expected["sessions"],
        "prompt_tokens": read["sum"],
        "completion_tokens": expected["output_tokens"]["sum"],
        **percentiles("prompt_tokens", read["percentile_cont_linear"]),
    }
    assert rows(await caller.table(week, *figures))["total"] == figures
    days = await caller.trends(week, "messages_sent", granularity=time_pb2.GRANULARITY_DAY)
    found = {
        datetime.fromtimestamp(bucket.start.seconds, UTC).date().isoformat(): figure(value)
        for bucket, value in zip(days.buckets, days.series[0].values, strict=True)
    }
    assert found == expected["time_utc"]["per_day"]


async def test_latencies_of_providers(caller: Caller, database: Database) -> None:
    """The percentiles that others have published of the same calls."""
    events, published = real_data.llmperf()
    await send(caller, database, events)
    at = real_data.LLMPERF_AT
    shown = (
        "api_calls",
        "api_errors",
        "api_error_rate",
        *(f"p{one}_api_latency_ms" for one in _PERCENTILES),
    )
    table = await caller.table(
        serving.period(at, at + timedelta(days=1)), *shown, by=["endpoint"], order_by="p99_api_latency_ms"
    )
    found = rows(table)
    assert set(found) - {"total", "rest", "other"} == set(published)
    slowest = [found[name]["p99_api_latency_ms"] or -1 for name in names(table)]  # of lepton's no call has succeeded
    assert slowest == sorted(slowest, reverse=True)
    for endpoint, summary in published.items():
        mine = [event for event in events if event.api.endpoint == endpoint]
        failed = sum(event.api.status_code == 500 for event in mine)
        assert (found[endpoint]["api_calls"], found[endpoint]["api_errors"]) == (len(mine), failed)
        assert found[endpoint]["api_error_rate"] == pytest.approx(failed / len(mine))
        for one in _PERCENTILES:
            told = summary[f"results_end_to_end_latency_s_quantiles_p{one}"] * 1000
            assert found[endpoint][f"p{one}_api_latency_ms"] == pytest.approx(told, rel=0.01), (endpoint, one)


async def test_calls_of_an_access_log(caller: Caller, database: Database) -> None:
    expected = real_data.answers(real_data.ELASTIC, "answers_apache_logs.json")
    await send(caller, database, list(real_data.apache()))
    days = serving.period(datetime(2015, 5, 17, tzinfo=UTC), datetime(2015, 5, 21, tzinfo=UTC))
    methods = rows(await caller.table(days, "api_calls", by=["method"]))
    assert {name: row["api_calls"] for name, row in methods.items() if name in expected["methods"]} == expected[
        "methods"
    ]
    classes = rows(await caller.table(days, "api_calls", by=["status_class"]))
    of_class = {
        f"{first}xx": sum(count for status, count in expected["status"].items() if status[0] == first)
        for first in "2345"
    }
    assert {name: row["api_calls"] for name, row in classes.items() if name in of_class} == of_class
    figures = {
        "api_calls": expected["requests"],
        "api_response_bytes": expected["bytes"],
        "unique_users": expected["distinct_ips"],
        "api_errors": expected["status"]["500"],
        "api_client_errors": sum(expected["status"][one] for one in ("403", "404", "416")),
    }
    top = await caller.table(days, *figures, by=["endpoint"], page_size=1000)
    of_endpoints = rows(top)
    assert of_endpoints["total"] == figures
    calls = {name: of_endpoints[name]["api_calls"] or 0 for name in names(top)}
    # More paths than have figures of their own: those that came later are counted together.
    assert sum(calls.values()) + (of_endpoints["other"]["api_calls"] or 0) == expected["requests"]
    for path, count in expected["top_paths"]:
        of_path = [number for name, number in calls.items() if name.split(" ", 1)[1] == path]
        assert sum(of_path) == count, path
    spread = await caller.trends(days, "api_calls", granularity=time_pb2.GRANULARITY_DAY)
    assert [figure(one) for one in spread.series[0].values] == list(expected["time"]["per_day"].values())
    narrowed = answer_pb2.Filter(dimensions=[answer_pb2.DimensionFilter(dimension="method", value="GET")])
    assert rows(await caller.table(days, "api_calls", part=narrowed))["total"]["api_calls"] == 9952


async def test_questions_without_passages_are_content_gaps(accounts: Accounts) -> None:
    """The first week, resolutions, and the second one: a thousand times as fast, since what is to come is an hour."""
    caller = await accounts.caller(scopes=gaps.SCOPES)
    asked, expected = list(real_data.unanswered()), real_data.answers(real_data.RAGPULSE)
    assert len(asked) == expected["requests_without_passages"]
    weeks = [[one for one in asked if one.week == week] for week in (0, 1)]
    topics = [Counter(f"question {one.question}" for one in week) for week in weeks]
    both = sorted(topics[0].keys() & topics[1].keys())
    first = await week_of(caller, weeks[0], serving.now() - timedelta(minutes=20))
    resolved = [*both[:12], *sorted(topics[0].keys() - topics[1].keys())[:8]]
    for topic in resolved:
        found = await gaps.update(caller, topic, status=content_gap_pb2.CONTENT_GAP_STATUS_RESOLVED)
        assert found.frequency == topics[0][topic]
    second = await week_of(caller, weeks[1], serving.now() + timedelta(seconds=1))

    known = [one async for one in every_gap(caller)]
    assert {one.topic: one.frequency for one in known} == dict(topics[0] + topics[1])
    assert {one.topic: one.times_reopened for one in known if one.times_reopened} == dict.fromkeys(both[:12], 1)
    still = {one.topic for one in known if one.status == content_gap_pb2.CONTENT_GAP_STATUS_RESOLVED}
    assert still == set(resolved) - set(both)
    for one in known:
        times = [at for at, topic in (*first, *second) if topic == one.topic]
        assert (one.first_seen_at.ToDatetime(UTC), one.last_seen_at.ToDatetime(UTC)) == (min(times), max(times))
        if one.times_reopened:
            assert one.reopened_at.ToDatetime(UTC) == opened_again(one, first, second)
    assert [one.frequency for one in known] == sorted((one.frequency for one in known), reverse=True)


def opened_again(
    one: content_gap_pb2.ContentGap, first: Sequence[tuple[datetime, str]], second: Sequence[tuple[datetime, str]]
) -> datetime:
    """The first time after the resolution; the last one in its quarter hour, if it occurred in that one before, too."""
    resolved = one.resolved_at.ToDatetime(UTC)
    quarter = resolved - timedelta(
        minutes=resolved.minute % 15, seconds=resolved.second, microseconds=resolved.microsecond
    )
    before, after = [[at for at, topic in week if topic == one.topic] for week in (first, second)]
    at_once = [at for at in after if at < quarter + timedelta(minutes=15)]
    return max(at_once) if at_once and max(before) >= quarter else min(after)


async def week_of(caller: Caller, asked: Sequence[real_data.Unanswered], began: datetime) -> list[tuple[datetime, str]]:
    """Sends the content gaps of a week that begins at a time, and returns their times and topics."""
    events = [
        one.event(2 * number + one.week, began + timedelta(milliseconds=one.second)) for number, one in enumerate(asked)
    ]
    await caller.track_all(events)
    return [(one.occurred_at.ToDatetime(UTC), one.content_gap.topic) for one in events]


async def every_gap(caller: Caller) -> AsyncIterator[content_gap_pb2.ContentGap]:
    """All content gaps, the most frequent first."""
    order, token = content_gap_pb2.CONTENT_GAP_ORDER_FREQUENCY, ""
    while True:
        page = await gaps.listed(caller, order_by=order, page_size=400, page_token=token)
        for one in page.content_gaps:
            yield one
        token = page.next_page_token
        if not token:
            return
