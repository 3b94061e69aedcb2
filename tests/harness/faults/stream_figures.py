"""Holds what subscribers have in the end against what the service answers, and against the model."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tallywire import AsyncClient
from tallywire.v1 import realtime_service_pb2 as messages
from tests.harness.faults import model
from tests.harness.faults.checker import Violation
from tests.harness.faults.clients import Tenant
from tests.harness.faults.model import Figure
from tests.harness.faults.subscribers import Interest, Reader, Watcher
from tests.harness.faults.workload import Fact

_TAKEN = (
    "events",
    "messages_received",
    "messages_sent",
    "total_conversations",
    "conversations_resolved",
    "human_resolutions",
)
_ADDED = (
    "response_time_sum_ms",
    "completion_tokens",
    "cost_micros",
    "conversation_duration_ms",
    "first_response_time_ms",
)
_TODAY = {
    "messages_today": "total_messages",
    "conversations_today": "total_conversations",
    "tokens_today": "token_usage",
}
_LOOK_AGAIN = 0.1  # seconds
_ROUNDING, _ERROR = 1e-9, 0.01  # of figures, and of percentiles


async def until_at_head(readers: Sequence[Reader], newest: Mapping[int, int]) -> None:
    """Returns once every reader has the newest revision of its organization."""
    await asyncio.gather(*(reader.has(newest[reader.organization]) for reader in readers))


def behind(readers: Sequence[Reader], newest: Mapping[int, int]) -> Iterator[str]:
    """Who is not there yet."""
    for reader in readers:
        if reader.revision < newest[reader.organization]:
            yield f"{reader.name} has {reader.revision} of {newest[reader.organization]}"


async def until_true(client: AsyncClient, tenant: Tenant, watchers: Sequence[Watcher]) -> None:
    """Returns once the last state that each watcher was shown tells today's figures."""
    waiting = list(watchers)
    while waiting:
        await asyncio.sleep(_LOOK_AGAIN)
        for one in list(waiting):
            if one.state is not None and _of_today(one.state) == await _today(client, tenant, one.interest):
                waiting.remove(one)


async def compare_table(
    client: AsyncClient, organization: int, reader: Reader, start: datetime, end: datetime
) -> list[Violation]:
    """Where a table that was made of a reader's updates alone differs from the trends."""
    interest = reader.interest
    answer = await client.usage(
        start,
        end,
        granularity="hour",
        metrics=(*_TAKEN, *_ADDED),
        time_zone="UTC",
        dimensions=interest.dimensions,
    )
    hours = [bucket.start.ToDatetime(UTC) for bucket in answer.buckets]
    found = []
    for series in answer.series:
        ask = reader.table.counts if series.metric in _TAKEN else reader.table.sums
        made = _by_hour(ask(series.metric, dimension=interest.change_dimension, value=interest.values[0]))
        reported = Counter({hour: one.integer for hour, one in zip(hours, series.values, strict=True) if one.integer})
        differing = sorted(hour for hour in made | reported if made[hour] != reported[hour])
        if differing:
            hour = differing[0]
            found.append(
                f"{series.metric} at {hour}: {made[hour]} by updates, {reported[hour]} by trends;"
                f" {len(differing)} differ"
            )
    if not found:
        return []
    text = f"organization {organization}, {reader.name}: {found[0]}"
    return [Violation(check="table of updates", text=text, evidence=tuple(found[1:]))]


def _by_hour(quarters: Mapping[datetime, int]) -> Counter[datetime]:
    hours: Counter[datetime] = Counter()
    for at, count in quarters.items():
        hours[at.replace(minute=0)] += count
    return hours


async def compare_states(client: AsyncClient, tenant: Tenant, interests: Sequence[Interest]) -> list[Violation]:
    """Where the figures of now differ from the model."""
    found: list[str] = []
    for interest in interests:
        state = await client.realtime(dimensions=interest.dimensions)
        found += _differences(state, interest, list(tenant.all_facts.values()), tenant.time_zone)
    if not found:
        return []
    text = f"organization {tenant.organization}: {found[0]}"
    return [Violation(check="figures of now", text=text, evidence=tuple(found[1:]))]


def _differences(
    state: messages.RealtimeState, interest: Interest, facts: Sequence[Fact], time_zone: str
) -> Iterator[str]:
    at = state.as_of_time.ToDatetime(UTC)
    where = f"of {interest.dimension} {', '.join(interest.values)}, as of {at}"
    part = [fact for fact in facts if interest.holds(fact)]
    mine = [one for one in model.moments(facts) if interest.holds(one)]
    for name, figure in model.now(part, mine, at, midnight(at, time_zone)).items():
        reported = getattr(state.metrics, name) if state.metrics.HasField(name) else None  # type: ignore[arg-type]
        if not _same(reported, figure, error=_ERROR if name.startswith("p") else _ROUNDING):
            yield f"{name} {where}, is {reported}, the model says {figure}"
    active = model.active(facts, at, interest.field, interest.values)
    if state.metrics.active_conversations != active:
        yield f"active_conversations {where}, is {state.metrics.active_conversations}, the model says {active}"
    minutes, wanted = [one.messages for one in state.minutes], model.messages_by_minute(part, at)
    if minutes != wanted:
        yield f"the messages of minutes {where}, are {minutes}, the model says {wanted}"


def _same(reported: Figure, wanted: Figure, *, error: float) -> bool:
    if reported is None or wanted is None:
        return reported is wanted
    return math.isclose(reported, wanted, rel_tol=error)


def midnight(at: datetime, time_zone: str) -> datetime:
    """When the day of a zone began."""
    return at.astimezone(ZoneInfo(time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)


async def _today(client: AsyncClient, tenant: Tenant, interest: Interest) -> tuple[Figure, ...]:
    """Today's figures of an interest, as overviews have them: those of its values add up."""
    start = midnight(datetime.now(UTC), tenant.time_zone)
    found = []
    for value in interest.values:
        narrowed = dict.fromkeys(interest.dimensions, value)
        answer = await client.overview(start, start + timedelta(days=1), dimensions=narrowed)
        found.append([getattr(answer.overview, name) for name in _TODAY.values()])
    return tuple(map(sum, zip(*found, strict=True)))


def _of_today(state: messages.RealtimeState) -> tuple[Figure, ...]:
    return tuple(getattr(state.metrics, name) for name in _TODAY)
