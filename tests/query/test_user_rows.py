"""The users behind a figure, and what one user did: as many as were counted, and nobody else's."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.app import Running
from server.catalog import dimensions
from server.catalog.filters import Filter
from server.query import user_figure
from server.query.rows_tokens import CountedRows, RowsTokens
from server.store import event_lists
from server.store.database import Database
from server.tenancy.principal import Scope
from server.timerange import Interval
from tallywire import AsyncClient
from tallywire.v1 import answer_pb2, event_pb2, metrics_service_pb2, rows_pb2, user_pb2
from tests.projections import test_users
from tests.query import real_data
from tests.query import test_user_directory as directory
from tests.query.test_event_lists import retract
from tests.support import commands, serving, worlds
from tests.support.serving import Accounts, Caller, refused
from tests.support.tiny_worlds import DAY, THE_DAY


async def behind(caller: Caller, token: str, size: int) -> tuple[list[str], user_pb2.ListUsersResponse]:
    """All users behind a figure, and the last page."""
    found, page_token = list[str](), ""
    while True:
        page = await directory.listed(caller, rows_token=token, page_size=size, page_token=page_token)
        found += [user.user_id for user in page.users]
        page_token = page.next_page_token
        if not page_token:
            return found, page


@pytest.mark.parametrize("seed", range(2))
async def test_the_users_behind_a_figure_are_as_many_as_it_says(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    caller, other = [await accounts.caller(scopes=directory.SCOPES) for _ in range(2)]
    dice, tokens = random.Random(seed), RowsTokens(accounts.secrets)
    some = test_users.events(seed, 250)
    await worlds.store(database, caller.organization_id, some)
    times = sorted(map(test_users.at, some))
    start, end = times[20] + timedelta(microseconds=1), times[210] + timedelta(minutes=7)
    monkeypatch.setattr(user_figure, "LOOKED_AT", 9)
    monkeypatch.setattr(event_lists, "LOOKED_AT", 4_000)
    counted: list[tuple[str, set[str]]] = []
    for part, value in ((Filter(), ""), (Filter(dimension=dimensions.CHANNEL, value="web"), "web")):
        only = answer_pb2.Filter(channel=value)
        table = await caller.table(serving.period(start, end), "unique_users", part=only)
        context = table.context
        rows = CountedRows(
            metric="unique_users",
            part=part,
            bounds=Interval(start=context.start.ToDatetime(UTC), end=context.end.ToDatetime(UTC)),
            epoch=context.epoch,
            revision=context.as_of_revision,
            figure=table.total.figures[0].integer,
        )
        wanted = {
            event.user_id
            for event in some
            if event.user_id and start <= test_users.at(event) < end and (not value or event.channel == value)
        }
        assert rows.figure == len(wanted)
        counted.append((tokens.token(caller.organization_id, rows), wanted))
    for _ in range(2):  # of the newest revision, and of an earlier one
        for token, wanted in counted:
            found, last = await behind(caller, token, dice.choice((3, 100)))
            assert (found, last.figure.listed_rows) == (sorted(wanted), len(wanted))
            assert (last.figure.figure, last.figure.missing_figure) == (len(wanted), 0)
        await caller.track(serving.event(at=times[100], user_id="late", channel="web"))
    token = counted[0][0]
    for call, reason in (
        (directory.listed(other, rows_token=token), "ROWS_TOKEN_INVALID"),
        (directory.listed(caller, rows_token="x"), "ROWS_TOKEN_INVALID"),
        (directory.listed(caller, rows_token=token, prefix="u"), "INVALID_VALUE"),
    ):
        assert serving.refusal(await refused(call)).reason == reason
    for module, bound in ((user_figure, "MAX_EVENTS"), (event_lists, "_MOST_LOOKED_AT")):
        with monkeypatch.context() as patch:
            patch.setattr(module, bound, 10)
            refusal = await refused(directory.listed(caller, rows_token=token))
        assert serving.refusal(refusal).reason == "ROWS_TOKEN_EXPIRED"


async def test_an_answer_opens_its_users(accounts: Accounts, server: Running) -> None:
    caller = await accounts.caller(scopes=directory.SCOPES)
    await caller.track_all(serving.event(user_id=user, agent_id=f"a{user}") for user in ("u1", "u2", "u2", ""))
    request = metrics_service_pb2.GetOverviewRequest(time_range=serving.today(), include_rows_tokens=True)
    opened = (await caller.ask("GetOverview", request)).rows_tokens["unique_users"]
    assert (opened.kind, opened.figure) == (rows_pb2.ROWS_KIND_USERS, 2)
    found, last = await behind(caller, opened.token, 1)
    assert (found, last.figure.figure) == (["u1", "u2"], 2)
    rows = await commands.csv(server.address, caller, "users", "--rows-token", opened.token)
    assert [(row["user_id"], row["events"]) for row in rows] == [("u1", "1"), ("u2", "2")]


async def test_users_are_told_while_nobody_else_comes(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.caller(scopes=(*directory.SCOPES, Scope.CORRECT))
    some = [
        serving.event(at=DAY + timedelta(minutes=20 * number), user_id=user, conversation_id=f"c{user}")
        for number, user in enumerate(("u1", "u2", "u2"))
    ]
    await caller.track_all(some)
    table = await caller.table(THE_DAY, "unique_users", "cost_per_user_micros", include_rows_tokens=True)
    tokens = [one.token for one in table.total.rows_tokens.values()]
    assert len(tokens) == 2  # the costs per user open the users
    monkeypatch.setattr(user_figure, "MAX_EVENTS", 1)
    await caller.track(serving.event(at=DAY, user_id="u1"))
    for token in tokens:
        found, last = await behind(caller, token, 1)
        assert (found, last.figure.missing_figure) == (["u1", "u2"], 0)
    await retract(caller, [some[0].event_id])
    assert serving.refusal(await refused(directory.listed(caller, rows_token=tokens[0]))).reason == "ROWS_TOKEN_EXPIRED"
    monkeypatch.setattr(user_figure, "MAX_EVENTS", 100)
    assert (await behind(caller, tokens[0], 1))[0] == ["u1", "u2"]


async def test_conversations_of_a_user_open_no_list_of_others(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=directory.SCOPES)
    await caller.track_all(serving.event(at=DAY, user_id=user, conversation_id=f"c{user}") for user in ("u1", "u2"))
    names = ("total_conversations", "messages_sent", "cost_per_conversation_micros")
    table = await caller.table(THE_DAY, *names, by=("user",), include_rows_tokens=True)
    assert [row.figures[0].integer for row in table.rows] == [1, 1]
    assert [set(row.rows_tokens) for row in table.rows] == [{"messages_sent"}] * 2


async def activities(caller: Caller, user_id: str, **fields: Any) -> user_pb2.ListUserActivitiesResponse:
    request = user_pb2.ListUserActivitiesRequest(user_id=user_id, **fields)
    answer: user_pb2.ListUserActivitiesResponse = await directory.ask(caller, "ListUserActivities", request)
    return answer


@pytest.mark.skipif(
    not real_data.DATA.exists(), reason="published records are not part of this repository and do not lie beside it"
)
async def test_what_a_user_did_in_a_real_log(accounts: Accounts, database: Database, server: Running) -> None:
    caller = await accounts.caller(settings=directory.WITH_NAMES, scopes=directory.SCOPES)
    other = await accounts.caller(scopes=directory.SCOPES)
    accepted = [(at, user, ip) for at, outcome, user, ip in directory.logins() if outcome == "Accepted"]
    events = [
        serving.event("user.logged_in", at=at, user_id=user, user=event_pb2.UserDetail(ip=ip, user_agent="ssh"))
        for at, user, ip in accepted
    ]
    for each in (caller, other):
        await each.track_all(events)
    mine = sorted(((at, ip) for at, user, ip in accepted if user == "ubuntu"), reverse=True)
    found, token = list[tuple[datetime, str]](), ""
    while True:
        page = await activities(caller, "ubuntu", page_size=7, page_token=token)
        found += [(one.occurred_at.ToDatetime(UTC), one.ip) for one in page.activities]
        token = page.next_page_token
        if not token:
            break
        await caller.track(serving.event(at=accepted[0][0], user_id="ubuntu"))
    assert sorted(found, reverse=True) == mine
    assert [at for at, _ in found] == [at for at, _ in mine]
    assert page.dropped_events == 0
    assert {(one.ip, one.user_agent) for one in (await activities(other, "ubuntu")).activities} == {("", "")}
    day = serving.period("2017-03-29", "2017-03-30")
    on_day = (await activities(caller, "ubuntu", time_range=day)).activities
    assert len(on_day) == sum(f"{at:%m-%d}" == "03-29" for at, _ in mine)
    token = (await activities(caller, "ubuntu", page_size=1)).next_page_token
    for call, reason in (
        (activities(caller, ""), "REQUIRED_FIELD"),
        (activities(caller, "nobody"), "USER_NOT_FOUND"),
        (activities(caller, "ubuntu", page_size=-1), "VALUE_OUT_OF_RANGE"),
        (activities(other, "ubuntu", page_token=token), "PAGE_TOKEN_INVALID"),
        (activities(caller, "elastic_user_1", page_token=token), "PAGE_TOKEN_MISMATCH"),
    ):
        assert serving.refusal(await refused(call)).reason == reason
    async with AsyncClient(server.address, api_key=caller.key.secret) as client:
        assert len([one async for one in client.list_user_activities("elastic_user_1", page_size=10)]) == 25
    rows = await commands.csv(server.address, caller, "user", "elastic_user_1", "--activities", "--limit", "3")
    assert [row["event_type"] for row in rows] == ["user.logged_in"] * 3
    await worlds.execute(
        database, "DELETE FROM events WHERE organization_id = $1 AND user_id = 'elastic_user_1'", caller.organization_id
    )
    assert (await activities(caller, "elastic_user_1")).dropped_events == 25
