"""AlertService: rules as callers see them, and who may do what."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from server.admission.query_slots import QuerySlots
from server.app import Running
from server.organizations.alerts import MOST_RULES, State
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire.v1 import alert_service_pb2 as pb
from tests.support import alerting, serving
from tests.support.alerting import EDITOR, RULE, VALUE, made, one, why
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL: dict[str, Any] = {
    "name": "Cost of Ada über 5 €",
    "description": "Look at the prompts.\nThen call Ada.",
    "metric": "avg_quality_overall",
    "filter": {"agent_id": "ada", "dimensions": [{"dimension": "rubric", "value": "v1"}]},
    "max_values": 7,
    "window": {"seconds": 3600},
    "step": {"seconds": 900},
    "condition": {
        "change": {"baseline": 3},
        "direction": 3,
        "warning": 10.0,
        "critical": 20.0,
        "low_warning": -10.0,
        "low_critical": -20.0,
        "hysteresis": 1.5,
    },
    "hold_for": {"seconds": 1800},
    "minimum_samples": 3,
    "no_data": 2,
    "close_after": {"seconds": 86400},
    "remind_after": {"seconds": 3600},
    "severity": 3,
    "runbook_url": "https://example.org/runbook",
    "mute_windows": [{"cron": "0 22 * * mon-fri", "duration": {"seconds": 28800}, "time_zone": "europe/berlin"}],
    "time_zone": "asia/tokyo",
    "disabled": True,
    "delay": {"seconds": 0},
}


FAR = {"forecast": {"within": {"nanos": -(10**9)}}, "direction": 1}
OF_A_USER = {"dimension": "user", "value": "u"}


async def test_a_rule_is_made_read_changed_and_deleted(accounts: Accounts, editor: Caller) -> None:
    before = serving.now()
    rule = await made(editor)
    assert (rule.version, rule.owner, rule.minimum_samples) == (1, f"key:{editor.key.key_id}", 1)
    assert (rule.window.seconds, rule.step.seconds, rule.delay.seconds, rule.max_values) == (300, 60, 10, 20)
    assert (rule.condition.direction, rule.severity, rule.no_data) == (1, 2, 1)
    assert before - timedelta(minutes=1) < rule.created_at.ToDatetime(UTC)
    other = await made(editor, name="an earlier one")
    listed = (await one(editor, "ListAlertRules")).rules
    assert [found.rule for found in listed] == [other, rule]
    assert [(found.open_incidents, found.HasField("worst")) for found in listed] == [(0, False)] * 2
    named = {"rule_id": rule.rule_id}
    assert (await one(editor, "GetAlertRule", named)) == pb.GetAlertRuleResponse(rule=rule)

    change = {**RULE, **named, "name": "Renamed", "etag": rule.etag}
    changed = (await one(editor, "UpdateAlertRule", {"rule": change})).rule
    assert (changed.name, changed.version, changed.created_at) == ("Renamed", 2, rule.created_at)
    assert changed.etag != rule.etag
    assert await why(editor, "UpdateAlertRule", {"rule": change}) == ("ETAG_MISMATCH", "rule.etag")
    assert await why(editor, "DeleteAlertRule", {**named, "etag": rule.etag}) == ("ETAG_MISMATCH", "etag")
    await one(editor, "UpdateAlertRule", {"rule": {**change, "etag": ""}})
    await one(editor, "DeleteAlertRule", named)
    assert await why(editor, "GetAlertRule", named) == ("ALERT_RULE_NOT_FOUND", "rule_id")
    admin = await accounts.another(editor, scopes=(Scope.ADMIN,))
    (entries,) = await answers(admin, "AuditService/ListAuditEntries", {"action_prefix": "alert_rule."})
    actions = ["deleted", "updated", "updated", "created", "created"]
    assert [entry.action for entry in entries.entries] == [f"alert_rule.{name}" for name in actions]


async def test_a_rule_comes_back_as_it_was_given(editor: Caller) -> None:
    rule = await made(editor, **FULL)
    wanted = pb.AlertRule(**FULL)
    wanted.mute_windows[0].time_zone, wanted.time_zone = "Europe/Berlin", "Asia/Tokyo"
    service = {"rule_id", "owner", "version", "etag", "created_at", "updated_at", "updated_by"}
    for name in service:
        rule.ClearField(name)
    assert rule == wanted
    (again,) = (await one(editor, "ListAlertRules")).rules
    copy = (await one(editor, "CreateAlertRule", {"rule": again.rule})).rule
    assert copy.rule_id != again.rule.rule_id
    assert copy.condition == wanted.condition


@pytest.mark.parametrize(
    ("reason", "field", "change"),
    [
        ("REQUIRED_FIELD", "rule.condition", {"condition": None}),
        ("REQUIRED_FIELD", "rule.condition.kind", {"condition": {"direction": 1, "critical": 5.0}}),
        ("REQUIRED_FIELD", "rule.condition.direction", {"condition": {"value": {}, "critical": 5.0}}),
        ("REQUIRED_FIELD", "rule.condition.critical", {"condition": {"value": {}, "direction": 1}}),
        ("INVALID_VALUE", "rule.condition.direction", {"metric": "", "condition": {"absence": {}, "direction": 1}}),
        ("INVALID_ENUM", "rule.condition.direction", {"condition": {**VALUE, "direction": 9}}),
        ("INVALID_ENUM", "rule.condition.change.baseline", {"condition": {"change": {"baseline": 9}, "direction": 1}}),
        ("INVALID_ENUM", "rule.no_data", {"no_data": 9}),
        ("INVALID_ENUM", "rule.severity", {"severity": -1}),
        ("INVALID_DURATION", "rule.window", {"window": {"seconds": 1, "nanos": -1}}),
        ("INVALID_DURATION", "rule.window", {"window": {}}),
        ("INVALID_DURATION", "rule.step", {"step": {"seconds": 90}}),
        ("INVALID_DURATION", "rule.hold_for", {"hold_for": {"seconds": 315_576_000_000}}),
        ("INVALID_DURATION", "rule.close_after", {"close_after": {}}),
        ("INVALID_DURATION", "rule.condition.forecast.within", {"condition": FAR}),
        ("VALUE_OUT_OF_RANGE", "rule.max_values", {"max_values": 101}),
        ("INVALID_TIME_ZONE", "rule.time_zone", {"time_zone": "Mars/Olympus"}),
        ("INVALID_TIME_ZONE", "rule.mute_windows.time_zone", {"mute_windows": [{"time_zone": "../etc"}]}),
        ("INVALID_VALUE", "rule.mute_windows.cron", {"mute_windows": [{"cron": "sometimes"}]}),
        ("TOO_MANY_VALUES", "rule.mute_windows", {"mute_windows": [{}] * 21}),
        ("TOO_MANY_VALUES", "rule.destination_ids", {"destination_ids": ["dst"] * 21}),
        ("REQUIRED_FIELD", "rule.destination_ids", {"destination_ids": [""]}),
        ("DESTINATION_NOT_FOUND", "rule.destination_ids", {"destination_ids": ["dst_0123456789abcdef"]}),
        ("UNKNOWN_METRIC", "rule.metric", {"metric": "custom.of_somebody"}),
        ("INVALID_CHARACTER", "rule.metric", {"metric": "a\nb"}),
        ("UNKNOWN_DIMENSION", "rule.filter.dimensions.dimension", {"filter": {"dimensions": [OF_A_USER]}}),
        ("TOO_MANY_FILTERS", "rule.filter", {"filter": {"agent_id": "a", "channel": "b", "team_id": "c"}}),
        ("PAIR_NOT_KEPT", "rule.filter", {"filter": {"channel": "a", "team_id": "b"}}),
        ("UNKNOWN_DIMENSION", "rule.group_by", {"group_by": "weather"}),
    ],
)  # fmt: skip
async def test_what_makes_no_rule_is_refused(editor: Caller, reason: str, field: str, change: dict[str, Any]) -> None:
    assert await why(editor, "CreateAlertRule", {"rule": {**RULE, **change}}) == (reason, field)
    assert not (await one(editor, "ListAlertRules")).rules


async def test_requests_without_a_rule_or_an_id_are_refused(editor: Caller) -> None:
    for rpc in ("CreateAlertRule", "TestAlertRule", "BacktestAlertRule"):
        assert await why(editor, rpc) == ("REQUIRED_FIELD", "rule")
    assert await why(editor, "UpdateAlertRule", {"rule": RULE}) == ("REQUIRED_FIELD", "rule.rule_id")
    for rpc in ("GetAlertRule", "DeleteAlertRule", "SnoozeAlertRule"):
        assert await why(editor, rpc) == ("REQUIRED_FIELD", "rule_id")
        assert await why(editor, rpc, {"rule_id": "r" * 65}) == ("FIELD_TOO_LONG", "rule_id")
    for rpc in ("GetIncident", "AcknowledgeIncident", "CommentIncident"):
        named = {"text": "x"} if rpc == "CommentIncident" else {}
        assert await why(editor, rpc, named) == ("REQUIRED_FIELD", "incident_id")
        assert await why(editor, rpc, {**named, "incident_id": "none"}) == ("INCIDENT_NOT_FOUND", "incident_id")


async def test_looking_at_many_windows_takes_a_turn(
    editor: Caller, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.services.alerts, "_turns", QuerySlots(1, limit=0, limit_each=0))
    period = serving.period(AT - timedelta(days=1), AT)
    assert await why(editor, "TestAlertRule", {"rule": RULE}) == ("QUERY_CONCURRENCY", "")
    assert await why(editor, "BacktestAlertRule", {"rule": RULE, "time_range": period}) == ("QUERY_CONCURRENCY", "")


async def test_readers_look_and_editors_change(accounts: Accounts, editor: Caller, database: Database) -> None:
    reader = await accounts.another(editor, scopes=(Scope.READ,))
    sender = await accounts.another(editor, scopes=(Scope.INGEST,))
    rule = await made(editor)
    incident_id = await alerting.happen(database, editor.organization_id, rule.rule_id, AT)
    named, of = {"rule_id": rule.rule_id}, {"incident_id": incident_id}
    for rpc, fields in (
        ("CreateAlertRule", {"rule": RULE}),
        ("UpdateAlertRule", {"rule": {**RULE, **named}}),
        ("DeleteAlertRule", named),
        ("SnoozeAlertRule", named),
        ("AcknowledgeIncident", of),
        ("CommentIncident", {**of, "text": "x"}),
    ):
        assert (await why(reader, rpc, fields))[0] == "SCOPE_MISSING"
    for rpc, fields in (
        ("GetAlertRule", named),
        ("ListAlertRules", {}),
        ("ListIncidents", {}),
        ("GetIncident", of),
        ("WatchAlerts", {}),
    ):
        assert await one(reader, rpc, fields)
        assert (await why(sender, rpc, fields))[0] == "SCOPE_MISSING"


async def test_the_number_of_rules_has_an_end(editor: Caller, database: Database) -> None:
    rule = await made(editor)
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "INSERT INTO alert_rules SELECT (r).* FROM (SELECT jsonb_populate_record(a, jsonb_build_object('rule_id',"
            " 'copy_' || n)) AS r FROM alert_rules AS a, generate_series(2, $2::integer) AS n"
            " WHERE organization_id = $1) AS copies",
            editor.organization_id,
            MOST_RULES,
        )
    assert (await why(editor, "CreateAlertRule", {"rule": RULE}))[0] == "ALERT_RULE_LIMIT"
    assert len((await one(editor, "ListAlertRules")).rules) == MOST_RULES
    await one(editor, "DeleteAlertRule", {"rule_id": rule.rule_id})
    await made(editor)


async def test_a_rule_shows_the_worst_of_how_it_stands(editor: Caller, database: Database) -> None:
    rule, organization = await made(editor, group_by="agent"), editor.organization_id
    stand = {"database": database, "organization_id": organization, "rule_id": rule.rule_id, "at": AT}
    await alerting.stand(**stand, state=State.OK, value="a")
    await alerting.stand(**stand, state=State.WARNING, value="b", warning_from=AT, silent_from=AT)
    await alerting.stand(**stand, state=State.ALERT, value="c")
    await alerting.stand(**stand, state=State.ALERT, value="d", failing_from=AT + timedelta(minutes=1))
    for value in ("c", "b"):
        await alerting.happen(database, organization, rule.rule_id, AT, value=value)
    await alerting.happen(database, organization, rule.rule_id, AT, value="a", until=AT + timedelta(hours=1))
    (found,) = (await one(editor, "ListAlertRules")).rules
    assert (found.worst.value, found.worst.state, found.open_incidents) == ("c", pb.ALERT_STATE_ALERT, 2)
    assert (found.worst.observation.measured, found.worst.observation.samples) == (7.5, 4)
    assert found.worst.reason == "Error rate was 750.00% in the 5 minutes until 2026-03-01 12:00 UTC, above 50.00%"
    assert found.worst.observation.level == pb.ALERT_STATE_ALERT
    standings = (await one(editor, "GetAlertRule", {"rule_id": rule.rule_id})).standings
    assert [(one.value, one.state) for one in standings] == [("c", 3), ("b", 2), ("d", 5), ("a", 1)]
    assert standings[1].no_data_since.ToDatetime(UTC) == AT
    assert standings[2].since.ToDatetime(UTC) == AT + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("change", "begins_anew"),
    [
        ({"name": "Renamed", "severity": 3, "description": "d", "delay": {"seconds": 60}}, False),
        ({"condition": {**VALUE, "critical": 0.6}}, True),
        ({"window": {"seconds": 600}}, True),
        ({"disabled": True}, True),
    ],
)
async def test_a_rule_that_asks_something_else_begins_anew(
    editor: Caller, database: Database, change: dict[str, Any], begins_anew: bool
) -> None:
    rule, organization = await made(editor), editor.organization_id
    incident_id = await alerting.happen(database, organization, rule.rule_id, AT)
    await alerting.stand(database, organization, rule.rule_id, State.ALERT, AT)
    await one(editor, "UpdateAlertRule", {"rule": {**RULE, **change, "rule_id": rule.rule_id}})
    assert len((await one(editor, "GetAlertRule", {"rule_id": rule.rule_id})).standings) == (not begins_anew)
    found = await one(editor, "GetIncident", {"incident_id": incident_id})
    if begins_anew:
        assert found.incident.close_reason == pb.INCIDENT_CLOSE_REASON_RULE_CHANGED
        assert found.incident.state == pb.ALERT_STATE_OK
        assert found.incident.closed_at.ToDatetime(UTC) > AT
        assert [entry.kind for entry in found.entries] == [1, pb.INCIDENT_ENTRY_KIND_CLOSED]
    else:
        assert not found.incident.HasField("closed_at")
        assert len(found.entries) == 1


async def test_the_incidents_of_a_deleted_rule_stay_and_their_end_is_told(
    accounts: Accounts, editor: Caller, database: Database
) -> None:
    admin = await accounts.another(editor, scopes=(Scope.ADMIN,))
    hook = {"name": "Hook", "webhook": {"url": "https://example.org/"}}
    (destination,) = await answers(admin, "DeliveryService/CreateDestination", {"destination": hook})
    rule = await made(editor, destination_ids=[destination.destination.destination_id])
    secret = await alerting.happen(
        database, editor.organization_id, rule.rule_id, AT - timedelta(hours=1), value="never told"
    )
    incident_id = await alerting.happen(database, editor.organization_id, rule.rule_id, AT, told="alert")
    await alerting.stand(database, editor.organization_id, rule.rule_id, State.ALERT, AT)
    await one(editor, "DeleteAlertRule", {"rule_id": rule.rule_id})
    found = (await one(editor, "ListIncidents", {"rule_id": rule.rule_id})).incidents
    why = pb.INCIDENT_CLOSE_REASON_RULE_CHANGED
    assert [(one.incident_id, one.close_reason) for one in found] == [(incident_id, why), (secret, why)]
    (sent,) = await answers(admin, "DeliveryService/ListDeliveries", {})
    assert [(one.kind, one.subject_id, one.title) for one in sent.deliveries] == [
        ("alert.closed", incident_id, "Ended: Errors")
    ]
    assert not (await one(editor, "ListIncidents", {"only_open": True})).incidents


async def test_a_rule_that_tells_nobody_says_so(accounts: Accounts, editor: Caller) -> None:
    admin = await accounts.another(editor, scopes=(Scope.ADMIN,))

    async def destination(**fields: Any) -> str:
        hook = {"name": "Hook", "webhook": {"url": "https://example.org/"}, **fields}
        (answer,) = await answers(admin, "DeliveryService/CreateDestination", {"destination": hook})
        return str(answer.destination.destination_id)

    async def told() -> dict[str, int]:
        listed = {
            summary.rule.name: summary.destination_count for summary in (await one(editor, "ListAlertRules")).rules
        }
        for rule in (named, open_to_all):
            alone = await one(editor, "GetAlertRule", {"rule_id": rule.rule_id})
            assert alone.destination_count == listed[rule.name]
        return listed

    first, second = await destination(), await destination()
    named = await made(editor, name="named", destination_ids=[first, second])
    open_to_all = await made(editor, name="open")
    assert await told() == {"named": 2, "open": 0}
    asking = await destination(topics=[2])
    assert await told() == {"named": 2, "open": 1}
    for one_of_all in (first, second, asking):
        await answers(admin, "DeliveryService/DeleteDestination", {"destination_id": one_of_all})
    assert await told() == {"named": 0, "open": 0}


@pytest.mark.parametrize(
    ("change", "longest", "said"),
    [
        ({}, 30_000 * 60, "with steps of 1 minute take at most 20 days, or a rule with longer steps"),
        ({"group_by": "agent"}, 1_500 * 60, "with steps of 1 minute and 20 values take at most 25 hours, or a rule"),
    ],
)
async def test_a_backtest_of_too_much_says_how_much_it_takes(
    editor: Caller, change: dict[str, Any], longest: int, said: str
) -> None:
    end = int(AT.timestamp())

    async def tried(seconds: int) -> Any:
        period = {"start": {"seconds": end - seconds}, "end": {"seconds": end}}
        return await one(editor, "BacktestAlertRule", {"rule": {**RULE, **change}, "time_range": period})

    with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
        await tried(90 * 86_400)
    assert serving.refusal(refused.value).reason == "TOO_MANY_POINTS"
    assert serving.info(refused.value)["longest_seconds"] == str(longest)
    assert not (await tried(longest)).incidents


async def test_windows_without_data_say_why(editor: Caller) -> None:
    found = await one(editor, "TestAlertRule", {"rule": RULE})
    assert {each.reason for each in found.values[0].observations} == {"there is nothing to measure"}
    many = {"name": "Many", "metric": "events", "minimum_samples": 3, "condition": VALUE}
    found = await one(editor, "TestAlertRule", {"rule": many})
    assert {each.reason for each in found.values[0].observations} == {"of fewer samples than the rule asks for"}


async def test_a_rule_is_snoozed_for_a_while(editor: Caller) -> None:
    rule = await made(editor)
    named, until = {"rule_id": rule.rule_id}, serving.now() + timedelta(hours=2)
    snoozed = (await one(editor, "SnoozeAlertRule", {**named, "until": serving.stamp(until)})).rule
    assert snoozed.snoozed_until.ToDatetime(UTC) == until
    assert snoozed.etag != rule.etag
    renamed = {**RULE, **named, "name": "Renamed", "etag": snoozed.etag}
    assert (await one(editor, "UpdateAlertRule", {"rule": renamed})).rule.snoozed_until == snoozed.snoozed_until
    far = {**named, "until": serving.stamp(serving.now() + timedelta(days=32))}
    assert await why(editor, "SnoozeAlertRule", far) == ("TIME_IN_FUTURE", "until")
    assert not (await one(editor, "SnoozeAlertRule", named)).rule.HasField("snoozed_until")
    past = {**named, "until": serving.stamp(AT)}
    assert not (await one(editor, "SnoozeAlertRule", past)).rule.HasField("snoozed_until")


async def test_what_others_have_is_as_what_nobody_has(accounts: Accounts, editor: Caller, database: Database) -> None:
    stranger, rule = await accounts.caller(scopes=EDITOR), await made(editor)
    incident_id = await alerting.happen(database, editor.organization_id, rule.rule_id, AT)

    async def said(rpc: str, fields: dict[str, Any], name: str) -> str:
        try:
            return str(await one(stranger, rpc, fields))
        except grpc.aio.AioRpcError as error:
            told = serving.refusal(error), error.code(), error.details(), sorted(serving.info(error).items())
            return str(told).replace(name, "…")

    for rpc, field, name, more in (
        ("GetAlertRule", "rule_id", rule.rule_id, {}),
        ("DeleteAlertRule", "rule_id", rule.rule_id, {"etag": rule.etag}),
        ("SnoozeAlertRule", "rule_id", rule.rule_id, {}),
        ("ListIncidents", "rule_id", rule.rule_id, {}),
        ("GetIncident", "incident_id", incident_id, {}),
        ("AcknowledgeIncident", "incident_id", incident_id, {}),
        ("CommentIncident", "incident_id", incident_id, {"text": "x"}),
    ):
        theirs = await said(rpc, {field: name, **more}, name)
        assert theirs == await said(rpc, {field: f"{name[:-1]}?", **more}, f"{name[:-1]}?")
    changed = {**RULE, "etag": rule.etag}
    theirs = await said("UpdateAlertRule", {"rule": {**changed, "rule_id": rule.rule_id}}, rule.rule_id)
    assert theirs == await said("UpdateAlertRule", {"rule": {**changed, "rule_id": "none"}}, "none")
    assert not (await one(stranger, "ListAlertRules")).rules
    assert not (await one(stranger, "ListIncidents")).incidents
    watched = await one(stranger, "WatchAlerts")
    assert (watched.ok, watched.alert, watched.open_incidents) == (0, 0, 0)
    assert (await one(editor, "GetAlertRule", {"rule_id": rule.rule_id})).rule == rule
