"""Deleting organizations: at once they are refused, within the grace it can be taken back, and then nothing is left of
them in any table, and everything of all others as it was.
"""

import asyncio
import contextlib
import functools
import pathlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc
import pytest

from server import errors, failpoints
from server.organizations.organization import OrganizationState
from server.organizations.reports import RunAttempt
from server.organizations.settings import OrganizationSettings
from server.privacy import organization_removal
from server.privacy.organization_removal import OrganizationRemoval
from server.reports import housekeeping
from server.reports.object_store import ObjectStore
from server.store import deployment, organizations
from server.store import organization_deletions as stored
from server.store.database import Database, Driver
from server.store.isolation import EVERY
from server.store.organization_deletions import OrganizationDeletion
from server.tasks import schedules
from server.tasks.kinds import Kinds, Schedule, Work
from server.tenancy import administration, audit_trail, bi_logins, organization_deletions
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tallywire.v1 import admin_service_pb2 as pb
from tests.conftest import PEPPER
from tests.privacy import erasures
from tests.privacy.erasures import Killed, Kills
from tests.store import test_row_level_security as tables_of_tenants
from tests.support import administering, citus, own_tasks, serving, waiting, worlds
from tests.support.administering import asked, operator, reason, refusal
from tests.support.own_tasks import OwnTasks
from tests.support.serving import Accounts

AT_ONCE = timedelta(0)
Rows = dict[str, list[str]]


async def made(database: Database, name: str) -> int:
    return await administration.create_organization(database, name, OrganizationSettings(time_zone="UTC"))


def work(database: Database) -> Work:
    """The task as its function gets it."""
    return erasures.work(database, 0, {})


async def remove(database: Database, **parts: Any) -> Mapping[str, object]:
    """Does the task until nothing is left to do, and returns what it said last."""
    removal = OrganizationRemoval(settled=AT_ONCE, **parts)
    while True:
        found = await removal.run(work(database))
        if not found["unfinished"]:
            return found


async def delete(database: Database, name: str, **parts: Any) -> OrganizationDeletion:
    """Deletes an organization, and returns what became of it."""
    await organization_deletions.begin(database, name, AT_ONCE)
    await remove(database, **parts)
    return await organization_deletions.found(database, name)


async def rows(database: Database, organization_id: int) -> Rows:
    """All rows of an organization, by table; those of no organization are not looked at."""
    found: Rows = {}
    async with database.transaction(of=EVERY) as driver:
        for table in [*[one.name for one in await stored.tables(driver)], "organizations"]:
            told = await driver.fetch(
                f"SELECT t::text FROM {table} AS t WHERE organization_id = $1 ORDER BY 1", organization_id
            )
            if told:
                found[table] = [row[0] for row in told]
    return found


def counts(found: Rows) -> dict[str, int]:
    return {table: len(some) for table, some in found.items() if table != "organizations"}


async def without_conditions(driver: Driver) -> None:
    for of, name in await driver.fetch(tables_of_tenants.CONSTRAINTS):
        await driver.execute(f"ALTER TABLE {of} DROP CONSTRAINT {name}")


async def test_nothing_is_left_in_any_table(own_database: Database) -> None:
    """A row in each table that the catalog has, of which none can be forgotten."""
    doomed, spared = await made(own_database, "doomed"), await made(own_database, "spared")
    async with own_database.transaction(of=EVERY) as driver:
        await without_conditions(driver)
        names = [one for one in await tables_of_tenants.tables(driver) if one != "organizations"]
        for table in names:
            for organization_id in (doomed, spared):
                count = f"SELECT count(*) FROM {table} WHERE organization_id = $1"
                if not await driver.fetchval(count, organization_id):
                    await tables_of_tenants.insert(driver, table, organization_id)
    before = {one: await rows(own_database, one) for one in (doomed, spared)}
    assert set(counts(before[doomed])) == set(names)
    deletion = await delete(own_database, "doomed")
    assert deletion.deleted_at is not None
    assert deletion.rows == counts(before[doomed])
    assert set(await rows(own_database, doomed)) == {"organizations"}
    assert await rows(own_database, spared) == before[spared]


async def fenced(driver: Driver) -> set[str]:
    """The tables to which nobody adds rows of deleted organizations."""
    found = await driver.fetch(
        "SELECT polrelid::regclass::text FROM pg_policy WHERE polname = 'of_none_that_is_deleted'"
    )
    return {row[0] for row in found}


@citus.one_node
async def test_a_table_of_which_rows_could_come_back_is_noticed(own_database: Database) -> None:
    async with own_database.transaction(of=EVERY) as driver:
        assert await fenced(driver) == {one.name for one in await stored.tables(driver)}
        await driver.execute("CREATE TABLE forgotten (organization_id integer PRIMARY KEY)")
        assert {one.name for one in await stored.tables(driver)} - await fenced(driver) == {"forgotten"}


async def fill(database: Database, organization_id: int, seed: int) -> None:
    """A small business, of which projections have seen a part."""
    await erasures.define(database, organization_id)
    some = erasures.world(seed, 160)
    await worlds.store(database, organization_id, some[:100])
    await worlds.project(database, organization_id)
    await worlds.store(database, organization_id, some[100:])


async def test_it_may_be_ended_at_every_commit(own_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    doomed, spared = await made(own_database, "doomed"), await made(own_database, "spared")
    for organization_id in (doomed, spared):
        await fill(own_database, organization_id, organization_id)
    before = {one: await rows(own_database, one) for one in (doomed, spared)}
    monkeypatch.setattr(organization_removal, "PORTION", 40)
    await organization_deletions.begin(own_database, "doomed", AT_ONCE)
    kills = Kills()
    monkeypatch.setattr(failpoints, "reach", kills.reach)
    ended = False
    while not ended:
        try:
            await remove(own_database)
            ended = True
        except Killed:
            continue
    assert kills.at > 15
    assert kills.ended == {"deletion_before_commit", "deletion_after_commit"}
    deletion = await organization_deletions.found(own_database, "doomed")
    assert deletion.rows == counts(before[doomed])  # each row once, wherever it was ended
    assert deletion.rows["events"] == 160
    assert set(await rows(own_database, doomed)) == {"organizations"}
    assert await rows(own_database, spared) == before[spared]


async def trail(database: Database) -> list[tuple[str, str]]:
    """What the service's own trail tells."""
    async with database.transaction(of=EVERY) as driver:
        return [(one.action, one.subject) async for one in audit_trail.every(driver, audit_trail.SERVICE)]


async def test_the_trail_of_the_service_tells_of_it(own_database: Database) -> None:
    doomed = await made(own_database, "doomed")
    await organization_deletions.begin(own_database, "doomed", AT_ONCE)
    await organization_deletions.begin(own_database, "doomed", AT_ONCE)  # which changes nothing
    await organization_deletions.restore(own_database, "doomed")
    await delete(own_database, "doomed")
    actions = ("deletion_begun", "deletion_taken_back", "deletion_begun", "deleted")
    assert await trail(own_database) == [(f"organization.{one}", str(doomed)) for one in actions]
    assert (await audit_trail.verify(own_database, audit_trail.SERVICE)).faults == 0
    await remove(own_database)  # of what is gone there is nothing to do
    assert len(await trail(own_database)) == 4


async def test_nobody_adds_a_row_of_a_deleted_organization(own_database: Database) -> None:
    doomed, spared = await made(own_database, "doomed"), await made(own_database, "spared")
    await fill(own_database, doomed, 1)
    await delete(own_database, "doomed")
    with pytest.raises(errors.StorageUnavailable) as refused:
        await worlds.store(own_database, doomed, worlds.events(2, 10))
    # On a cluster it is the row of revisions that is gone, as while rows are moved.
    assert citus.is_wanted() or isinstance(refused.value.__cause__, asyncpg.InsufficientPrivilegeError)
    await worlds.store(own_database, spared, worlds.events(2, 10))
    await schedules.refresh(own_database, Kinds([own_tasks.kind()], [often()]))
    assert set(await rows(own_database, doomed)) == {"organizations"}


def often() -> Schedule:
    return Schedule(name="often", kind="nothing", cron="* * * * *", per_organization=True)


async def scheduled(database: Database) -> set[int]:
    """The organizations of which a schedule has queued tasks."""
    async with database.transaction(of=EVERY) as driver:
        found = await driver.fetch("SELECT DISTINCT organization_id FROM tasks WHERE schedule = 'often'")
    return {row[0] for row in found}


async def test_it_waits_for_whoever_began_before(own_database: Database) -> None:
    """A transaction that has not seen the organization deleted may still add a row: that one goes, too."""
    doomed = await made(own_database, "doomed")
    await organization_deletions.begin(own_database, "doomed", AT_ONCE)
    removal = OrganizationRemoval(settled=AT_ONCE)
    async with own_database.transaction(of=doomed) as late:
        await late.execute("INSERT INTO folds VALUES ($1, now(), 0)", doomed)
        async with own_database.transaction(of=EVERY) as driver:
            await stored.bury(driver, doomed)
        async with own_database.transaction(of=EVERY) as driver:
            await stored.begin_removal(driver, doomed)
            begun = await stored.by_id(driver, doomed)
            assert begun is not None
            assert begun.removal_from is not None
            assert not await stored.is_fenced(driver, begun.removal_from)
    await removal.run(work(own_database))
    deletion = await organization_deletions.found(own_database, "doomed")
    assert deletion.deleted_at is not None
    assert deletion.rows["folds"] == 1


async def test_tasks_and_schedules_rest_and_go_on_when_it_is_taken_back(own_database: Database) -> None:
    tasks, kind = OwnTasks(own_database), own_tasks.kind(concurrency=10, per_organization=10)
    doomed, spared = await made(own_database, "doomed"), await made(own_database, "spared")
    kinds = Kinds([kind], [often()])
    await schedules.refresh(own_database, kinds)
    began = await tasks.queue(kind, organization_id=doomed)
    (claim,) = await tasks.claim(kind)
    waiting_task = await tasks.queue(kind, organization_id=doomed)
    others = await tasks.queue(kind, organization_id=spared)
    await organization_deletions.begin(own_database, "doomed", timedelta(days=7))
    await worlds.execute(own_database, "UPDATE schedules SET next_run_at = now() - interval '1 hour'")
    await schedules.run_due(own_database, kinds)
    assert await scheduled(own_database) == {spared}
    claimed = await tasks.claim(kind)
    assert {one.organization_id for one in claimed} == {spared}
    assert others in [one.task_id for one in claimed]
    assert not await tasks.finish(claim)  # its worker has lost it
    assert await remove(own_database) == {"deleted": 0, "unfinished": False}  # the grace is not over
    assert await organization_deletions.restore(own_database, "doomed") is OrganizationState.ACTIVE
    await schedules.run_due(own_database, kinds)
    assert await scheduled(own_database) == {doomed, spared}
    again = await tasks.claim(kind)
    assert {began, waiting_task} < {one.task_id for one in again}


@citus.one_node
async def test_its_login_for_bi_goes_with_it(own_database: Database) -> None:
    await made(own_database, "doomed")
    login = await bi_logins.give(own_database, "doomed")
    deletion = await delete(own_database, "doomed")
    assert deletion.rows["bi_logins"] == 1
    there = "SELECT count(*) FROM pg_roles WHERE rolname = $1"
    assert await worlds.value(own_database, there, login.role) == 0


async def test_its_files_go_with_it(own_database: Database, tmp_path: pathlib.Path) -> None:
    doomed, spared = await made(own_database, "doomed"), await made(own_database, "spared")
    store = ObjectStore(tmp_path.as_uri())
    async with own_database.transaction(of=EVERY) as driver:
        here = await deployment.look(driver)
    assert here is not None
    for organization_id in (doomed, spared):
        await store.put(here.deployment_id, RunAttempt(organization_id, 1, 1), "report.json", b"{}")
    files_of = functools.partial(housekeeping.files_of, store)
    deletion = await delete(own_database, "doomed", files_of=files_of, delete_files=store.delete)
    assert deletion.files == 1
    assert await files_of(own_database, doomed) == []
    assert len(await files_of(own_database, spared)) == 1


async def test_a_name_is_free_and_ids_are_not_used_again(own_database: Database) -> None:
    first = await made(own_database, "acme")
    deletion = await delete(own_database, "acme")
    second = await made(own_database, "acme")
    assert second > first
    async with own_database.transaction(of=EVERY) as driver:
        assert await organizations.by_id(driver, first) is None
        assert [one.organization_id for one in await organizations.listed(driver)] == [second]
    assert await organization_deletions.found(own_database, "acme") == deletion
    hashes = KeyedHashes(PEPPER)
    receipt = organization_deletions.receipt(hashes, deletion)
    assert receipt is not None
    assert receipt == organization_deletions.receipt(hashes, deletion)  # made anew, and the same
    other = organization_deletions.receipt(KeyedHashes("another pepper of the tests, long enough"), deletion)
    assert other is not None
    assert receipt.signature != other.signature
    later = await delete(own_database, "acme")
    assert later.organization_id == second
    assert await organization_deletions.found(own_database, "", first) == deletion


async def test_over_grpc_from_asking_to_the_receipt(accounts: Accounts, database: Database) -> None:
    owner, above = await administering.admin(accounts), await operator(accounts)
    for _ in range(2):
        await asked(owner, "CreateKey", key={"name": "more", "scopes": ["read"]})
    page = (await asked(owner, "ListKeys", page_size=1)).next_page_token
    known = (await asked(above, "GetOrganization", organization=owner.name)).organization
    assert not known.HasField("delete_after")
    wrong = {"organization": owner.name, "etag": "another"}
    assert await reason(above, "DeleteOrganization", **wrong) == "ETAG_MISMATCH"
    assert (await refusal(above, "DeleteOrganization", organization=owner.name, grace={"seconds": -1}))[1:] == (
        "INVALID_DURATION",
        "grace",
    )
    assert await reason(above, "DeleteOrganization", organization=owner.name, grace={"seconds": 90 * 86_400 + 1}) == (
        "INVALID_DURATION"
    )
    request = {"organization": owner.name, "etag": known.etag, "request_id": uuid.uuid4().hex}
    first, second = [(await asked(above, "DeleteOrganization", **request)).organization for _ in range(2)]
    assert first == second
    assert first.state == pb.ORGANIZATION_STATE_DELETING
    until = first.delete_after.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < until <= timedelta(days=7)
    listed = await asked(above, "ListOrganizations", state=pb.ORGANIZATION_STATE_DELETING, page_size=1_000)
    assert first in listed.organizations
    unseen = await accounts.another(owner, scopes=(Scope.ADMIN,))
    assert await reason(unseen, "GetOrganization") == "TENANT_SUSPENDED"
    assert await reason(above, "SuspendOrganization", organization=owner.name) == "ORGANIZATION_DELETING"
    resumed = (await asked(above, "ResumeOrganization", organization=owner.name)).organization
    assert resumed == known
    assert await reason(above, "GetOrganizationDeletion", organization=owner.name) == "ORGANIZATION_NOT_FOUND"
    again = {**request, "etag": resumed.etag, "grace": {"seconds": 0}}
    await asked(above, "DeleteOrganization", **again)
    shown = (await asked(above, "GetOrganizationDeletion", organization=owner.name)).deletion
    assert not shown.HasField("receipt")
    await remove(database)
    shown = (await asked(above, "GetOrganizationDeletion", organization=owner.name)).deletion
    assert shown.organization_id == owner.organization_id
    assert shown.name_digest == organization_deletions.name_digest(owner.name).hex()
    assert {one.table: one.rows for one in shown.receipt.rows}["api_keys"] == 4
    assert len(bytes.fromhex(shown.receipt.signature)) == 32
    by_id = (await asked(above, "GetOrganizationDeletion", organization_id=owner.organization_id)).deletion
    assert by_id == shown
    gone = await asked(above, "ListOrganizations", state=pb.ORGANIZATION_STATE_DELETED, page_size=1_000)
    assert owner.organization_id in [one.organization_id for one in gone.organizations]
    await nothing_of_the_old_one_opens_the_new_one(accounts, owner, above, page, request["request_id"])


async def nothing_of_the_old_one_opens_the_new_one(
    accounts: Accounts, owner: serving.Caller, above: serving.Caller, page: str, request_id: str
) -> None:
    made = (await asked(above, "CreateOrganization", organization={"name": owner.name})).organization
    assert made.organization_id != owner.organization_id
    key = await asked(above, "CreateKey", organization=owner.name, key={"scopes": ["admin"]})
    newcomer = administering.holding(owner, key.secret)
    assert await reason(newcomer, "ListKeys", page_size=1, page_token=page) != ""

    async def is_refused() -> bool:  # servers follow within seconds
        return await reason(owner, "GetOrganization") == "CREDENTIALS_INVALID"

    await waiting.until(is_refused)
    repeated = await asked(above, "DeleteOrganization", organization=owner.name, request_id=request_id)
    assert repeated.organization.organization_id == owner.organization_id
    assert (await asked(newcomer, "GetOrganization")).organization.state == pb.ORGANIZATION_STATE_ACTIVE
    another = {"organization": f"other {uuid.uuid4().hex}", "request_id": request_id}
    assert (await refusal(above, "DeleteOrganization", **another))[1:] == ("INVALID_VALUE", "request_id")


async def test_a_stream_ends(accounts: Accounts) -> None:
    caller = await accounts.caller()
    stream = caller.stream()
    await stream.write(serving.batch(1, [serving.event()]))
    await serving.read_ack(stream)
    await organization_deletions.begin(accounts.database, caller.name, timedelta(days=7))
    async with asyncio.timeout(60):
        while not stream.done():
            with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
                await stream.write(serving.batch(1, [serving.event()]))
                await stream.read()
    assert (await stream.code()) is grpc.StatusCode.FAILED_PRECONDITION
    assert "suspended" in (await stream.details() or "")
