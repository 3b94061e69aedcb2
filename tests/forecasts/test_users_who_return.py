"""GetChurn and ListUsersAtRisk: who comes back, how right that was, and who may have left."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.aio import AsyncClient
from tallywire.v1 import event_pb2, forecast_service_pb2, forecast_service_pb2_grpc
from tests.privacy import erasures
from tests.privacy.erasures import ANN
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, Running, refused

START = datetime(2025, 1, 6, tzinfo=UTC)
DAYS = 120
END = START + timedelta(days=DAYS)
HISTORY = serving.period(START, END, "UTC")
SCOPES = (*serving.EVERYTHING, Scope.EVENTS)


def seen(user_id: str, day: int) -> event_pb2.Event:
    return serving.event("message.received", at=START + timedelta(days=day, hours=9), user_id=user_id)


def people(count: int, seed: int = 1) -> Iterator[event_pb2.Event]:
    """Users who come at rates of their own until they leave."""
    chance = random.Random(seed)
    for number in range(count):
        day, rate, leaves = chance.uniform(0, DAYS - 30), chance.gammavariate(1.2, 0.1), chance.betavariate(1, 6)
        days = set()
        while day < DAYS:
            days.add(int(day))
            if chance.random() < leaves:
                break
            day += 1 + chance.expovariate(rate)
        yield from (seen(f"user-{number}", one) for one in sorted(days))


async def track(caller: Caller, events: list[event_pb2.Event]) -> None:
    for first in range(0, len(events), 1000):
        await caller.track_all(events[first : first + 1000])


async def ask(caller: Caller, rpc: str = "GetChurn", **fields: Any) -> Any:
    fields = {"time_range": HISTORY, **fields}
    request = getattr(forecast_service_pb2, f"{rpc}Request")(**fields)
    stub = forecast_service_pb2_grpc.ForecastServiceStub(caller.channel)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=60)


async def at_risk(caller: Caller, **fields: Any) -> Any:
    return await ask(caller, "ListUsersAtRisk", **fields)


@pytest.fixture
async def crowd(accounts: Accounts) -> Caller:
    """An organization with users who come back, one who came every second day and left, and one who is there still."""
    caller = await accounts.caller(scopes=SCOPES)
    regulars = [seen("gone", day) for day in range(0, 80, 2)] + [seen("here", day) for day in range(0, DAYS, 2)]
    ann = [seen(ANN, day) for day in range(10, 70, 3)]
    await track(caller, [*people(300), *regulars, *ann])
    return caller


async def test_how_many_come_back_and_how_right_that_was(crowd: Caller) -> None:
    found = await ask(crowd, horizon_days=14)
    assert found.users == 303
    assert 0 < found.expected_returning < found.expected_active < found.users
    reliability = found.reliability
    assert reliability.held_out.start.ToDatetime(UTC) == END - timedelta(days=14)
    assert reliability.held_out.end.ToDatetime(UTC) == END
    assert 5 <= len(reliability.tenths) <= 10
    expected = [one.expected for one in reliability.tenths]
    assert expected == sorted(expected)
    assert sum(one.returned for one in reliability.tenths) == reliability.returned
    assert reliability.expected_returning == pytest.approx(reliability.returned, rel=0.3)
    assert reliability.error < 0.08
    assert min(found.model.r, found.model.alpha, found.model.a, found.model.b) > 0
    assert found.context.as_of_revision > 0
    assert found.context.start.ToDatetime(UTC) >= START


async def test_users_at_risk_with_their_reasons(crowd: Caller, accounts: Accounts) -> None:
    found = await at_risk(crowd, horizon_days=14)
    first = found.users[0]
    assert first.user_id == "gone"
    assert (first.active_days, first.silent_days, first.usual_gap_days) == (40, 42, 2)
    assert (first.first_seen_on, first.last_seen_on) == ("2025-01-06", "2025-03-25")
    assert first.reason == "seen every 2 days until 42 days ago"
    assert first.probability_returning <= first.probability_active < 0.1
    assert "here" not in {one.user_id for one in found.users}
    assert all(one.active_days >= 3 and one.probability_active <= 0.5 for one in found.users)
    assert 0 < found.reliability_error < 0.1
    everybody = [one.user_id for one in found.users]
    assert len(everybody) > 3
    pages, token = [], ""
    while True:
        page = await at_risk(crowd, horizon_days=14, page_size=2, page_token=token)
        pages += [one.user_id for one in page.users]
        token = page.next_page_token
        if not token:
            break
        last = token
    assert pages == everybody
    mismatch = await refused(at_risk(crowd, horizon_days=7, page_token=last))
    assert serving.refusal(mismatch).reason == "PAGE_TOKEN_MISMATCH"
    stranger = await accounts.caller(scopes=SCOPES)
    foreign = await refused(at_risk(stranger, horizon_days=14, page_token=last))
    assert serving.refusal(foreign).reason == "PAGE_TOKEN_INVALID"


async def test_who_was_erased_is_nowhere(crowd: Caller, database: Database) -> None:
    before = await ask(crowd, horizon_days=14)
    assert ANN in {one.user_id for one in (await at_risk(crowd, horizon_days=14)).users}
    await erasures.run(database, await erasures.begin(database, crowd.organization_id))
    assert (await ask(crowd, horizon_days=14)).users == before.users - 1
    after = {one.user_id for one in (await at_risk(crowd, horizon_days=14)).users}
    assert ANN not in after
    assert not any("erased" in one for one in after)


async def test_too_little_is_refused_with_what_is_needed(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    error = await refused(ask(caller))
    assert serving.refusal(error)[:2] == ("FAILED_PRECONDITION", "HISTORY_TOO_SHORT")
    await track(caller, list(people(60)))
    error = await refused(ask(caller))
    assert serving.info(error)["needed"] == "100"
    assert serving.info(error)["unit"] == "users"


async def test_nothing_of_another_organization_counts(crowd: Caller, accounts: Accounts) -> None:
    other = await accounts.caller(scopes=SCOPES)
    await track(other, [seen("stranger", day) for day in range(0, 60)])
    assert (await ask(crowd, horizon_days=14)).users == 303
    assert "stranger" not in {one.user_id for one in (await at_risk(crowd, horizon_days=14)).users}


@pytest.mark.parametrize(
    ("rpc", "fields", "field", "reason"),
    [
        ("GetChurn", {"horizon_days": 91}, "horizon_days", "VALUE_OUT_OF_RANGE"),
        ("GetChurn", {"horizon_days": -1}, "horizon_days", "VALUE_OUT_OF_RANGE"),
        ("ListUsersAtRisk", {"min_active_days": 1}, "min_active_days", "VALUE_OUT_OF_RANGE"),
        ("ListUsersAtRisk", {"max_probability_active": 0.0}, "max_probability_active", "INVALID_VALUE"),
        ("ListUsersAtRisk", {"max_probability_active": 1.1}, "max_probability_active", "INVALID_VALUE"),
        ("ListUsersAtRisk", {"page_size": -1}, "page_size", "VALUE_OUT_OF_RANGE"),
        ("ListUsersAtRisk", {"page_token": "x"}, "page_token", "PAGE_TOKEN_INVALID"),
    ],
)
async def test_bad_input_is_refused(
    accounts: Accounts, rpc: str, fields: dict[str, Any], field: str, reason: str
) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    said = serving.refusal(await refused(ask(caller, rpc, **fields)))
    assert (said.reason, said.field) == (reason, field)


async def test_clients_ask_both(crowd: Caller, server: Running) -> None:
    async with AsyncClient(server.address, api_key=crowd.key.secret) as client:
        found = await client.forecasts.churn(start=START, end=END, horizon_days=14)
        assert found.users == 303
        listed = [
            one.user_id
            async for one in client.forecasts.users_at_risk(start=START, end=END, horizon_days=14, page_size=3)
        ]
    assert listed[0] == "gone"
    period = ("--from", "2025-01-06", "--to", "2025-05-06")
    text = await commands.shown(server.address, crowd, "churn", "--days", "14", *period)
    assert "expected to come back" in text
    assert "held out" in text
    text = await commands.shown(server.address, crowd, "users-at-risk", "--days", "14", *period)
    assert "seen every 2 days until 42 days ago" in text
    rows = await commands.csv(server.address, crowd, "users-at-risk", "--days", "14", *period)
    assert rows[0]["user_id"] == "gone"
