"""Rules of callers who may see a part of their organization: they are about the part, live and over the past, and what
is about another part does not exist for them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.organizations.alerts import RuleDraft, State
from server.organizations.restriction import Restriction
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.v1 import alert_service_pb2 as pb
from tallywire.v1 import alert_service_pb2_grpc
from tests.alerts.looking import HOUR, MINUTE, Looking, above, days_ago, event, looking
from tests.support import alerting, refusals, serving, waiting, worlds
from tests.support.alerting import EDITOR, RULE, made, one, why
from tests.support.serving import Accounts, Caller

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SALES, SUPPORT = [Restriction(dimension="team", values=(name,)) for name in ("sales", "support")]
BOTH = Restriction(dimension="team", values=("support", "sales"))
SOON = timedelta(seconds=11)


@pytest.fixture
async def here(own_database: Database, own_organization: int) -> Looking:
    found = looking(own_database, own_organization)
    await found.destination()
    return found


async def lead(accounts: Accounts, owner: Caller, part: Restriction) -> Caller:
    return await accounts.another(owner, scopes=EDITOR, restriction=part)


async def test_a_rule_is_about_the_part_of_who_made_it(accounts: Accounts, editor: Caller) -> None:
    manager = await lead(accounts, editor, SALES)
    rule = await made(manager)
    assert (rule.filter.dimensions or rule.filter.team_id) == "sales"
    assert (rule.restriction.dimension, list(rule.restriction.values)) == ("team", ["sales"])
    assert (await made(manager, filter={"team_id": "sales"})).filter == rule.filter
    for more in ({"filter": {"team_id": "support"}}, {"group_by": "agent"}, {"group_by": "team"}):
        for caller, rpc, given in (
            (manager, "CreateAlertRule", {}),
            (manager, "UpdateAlertRule", {"rule_id": rule.rule_id}),
            (editor, "UpdateAlertRule", {"rule_id": rule.rule_id}),
        ):
            asked = {"rule": {**RULE, **more, **given}}
            assert await why(caller, rpc, asked) == ("RESTRICTED", "rule.filter"), (rpc, more)
        assert (await why(manager, "TestAlertRule", {"rule": {**RULE, **more}}))[0] == "RESTRICTED"
    changed = (await one(editor, "UpdateAlertRule", {"rule": {**RULE, "rule_id": rule.rule_id, "name": "Ours"}})).rule
    assert (changed.name, changed.filter, changed.restriction) == ("Ours", rule.filter, rule.restriction)
    assert not (await made(editor)).HasField("restriction")


async def test_of_several_values_a_rule_names_one(accounts: Accounts, editor: Caller) -> None:
    both, manager = await lead(accounts, editor, BOTH), await lead(accounts, editor, SALES)
    assert await why(both, "CreateAlertRule", {"rule": RULE}) == ("RESTRICTED", "rule.filter")
    rule = await made(both, filter={"team_id": "sales"})
    assert list(rule.restriction.values) == ["sales", "support"]
    assert not (await one(manager, "ListAlertRules")).rules
    theirs = await made(manager)
    listed = [found.rule.rule_id for found in (await one(both, "ListAlertRules")).rules]
    assert listed == sorted([rule.rule_id, theirs.rule_id])


async def test_what_is_about_another_part_is_answered_as_what_is_not_there(
    accounts: Accounts, editor: Caller, database: Database
) -> None:
    other, both = await lead(accounts, editor, SUPPORT), await lead(accounts, editor, BOTH)
    manager, organization = await lead(accounts, editor, SALES), editor.organization_id
    for maker, team in ((editor, ""), (other, "support"), (both, "support")):
        rule = await made(maker, filter={"team_id": team or "sales"})
        incident_id = await alerting.happen(database, organization, rule.rule_id, AT, team=team)
        for rpc, fields in (
            ("GetAlertRule", {"rule_id": "R"}),
            ("UpdateAlertRule", {"rule": {**RULE, "rule_id": "R"}}),
            ("DeleteAlertRule", {"rule_id": "R"}),
            ("SnoozeAlertRule", {"rule_id": "R"}),
            ("GetIncident", {"incident_id": "I"}),
            ("AcknowledgeIncident", {"incident_id": "I"}),
            ("CommentIncident", {"incident_id": "I", "text": "hm"}),
        ):
            there, unknown = {"R": rule.rule_id, "I": incident_id}, {"R": f"alr_{0:016}", "I": f"inc_{0:016}"}
            found = [await refusals.told(manager, f"AlertService/{rpc}", fields, ids) for ids in (there, unknown)]
            assert found[0] == found[1], rpc
            assert "NOT_FOUND" in found[0], rpc
        assert not (await one(manager, "ListIncidents", {"rule_id": rule.rule_id})).incidents
    assert not (await one(manager, "ListIncidents")).incidents
    assert not (await one(manager, "ListAlertRules")).rules
    assert len((await one(editor, "ListIncidents")).incidents) == 3


async def test_incidents_within_the_part_are_seen_and_stay_when_their_rule_is_deleted(
    accounts: Accounts, editor: Caller, database: Database
) -> None:
    manager = await lead(accounts, editor, SALES)
    rule = await made(manager)
    incident_id = await alerting.happen(database, editor.organization_id, rule.rule_id, AT, team="sales", told="alert")
    named = {"incident_id": incident_id}
    await one(manager, "AcknowledgeIncident", {**named, "comment": "mine"})
    await one(editor, "DeleteAlertRule", {"rule_id": rule.rule_id})
    (found,) = (await one(manager, "ListIncidents")).incidents
    assert (found.incident_id, list(found.restriction.values)) == (incident_id, ["sales"])
    assert [entry.text for entry in (await one(manager, "GetIncident", named)).entries][1] == "mine"


@asynccontextmanager
async def watching(caller: Caller) -> AsyncIterator[Any]:
    """The messages that a watcher gets."""
    stub = alert_service_pb2_grpc.AlertServiceStub(caller.channel)
    call = stub.WatchAlerts(pb.WatchAlertsRequest(), metadata=caller.metadata)
    yield call
    call.cancel()


async def test_watchers_see_their_part(accounts: Accounts, editor: Caller, database: Database) -> None:
    manager, organization = await lead(accounts, editor, SALES), editor.organization_id
    rules = {"": await made(editor), "sales": await made(manager)}
    for team, rule in rules.items():
        await alerting.stand(database, organization, rule.rule_id, State.ALERT, AT)
        await alerting.happen(database, organization, rule.rule_id, AT, team=team)
    async with watching(editor) as all_of_it, watching(manager) as part, asyncio.timeout(waiting.PATIENCE):
        whole, mine = await all_of_it.read(), await part.read()
        assert (whole.alert, whole.open_incidents, whole.HasField("restriction")) == (2, 2, False)
        assert (mine.alert, mine.open_incidents, list(mine.restriction.values)) == (1, 1, ["sales"])
        assert [found.rule_id for found in mine.incidents] == [rules["sales"].rule_id]


async def test_looks_and_backtests_are_about_the_part(here: Looking) -> None:
    start = days_ago(1)
    draft = RuleDraft(
        name="many",
        metric="messages_sent",
        dimension="team",
        value="sales",
        window=MINUTE,
        condition=above(3),
    )
    rule = await here.rule(draft, since=start, restriction=SALES)
    for minute, team, number in ((0, "support", 50), (1, "sales", 3), (2, "sales", 4), (2, "support", 50)):
        at = start + minute * MINUTE
        await worlds.store(here.database, here.organization, [event(at, team_id=team) for _ in range(number)])
    for minute in range(1, 5):
        await here.look(start + minute * MINUTE + SOON)
    (incident,) = await here.incidents(rule)
    assert (incident.restriction, incident.peak, incident.opened_at) == (SALES, 4, start + 3 * MINUTE)
    (found,) = (await here.backtest(draft, start, start + 4 * MINUTE)).incidents
    assert (found.peak, found.opened_at, found.closed_at) == (4, incident.opened_at, incident.closed_at)
    assert [kind for kind, _ in await here.told()] == ["alert.opened", "alert.closed"]


async def test_a_stored_rule_about_more_than_it_may_be_about_is_not_looked_at(here: Looking) -> None:
    start = days_ago(1)
    draft = RuleDraft(name="many", metric="messages_sent", window=MINUTE, condition=above(3))
    rule = await here.rule(draft, since=start, restriction=SALES)
    await worlds.store(here.database, here.organization, [event(start, team_id="support") for _ in range(9)])
    await here.look(start + MINUTE + SOON)
    standing = await here.standing(rule)
    assert (standing.standing.shown, standing.observation.figure) == (State.ERROR, None)
    assert "about the team sales alone" in standing.observation.error


async def test_a_rule_is_tried_on_the_part_and_says_so(accounts: Accounts) -> None:
    scopes = (*EDITOR, Scope.INGEST, Scope.BACKFILL)
    owner = await accounts.caller(scopes=scopes, settings=serving.UTC_SETTINGS)
    manager = await lead(accounts, owner, SALES)
    now = serving.now()
    await owner.track_all(
        [
            serving.event(at=now - 2 * HOUR, event_id=f"{team}-{number}", team_id=team)
            for team, most in (("sales", 3), ("support", 5))
            for number in range(most)
        ]
    )
    days = {"window": {"seconds": 86_400 * 7}, "step": {"seconds": 3_600}}
    rule = {**RULE, **days, "metric": "events"}
    for caller, filtered, told in ((owner, {}, 8), (manager, {}, 3), (manager, {"team_id": "sales"}, 3)):
        answer = await one(caller, "TestAlertRule", {"rule": {**rule, "filter": filtered}})
        assert answer.values[0].observations[-1].figure == told
        assert list(answer.context.restriction.values) == (["sales"] if caller is manager else [])
