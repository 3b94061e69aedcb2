"""The commands and both clients with the alerts of the service."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.app import Running
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire import AsyncClient, Client, alert_rules
from tests.support import alerting, commands
from tests.support.serving import Accounts, Caller, event

EDITOR = (Scope.READ, Scope.EDIT, Scope.INGEST)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def editor(accounts: Accounts) -> Caller:
    """Somebody who may change the rules of an organization."""
    return await accounts.caller(scopes=EDITOR)


async def _document(server: Running, caller: Caller, *arguments: str) -> Any:
    return await commands.document(server.address, caller, *arguments)


async def test_a_rule_is_made_tried_changed_and_deleted(server: Running, editor: Caller, tmp_path: Path) -> None:
    await editor.track_all([event("message.sent", agent_id="bot", user_id="ada") for _ in range(7)])

    async def run(*arguments: str) -> str:
        return await commands.shown(server.address, editor, "alerts", *arguments)

    many = ("--metric", "messages_sent", "--critical", "5", "--warning", "3", "--window", "1h", "--step", "5m")
    made = await _document(server, editor, "alerts", "create", "Many", *many, "--mute", "0 22 * * * 8h")
    rule_id = made["rule_id"]
    assert (made["step"], made["mute_windows"][0]["cron"]) == ("300s", "0 22 * * *")
    assert rule_id in await run("list")
    assert "above warning 3, critical 5" in await run("show", "many")
    shown = await _document(server, editor, "alerts", "show", rule_id)
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(shown), encoding="utf-8")
    # A window that has the events ends within five minutes: now the ones before it can be looked at.
    tried = await _document(server, editor, "alerts", "test", "--file", str(path))
    assert tried["values"][0]["observations"]
    assert "Window ends" in await run("test", "Many")
    found = await _document(server, editor, "alerts", "backtest", "Many", "--last", "1d")
    assert (found["total_incidents"], found["windows"] > 200) == (0, True)
    assert "0 incidents" in await run("backtest", rule_id, "--last", "1d")
    assert "tells nobody until" in await run("snooze", "Many", "8h")
    assert "snoozed" in await run("list")
    assert "tells again" in await run("unsnooze", "Many")
    await run("mute", "Many", "--clear", "0 1 * * * 1h")
    await run("disable", "Many")
    assert "disabled" in await run("list")
    changed = (await _document(server, editor, "alerts", "show", rule_id))["rule"]
    assert (changed["disabled"], [one["cron"] for one in changed["mute_windows"]]) == (True, ["0 1 * * *"])
    await run("enable", "Many")
    stale = await commands.refused(server.address, editor, "alerts", "update", "Many", "--file", str(path))
    assert "ETAG_MISMATCH" in stale
    assert await run("delete", "Many") == "deleted Many\n"
    assert "tallywire alerts list" in await commands.refused(server.address, editor, "alerts", "show", rule_id)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--kind", "absence", "--window", "30m"),
        ("--kind", "change", "--metric", "events", "--direction", "outside", "--critical", "50", "--step", "15m"),
        ("--kind", "anomaly", "--metric", "events", "--critical", "4", "--window", "1h", "--step", "1h"),
        ("--kind", "budget", "--metric", "cost_micros", "--budget", "5000000", "--critical", "0.9", "--step", "15m"),
        ("--metric", "error_rate", "--critical", "0.1", "--by", "agent", "--max-values", "3", "--no-data", "ok"),
        ("--metric", "events", "--where", "channel=web", "--direction", "below", "--critical", "1", "--zone", "UTC"),
    ],
)
async def test_every_kind_of_rule_that_options_make(
    server: Running, editor: Caller, arguments: tuple[str, ...]
) -> None:
    made = await _document(server, editor, "alerts", "create", "One", *arguments)
    assert made["rule_id"]


async def test_a_rule_is_shown_with_its_part_and_whom_it_tells(
    server: Running, accounts: Accounts, editor: Caller
) -> None:
    admin = await accounts.another(editor, scopes=(Scope.ADMIN,))

    async def run(*arguments: str) -> str:
        return await commands.shown(server.address, admin, *arguments)

    await run("destinations", "add", "webhook", "Ops", "https://example.org/", "--topic", "alert")
    part = ("--agent", "ada", "--severity", "high", "--minimum-samples", "7", "--no-data", "alert")
    made = await run(
        "alerts", "create", "Slow", "--metric", "avg_response_time_ms", "--critical", "5", *part, "--to", "ops"
    )
    words = " ".join(made.split())
    for said in ("Only agent=ada", "Severity high", "Least samples 7", "Without data alert", "Tells dst_"):
        assert said in words
    await run("alerts", "create", "Quiet", "--kind", "absence")
    listed = await commands.csv(server.address, editor, "alerts", "list")
    assert [(row["name"], row["destination_count"]) for row in listed] == [("Quiet", "1"), ("Slow", "1")]
    await run("destinations", "delete", "OPS")
    assert (await run("alerts", "list")).count("nobody") == 2
    assert "nobody: its destinations were deleted" in " ".join((await run("alerts", "show", "Slow")).split())
    assert "nobody: no destination asks for alerts" in " ".join((await run("alerts", "show", "Quiet")).split())
    many = ("alerts", "create", "Many", "--metric", "events", "--critical", "1", "--to", "ops")
    assert "tallywire destinations list" in await commands.refused(server.address, admin, *many)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("alerts", "snooze", "Errors", "0h"), "alerts unsnooze"),
        (("alerts", "mute", "Errors", ""), "WHEN is five fields"),
        (("incidents", "list", "--rule", "Nobodys"), "there is no rule 'Nobodys'"),
    ],
)
async def test_what_makes_no_sense_is_said_before_anything_is_changed(
    server: Running, editor: Caller, arguments: tuple[str, ...], said: str
) -> None:
    await alerting.made(editor)
    found = await commands.run(server.address, editor, *arguments)
    assert (found.exit_code, found.stdout, said in found.stderr) == (2, "", True)


async def test_what_the_service_refuses_is_told_with_its_field(server: Running, editor: Caller) -> None:
    many = ("alerts", "create", "One", "--metric", "events", "--critical", "1", "--window", "90s")
    assert "rule.window" in await commands.refused(server.address, editor, *many)


async def test_incidents_are_seen_and_answered(
    server: Running, accounts: Accounts, editor: Caller, database: Database
) -> None:
    rule, other = await alerting.made(editor), await accounts.caller(scopes=EDITOR)
    at = datetime.now(UTC).replace(microsecond=0) - 10 * MINUTE
    incident = await alerting.happen(database, editor.organization_id, rule.rule_id, at)

    async def run(*arguments: str) -> str:
        return await commands.shown(server.address, editor, "incidents", *arguments)

    (row,) = await commands.csv(server.address, editor, "incidents", "list", "--open", "--rule", rule.rule_id)
    assert (row["incident_id"], row["state"]) == (incident, "alert")
    assert incident in await run("list", "--rule", "errors")
    assert await _document(server, editor, "incidents", "list", "--last", "5m") == await _document(
        server, editor, "incidents", "list"
    )
    assert f"acknowledged by key:{editor.key.key_id}, " in await run("acknowledge", incident)
    restarted = "restarted the model, which had run out of memory since the evening before, and told the team of it"
    assert (await run("comment", incident, restarted)).startswith("entry 3 by key:")
    shown = await _document(server, editor, "incidents", "show", incident)
    kinds = [one["kind"].removeprefix("INCIDENT_ENTRY_KIND_") for one in shown["entries"]]
    assert kinds == ["OPENED", "ACKNOWLEDGED", "COMMENTED"]
    whole = "".join(line[-30:] for line in (await run("show", incident)).splitlines())
    assert "told the team of it" in " ".join(whole.split()), "texts are broken into lines, and not cut"
    refused = await commands.refused(server.address, other, "incidents", "show", incident)
    assert "INCIDENT_NOT_FOUND" in refused
    assert await commands.csv(server.address, other, "incidents", "list") == []


async def test_both_clients_watch_and_try(server: Running, editor: Caller, database: Database) -> None:
    rule = alert_rules.rule("Many", "messages_sent", alert_rules.condition("value", "above", critical=5))
    now = datetime.now(UTC)
    async with AsyncClient(server.address, api_key=editor.key.secret) as client:
        made = await client.alerts.create(rule)
        tried = await client.alerts.backtest(made, now - timedelta(hours=2), now)
        assert tried.total_incidents == 0
        async with client.alerts.watch() as boards:
            first = await anext(boards)
            await alerting.happen(database, editor.organization_id, made.rule_id, now - 10 * MINUTE)
            board = first
            while not board.open_incidents:
                board = await anext(boards)
        assert (first.open_incidents, board.incidents[0].rule_name) == (0, "Errors")

    def ask() -> Mapping[str, int]:
        with Client(server.address, api_key=editor.key.secret) as client:
            found = [one.rule for one in client.alerts.list()]
            with client.alerts.watch() as boards:
                return {found[0].name: next(boards).open_incidents}

    assert await asyncio.to_thread(ask) == {"Many": 1}
