"""EventService and its senders: whose events they are, what their clocks say, and what is kept of people."""

import json
from datetime import datetime, timedelta

import pytest
from google.protobuf import duration_pb2, struct_pb2

from server.events import rules
from server.events.event import ID_FIELDS
from server.organizations.settings import OrganizationSettings
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import event_pb2, event_service_pb2
from tests.support import serving
from tests.support.serving import Accounts, Caller, event, refused, statuses


async def count(caller: Caller) -> int:
    """How many events are counted."""
    return (await caller.overview(serving.today())).overview.events


async def detail(database: Database, caller: Caller) -> list[str | None]:
    """The details of the stored events, in the order in which they occurred."""
    return await serving.column(database, caller, "detail::text")


# Tenancy


async def test_organizations_do_not_see_each_other(caller: Caller, other: Caller) -> None:
    ours = event(event_id="same", agent_id="bot", user_id="u1", channel="web", conversation_id="c")
    theirs = event("conversation.started", event_id="same", agent_id="bot", user_id="u2", conversation_id="c")
    first, second = await caller.track(ours), await other.track(theirs)
    assert statuses([first.result, second.result]) == ["ACCEPTED", "ACCEPTED"]
    assert (first.revision, second.revision) == (1, 1)
    agents = [(await one.agent("bot", serving.today())).agent for one in (caller, other)]
    assert [(one.message_count, one.conversation_count) for one in agents] == [(1, 1), (0, 1)]
    overviews = [(await one.overview(serving.today())).overview for one in (caller, other)]
    assert [(one.events, one.messages_sent, one.total_conversations) for one in overviews] == [(1, 1, 1), (1, 0, 1)]
    assert [[one.event_type for one in overview.events_by_type] for overview in overviews] == [
        ["message.sent"],
        ["conversation.started"],
    ]


# Clocks


@pytest.mark.parametrize(
    ("clock", "moved"),
    [
        (timedelta(0), False),
        (timedelta(minutes=4), False),
        (timedelta(minutes=-4), False),
        (timedelta(minutes=20), True),
        (timedelta(days=-3), True),
        (timedelta(days=40), True),
    ],
)
async def test_a_clock_that_is_far_off_is_corrected_where_the_sender_asks(
    caller: Caller, database: Database, clock: timedelta, moved: bool
) -> None:
    true = serving.now() - timedelta(minutes=10)
    answer = await caller.track(event(at=true + clock), sent_at=serving.now() + clock, correct_clock=True)
    assert serving.warnings(answer.result) == (["CLOCK_CORRECTED"] if moved else [])
    assert answer.HasField("clock_skew") == moved
    (kept,) = await serving.column(database, caller, "occurred_at")
    expected = true if moved else true + clock
    assert abs(kept - expected) < timedelta(seconds=60)


async def _streamed(
    caller: Caller, one: event_pb2.Event, sent_at: datetime
) -> tuple[event_service_pb2.EventResult, duration_pb2.Duration]:
    stream = caller.stream()
    batch = event_service_pb2.StreamBatch(sequence=1, events=[one], sent_at=serving.stamp(sent_at))
    await stream.write(event_service_pb2.StreamEventsRequest(batch=batch))
    await stream.done_writing()
    (ack,) = (await stream.read()).acks
    return ack.results[0], ack.clock_skew


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(minutes=40), timedelta(minutes=-40)])
async def test_times_stay_where_they_are_and_a_suspicious_clock_is_reported_with_its_size(
    caller: Caller, database: Database, late: timedelta
) -> None:
    sent_at = serving.now() - late
    at = sent_at - timedelta(seconds=10)  # right, however long it was on its way
    single = await caller.track(event(at=at), sent_at=sent_at)
    batch = await caller.track_all([event(at=at)], sent_at=sent_at)
    streamed = await _streamed(caller, event(at=at), sent_at)
    for result, skew in ((single.result, single.clock_skew), (batch.results[0], batch.clock_skew), streamed):
        assert serving.warnings(result) == ["CLOCK_SKEW"]
        assert abs(skew.ToTimedelta() + late) < timedelta(seconds=60)
    assert set(await serving.column(database, caller, "occurred_at")) == {at}


async def test_a_correction_needs_the_time_of_sending(caller: Caller) -> None:
    error = await refused(caller.track(event(), correct_clock=True))
    assert serving.refusal(error)[:3] == ("INVALID_ARGUMENT", "REQUIRED_FIELD", "sent_at")


async def test_an_event_sent_again_with_another_clock_error_is_a_duplicate(caller: Caller) -> None:
    one = event(at=serving.now() - timedelta(hours=2))
    await caller.track(one, sent_at=serving.now() - timedelta(hours=1), correct_clock=True)
    assert statuses([(await caller.track(one, sent_at=serving.now())).result]) == ["DUPLICATE"]
    assert await count(caller) == 1


async def test_without_backfill_events_are_at_most_35_days_old(accounts: Accounts, caller: Caller) -> None:
    plain = await accounts.another(caller, scopes=[serving.Scope.INGEST])
    old = event(at=serving.now() - timedelta(days=35, minutes=1))
    assert serving.refusal(error := await refused(plain.track(old)))[:2] == ("OUT_OF_RANGE", "EVENT_TOO_OLD")
    assert serving.info(error)["earliest"].endswith("Z")
    await plain.track(event(at=serving.now() - timedelta(days=34, hours=23)))
    await caller.track(old)
    await caller.track(event(at="1980-01-01"))


# Ids that are none


@pytest.mark.parametrize("field", ID_FIELDS)
async def test_an_id_that_stands_for_none_counts_as_unset(caller: Caller, database: Database, field: str) -> None:
    values = [
        *rules.PLACEHOLDERS,
        "undefined",
        "Null",
        "NONE",
        "NaN",
        " ",
        "  null ",
        "'undefined'",
        '""',
        "\u00a0",
        "ｎｕｌｌ",
    ]
    answer = await caller.track_all(event(**{field: value}) for value in values)
    assert {tuple(serving.warnings(result)) for result in answer.results} == {("PLACEHOLDER_ID",)}
    single = await caller.track(event(**{field: "undefined"}))
    assert serving.warnings(single.result) == ["PLACEHOLDER_ID"]
    assert set(await serving.column(database, caller, f"coalesce({field}, '')")) == {""}
    overview = (await caller.overview(serving.today())).overview
    assert (overview.events, overview.unique_users, overview.active_agents) == (len(values) + 1, 0, 0)


@pytest.mark.parametrize(
    "value", ["10", "nullable", "none of these", "o'neil", "NA", "Nan Goldin", "ü", "`x`", "unknown"]
)
async def test_an_id_that_only_looks_a_little_like_none_is_kept(caller: Caller, database: Database, value: str) -> None:
    assert not (await caller.track(event(user_id=value, channel=value))).result.warnings
    assert await serving.column(database, caller, "user_id") == [value]


async def test_conversations_of_broken_clients_do_not_become_one(caller: Caller) -> None:
    started = [event("conversation.started", conversation_id="undefined", user_id=f"u{number}") for number in range(3)]
    status = event("agent.status_changed", agent_id="null", agent=event_pb2.AgentDetail(status="AGENT_STATUS_BUSY"))
    answer = await caller.track_all([*started, status])
    assert statuses(answer.results) == ["PLACEHOLDER_ID"] * 4
    assert [result.rejection.field for result in answer.results] == ["conversation_id"] * 3 + ["agent_id"]


async def test_an_event_with_a_blank_key_of_a_property_is_refused(caller: Caller) -> None:
    for key in ("", "  "):
        one = event(properties=struct_pb2.Struct())
        one.properties.update({"inner": {key: 1}})
        assert serving.refusal(await refused(caller.track(one)))[:3] == (
            "INVALID_ARGUMENT",
            "INVALID_VALUE",
            "properties",
        )


# Privacy


async def everything(database: Database, caller: Caller) -> str:
    """All that the database holds of an organization, as text."""
    found = []
    async with database.transaction(of=EVERY) as driver:
        tables = await driver.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'organization_id' AND table_schema = current_schema()"
        )
        for (table,) in tables:
            rows = await driver.fetch(
                f"SELECT t::text FROM {table} t WHERE organization_id = $1", caller.organization_id
            )
            found += [row[0] for row in rows]
    return "\n".join(found)


async def test_an_email_address_is_one_user_and_nowhere_in_clear(caller: Caller, database: Database) -> None:
    for address in ("Jo.Doe@Example.org", "jo.doe@example.org", "jo.doe@example.ORG"):
        await caller.track(event(user_id=address))
    await caller.track(event(user_id="someone@example.org"))
    assert (await caller.overview(serving.today())).overview.unique_users == 2
    kept = (await everything(database, caller)).casefold()
    assert "email-" in kept
    assert "example" not in kept
    assert "doe" not in kept


@pytest.mark.parametrize(
    "spelling",
    [
        " jo.doe@example.org",
        "Jo Doe <Jo.Doe@Example.org>",
        '"Doe, Jo" <jo.doe@example.org>',
        "jo.doe%40example.org",
        "mailto:jo.doe@example.org?subject=Hello",
        "\uff4ao.doe\uff20example.org.",
    ],
)
async def test_an_address_is_one_user_however_it_is_written(caller: Caller, database: Database, spelling: str) -> None:
    assert (await caller.track(event(user_id=spelling))).result.status == event_service_pb2.EVENT_STATUS_ACCEPTED
    assert (await caller.track_all([event(user_id="jo.doe@example.org")])).results[0].rejection.reason == 0
    assert (await caller.overview(serving.today())).overview.unique_users == 1
    kept = (await everything(database, caller)).casefold()
    assert "example" not in kept
    assert "doe" not in kept


async def test_the_same_address_is_another_hash_in_another_organization(
    caller: Caller, other: Caller, database: Database
) -> None:
    hashes = set()
    for one in (caller, other):
        await one.track(event(user_id="jo@example.org"))
        hashes |= set(await serving.column(database, one, "user_id"))
    assert len(hashes) == 2


async def test_an_id_that_is_no_address_is_kept(caller: Caller, database: Database) -> None:
    await caller.track(event(user_id="user@home"))
    assert await serving.column(database, caller, "user_id") == ["user@home"]


@pytest.mark.parametrize("event_type", ["user.logged_in", "own.type"])
@pytest.mark.parametrize("kept", [True, False])
async def test_user_details_are_kept_only_where_that_is_allowed(
    accounts: Accounts, database: Database, kept: bool, event_type: str
) -> None:
    settings = OrganizationSettings(time_zone="UTC", keep_user_details=kept)
    caller = await accounts.caller(settings=settings)
    of_user = {"ip": "203.0.113.9", "user_agent": "Browser/1", "name": "Jo Doe"}
    one = event(event_type, user_id="u", user=event_pb2.UserDetail(**of_user))
    await caller.track(one)
    assert statuses([(await caller.track(one)).result]) == ["DUPLICATE"]
    (stored,) = await detail(database, caller)
    assert (stored and json.loads(stored)) == (of_user if kept else None)
    everywhere = await everything(database, caller)
    assert {value in everywhere for value in of_user.values()} == {kept}


async def test_settings_between_two_tries_do_not_make_another_event_of_it(
    accounts: Accounts, database: Database
) -> None:
    caller = await accounts.caller()
    one = event("user.logged_in", user_id="jo@example.org", user=event_pb2.UserDetail(ip="203.0.113.9"))
    one.properties.update({"token": "t", "badge": "b"})
    first = (await caller.track(one)).result
    await organizations_of(database, caller, secret_keys=["badge"], keep_user_details=True)
    after = await accounts.another(caller)  # its settings are read anew
    again = (await after.track(one)).result
    assert statuses([first, again]) == ["ACCEPTED", "DUPLICATE"]
    one.properties["badge"] = "c"
    assert serving.refusal(await refused(after.track(one))).reason == "EVENT_ID_CONFLICT"


async def organizations_of(database: Database, caller: Caller, **chosen: object) -> None:
    """Changes settings of the caller's organization."""
    async with database.transaction(of=EVERY) as driver:
        for name, value in chosen.items():
            await driver.execute(
                f"UPDATE organizations SET {name} = $2 WHERE organization_id = $1", caller.organization_id, value
            )


async def test_an_organization_names_keys_of_its_own(accounts: Accounts, database: Database) -> None:
    settings = OrganizationSettings(time_zone="UTC", secret_keys=("badge number",))
    caller = await accounts.caller(settings=settings)
    one = event(properties=struct_pb2.Struct())
    one.properties.update(
        {"staffBadgeNumber": "hunter2", "inner": [{"badge_number": {"x": "hunter2"}}], "badge": "kept"}
    )
    assert serving.warnings((await caller.track(one)).result) == ["REDACTED"]
    kept = await everything(database, caller)
    assert "hunter2" not in kept
    assert "kept" in kept


async def test_flags_under_keys_that_name_secrets_are_kept(caller: Caller, database: Database) -> None:
    one = event(properties=struct_pb2.Struct())
    one.properties.update({"password": True, "token": None})
    assert serving.warnings((await caller.track(one)).result) == []
    assert await serving.column(database, caller, "properties::text") == ['{"token": null, "password": true}']


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "API-Key",
        "Authorization",
        "client_secret",
        "cardNumber",
        "set-cookie",
        "user_password",
        "x-api-key",
        "stripe_token",
        "credit_card_number",
    ],
)
async def test_secrets_in_properties_are_not_stored(caller: Caller, database: Database, key: str) -> None:
    one = event(properties=struct_pb2.Struct())
    one.properties.update({"list": [{key: "hunter2"}], key: {"inner": "hunter2"}, "note": "kept"})
    assert serving.warnings((await caller.track(one)).result) == ["REDACTED"]
    kept = await everything(database, caller)
    assert "hunter2" not in kept
    assert "kept" in kept
