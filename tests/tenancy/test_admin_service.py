"""AdminService: whose organization a call is about, for every RPC; organizations, their settings and their usage."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import grpc
import pytest
from google.protobuf import json_format

from server.organizations.organization import OrganizationState
from server.organizations.restriction import Restriction
from server.organizations.settings import SETTINGS, OrganizationSettings
from server.rpc import services
from server.store import operator_keys as stored_operators
from server.store.isolation import EVERY
from server.tenancy import administration, api_keys, operator_keys, organization_deletions
from server.tenancy.principal import Scope
from tallywire.v1 import admin_service_pb2 as pb
from tests.support import administering, serving, waiting
from tests.support.administering import admin, asked, operator, reason, refusal
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller

RPCS: Final = sorted(name.partition("/")[2] for name in METHODS if name.startswith("AdminService/"))
OPERATORS: Final = {
    "CreateOrganization",
    "ListOrganizations",
    "SuspendOrganization",
    "ResumeOrganization",
    "DeleteOrganization",
    "GetOrganizationDeletion",
    "ListUsage",
}
# Without a name an operator means the service itself, or everybody.
OF_ALL: Final = {"ListTasks", "RetryTask", "CancelTask", "ListSchedules", "RunSchedule", "PauseSchedule"}
OF_ALL |= {"ResumeSchedule"}
NAMED_WITHIN: Final = {"UpdateOrganization"}  # organization.name names it
NIGHTLY = "nightly for a test"
Fields = dict[str, Any]


class World:
    """An organization with one of everything, which requests of the table name."""

    def __init__(self, owner: Caller, key_id: str, session_id: str, tasks: Mapping[str, str], doomed: str) -> None:
        self.owner = owner
        self.key_id = key_id
        self.session_id = session_id
        self.tasks = tasks
        self.doomed = doomed  # another organization, which is to be deleted


REQUESTS: Mapping[str, Callable[[World], Fields]] = {
    "CreateOrganization": lambda _: {"organization": {"name": f"made {uuid.uuid4().hex}"}},
    "GetOrganization": lambda _: {},
    "ListOrganizations": lambda _: {},
    "UpdateOrganization": lambda _: {
        "organization": {"settings": {"currency": "EUR"}},
        "update_mask": {"paths": ["settings.currency"]},
    },
    "SuspendOrganization": lambda _: {},
    "ResumeOrganization": lambda _: {},
    "DeleteOrganization": lambda _: {},
    "GetOrganizationDeletion": lambda world: {"organization": world.doomed},
    "CreateKey": lambda _: {"key": {"scopes": ["read"]}},
    "ListKeys": lambda _: {},
    "RotateKey": lambda world: {"key_id": world.key_id},
    "RevokeKey": lambda world: {"key_id": world.key_id},
    "ListSessions": lambda _: {},
    "RevokeSession": lambda world: {"session_id": world.session_id},
    "ListRoles": lambda _: {},
    "PutRole": lambda _: {"role": {"name": "counter", "scopes": ["read"]}},
    "DeleteRole": lambda _: {"name": "spare"},
    "ListMembers": lambda _: {},
    "GetMember": lambda _: {"subject": "jo"},
    "PutMember": lambda _: {"member": {"subject": "jo", "role": "viewer"}},
    "RemoveMember": lambda _: {"subject": "jo"},
    "ListTasks": lambda _: {},
    "RetryTask": lambda world: {"task_id": world.tasks["dead"]},
    "CancelTask": lambda world: {"task_id": world.tasks["queued"]},
    "ListSchedules": lambda _: {},
    "RunSchedule": lambda _: {"schedule": NIGHTLY},
    "PauseSchedule": lambda _: {"schedule": NIGHTLY},
    "ResumeSchedule": lambda _: {"schedule": NIGHTLY},
    "GetUsage": lambda _: {},
    "ListUsage": lambda _: {},
}


def about(rpc: str, fields: Fields, name: str) -> Fields:
    """A request about the organization of a name."""
    if rpc in NAMED_WITHIN:
        return {**fields, "organization": {**fields["organization"], "name": name}}
    return (
        fields
        if "organization" in fields or (rpc.startswith("List") and rpc in OPERATORS)
        else {
            **fields,
            "organization": name,
        }
    )


@pytest.fixture
async def world(accounts: Accounts) -> World:
    owner = await admin(accounts)
    made = await asked(owner, "CreateKey", key={"name": "spare", "scopes": ["read"]})
    [signed_in] = await answers(owner, "AccountService/SignIn", {"api_key": owner.key.secret})
    await asked(owner, "PutRole", role={"name": "spare", "scopes": ["read"]})
    await asked(owner, "PutMember", member={"subject": "jo", "role": "viewer"})
    await administering.schedule(accounts.database, NIGHTLY, owner.organization_id)
    await administering.schedule(accounts.database, NIGHTLY, 0)
    of = owner.organization_id
    tasks = {one: await administering.task(accounts.database, of, state=one) for one in ("dead", "queued")}
    doomed = f"doomed {uuid.uuid4().hex}"
    await administration.create_organization(accounts.database, doomed, OrganizationSettings(time_zone="UTC"))
    await organization_deletions.begin(accounts.database, doomed, timedelta(days=7))
    return World(owner, made.key.key_id, signed_in.session.session_id, tasks, doomed)


async def test_every_rpc_is_in_the_table() -> None:
    assert sorted(REQUESTS) == RPCS
    assert {path for path in services.SCOPES if "/tallywire.v1.AdminService/" in path} == {
        f"/tallywire.v1.AdminService/{rpc}" for rpc in RPCS
    }


@pytest.mark.parametrize("rpc", RPCS)
async def test_whose_organization_a_call_is_about(rpc: str, world: World, accounts: Accounts) -> None:
    fields, owner = REQUESTS[rpc](world), world.owner
    above = await operator(accounts)
    if rpc in OPERATORS:
        assert await reason(owner, rpc, **about(rpc, fields, owner.name)) == "OPERATOR_REQUIRED"
        assert await reason(above, rpc, **about(rpc, fields, owner.name)) == ""
        return
    stranger, unknown = await admin(accounts), f"nobody {uuid.uuid4().hex}"
    seen = [await _outcome(stranger, rpc, about(rpc, fields, one), one) for one in (owner.name, unknown)]
    assert seen[0] == seen[1]
    assert "ORGANIZATION_NOT_FOUND" in seen[0]
    assert await reason(above, rpc, **about(rpc, fields, unknown)) == "ORGANIZATION_NOT_FOUND"
    named = await reason(above, rpc, **about(rpc, fields, ""))
    assert named == ("REQUIRED_FIELD" if rpc not in OF_ALL else ""), "an operator says which"
    if rpc not in ("RetryTask", "CancelTask"):  # which the operator has done
        assert await reason(owner, rpc, **about(rpc, fields, owner.name)) == ""
    if not rpc.startswith(("Delete", "Remove", "Retry", "Cancel")):  # which are done once
        assert await reason(owner, rpc, **fields) == ""
        assert await reason(above, rpc, **about(rpc, fields, owner.name)) == ""


@pytest.mark.parametrize("rpc", sorted(set(RPCS) - OPERATORS))
async def test_nothing_of_another_organization_without_its_name(rpc: str, world: World, accounts: Accounts) -> None:
    stranger, fields = await admin(accounts), REQUESTS[rpc](world)
    if set(fields) & {"key_id", "session_id", "task_id", "schedule"} or rpc in (
        "GetMember",
        "DeleteRole",
        "RemoveMember",
    ):
        assert (await refusal(stranger, rpc, **fields))[0] == "NOT_FOUND"
        return
    answer = await asked(stranger, rpc, **fields)
    told = json_format.MessageToJson(answer)
    assert world.owner.name not in told
    assert world.key_id not in told
    assert "jo" not in told or rpc == "PutMember"


@pytest.mark.parametrize("rpc", RPCS)
async def test_a_suspended_organization_is_administered_by_operators(
    rpc: str, world: World, accounts: Accounts
) -> None:
    await administration.set_state(accounts.database, world.owner.name, OrganizationState.SUSPENDED)
    fields = about(rpc, REQUESTS[rpc](world), world.owner.name)
    unseen = await asked_later(world, accounts)
    assert await reason(unseen, rpc, **fields) == "TENANT_SUSPENDED"
    assert await reason(await operator(accounts), rpc, **fields) == ""


async def asked_later(world: World, accounts: Accounts) -> Caller:
    """Another admin key of the organization, of which no server remembers anything."""
    return await accounts.another(world.owner, scopes=(Scope.ADMIN,))


@pytest.mark.parametrize("rpc", RPCS)
async def test_others_may_not_administer(rpc: str, world: World, accounts: Accounts) -> None:
    fields = REQUESTS[rpc](world)
    every = tuple(scope for scope in Scope if scope is not Scope.ADMIN)
    assert await reason(await accounts.another(world.owner, scopes=every), rpc, **fields) == "SCOPE_MISSING"
    nobody = replace(world.owner, key=replace(world.owner.key, secret=f"two_{'a' * 16}_{'A' * 43}"))
    assert await reason(nobody, rpc, **fields) == "CREDENTIALS_INVALID"
    part = Restriction(dimension="team", values=("sales",))
    restricted = await accounts.another(world.owner, scopes=(Scope.READ,), restriction=part)
    assert await reason(restricted, rpc, **fields) == "SCOPE_MISSING"


async def _outcome(caller: Caller, rpc: str, fields: Fields, name: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(caller, rpc, **fields)
    told = f"{serving.refusal(refused.value)} {refused.value.details()} {sorted(serving.info(refused.value).items())}"
    return told.replace(name, "…")


# Operators


@pytest.mark.parametrize("rpc", sorted(set(METHODS) - {f"AdminService/{one}" for one in RPCS}))
async def test_operators_may_call_nothing_else(rpc: str, accounts: Accounts) -> None:
    method = METHODS[rpc]
    if f"/{method.containing_service.full_name}/{method.name}" in services.OPEN:
        return  # whose credential is in the request
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(await operator(accounts), rpc, {})
    assert serving.refusal(refused.value)[:2] == ("PERMISSION_DENIED", "NOT_FOR_OPERATORS")


async def test_an_operator_does_not_sign_in(accounts: Accounts) -> None:
    above = await operator(accounts)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(above, "AccountService/SignIn", {"api_key": above.key.secret})
    assert serving.refusal(refused.value).reason == "CREDENTIALS_INVALID"


async def test_a_wrong_secret_is_no_operator(accounts: Accounts) -> None:
    above = await operator(accounts)
    assert await reason(above, "ListOrganizations") == ""
    for secret in (above.key.secret[:-1] + ("A" if above.key.secret[-1] != "A" else "B"), above.key.secret[1:]):
        wrong = replace(above, key=replace(above.key, secret=secret))
        assert await reason(wrong, "ListOrganizations") == "CREDENTIALS_INVALID"
    as_key = replace(above, key=replace(above.key, secret=above.key.secret.replace("two_", "tw_", 1)))
    assert await reason(as_key, "ListOrganizations") == "CREDENTIALS_INVALID"


async def test_operators_end_with_time_and_are_tied_to_networks(accounts: Accounts) -> None:
    assert await reason(await operator(accounts, networks=("127.0.0.0/8",)), "ListOrganizations") == ""
    elsewhere = await operator(accounts, networks=("192.0.2.0/24",))
    assert await reason(elsewhere, "ListOrganizations") == "NETWORK_NOT_ALLOWED"
    ended = await operator(accounts, expires_at=serving.now() - timedelta(seconds=1))
    assert await reason(ended, "ListOrganizations") == "CREDENTIALS_INVALID"


async def test_a_revoked_operator_is_refused(accounts: Accounts) -> None:
    above = await operator(accounts)
    assert await reason(above, "ListOrganizations") == ""
    await operator_keys.revoke(accounts.database, above.key.key_id, by=administering.UNNAMED_OPERATOR)
    await waiting.until(lambda: _is_refused(above))
    async with accounts.database.transaction(of=EVERY) as driver:
        used = await driver.fetchval("SELECT last_used_at FROM operator_keys WHERE key_id = $1", above.key.key_id)
    assert used is not None


async def _is_refused(caller: Caller) -> bool:
    return await reason(caller, "ListOrganizations") == "CREDENTIALS_INVALID"


async def test_a_flood_of_unknown_operators_shares_look_ups(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    above, by_ids, asked_for = await operator(accounts), stored_operators.by_ids, []

    async def counted(driver: Any, key_ids: Any) -> Any:
        asked_for.append(len(key_ids))
        return await by_ids(driver, key_ids)

    monkeypatch.setattr(stored_operators, "by_ids", counted)
    unknown = [api_keys.new_key(operator_keys.PREFIX) for _ in range(100)]
    calls = [reason(replace(above, key=one), "ListOrganizations") for one in unknown]
    assert set(await asyncio.gather(*calls)) == {"CREDENTIALS_INVALID"}
    assert sum(asked_for) == len(unknown)
    assert len(asked_for) < len(unknown) / 2
    assert await reason(replace(above, key=unknown[0]), "ListOrganizations") == "CREDENTIALS_INVALID"
    assert sum(asked_for) <= len(unknown) + 1


async def test_a_bad_operators_key_is_told_to_wait(accounts: Accounts) -> None:
    above = await operator(accounts)
    wrong = replace(above, key=api_keys.new_key(operator_keys.PREFIX))
    found = [await reason(wrong, "ListOrganizations") for _ in range(110)]
    assert found[0] == "CREDENTIALS_INVALID"
    assert "AUTH_RATE_LIMIT" in found
    assert await reason(above, "ListOrganizations") == ""


# Organizations


def name() -> str:
    return f"made {uuid.uuid4().hex}"


def test_the_settings_of_the_contract_are_those_of_organizations() -> None:
    assert set(pb.OrganizationSettings.DESCRIPTOR.fields_by_name) == SETTINGS.keys()


async def test_an_organization_is_made_once_for_a_request(accounts: Accounts) -> None:
    above, wanted, request = await operator(accounts), name(), uuid.uuid4().hex
    settings = {"time_zone": "Europe/Paris", "monthly_events": 1_000, "week_start": 7, "erased_user_events": 2}
    fields = {"organization": {"name": wanted, "settings": settings}, "request_id": request}
    made = (await asked(above, "CreateOrganization", **fields)).organization
    assert made.settings.time_zone == "Europe/Paris"
    assert (made.settings.monthly_events, made.settings.week_start, made.settings.weight) == (1_000, 7, 1)
    assert list(made.settings.pairs) == list(OrganizationSettings().pairs)
    assert not made.settings.HasField("event_retention_days")
    assert (await asked(above, "CreateOrganization", **fields)).organization == made
    other = {**fields, "organization": {"name": wanted, "settings": {"time_zone": "UTC"}}}
    assert await refusal(above, "CreateOrganization", **other) == (
        "ALREADY_EXISTS",
        "ORGANIZATION_EXISTS",
        "request_id",
    )
    again = {"organization": {"name": wanted}}
    assert (await refusal(above, "CreateOrganization", **again))[1:] == ("ORGANIZATION_EXISTS", "organization.name")
    owner = await accounts.another(
        replace(above, name=wanted, organization_id=made.organization_id), scopes=(Scope.ADMIN,)
    )
    assert ("operator", above.key.key_id, "organization.created", wanted) in await administering.trail(owner)


@pytest.mark.parametrize(
    ("organization", "field"),
    [
        ({}, "organization.name"),
        ({"name": "a\nb"}, "organization.name"),
        ({"name": "x" * 101}, "organization.name"),
        ({"name": "acme "}, "organization.name"),
        ({"name": "A\u030angstrom"}, "organization.name"),
        ({"name": "x", "settings": {"time_zone": "Mars/Olympus"}}, "organization.settings.time_zone"),
        ({"name": "x", "settings": {"weight": 0}}, "organization.settings.weight"),
        ({"name": "x", "settings": {"currency": "???"}}, "organization.settings.currency"),
    ],
)
async def test_what_cannot_be_an_organization_is_refused(accounts: Accounts, organization: Fields, field: str) -> None:
    code, _, told = await refusal(await operator(accounts), "CreateOrganization", organization=organization)
    assert (code, told) == ("INVALID_ARGUMENT", field)


async def test_settings_change_by_mask_and_etag(accounts: Accounts) -> None:
    owner = await admin(accounts)
    before = (await asked(owner, "GetOrganization")).organization
    assert not before.HasField("organization_id")
    mask = {"paths": ["settings.currency", "settings.close_idle_after", "settings.secret_keys"]}
    wanted = {"etag": before.etag, "settings": {"currency": "EUR", "close_idle_after": 30, "secret_keys": ["pin"]}}
    after = (await asked(owner, "UpdateOrganization", organization=wanted, update_mask=mask)).organization
    assert (after.settings.currency, after.settings.close_idle_after) == ("EUR", 30)
    assert list(after.settings.secret_keys) == ["pin"]
    assert after.settings.time_zone == before.settings.time_zone
    assert after.etag != before.etag
    assert await refusal(owner, "UpdateOrganization", organization=wanted, update_mask=mask) == (
        "FAILED_PRECONDITION",
        "ETAG_MISMATCH",
        "organization.etag",
    )
    unset = (await asked(owner, "UpdateOrganization", organization={}, update_mask=mask)).organization
    assert unset.settings == before.settings
    assert unset.etag == before.etag
    changes = [one for one in await administering.trail(owner) if one[2] == "organization.settings_changed"]
    assert changes == [("key", owner.key.key_id, "organization.settings_changed", owner.name)] * 2


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], ("REQUIRED_FIELD", "update_mask")),
        (["settings.nothing"], ("INVALID_VALUE", "update_mask")),
        (["name"], ("INVALID_VALUE", "update_mask")),
        (["settings.event_retention_days"], ("INVALID_VALUE", "update_mask")),
        *(
            ([f"settings.{one}"], ("OPERATOR_REQUIRED", f"organization.settings.{one}"))
            for one in SETTINGS
            if SETTINGS[one].operators_only
        ),
    ],
)
async def test_what_an_organization_cannot_change_itself(
    accounts: Accounts, paths: list[str], expected: tuple[str, str]
) -> None:
    owner = await admin(accounts)
    change = {"organization": {"settings": {}}, "update_mask": {"paths": paths}}
    assert (await refusal(owner, "UpdateOrganization", **change))[1:] == expected


async def test_operators_change_limits(accounts: Accounts) -> None:
    owner, above = await admin(accounts), await operator(accounts)
    wanted = {"name": owner.name, "settings": {"monthly_events": 5}}
    mask = {"paths": ["settings.monthly_events"]}
    await asked(above, "UpdateOrganization", organization=wanted, update_mask=mask)
    assert (await asked(owner, "GetOrganization")).organization.settings.monthly_events == 5
    usage = (await asked(owner, "GetUsage")).usage
    assert (usage.limit, usage.events, usage.remaining, usage.share) == (5, 0, 5, 0.0)


async def test_suspending_and_resuming(accounts: Accounts) -> None:
    owner, above = await admin(accounts), await operator(accounts)
    for _ in range(2):  # again changes nothing
        changed = await asked(above, "SuspendOrganization", organization=owner.name)
        assert changed.organization.state == pb.ORGANIZATION_STATE_SUSPENDED
    resumed = await asked(above, "ResumeOrganization", organization=owner.name)
    assert resumed.organization.state == pb.ORGANIZATION_STATE_ACTIVE
    done = [one[2] for one in await administering.trail(owner) if one[0] == "operator" and one[1] == above.key.key_id]
    assert done == ["organization.suspended", "organization.resumed"]
    await administration.set_state(accounts.database, owner.name, OrganizationState.REVOKED)
    assert (await refusal(above, "ResumeOrganization", organization=owner.name))[1] == "ORGANIZATION_REVOKED"


async def test_pages_of_organizations(accounts: Accounts) -> None:
    above = await operator(accounts)
    mine = [(await admin(accounts)).name for _ in range(3)]
    for rpc, rows in (("ListOrganizations", "organizations"), ("ListUsage", "usages")):
        found, token = [], ""
        while True:
            page = await asked(above, rpc, page_size=2, page_token=token)
            found += [getattr(one, "name", "") or one.organization for one in getattr(page, rows)]
            token = page.next_page_token
            if not token:
                break
        assert [one for one in found if one in mine] == mine
    assert (await refusal(above, "ListOrganizations", page_token="AAAA"))[1] == "PAGE_TOKEN_INVALID"
    first = await asked(above, "ListOrganizations", page_size=1)
    mixed = {"page_token": first.next_page_token, "state": pb.ORGANIZATION_STATE_ACTIVE}
    assert (await refusal(above, "ListOrganizations", **mixed))[1] == "PAGE_TOKEN_MISMATCH"


async def test_usage_is_what_events_tell(accounts: Accounts) -> None:
    owner = await accounts.caller(scopes=(Scope.ADMIN,))
    stored = [serving.event("storage.changed", storage={"kind": 1, "bytes_delta": one}) for one in (700, -200)]
    await owner.track_all([*stored, serving.event()])
    usage = (await asked(owner, "GetUsage")).usage
    assert (usage.organization, usage.events) == (owner.name, 3)
    assert not usage.HasField("limit")
    assert [(one.kind, one.bytes) for one in usage.storage] == [(1, 500)]
