"""Alerts from both clients and from the command line, against a server that plays a script."""

import asyncio
import inspect
import json
from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import scripted
from google.rpc import code_pb2
from typer.testing import CliRunner, Result

import tallywire
from tallywire import alert_rules
from tallywire.cli.app import application
from tallywire.v1 import alert_service_pb2 as pb
from tallywire.v1 import alert_service_pb2_grpc

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = "test-key"
RULE = alert_rules.rule(
    "Slow answers",
    "avg_response_time_ms",
    alert_rules.condition("value", "above", warning=1_000, critical=2_000),
    window=timedelta(minutes=15),
)


def _fail(context: Any, code: int, reason: str, message: str) -> None:
    """Ends a call as the service does."""
    scripted.abort(context, scripted.Fail(code=code, reason=reason, message=message))


class ScriptedAlerts(alert_service_pb2_grpc.AlertServiceServicer):
    """Answers as the service does, of one rule and two incidents, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.rule = pb.AlertRule(rule_id="alr_1", version=1, etag="e1", owner="key:1")
        self.rule.MergeFrom(RULE)
        self.boards: list[int | None] = [1, 1, 2]  # alerts of each message; None breaks the stream

    def _standing(self) -> pb.AlertStanding:
        standing = pb.AlertStanding(state=pb.ALERT_STATE_ALERT, reason="2,345 is above 2,000", incident_id="inc_2")
        standing.observation.measured = 2_345
        standing.since.FromDatetime(AT)
        return standing

    def _incident(self, number: int) -> pb.Incident:
        made = pb.Incident(incident_id=f"inc_{number}", rule_id="alr_1", rule_name="Slow answers", reason="slow")
        made.state = made.worst = pb.ALERT_STATE_ALERT
        made.peak = 2_345
        made.opened_at.FromDatetime(AT)
        return made

    def CreateAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name in the contract
        self.asked.append(request)
        made = pb.AlertRule(rule_id="alr_1", version=1, etag="e1")
        made.MergeFrom(request.rule)
        return pb.CreateAlertRuleResponse(rule=made)

    def GetAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        if request.rule_id != "alr_1":
            _fail(context, code_pb2.NOT_FOUND, "ALERT_RULE_NOT_FOUND", f"there is no rule {request.rule_id}")
        return pb.GetAlertRuleResponse(rule=self.rule, standings=[self._standing()])

    def ListAlertRules(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        one = pb.AlertRuleSummary(rule=self.rule, worst=self._standing(), open_incidents=1)
        return pb.ListAlertRulesResponse(rules=[one])

    def UpdateAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        if request.rule.etag not in ("", self.rule.etag):
            _fail(context, code_pb2.FAILED_PRECONDITION, "ETAG_MISMATCH", "the rule was changed since it was read")
        self.rule.CopyFrom(request.rule)
        self.rule.version += 1
        return pb.UpdateAlertRuleResponse(rule=self.rule)

    def DeleteAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        return pb.DeleteAlertRuleResponse()

    def SnoozeAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        made = pb.AlertRule()
        made.CopyFrom(self.rule)
        if request.HasField("until"):
            made.snoozed_until.CopyFrom(request.until)
        return pb.SnoozeAlertRuleResponse(rule=made)

    def TestAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        value = pb.AlertTestValue(state=pb.ALERT_STATE_ALERT)
        for number in range(15):
            window = value.observations.add(figure=number, measured=number, samples=7, level=pb.ALERT_STATE_OK)
            window.window_end.FromDatetime(AT + timedelta(minutes=number))
        return pb.TestAlertRuleResponse(values=[value])

    def BacktestAlertRule(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        found = pb.BacktestAlertRuleResponse(total_incidents=3, windows=2_880, notifications=4)
        found.context.start.CopyFrom(request.time_range.start)
        found.context.end.CopyFrom(request.time_range.end)
        found.context.time_zone = "UTC"
        found.open_time.FromSeconds(5_400)
        one = self._incident(0)
        one.incident_id = ""
        found.incidents.append(one)
        return found

    def ListIncidents(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        copy = pb.ListIncidentsRequest()
        copy.CopyFrom(request)
        self.asked.append(copy)
        if request.page_token:
            return pb.ListIncidentsResponse(incidents=[self._incident(1)])
        return pb.ListIncidentsResponse(incidents=[self._incident(2)], next_page_token="next")

    def GetIncident(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        entry = pb.IncidentEntry(number=1, kind=pb.INCIDENT_ENTRY_KIND_OPENED, state=pb.ALERT_STATE_ALERT, text="slow")
        entry.recorded_at.FromDatetime(AT)
        return pb.GetIncidentResponse(incident=self._incident(2), entries=[entry])

    def AcknowledgeIncident(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        found = self._incident(2)
        found.acknowledged_by = "key:1"
        found.acknowledged_at.FromDatetime(AT)
        return pb.AcknowledgeIncidentResponse(incident=found)

    def CommentIncident(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        entry = pb.IncidentEntry(number=2, kind=pb.INCIDENT_ENTRY_KIND_COMMENTED, by="key:1", text=request.text)
        return pb.CommentIncidentResponse(entry=entry)

    def WatchAlerts(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self.asked.append(request)
        while self.boards:
            if (alerts := self.boards.pop(0)) is None:
                return
            board = pb.WatchAlertsResponse(alert=alerts, ok=5, open_incidents=alerts, incidents=[self._incident(2)])
            board.at.FromDatetime(AT + timedelta(seconds=len(self.boards)))
            yield board
        _fail(context, code_pb2.UNAUTHENTICATED, "CREDENTIALS_INVALID", "the key was revoked")


@pytest.fixture
def script() -> Iterator[tuple[ScriptedAlerts, str]]:
    """A server of AlertService on a free port, and its address."""
    played = ScriptedAlerts()
    server = grpc.server(futures.ThreadPoolExecutor(8))
    alert_service_pb2_grpc.add_AlertServiceServicer_to_server(played, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield played, f"127.0.0.1:{port}"
    server.stop(None).wait()


def run(address: str, *arguments: str, stdin: str = "") -> Result:
    environment = {"TALLYWIRE_ADDRESS": address, "TALLYWIRE_API_KEY": KEY, "COLUMNS": "80"}
    return CliRunner().invoke(application, arguments, env=environment, input=stdin)


def output(address: str, *arguments: str, stdin: str = "") -> str:
    result = run(address, *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    if not {"--json", "--csv"} & set(arguments):
        assert all(len(line.rstrip()) <= 80 for line in result.stdout.splitlines()), result.stdout
    return result.stdout


async def _use(client: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """What a method of either client gives, as a list where it is an iterator."""
    method = getattr(client.alerts, name)
    if isinstance(client, tallywire.AsyncClient):
        found = method(*arguments, **options)
        return [one async for one in found] if inspect.isasyncgen(found) else await found

    def called() -> Any:
        found = method(*arguments, **options)
        return list(found) if inspect.isgenerator(found) else found

    return await asyncio.to_thread(called)


@pytest.mark.parametrize("kind", [tallywire.Client, tallywire.AsyncClient])
async def test_rules_are_kept_tried_and_snoozed(script: tuple[ScriptedAlerts, str], kind: Any) -> None:
    played, address = script
    client = kind(address, api_key=KEY)
    try:
        made = await _use(client, "create", RULE)
        assert (made.rule_id, played.asked[-1].rule) == ("alr_1", RULE)
        assert [one.open_incidents for one in await _use(client, "list")] == [1]
        found = await _use(client, "get", "alr_1")
        assert found.standings[0].state == pb.ALERT_STATE_ALERT
        with pytest.raises(tallywire.NotFound):
            await _use(client, "get", "alr_9")
        assert (await _use(client, "update", found.rule)).version == 2
        with pytest.raises(tallywire.FailedPrecondition):
            await _use(client, "update", pb.AlertRule(rule_id="alr_1", etag="old"))
        assert (await _use(client, "snooze", "alr_1", AT)).snoozed_until.ToDatetime(UTC) == AT
        assert not (await _use(client, "unsnooze", "alr_1")).HasField("snoozed_until")
        with pytest.raises(ValueError, match="no time zone"):
            await _use(client, "snooze", "alr_1", datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
        assert len((await _use(client, "test", RULE)).values[0].observations) == 15
        tried = await _use(client, "backtest", RULE, AT - timedelta(days=30), AT, include_observations=True)
        assert (tried.total_incidents, played.asked[-1].include_observations) == (3, True)
        await _use(client, "delete", "alr_1", etag="e2")
        assert (played.asked[-1].rule_id, played.asked[-1].etag) == ("alr_1", "e2")
    finally:
        await asyncio.to_thread(client.close) if kind is tallywire.Client else await client.close()


@pytest.mark.parametrize("kind", [tallywire.Client, tallywire.AsyncClient])
async def test_incidents_come_page_by_page_and_are_answered(script: tuple[ScriptedAlerts, str], kind: Any) -> None:
    played, address = script
    client = kind(address, api_key=KEY)
    try:
        period = {"start": AT - timedelta(days=1), "end": AT}
        found = await _use(client, "incidents", rule_id="alr_1", only_open=True, page_size=1, **period)
        assert [one.incident_id for one in found] == ["inc_2", "inc_1"]
        first, second = played.asked
        assert (first.rule_id, first.only_open, first.page_size, first.page_token) == ("alr_1", True, 1, "")
        assert (second.page_token, second.time_range) == ("next", first.time_range)
        with pytest.raises(ValueError, match="go together"):
            await _use(client, "incidents", start=AT)
        assert (await _use(client, "incident", "inc_2")).entries[0].kind == pb.INCIDENT_ENTRY_KIND_OPENED
        assert (await _use(client, "acknowledge", "inc_2", comment="mine")).acknowledged_by == "key:1"
        assert played.asked[-1].comment == "mine"
        assert (await _use(client, "comment", "inc_2", "restarted")).text == "restarted"
    finally:
        await asyncio.to_thread(client.close) if kind is tallywire.Client else await client.close()


@pytest.mark.parametrize("kind", [tallywire.Client, tallywire.AsyncClient])
async def test_watching_outlasts_a_server_and_ends_with_what_is_final(
    script: tuple[ScriptedAlerts, str], kind: Any
) -> None:
    played, address = script
    played.boards = [1, None, 2]
    seen: list[int] = []
    client = kind(address, api_key=KEY)

    def blocking() -> None:
        with client.alerts.watch() as boards:
            for board in boards:
                seen.append(board.alert)  # noqa: PERF401 - until it fails

    async def on_asyncio() -> None:
        async with client.alerts.watch() as boards:
            async for board in boards:
                seen.append(board.alert)  # noqa: PERF401 - as above

    with pytest.raises(tallywire.Unauthenticated):
        await (asyncio.to_thread(blocking) if kind is tallywire.Client else on_asyncio())
    assert seen == [1, 2]
    await asyncio.to_thread(client.close) if kind is tallywire.Client else await client.close()


def test_a_rule_of_options_and_a_rule_of_a_file(script: tuple[ScriptedAlerts, str], tmp_path: Path) -> None:
    played, address = script
    asked = ("--metric", "avg_response_time_ms", "--warning", "1000", "--critical", "2000", "--window", "15m")
    shown = output(address, "alerts", "create", "Slow answers", *asked)
    assert played.asked[-1].rule == RULE
    assert "above warning 1,000, critical 2,000" in shown
    document = json.loads(output(address, "alerts", "show", "Slow answers", "--json"))
    assert document["standings"][0]["incident_id"] == "inc_2"
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    output(address, "alerts", "create", "Copy", "--file", str(path))
    assert (played.asked[-1].rule.name, played.asked[-1].rule.condition) == ("Copy", RULE.condition)
    output(address, "alerts", "create", "--file", "-", stdin=json.dumps(document["rule"]))
    assert played.asked[-1].rule.name == "Slow answers"
    output(address, "alerts", "update", "alr_1", "--file", str(path))
    assert (played.asked[-1].rule.rule_id, played.asked[-1].rule.etag) == ("alr_1", "e1")
    for arguments, why in (
        (("create",), "NAME, or --file"),
        (("create", "--file", str(path), "--metric", "events"), "--file says the whole rule"),
        (("update", "alr_1"), "give --file"),
        (("test", "alr_1", "--file", str(path)), "either RULE or --file"),
        (("mute", "alr_1"), "give WHEN"),
    ):
        result = run(address, "alerts", *arguments)
        assert (result.exit_code, why in result.stderr) == (2, True), (arguments, result.output)
    assert "there is no rule" in run(address, "alerts", "show", "none").stderr


def test_rules_are_listed_tried_and_changed(script: tuple[ScriptedAlerts, str]) -> None:
    played, address = script
    assert "alr_1" in output(address, "alerts", "list")
    (row,) = output(address, "alerts", "list", "--csv").splitlines()[1:]
    assert row.startswith("alr_1,Slow answers,avg_response_time_ms,,alert,2026-11-30T12:00:00")
    assert "2,345 is above 2,000" in " ".join(output(address, "alerts", "show", "alr_1").split())
    tried = output(address, "alerts", "test", "alr_1")
    assert "2026-11-30 12:14" in tried
    assert "2026-11-30 12:02" not in tried, "the last twelve are shown"
    assert played.asked[-1].rule == played.rule
    found = output(address, "alerts", "backtest", "slow answers", "--from", "2026-11-01T00:00:00Z")
    assert "3 incidents, 90m open all together" in found
    assert "The first 1 are shown." in found
    output(address, "alerts", "mute", "alr_1", "0 22 * * * 8h", "0 0 * * 6 2d")
    assert [one.cron for one in played.rule.mute_windows] == ["0 22 * * *", "0 0 * * 6"]
    output(address, "alerts", "mute", "alr_1", "--clear", "0 1 * * * 1h")
    assert [one.cron for one in played.rule.mute_windows] == ["0 1 * * *"]


def test_incidents_and_the_board(script: tuple[ScriptedAlerts, str]) -> None:
    played, address = script
    assert "inc_1" in output(address, "incidents", "list", "--open", "--rule", "alr_1")
    assert len(output(address, "incidents", "list", "--limit", "1", "--csv").splitlines()) == 2
    assert json.loads(output(address, "incidents", "show", "inc_2", "--json"))["entries"][0]["text"] == "slow"
    said = output(address, "incidents", "acknowledge", "inc_2", "--comment", "mine")
    assert said == "acknowledged by key:1, 2026-11-30 12:00 UTC\n"
    assert output(address, "incidents", "comment", "inc_2", "restarted") == "entry 2 by key:1\n"
    result = run(address, "alerts", "watch", "--json")
    boards = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["alert"] for one in boards] == [1, 2], "what says the same is printed once"
    assert "the key was revoked" in result.stderr
    played.boards = [3]
    assert "3 alert, 0 warning" in run(address, "alerts", "watch").stdout
