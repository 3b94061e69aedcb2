"""AlertService: incidents as callers see them, and how rules stand for those who watch."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.app import Running
from server.organizations.alerts import MOST_COMMENTS, State
from server.realtime.subscription_limits import SubscriptionLimits
from server.store.database import Database
from server.store.isolation import EVERY
from tallywire.v1 import alert_service_pb2 as pb
from tallywire.v1 import alert_service_pb2_grpc
from tests.support import alerting, serving, waiting
from tests.support.alerting import EDITOR, made, one, why
from tests.support.serving import Accounts, Caller

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_incidents_come_in_pages(accounts: Accounts, editor: Caller, database: Database) -> None:
    rule, other = await made(editor), await made(editor, name="Other")
    expected = []
    for hour in range(5):
        at = AT + timedelta(hours=hour // 2)  # two at the same instant
        until = None if hour == 4 else at + timedelta(minutes=30)
        expected.append((at, await alerting.happen(database, editor.organization_id, rule.rule_id, at, until=until)))
    await alerting.happen(database, editor.organization_id, other.rule_id, AT)
    newest_first = [incident_id for _, incident_id in sorted(expected, reverse=True)]
    asked: dict[str, Any] = {"rule_id": rule.rule_id, "page_size": 2}
    found, token, previous = list[str](), "", ""
    for _ in range(3):
        page = await one(editor, "ListIncidents", {**asked, "page_token": token})
        found += [incident.incident_id for incident in page.incidents]
        previous, token = token, page.next_page_token
    assert (found, token) == (newest_first, "")
    invalid = ("PAGE_TOKEN_INVALID", "page_token")
    assert await why(editor, "ListIncidents", {"page_token": previous}) == invalid
    assert await why(editor, "ListIncidents", {**asked, "page_token": previous[:-2] + "AA"}) == invalid
    stranger = await accounts.caller(scopes=EDITOR)
    assert await why(stranger, "ListIncidents", {**asked, "page_token": previous}) == invalid
    assert await why(editor, "ListIncidents", {"page_size": 501}) == ("VALUE_OUT_OF_RANGE", "page_size")

    async def within(start: datetime, end: datetime) -> int:
        time_range = serving.period(start, end)
        return len((await one(editor, "ListIncidents", {"rule_id": rule.rule_id, "time_range": time_range})).incidents)

    half = timedelta(minutes=30)
    assert await within(AT - half, AT) == 0
    assert await within(AT, AT + half) == 2
    assert await within(AT + half, AT + 2 * half) == 0
    assert await within(AT + timedelta(days=9), AT + timedelta(days=10)) == 1
    backwards = {"time_range": serving.period(AT, AT)}
    assert await why(editor, "ListIncidents", backwards) == ("INVALID_TIME_RANGE", "time_range.end")


async def test_an_incident_is_acknowledged_once_and_commented(
    accounts: Accounts, editor: Caller, database: Database
) -> None:
    rule = await made(editor)
    of = {"incident_id": await alerting.happen(database, editor.organization_id, rule.rule_id, AT)}
    mine = (await one(editor, "AcknowledgeIncident", {**of, "comment": "on it\nnow"})).incident
    assert mine.acknowledged_by == f"key:{editor.key.key_id}"
    colleague = await accounts.another(editor, scopes=EDITOR)
    assert (await one(colleague, "AcknowledgeIncident", {**of, "comment": "me too"})).incident == mine
    entry = (await one(colleague, "CommentIncident", {**of, "text": " it was the model "})).entry
    assert (entry.number, entry.text, entry.by) == (3, "it was the model", f"key:{colleague.key.key_id}")
    found = await one(editor, "GetIncident", of)
    assert found.incident == mine
    assert [(entry.kind, entry.text) for entry in found.entries] == [
        (pb.INCIDENT_ENTRY_KIND_OPENED, "why"),
        (pb.INCIDENT_ENTRY_KIND_ACKNOWLEDGED, "on it\nnow"),
        (pb.INCIDENT_ENTRY_KIND_COMMENTED, "it was the model"),
    ]
    assert await why(editor, "CommentIncident", {**of, "text": " "}) == ("REQUIRED_FIELD", "text")
    assert await why(editor, "CommentIncident", {**of, "text": "x" * 2_001}) == ("FIELD_TOO_LONG", "text")
    assert await why(editor, "AcknowledgeIncident", {**of, "comment": "\0"}) == ("NUL_CHARACTER", "comment")
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "INSERT INTO incident_entries (organization_id, incident_id, number, kind, state, text, by, is_restated,"
            " is_muted) SELECT $1, $2, n, 'commented', 'alert', 'x', 'y', false, false"
            " FROM generate_series(4, $3::integer) AS n",
            editor.organization_id,
            of["incident_id"],
            MOST_COMMENTS + 2,
        )
    assert await why(editor, "CommentIncident", {**of, "text": "too much"}) == ("ALERT_RULE_LIMIT", "")


@dataclass(slots=True)
class Watcher:
    """Somebody who watches the alerts of an organization."""

    call: Any

    async def next(self) -> pb.WatchAlertsResponse:
        """The next message."""
        async with asyncio.timeout(waiting.PATIENCE):
            return await self.call.read()  # type: ignore[no-any-return]


@pytest.fixture
async def watcher(editor: Caller) -> AsyncIterator[Watcher]:
    """Somebody who watches the alerts of the editor's organization."""
    stub = alert_service_pb2_grpc.AlertServiceStub(editor.channel)
    call = stub.WatchAlerts(pb.WatchAlertsRequest(), metadata=editor.metadata)
    yield Watcher(call)
    call.cancel()


async def test_watchers_are_told_at_once_and_of_each_change(
    editor: Caller, database: Database, watcher: Watcher
) -> None:
    first = await watcher.next()
    assert (first.ok, first.alert, first.open_incidents, len(first.incidents)) == (0, 0, 0, 0)
    rule, organization = await made(editor), editor.organization_id
    await alerting.stand(database, organization, rule.rule_id, State.OK, AT)
    assert (await watcher.next()).ok == 1
    incident_id = await alerting.happen(database, organization, rule.rule_id, AT)
    told = await watcher.next()
    assert (told.open_incidents, [one.incident_id for one in told.incidents]) == (1, [incident_id])
    await alerting.stand(database, organization, rule.rule_id, State.ALERT, AT)
    told = await watcher.next()
    assert (told.ok, told.alert) == (0, 1)
    await one(editor, "AcknowledgeIncident", {"incident_id": incident_id})
    assert (await watcher.next()).incidents[0].acknowledged_by == f"key:{editor.key.key_id}"
    await one(editor, "DeleteAlertRule", {"rule_id": rule.rule_id})
    told = await watcher.next()
    assert (told.alert, told.open_incidents) == (0, 0)


async def test_watchers_have_limits_and_are_let_go(
    server: Running, editor: Caller, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = server.services.alerts
    await watcher.next()
    assert service.watch.subscriptions[editor.organization_id] == 1
    monkeypatch.setattr(service.watch, "_limits", SubscriptionLimits(total=10, each=1))
    assert (await why(editor, "WatchAlerts"))[0] == "SUBSCRIPTION_LIMIT"
    watcher.call.cancel()
    await waiting.until(lambda: not service.watch.subscriptions[editor.organization_id])
    assert (await one(editor, "WatchAlerts")).ok == 0


async def test_watchers_are_told_now_and_then(
    server: Running, editor: Caller, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.services.alerts, "heartbeat_seconds", 0.05)
    first = await watcher.next()
    for _ in range(3):
        assert await watcher.next() == first
