"""The audit finds whatever does not agree with raw events, and nothing else."""

import asyncio
import itertools
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from prometheus_client import REGISTRY

from server import errors, kinds
from server.cli import auditing
from server.local import embedded
from server.organizations.settings import OrganizationSettings
from server.quarters import Width
from server.rollups import audit, fold, windows
from server.rollups.audit import AuditState, Report
from server.rollups.checks import Fault
from server.store import schedules
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import schedules as task_schedules
from server.tasks.kinds import Result
from server.tasks.runner import Runner
from server.tenancy import administration
from tests.support import citus, own_databases, worlds

AT = datetime(2025, 1, 1, tzinfo=UTC)  # the audit does not look at the time it is given


async def fill(database: Database, organization: int) -> None:
    await worlds.store(database, organization, worlds.events(1, 400))
    await worlds.project(database, organization)


async def fold_it(database: Database, organization: int) -> None:
    """Folds everything into rollups of every width."""
    await worlds.keep_every_width(database, organization)
    await fold.fold_all(database, organization)


@pytest.fixture(scope="module")
async def template(own_engines: embedded.Engines, template: str) -> str:
    """A database with an organization and its events, made once."""
    return await own_databases.filled(own_engines, template, "audited", fill)


@pytest.fixture
async def own_organization(own_database: Database) -> int:
    """The organization."""
    return int(str(await worlds.value(own_database, "SELECT organization_id FROM organizations")))


async def faults(database: Database, organization: int, *, window_events: int = 100_000) -> set[Fault]:
    report = await audit.check(database, organization, window_events=window_events)
    assert (report.mismatches > 0) == bool(report.examples)
    return {one.fault for one in report.examples}


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("window_events", [1, 20, 100_000])
async def test_what_ingest_and_fold_store_agrees(
    own_database: Database, own_organization: int, window_events: int, folded: bool
) -> None:
    if folded:
        await fold_it(own_database, own_organization)
    await worlds.store(own_database, own_organization, worlds.events(2, 50))
    report = await audit.check(own_database, own_organization, window_events=window_events)
    assert (report.mismatches, report.events) == (0, 450)
    assert report.cells > 300


COUNT_MORE = "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1"
_LAST_AMOUNT = "octet_length(histograms[1]) - 4"  # a byte of it
COUNT_MORE_IN_A_BIN = (
    f"UPDATE rollups SET histograms[1] = set_byte(histograms[1], {_LAST_AMOUNT},"
    f" (get_byte(histograms[1], {_LAST_AMOUNT}) + 1) % 256)"
)


@pytest.mark.parametrize(
    ("change", "granularity", "window_events"),
    [
        *((COUNT_MORE, granularity, events) for granularity in Width for events in (20, 100_000)),
        (COUNT_MORE_IN_A_BIN, Width.HOUR, 100_000),
        (
            """
            UPDATE rollups SET sets[1] = (
                SELECT r.sets[2] FROM rollups r WHERE r.organization_id = $2 AND r.sets[2] IS NOT NULL LIMIT 1
            )
            """,
            Width.QUARTER,
            100_000,
        ),
        ("DELETE FROM rollups", Width.DAY, 100_000),
    ],
)
async def test_a_rollup_that_was_changed_is_found(
    own_database: Database, own_organization: int, change: str, granularity: Width, window_events: int
) -> None:
    await fold_it(own_database, own_organization)
    picked = "SELECT ctid FROM rollups WHERE organization_id = $2 AND granularity = $1"
    picked += " AND histograms IS NOT NULL AND sets IS NOT NULL ORDER BY dimension DESC, value, bucket LIMIT 1"
    once = f"{change} WHERE organization_id = $2 AND ctid = ({picked})"
    assert (await worlds.execute(own_database, once, int(granularity), own_organization)).endswith(" 1")
    report = await audit.check(own_database, own_organization, window_events=window_events)
    # Where a rollup is checked against finer ones, those are met twice.
    assert 1 <= report.mismatches <= 2
    assert int(granularity) in {one.granularity for one in report.examples}
    assert all(one.measures for one in report.examples)


async def test_a_cell_that_should_not_be_there_is_found(own_database: Database, own_organization: int) -> None:
    await fold_it(own_database, own_organization)
    phantom = (
        "INSERT INTO rollups (organization_id, dimension, value, granularity, bucket, counter_keys, counter_amounts)"
        " VALUES ($1, 1, 'nobody', 1, 1100000, '{8192}', '{1}')"
    )
    await worlds.execute(own_database, phantom, own_organization)
    report = await audit.check(own_database, own_organization)
    assert report.mismatches == 1
    (found,) = report.examples
    assert (found.fault, found.dimension, found.bucket, found.measures) == (Fault.CELL, 1, 1_100_000, (1,))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE deltas SET counter_amounts[1] = counter_amounts[1] + 1", {Fault.CELL}),
        ("DELETE FROM deltas", {Fault.CELL}),
        ("DELETE FROM events", {Fault.CELL}),
        ("DELETE FROM event_keys", {Fault.KEY}),
        ("UPDATE conversations SET messages = messages + 1", {Fault.CELL, Fault.MESSAGES}),
        ("UPDATE conversations SET agent_id = 'nobody'", {Fault.CELL, Fault.OUTCOME}),
        ("UPDATE conversations SET topic = 'nothing'", {Fault.TOPIC}),
        ("UPDATE conversations SET tokens = tokens + 1, cost_micros = cost_micros + 1", {Fault.CELL, Fault.MESSAGES}),
        ("UPDATE conversations SET handoff_reason = 'nothing'", {Fault.CELL, Fault.OUTCOME}),
        ("UPDATE conversations SET counted_topic = 'nothing'", {Fault.CELL, Fault.TOPIC}),
        ("UPDATE conversations SET outcome = NULL, closed_at = NULL", {Fault.CELL, Fault.OUTCOME}),
        ("UPDATE members SET external_id = 'nobody' WHERE kind = 1 AND external_id = 'user-1'", {Fault.CELL}),
        ("DELETE FROM conversation_closings", {Fault.CLOSING, Fault.OUTCOME}),
    ],
)
async def test_whatever_else_was_changed_is_found(
    own_database: Database, own_organization: int, change: str, expected: set[Fault]
) -> None:
    table = change.split()[2 if change.startswith("DELETE") else 1]
    where = {
        "conversations": " AND closed_at IS NOT NULL AND team_id = '' AND counted_topic = ''",
        "conversation_closings": " AND kind <> 0",
        "events": " AND event_type LIKE 'order.%'",
    }.get(table, "")
    if " WHERE " not in change:
        mine = f"organization_id = {own_organization}"
        change += (
            f" WHERE {mine} AND (tableoid, ctid) = (SELECT tableoid, ctid FROM {table} WHERE {mine}{where} LIMIT 1)"
        )
    assert (await worlds.execute(own_database, change)).endswith(" 1")
    assert await faults(own_database, own_organization) == expected


@citus.one_node
async def test_conversations_without_events_are_found(own_database: Database, own_organization: int) -> None:
    await fold_it(own_database, own_organization)
    copied = "CREATE TEMPORARY TABLE one AS SELECT * FROM conversations LIMIT 1"
    async with own_database.transaction(of=EVERY) as driver:
        await driver.execute(copied)
        await driver.execute("UPDATE one SET conversation_key = 'x', began_at = '1970-01-01', closed_at = NULL")
        await driver.execute("INSERT INTO conversations SELECT * FROM one")
    assert await faults(own_database, own_organization) == {Fault.BEGINNING}


async def test_an_unknown_organization_is_an_error(own_database: Database) -> None:
    with pytest.raises(ValueError, match="no organization 4711"):
        await audit.check(own_database, 4711)


async def test_the_job_goes_round_and_keeps_what_it_found(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_RUN_SECONDS", -1.0)  # a window a run
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 100)
    other = await administration.create_organization(own_database, "other", OrganizationSettings(time_zone="UTC"))
    await fill(own_database, other)
    for organization in (own_organization, other):
        await fold_it(own_database, organization)
    tamper = (
        "UPDATE rollups SET counter_amounts[1] = counter_amounts[1] + 1 WHERE organization_id = $1 AND granularity = 1"
        " AND dimension = 1 AND value = 'ada' AND bucket = (SELECT min(bucket) FROM rollups"
        " WHERE organization_id = $1 AND granularity = 1 AND dimension = 1 AND value = 'ada')"
    )
    assert await worlds.execute(own_database, tamper, own_organization) == "UPDATE 1"
    with structlog.testing.capture_logs() as logs:
        runs = [await audit.run(own_database, AT, {})]
        while runs[-1]["cursor"] is not None:
            runs.append(await audit.run(own_database, AT, runs[-1]))
    assert len(runs) >= 4
    assert {run["mismatches"] for run in runs} == {1}
    assert (runs[-1]["organizations"], runs[-1]["found"]) == (2, 1)
    (line,) = (log for log in logs if log["log_level"] == "error")
    assert (line["organization_id"], line["dimension"], line["granularity"]) == (own_organization, 1, 1)
    assert not {"ada", "bot-7", "bot-9"} & set(map(str, line.values()))
    # Mended: it stays published until everything was looked at again.
    await worlds.execute(own_database, tamper.replace("+ 1 WHERE", "- 1 WHERE"), own_organization)
    runs = [await audit.run(own_database, AT, runs[-1])]
    while runs[-1]["cursor"] is not None:
        runs.append(await audit.run(own_database, AT, runs[-1]))
    assert {run["mismatches"] for run in runs[:-1]} == {1}
    assert runs[-1]["mismatches"] == 0


async def test_the_job_gives_way_now_and_then(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 100)
    await fold_it(own_database, own_organization)
    times = 0

    async def give_way() -> None:
        nonlocal times
        times += 1

    for busy, least, most in ((0.0, 3, 100), (60.0, 1, 1)):
        monkeypatch.setattr(audit, "_BUSY_SECONDS", busy)
        times = 0
        assert (await audit.run(own_database, AT, {}, give_way=give_way))["cursor"] is None
        assert least <= times <= most


async def test_the_task_publishes_its_count(own_database: Database, own_organization: int) -> None:
    await fold_it(own_database, own_organization)
    await worlds.execute(own_database, "UPDATE rollups SET counter_amounts[1] = 0 WHERE granularity = 96")
    assert await run_once(own_database, "me") is not None
    state = await kept(own_database)
    assert state is not None
    assert (mismatches := state.mismatches) > 0
    assert REGISTRY.get_sample_value("tallywire_audit_mismatches") == mismatches
    audit.publish({})
    assert REGISTRY.get_sample_value("tallywire_audit_mismatches") == 0


async def test_the_task_tells_how_old_the_last_full_round_is_and_how_far_the_next_one_has_got(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_RUN_SECONDS", -1.0)  # a window a run
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 100)
    await fold_it(own_database, own_organization)
    await administration.create_organization(own_database, "other", OrganizationSettings(time_zone="UTC"))
    states, last, at = list[AuditState](), dict[str, object](), AT
    for _ in range(2):
        while True:
            last = json.loads(json.dumps(await audit.run(own_database, at, last)))  # as it is kept
            states.append(AuditState.of(last))
            at += timedelta(minutes=10)
            if last["cursor"] is None:
                break
    assert AuditState.of({}) is None
    rounds = [list(some) for _, some in itertools.groupby(states[:-1], key=lambda one: one.full)]
    (first, second) = rounds
    assert len(first) >= 4
    assert {one.full for one in first} == {None}
    second_full = states[-1].full
    for some, full in ((first, None), (second, second[0].full)):
        covered = [one.covered for one in some if one.covered]
        assert covered == sorted(covered)
        assert 0 < covered[0] < covered[-1] < 1
        assert full is None or full.began_at == AT
    assert second_full is not None
    assert second[0].full is not None
    assert second_full.began_at == AT + timedelta(minutes=10) * len([*first, second[0]])
    assert second_full.ended_at >= second_full.began_at > second[0].full.ended_at
    audit.publish(last)
    for name, value in (("began", second_full.began_at), ("ended", second_full.ended_at)):
        reported = REGISTRY.get_sample_value(f"tallywire_audit_full_round_{name}_timestamp_seconds")
        assert reported == value.timestamp()
    assert REGISTRY.get_sample_value("tallywire_audit_covered_ratio") == 0
    assert REGISTRY.get_sample_value("tallywire_audit_full_round_skipped") == 0


async def kept(database: Database) -> AuditState | None:
    """Returns what the audit's schedule has kept."""
    async with database.transaction(of=EVERY) as driver:
        (stored,) = await schedules.listed(driver, name=audit.SCHEDULE)
    return AuditState.of(stored.result)


async def run_once(database: Database, owner: str) -> Result | None:
    """Runs the audit's task once, as a worker does, and returns its result."""
    await task_schedules.refresh(database, kinds.known())
    runner = Runner(database, kinds.known(), owner)
    claim = await runner.begin(kinds.known()["audit"], schedule=audit.SCHEDULE)
    return None if claim is None else await runner.finish(claim)


async def test_a_round_of_now_is_whole_and_is_kept_as_those_of_workers_are(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "_RUN_SECONDS", -1.0)
    monkeypatch.setattr(windows, "WINDOW_EVENTS", 100)
    monkeypatch.setattr(auditing, "_PROGRESS_SECONDS", 0.0)
    await fold_it(own_database, own_organization)
    await run_once(own_database, "a worker")
    assert (await kept(own_database)).full is None  # it has looked at one window
    state = await auditing.run_round(own_database)
    assert state == await kept(own_database)
    assert (state.mismatches, auditing.exit_code(state)) == (0, 0)
    assert re.search(r"^100% of the organizations, [\d,]+ cells, 0 mismatches$", capsys.readouterr().err, re.MULTILINE)
    await worlds.execute(own_database, "UPDATE rollups SET counter_amounts[1] = 0 WHERE granularity = 96")
    assert auditing.exit_code(await auditing.run_round(own_database)) == auditing.MISMATCHED
    assert re.match(
        r"\d+ MISMATCHES: see the workers' log; last full round \d s ago", await auditing.show(own_database)
    )


async def test_a_round_of_now_waits_for_a_worker_that_is_auditing(
    own_database: Database, own_organization: int, capsys: pytest.CaptureFixture[str]
) -> None:
    await fold_it(own_database, own_organization)
    worker = Runner(own_database, kinds.known(), "a worker")
    claim = await worker.begin(kinds.known()["audit"])
    assert claim is not None
    waiting = asyncio.create_task(auditing.run_round(own_database))
    reported = ""
    async with asyncio.timeout(30):
        while "waiting" not in (reported := reported + capsys.readouterr().err):  # noqa: ASYNC110 - it is only printed
            await asyncio.sleep(0.01)
    assert not waiting.done()
    assert await worker.finish(claim) is not None
    assert auditing.exit_code(await waiting) == 0


async def test_a_round_that_leaves_an_organization_out_says_so(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: object) -> bool:
        raise errors.StorageUnavailable("it takes too long")

    monkeypatch.setattr(audit, "_check_next", too_slow)
    state = await auditing.run_round(own_database)
    assert state.full.skipped == 1
    assert auditing.exit_code(state) == 1
    assert "1 ORGANIZATIONS LEFT OUT" in await auditing.show(own_database)


async def test_a_round_that_fails_says_so(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(audit, "_check_next", fail)
    assert auditing.exit_code(await auditing.run_round(own_database)) == 1


def test_a_report_holds_no_value_of_a_tenant() -> None:
    assert set(Report.__slots__) == {"organization_id", "events", "cells", "mismatches", "examples"}
