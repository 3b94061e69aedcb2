"""AdminService: keys, roles and members, and what their admins cannot give or take."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest

from server.admin import keys as key_admin
from server.organizations import memberships
from server.tenancy import roles
from server.tenancy.principal import Scope
from tallywire.v1 import admin_service_pb2 as pb
from tests.support import administering, serving, waiting
from tests.support.administering import admin, asked, holding, operator, reason, refusal
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

READS = {"scopes": ["read"]}


async def works(caller: Caller) -> bool:
    """Whether the key of a caller is good."""
    return await administering.reason_of(caller, "AccountService/GetSession") == ""


# Keys


async def test_a_key_is_made_listed_and_revoked(accounts: Accounts) -> None:
    owner = await admin(accounts)
    ends = serving.stamp(serving.now() + timedelta(days=9))
    part = {"dimension": "team", "values": ["sales"]}
    networks = ["127.0.0.1", "10.0.0.0/8"]
    wanted = {"name": "shop", "scopes": ["read", "events"], "restriction": part, "networks": networks}
    made = await asked(owner, "CreateKey", key={**wanted, "expires_at": ends})
    assert made.key.state == pb.API_KEY_STATE_ACTIVE
    assert (made.key.name, sorted(made.key.scopes), made.key.expires_at) == ("shop", ["events", "read"], ends)
    assert list(made.key.networks) == ["127.0.0.1/32", "10.0.0.0/8"]
    shop = holding(owner, made.secret)
    [session] = await answers(shop, "AccountService/GetSession", {})
    assert session.session.restriction.values == ["sales"]
    listed = (await asked(owner, "ListKeys")).keys
    assert [one.key_id for one in listed] == [owner.key.key_id, made.key.key_id]
    assert listed[1].HasField("last_used_at")
    assert made.secret not in str(listed)
    revoked = (await asked(owner, "RevokeKey", key_id=made.key.key_id)).key
    assert revoked.state == pb.API_KEY_STATE_REVOKED
    await waiting.until(lambda: is_over(shop))
    assert [one.key_id for one in (await asked(owner, "ListKeys")).keys] == [owner.key.key_id]
    ended = (await asked(owner, "ListKeys", include_ended=True)).keys
    assert [one.state for one in ended] == [pb.API_KEY_STATE_ACTIVE, pb.API_KEY_STATE_REVOKED]
    assert (await asked(owner, "RevokeKey", key_id=made.key.key_id)).key == revoked
    own, key_id = ("key", owner.key.key_id), made.key.key_id
    acts = [one for one in await administering.trail(owner) if one[3] == key_id]
    assert acts == [(*own, "key.created", key_id), (*own, "key.revoked", key_id)]


async def is_over(caller: Caller) -> bool:
    return not await works(caller)


async def test_a_request_makes_one_key(accounts: Accounts) -> None:
    owner, other, request = await admin(accounts), await admin(accounts), uuid.uuid4().hex
    made = await asked(owner, "CreateKey", key=READS, request_id=request)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asked(owner, "CreateKey", key=READS, request_id=request)
    assert serving.refusal(refused.value)[:3] == ("ALREADY_EXISTS", "KEY_EXISTS", "request_id")
    assert serving.info(refused.value)["key"] == made.key.key_id
    assert made.secret not in str(refused.value)
    # Where the first answer was lost, another secret is shown for it.
    again = await asked(owner, "RotateKey", key_id=made.key.key_id, overlap={}, request_id=f"{request}-2")
    assert await works(holding(owner, again.secret))
    assert not await works(holding(owner, made.secret))
    assert await reason(owner, "RotateKey", key_id=again.key.key_id, request_id=f"{request}-2") == "KEY_EXISTS"
    assert await reason(other, "CreateKey", key=READS, request_id=request) == "", "another organization's own id"


async def test_rotation_overlaps_and_keeps_what_the_key_may(accounts: Accounts) -> None:
    owner = await admin(accounts)
    wanted = {"scopes": ["read"], "networks": ["127.0.0.0/8"], "name": "shop"}
    made = await asked(owner, "CreateKey", key=wanted)
    before = serving.now()
    rotated = await asked(owner, "RotateKey", key_id=made.key.key_id, overlap={"seconds": 3600})
    ends = rotated.old_key_ends_at.ToDatetime(tzinfo=before.tzinfo)
    assert timedelta(minutes=59) < ends - before < timedelta(minutes=70)
    assert (rotated.key.name, list(rotated.key.scopes)) == ("shop", ["read"])
    assert list(rotated.key.networks) == ["127.0.0.0/8"]
    assert not rotated.key.HasField("expires_at")
    assert await works(holding(owner, made.secret))
    assert await works(holding(owner, rotated.secret))
    itself = await asked(owner, "RotateKey", key_id=owner.key.key_id)
    assert await works(holding(owner, itself.secret))
    assert await refusal(owner, "RotateKey", key_id="nothing") == ("NOT_FOUND", "KEY_NOT_FOUND", "key_id")
    for overlap in ({"seconds": -1}, {"seconds": 90 * 86_400 + 1}):
        assert (await refusal(owner, "RotateKey", key_id=rotated.key.key_id, overlap=overlap))[2] == "overlap"
    await asked(owner, "RevokeKey", key_id=rotated.key.key_id)
    assert await reason(owner, "RotateKey", key_id=rotated.key.key_id) == "KEY_NOT_FOUND"


async def test_the_last_admin_key_is_not_revoked_by_its_organization(accounts: Accounts) -> None:
    owner, own = await admin(accounts), {"scopes": ["admin"]}
    last = ("FAILED_PRECONDITION", "LAST_ADMIN_KEY", "key_id")
    assert await refusal(owner, "RevokeKey", key_id=owner.key.key_id) == last
    soon = serving.stamp(serving.now() + timedelta(days=1))
    ending = await asked(owner, "CreateKey", key={**own, "expires_at": soon})
    assert await refusal(owner, "RevokeKey", key_id=owner.key.key_id) == last
    assert await reason(owner, "RevokeKey", key_id=ending.key.key_id) == ""
    second = holding(owner, (await asked(owner, "CreateKey", key=own)).secret)
    assert await reason(owner, "RevokeKey", key_id=owner.key.key_id) == "", "a key may revoke itself"
    assert await refusal(second, "RevokeKey", key_id=second.key.key_id) == last
    above = await operator(accounts)
    assert await reason(above, "RevokeKey", organization=owner.name, key_id=second.key.key_id) == ""
    made = await asked(above, "CreateKey", organization=owner.name, key=own)
    found = await administering.trail(holding(owner, made.secret))
    assert found[-2:] == [
        ("operator", above.key.key_id, "key.revoked", second.key.key_id),
        ("operator", above.key.key_id, "key.created", made.key.key_id),
    ]


async def test_whoever_is_tied_to_networks_gives_no_more(accounts: Accounts) -> None:
    owner = await admin(accounts)
    tied = await accounts.another(owner, scopes=(Scope.ADMIN,), networks=("127.0.0.0/8",))
    refused = ("PERMISSION_DENIED", "NETWORK_NOT_ALLOWED", "key.networks")
    for networks in ([], ["0.0.0.0/0"], ["127.0.0.1", "10.0.0.1"], ["::1"]):
        assert await refusal(tied, "CreateKey", key={**READS, "networks": networks}) == refused
    assert await refusal(tied, "RotateKey", key_id=owner.key.key_id) == refused
    assert await reason(tied, "CreateKey", key={**READS, "networks": ["127.0.0.1"]}) == ""
    assert await reason(tied, "RotateKey", key_id=tied.key.key_id) == ""


async def test_a_session_gives_no_more_than_its_key(accounts: Accounts) -> None:
    tied = await accounts.another(await admin(accounts), scopes=(Scope.ADMIN,), networks=("127.0.0.0/8",))
    [signed_in] = await answers(tied, "AccountService/SignIn", {"api_key": tied.key.secret})
    session = holding(tied, signed_in.credential)
    assert await reason(session, "CreateKey", key=READS) == "NETWORK_NOT_ALLOWED"
    assert await reason(session, "CreateKey", key={**READS, "networks": ["127.0.0.1"]}) == ""


async def test_a_key_does_not_outlive_the_one_that_makes_it(accounts: Accounts) -> None:
    owner, above = await admin(accounts), await operator(accounts)
    ends = serving.stamp(serving.now() + timedelta(days=3))
    sooner, later = (serving.stamp(serving.now() + timedelta(days=days)) for days in (2, 4))
    made = await asked(owner, "CreateKey", key={"scopes": ["admin"], "expires_at": ends})
    ending = holding(owner, made.secret)
    [signed_in] = await answers(ending, "AccountService/SignIn", {"api_key": made.secret})
    for caller in (ending, holding(owner, signed_in.credential)):
        assert (await asked(caller, "CreateKey", key=READS)).key.expires_at == ends, "without an end: that of its maker"
        assert (await asked(caller, "CreateKey", key={**READS, "expires_at": sooner})).key.expires_at == sooner
        refused = ("PERMISSION_DENIED", "KEY_OUTLIVES_MAKER", "key.expires_at")
        assert await refusal(caller, "CreateKey", key={**READS, "expires_at": later}) == refused
        assert await refusal(caller, "RotateKey", key_id=owner.key.key_id) == refused
    assert (await asked(ending, "RotateKey", key_id=made.key.key_id)).key.expires_at == ends
    # One that is rotated ends with the overlap, and so does what it makes.
    after = await asked(ending, "CreateKey", key=READS)
    assert after.key.expires_at.ToDatetime() < serving.now().replace(tzinfo=None) + timedelta(days=1, minutes=10)
    assert not (await asked(owner, "CreateKey", key=READS)).key.HasField("expires_at")
    by_operator = await asked(above, "CreateKey", organization=owner.name, key={**READS, "expires_at": later})
    assert by_operator.key.expires_at == later


async def test_calls_at_once_take_turns(accounts: Accounts) -> None:
    owner, request = await admin(accounts), uuid.uuid4().hex
    calls = [reason(owner, "CreateKey", key=READS, request_id=request) for _ in range(8)]
    assert sorted(await asyncio.gather(*calls)) == ["", *["KEY_EXISTS"] * 7]
    second = holding(owner, (await asked(owner, "CreateKey", key={"scopes": ["admin"]})).secret)
    ends = [reason(one, "RevokeKey", key_id=other.key.key_id) for one, other in ((owner, second), (second, owner))]
    found = await asyncio.gather(*ends)
    # The call of the one that has just been revoked may not be let in at all.
    assert sorted(found) in (["", "LAST_ADMIN_KEY"], ["", "CREDENTIALS_INVALID"]), "one of the two stays"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({}, ("REQUIRED_FIELD", "key.scopes")),
        ({"scopes": ["everything"]}, ("INVALID_VALUE", "key.scopes")),
        ({"scopes": ["read"], "role": "viewer"}, ("INVALID_VALUE", "key.scopes")),
        ({"role": "nothing"}, ("ROLE_NOT_FOUND", "key.role")),
        ({"role": "No Role"}, ("INVALID_VALUE", "key.role")),
        ({**READS, "name": "x" * 201}, ("FIELD_TOO_LONG", "key.name")),
        ({**READS, "networks": ["nowhere"]}, ("INVALID_VALUE", "key")),
        ({**READS, "networks": ["10.0.0.1"] * 21}, ("TOO_MANY_VALUES", "key.networks")),
        ({**READS, "restriction": {"dimension": "user", "values": ["a"]}}, ("INVALID_VALUE", "key")),
        ({"scopes": ["admin"], "restriction": {"dimension": "team", "values": ["a"]}}, ("INVALID_VALUE", "key")),
        ({**READS, "expires_at": {"seconds": 1}}, ("INVALID_VALUE", "key.expires_at")),
    ],
)
async def test_what_cannot_be_a_key_is_refused(
    accounts: Accounts, key: Mapping[str, Any], expected: tuple[str, str]
) -> None:
    assert (await refusal(await admin(accounts), "CreateKey", key=key))[1:] == expected


async def test_a_key_of_a_role_has_its_scopes(accounts: Accounts) -> None:
    owner = await admin(accounts)
    await asked(owner, "PutRole", role={"name": "sender", "scopes": ["ingest", "backfill"]})
    for role, scopes in (("analyst", roles.BUILT_IN["analyst"]), ("sender", {"ingest", "backfill"})):
        made = (await asked(owner, "CreateKey", key={"role": role})).key
        assert (made.role, set(made.scopes)) == (role, scopes)


async def test_pages_and_the_limit_of_keys(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, other = await admin(accounts), await admin(accounts)
    made = [owner.key.key_id] + [(await asked(owner, "CreateKey", key=READS)).key.key_id for _ in range(3)]
    found, token = [], ""
    for _ in range(2):
        page = await asked(owner, "ListKeys", page_size=2, page_token=token)
        found += [one.key_id for one in page.keys]
        last, token = token, page.next_page_token
    assert (found, token) == (made, "")
    assert await reason(other, "ListKeys", page_token=last) == "PAGE_TOKEN_INVALID"
    assert await reason(owner, "ListKeys", page_token=last, include_ended=True) == "PAGE_TOKEN_MISMATCH"
    monkeypatch.setattr(key_admin, "MOST_GOOD", 4)
    assert (await refusal(owner, "CreateKey", key=READS))[:2] == ("RESOURCE_EXHAUSTED", "KEY_LIMIT")


# Roles


async def test_roles_are_made_changed_and_deleted(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await admin(accounts)
    listed = (await asked(owner, "ListRoles")).roles
    assert {one.name: set(one.scopes) for one in listed} == roles.BUILT_IN
    assert all(one.built_in and one.description and not one.HasField("created_at") for one in listed)
    made = (await asked(owner, "PutRole", role={"name": "counter", "scopes": ["read"], "description": "Counts"})).role
    assert (made.description, made.built_in) == ("Counts", False)
    stale = {"name": "counter", "scopes": ["events", "read"], "etag": made.etag}
    changed = (await asked(owner, "PutRole", role=stale)).role
    assert (changed.etag != made.etag, changed.created_at) == (True, made.created_at)
    assert await refusal(owner, "PutRole", role=stale) == ("FAILED_PRECONDITION", "ETAG_MISMATCH", "role.etag")
    assert await reason(owner, "DeleteRole", name="counter", etag=made.etag) == "ETAG_MISMATCH"
    assert [one.name for one in (await asked(owner, "ListRoles")).roles][len(roles.BUILT_IN) :] == ["counter"]
    for rpc, fields in (
        ("PutRole", {"role": {"name": "admin", "scopes": ["read"]}}),
        ("DeleteRole", {"name": "admin"}),
    ):
        assert await reason(owner, rpc, **fields) == "INVALID_VALUE"
    await asked(owner, "PutMember", member={"subject": "jo", "role": "counter"})
    assert await refusal(owner, "DeleteRole", name="counter") == ("FAILED_PRECONDITION", "ROLE_IN_USE", "name")
    await asked(owner, "RemoveMember", subject="jo")
    await asked(owner, "DeleteRole", name="counter", etag=changed.etag)
    assert await refusal(owner, "DeleteRole", name="counter") == ("NOT_FOUND", "ROLE_NOT_FOUND", "name")
    acts = [one[2] for one in await administering.trail(owner) if one[3] == "counter"]
    assert acts == ["role.created", "role.changed", "role.deleted"]
    monkeypatch.setattr("server.admin.roles.MOST_ROLES", 0)
    assert await reason(owner, "PutRole", role={"name": "more", "scopes": ["read"]}) == "ROLE_LIMIT"


@pytest.mark.parametrize(
    ("role", "field"),
    [
        ({"scopes": ["read"]}, "role.name"),
        ({"name": "Counter", "scopes": ["read"]}, "role.name"),
        ({"name": "counter"}, "role.scopes"),
        ({"name": "counter", "scopes": ["all"]}, "role.scopes"),
        ({"name": "counter", "scopes": ["read"], "description": "a\nb"}, "role.description"),
    ],
)
async def test_what_cannot_be_a_role_is_refused(accounts: Accounts, role: Mapping[str, Any], field: str) -> None:
    code, _, told = await refusal(await admin(accounts), "PutRole", role=role)
    assert (code, told) == ("INVALID_ARGUMENT", field)


# Members


async def test_members_are_added_changed_and_removed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await admin(accounts)
    part = {"dimension": "team", "values": ["sales", "support"]}
    wanted = {"subject": "idp|jo", "name": "Jo", "role": "viewer", "restriction": part}
    made = (await asked(owner, "PutMember", member=wanted)).member
    assert (await asked(owner, "GetMember", subject="idp|jo")).member == made
    assert (made.name, made.role, list(made.restriction.values)) == ("Jo", "viewer", ["sales", "support"])
    changed = (await asked(owner, "PutMember", member={"subject": "idp|jo", "role": "admin", "etag": made.etag})).member
    assert (changed.role, changed.HasField("restriction")) == ("admin", False)
    assert await reason(owner, "PutMember", member={**wanted, "etag": made.etag}) == "ETAG_MISMATCH"
    assert await reason(owner, "PutMember", member={**wanted, "subject": "nobody", "etag": "x"}) == "ETAG_MISMATCH"
    assert await refusal(owner, "RemoveMember", subject="idp|jo", etag=made.etag) == (
        "FAILED_PRECONDITION",
        "ETAG_MISMATCH",
        "etag",
    )
    await asked(owner, "RemoveMember", subject="idp|jo", etag=changed.etag)
    for rpc in ("GetMember", "RemoveMember"):
        assert await refusal(owner, rpc, subject="idp|jo") == ("NOT_FOUND", "MEMBER_NOT_FOUND", "subject")
    acts = [one[2] for one in await administering.trail(owner) if one[3] == "idp|jo"]
    assert acts == ["member.added", "member.changed", "member.removed"]
    monkeypatch.setattr("server.admin.members.MOST_MEMBERS", 0)
    assert (await refusal(owner, "PutMember", member=wanted))[:2] == ("RESOURCE_EXHAUSTED", "MEMBER_LIMIT")


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"role": "viewer"}, ("REQUIRED_FIELD", "member.subject")),
        ({"subject": "jo"}, ("REQUIRED_FIELD", "member.role")),
        ({"subject": "jo", "role": "none"}, ("ROLE_NOT_FOUND", "member.role")),
        ({"subject": "j" * 201, "role": "viewer"}, ("FIELD_TOO_LONG", "member.subject")),
        (
            {"subject": "jo", "role": "admin", "restriction": {"dimension": "team", "values": ["a"]}},
            ("INVALID_VALUE", "member.restriction"),
        ),
        (
            {"subject": "jo", "role": "viewer", "restriction": {"dimension": "team"}},
            ("INVALID_VALUE", "member.restriction"),
        ),
    ],
)
async def test_what_cannot_be_a_member_is_refused(
    accounts: Accounts, member: Mapping[str, Any], expected: tuple[str, str]
) -> None:
    assert (await refusal(await admin(accounts), "PutMember", member=member))[1:] == expected


async def test_pages_of_members(accounts: Accounts) -> None:
    owner = await admin(accounts)
    for subject in ("c", "a", "b"):
        await asked(owner, "PutMember", member={"subject": subject, "role": "viewer"})
    first = await asked(owner, "ListMembers", page_size=2)
    second = await asked(owner, "ListMembers", page_size=2, page_token=first.next_page_token)
    assert [one.subject for one in (*first.members, *second.members)] == ["a", "b", "c"]
    assert not second.next_page_token
    assert memberships.MOST_MEMBERS == 10_000
