"""The Python clients administer: every call of both faces, by an operator and by an organization's own admin."""

import asyncio
import inspect
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import tallywire
from server.app import Running
from tallywire import admin as calls
from tallywire import aio_admin, errors
from tests.support import administering
from tests.support.rpcs import answers
from tests.support.serving import Accounts

KINDS = (tallywire.Client, tallywire.AsyncClient)


@dataclass(frozen=True, slots=True)
class Made:
    """Calls of either face, waited for; blocking ones on another thread, since the server is on this one."""

    client: Any

    async def one(self, rpc: str, /, *arguments: Any, **options: Any) -> Any:
        call = getattr(self.client.admin, rpc)
        if isinstance(self.client, tallywire.Client):
            return await asyncio.to_thread(call, *arguments, **options)
        return await call(*arguments, **options)

    async def every(self, rpc: str, /, **options: Any) -> Sequence[Any]:
        call = getattr(self.client.admin, rpc)
        if isinstance(self.client, tallywire.Client):
            return await asyncio.to_thread(lambda: list(call(**options)))
        return [one async for one in call(**options)]

    async def close(self) -> None:
        closed = self.client.close()
        if inspect.isawaitable(closed):
            await closed


def test_both_faces_have_the_same_calls() -> None:
    faces = [
        {name: str(inspect.signature(one).parameters) for name, one in vars(face).items() if not name.startswith("_")}
        for face in (calls.AdminCalls, aio_admin.AsyncAdminCalls)
    ]
    assert faces[0] == faces[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operator_sets_an_organization_up(server: Running, accounts: Accounts, kind: Any) -> None:
    above, name = await administering.operator(accounts), f"made {uuid.uuid4().hex}"
    made, request = Made(kind(server.address, api_key=above.key.secret)), uuid.uuid4().hex
    settings = {"time_zone": "Europe/Paris", "monthly_events": 7}
    created = await made.one("create_organization", name, request_id=request, **settings)
    assert await made.one("create_organization", name, request_id=request, **settings) == created
    assert await made.one("organization", name) == created
    changed = await made.one("update_organization", name, etag=created.etag, monthly_events=None, currency="EUR")
    assert (changed.settings.HasField("monthly_events"), changed.settings.currency) == (False, "EUR")
    with pytest.raises(errors.FailedPrecondition):
        await made.one("update_organization", name, etag=created.etag, currency="USD")
    marked = await made.one("delete_organization", name, grace=timedelta(days=2), request_id=uuid.uuid4().hex)
    deletion = await made.one("organization_deletion", name)
    assert deletion == await made.one("organization_deletion", organization_id=marked.organization_id)
    assert (deletion.delete_after, deletion.HasField("receipt")) == (marked.delete_after, False)
    assert not (await made.one("resume_organization", name)).HasField("delete_after")
    await made.one("suspend_organization", name)
    assert name in [one.name for one in await made.every("organizations", state_name="suspended")]
    assert (await made.one("resume_organization", name)).settings == changed.settings
    assert name in [one.organization for one in await made.every("usages")]
    key = await made.one("create_key", scopes=["admin"], organization=name, request_id="first")
    with pytest.raises(errors.AlreadyExists):
        await made.one("create_key", scopes=["admin"], organization=name, request_id="first")
    own = Made(kind(server.address, api_key=key.secret))
    assert (await own.one("organization")).name == name
    assert (await own.one("usage")).events == 0
    for client in (made, own):
        await client.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_an_admin_sees_to_its_own(server: Running, accounts: Accounts, kind: Any) -> None:
    owner = await administering.admin(accounts)
    made = Made(kind(server.address, api_key=owner.key.secret))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    part = ("team", ["sales"])
    key = await made.one("create_key", role="viewer", name="shop", restriction=part, expires_at=tomorrow)
    rotated = await made.one("rotate_key", key.key.key_id, overlap=timedelta(hours=1))
    await made.one("revoke_key", rotated.key.key_id)
    assert len(await made.every("keys")) == 2
    assert len(await made.every("keys", include_ended=True)) == 3
    [signed_in] = await answers(owner, "AccountService/SignIn", {"api_key": owner.key.secret})
    subject = signed_in.session.subject
    assert not await made.every("sessions", key_id=rotated.key.key_id)
    [session] = await made.every("sessions", subject=subject)
    ended = await made.one("revoke_session", session.session_id)
    assert (ended.subject, ended.HasField("revoked_at")) == (subject, True)
    assert not await made.every("sessions")
    await made.one("put_role", "counter", ["read"], description="Counts")
    assert "counter" in [one.name for one in await made.one("roles")]
    member = await made.one("put_member", "jo", "counter", name="Jo", restriction=part)
    assert await made.one("member", "jo") == member
    assert await made.every("members") == [member]
    await made.one("remove_member", "jo", etag=member.etag)
    await made.one("delete_role", "counter")
    await administering.schedule(accounts.database, "nightly", owner.organization_id)
    task = await made.one("run_schedule", "nightly")
    await made.one("cancel_task", task.task_id)
    assert [one.task_id for one in await made.every("tasks", state_name="cancelled")] == [task.task_id]
    await made.one("retry_task", task.task_id)
    await made.one("cancel_task", task.task_id)
    assert (await made.one("pause_schedule", "nightly")).paused
    assert [one.name for one in await made.every("schedules")] == ["nightly"]
    assert not (await made.one("resume_schedule", "nightly")).paused
    with pytest.raises(ValueError, match="no value"):
        await made.every("tasks", state_name="lost")
    await made.close()
