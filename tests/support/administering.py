"""Those who administer: operators with keys of their own, and callers with the scope admin."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import grpc

from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import api_keys, operator_keys
from server.tenancy.principal import Scope
from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller


async def operator(accounts: Accounts, **options: Any) -> Caller:
    """A new key of an operator. It has no organization."""
    key = await operator_keys.create(accounts.database, accounts.secrets, "test", by=UNNAMED_OPERATOR, **options)
    return Caller(organization_id=0, name="", key=key, channel=accounts.channel)


async def admin(accounts: Accounts, **options: Any) -> Caller:
    """A new organization with a key that has the scope admin."""
    return await accounts.caller(scopes=(Scope.ADMIN,), **options)


def holding(caller: Caller, secret: str) -> Caller:
    """The same organization with a key whose secret is known."""
    return replace(caller, key=api_keys.NewKey(key_id=secret.split("_")[1], secret=secret))


async def asked(caller: Caller, rpc: str, **fields: Any) -> Any:
    """What an RPC of AdminService answers."""
    [answer] = await answers(caller, f"AdminService/{rpc}", fields)
    return answer


async def refusal(caller: Caller, rpc: str, **fields: Any) -> tuple[str, str, str]:
    """The status, reason and field with which an RPC of AdminService refuses."""
    try:
        answer = await asked(caller, rpc, **fields)
    except grpc.aio.AioRpcError as error:
        code, reason, field, _ = serving.refusal(error)
        return code, reason, field
    raise AssertionError(f"{rpc} was not refused: {answer!r:.300}")


async def reason(caller: Caller, rpc: str, **fields: Any) -> str:
    """The reason for which an RPC of AdminService refuses; empty where it answers."""
    return await reason_of(caller, f"AdminService/{rpc}", **fields)


async def reason_of(caller: Caller, rpc: str, **fields: Any) -> str:
    """The reason for which any RPC refuses; empty where it answers."""
    try:
        await answers(caller, rpc, fields)
    except grpc.aio.AioRpcError as error:
        return serving.refusal(error).reason
    return ""


async def trail(caller: Caller) -> list[tuple[str, str, str, str]]:
    """The organization's audit trail, oldest first: kind and id of the actor, action, subject."""
    [answer] = await answers(caller, "AuditService/ListAuditEntries", {"page_size": 1_000})
    kinds: Mapping[int, str] = {1: "key", 2: "operator", 3: "service"}
    return [(kinds[one.actor_kind], one.actor_id, one.action, one.subject) for one in reversed(answer.entries)]


async def schedule(database: Database, name: str, organization_id: int, kind: str = "daily_rollups") -> None:
    """Stores a schedule that is never due in a test."""
    async with database.transaction(of=EVERY) as driver:
        await driver.execute(
            "INSERT INTO schedules (name, organization_id, kind, cron, time_zone, catch_up, next_run_at)"
            " VALUES ($1, $2, $3, '0 1 * * *', 'UTC', 'latest', $4) ON CONFLICT DO NOTHING",
            name,
            organization_id,
            kind,
            datetime(2999, 1, 1, tzinfo=UTC),
        )


async def task(database: Database, organization_id: int, *, kind: str = "daily_rollups", state: str = "queued") -> str:
    """Stores a task that no worker is there for, and returns its id."""
    async with database.transaction(of=EVERY) as driver:
        found: int = await driver.fetchval(
            "INSERT INTO tasks (kind, organization_id, payload, state, priority, run_at, tries)"
            " VALUES ($1, $2, '{}', $3, 0, $4, 3) RETURNING task_id",
            kind,
            organization_id,
            state,
            datetime(2999, 1, 1, tzinfo=UTC),
        )
    return str(found)
