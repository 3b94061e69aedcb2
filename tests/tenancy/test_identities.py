"""What somebody with an identity token may do: by claims, as the operator maps them, or by the organization's word."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from server.errors import Refused
from server.organizations.organization import OrganizationState
from server.organizations.restriction import Restriction
from server.store import identities as stored
from server.store import memberships
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, identities
from server.tenancy.principal import Principal, Scope
from tests.support import identity_provider
from tests.support.identity_desk import Desk
from tests.support.identity_provider import Provider
from tests.support.serving import Accounts, Caller

SALES = Restriction(dimension="team", values=("sales",))
NOWHERE = "it is for no organization"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with identity_provider.running() as provider:
        yield provider


@pytest.fixture
async def other_provider() -> AsyncIterator[Provider]:
    async with identity_provider.running() as provider:
        yield provider


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered of tokens and people."""
    monkeypatch.setattr(identities, "_FRESH_SECONDS", -1.0)


def desk(accounts: Accounts, provider: Provider, organization: str, **table: Any) -> Desk:
    return Desk(accounts, {"ours": {**provider.table, "organization": organization, **table}})


async def principal(desk: Desk, token: str) -> Principal:
    found = await desk.authenticator.authenticate(token)
    assert found is not None
    return found


async def member(database: Database, caller: Caller, role: str, restriction: Restriction | None = None) -> None:
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_member(driver, caller.organization_id, "ada", "Ada", role, restriction)


async def custom_role(database: Database, caller: Caller, name: str, *scopes: str) -> None:
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_role(driver, caller.organization_id, name, "", scopes)


GROUPS = {"role_claim": "groups", "roles": {"metrics-admins": "admin", "metrics": "analyst"}}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"groups": ["metrics"]}, "analyst"),
        ({"groups": "metrics"}, "analyst"),
        ({"groups": ["metrics", "metrics-admins"]}, "admin"),  # the file's order, not the token's
        ({"groups": ["admin"]}, "NO_ROLE"),
        ({"groups": ["Metrics"]}, "NO_ROLE"),
        ({"groups": ["metrics-admins "]}, "NO_ROLE"),
        ({"groups": "metrics,metrics-admins"}, "NO_ROLE"),
        ({"groups": {"metrics-admins": True}}, "NO_ROLE"),
        ({"groups": [["metrics-admins"]]}, "NO_ROLE"),
        ({"groups": ["metrics-admins", 1]}, "NO_ROLE"),
        ({"groups": [f"group {number}" for number in range(200)] + ["metrics-admins"]}, "NO_ROLE"),
        ({"role": "admin", "roles": ["admin"], "scope": "admin", "scopes": ["admin"]}, "NO_ROLE"),
        ({}, "NO_ROLE"),
    ],
)
async def test_claims_give_the_roles_that_the_operator_maps(
    accounts: Accounts, provider: Provider, caller: Caller, claims: Mapping[str, Any], said: str
) -> None:
    assert await desk(accounts, provider, caller.name, **GROUPS).says(provider.token(**claims)) == said


async def test_who_has_no_group_has_the_default_role(accounts: Accounts, provider: Provider, caller: Caller) -> None:
    at = desk(accounts, provider, caller.name, **GROUPS, default_role="viewer")
    assert await at.says(provider.token(groups=["others"])) == "viewer"
    assert await at.says(provider.token(groups=["metrics"])) == "analyst"


async def test_claims_within_claims(accounts: Accounts, provider: Provider, caller: Caller) -> None:
    at = desk(accounts, provider, caller.name, role_claim=["realm_access", "roles"], roles={"boss": "admin"})
    assert await at.says(provider.token(realm_access={"roles": ["boss"]})) == "admin"
    for wrong in ({"roles": None}, ["roles"], "boss", None):
        assert await at.says(provider.token(realm_access=wrong)) == "NO_ROLE"


async def test_roles_that_the_organization_has_made(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller, other: Caller
) -> None:
    await custom_role(database, caller, "sender", "ingest", "of a newer version")
    await custom_role(database, caller, "admin", "ingest")  # the name of a built-in one means that
    await custom_role(database, other, "elsewhere", "admin")
    table = {"role_claim": "groups", "roles": {"a": "sender", "b": "elsewhere", "c": "admin"}}
    at = desk(accounts, provider, caller.name, **table)
    assert (await principal(at, provider.token(groups="a"))).scopes == {Scope.INGEST}
    assert await at.says(provider.token(groups="b")) == "NO_ROLE"
    assert (await principal(at, provider.token(groups="c"))).scopes == {Scope.ADMIN}


async def test_what_the_organization_says_of_its_member_counts(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller, other: Caller
) -> None:
    at = desk(accounts, provider, caller.name, **GROUPS, teams_claim="teams")
    token = provider.token(groups="metrics-admins", teams=["support"])
    assert (await principal(at, token)).role == "admin"
    await member(database, caller, "viewer", SALES)
    await member(database, other, "admin")  # of somebody else
    found = await principal(at, token)
    assert (found.role, found.scopes, found.restriction) == ("viewer", {Scope.READ}, SALES)
    await member(database, caller, "editor")
    found = await principal(at, provider.token(groups="metrics", teams=["support"]))
    assert (found.role, found.restriction) == ("editor", None)
    async with database.transaction(of=EVERY) as driver:
        await memberships.remove_member(driver, caller.organization_id, "ada")
    found = await principal(at, provider.token(groups="metrics", teams=["support"]))
    assert (found.role, found.restriction) == ("analyst", Restriction(dimension="team", values=("support",)))


async def test_membership_can_be_required(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller
) -> None:
    at = desk(accounts, provider, caller.name, require_membership=True, default_role="admin")
    assert await at.says(provider.token()) == "NO_ROLE"
    await member(database, caller, "viewer")
    assert await at.says(provider.token()) == "viewer"
    assert await at.says(provider.token(sub="Ada")) == "NO_ROLE"


async def test_teams_restrict(accounts: Accounts, provider: Provider, database: Database, caller: Caller) -> None:
    await custom_role(database, caller, "boss", "admin")
    roles = {"metrics-admins": "admin", "metrics": "analyst", "bosses": "boss"}
    at = desk(accounts, provider, caller.name, role_claim="groups", roles=roles, teams_claim="teams")

    async def seen(**claims: Any) -> Restriction | None:
        return (await principal(at, provider.token(**claims))).restriction

    assert await seen(groups="metrics", teams=["sales"]) == SALES
    assert await seen(groups="metrics", teams="sales") == SALES
    assert await seen(groups="metrics-admins") is None
    for teams in (None, [], [""], ["a\n"], [1], {"sales": 1}, [f"team {number}" for number in range(51)]):
        assert await at.says(provider.token(groups="metrics", teams=teams)) == "NO_ROLE"
    assert await at.says(provider.token(groups="bosses", teams="sales")) == "NO_ROLE"  # all, or teams: not both


async def test_subjects_may_be_another_claim(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller
) -> None:
    at = desk(accounts, provider, caller.name, subject_claim="email", require_membership=True)
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_member(driver, caller.organization_id, "ada@example.org", "Ada", "editor", None)
    assert await at.says(provider.token(email="ada@example.org", email_verified=True)) == "editor"
    for verified in (False, None, "true", 1):
        assert "lacks a claim" in await at.says(provider.token(email="ada@example.org", email_verified=verified))
    assert "lacks a claim" in await at.says(provider.token(email=["ada@example.org"], email_verified=True))


async def test_a_token_names_listed_organizations_alone(
    accounts: Accounts, provider: Provider, caller: Caller, other: Caller
) -> None:
    table = {"organization_claim": "tenant", "organizations": {"t-1": caller.name}, "default_role": "viewer"}
    at = Desk(accounts, {"ours": {**provider.table, **table}})
    assert (await principal(at, provider.token(tenant="t-1"))).organization_id == caller.organization_id
    for tenant in ("t-2", other.name, caller.name, "", None, ["t-1"], {"t-1": 1}, 1, "T-1"):
        assert NOWHERE in await at.says(provider.token(tenant=tenant))


async def test_a_provider_speaks_for_its_own_organizations_alone(
    accounts: Accounts, provider: Provider, other_provider: Provider, caller: Caller, other: Caller
) -> None:
    common = {"organization_claim": "tenant", "default_role": "viewer"}
    at = Desk(
        accounts,
        {
            "a": {**provider.table, **common, "organizations": {"ours": caller.name}},
            "b": {**other_provider.table, **common, "organizations": {"theirs": other.name, "ours-too": other.name}},
        },
    )
    assert await at.says(provider.token(tenant="ours")) == "viewer"
    assert await at.says(other_provider.token(tenant="theirs")) == "viewer"
    assert NOWHERE in await at.says(provider.token(tenant="theirs"))
    # Signed by a key of one provider, in the name of the other; the ids of their keys are equal.
    forged = "not signed by a known key"
    assert forged in await at.says(provider.token(iss=other_provider.issuer, tenant="theirs"))
    provider.keys["only here"] = provider.keys["first"]
    assert forged in await at.says(provider.token(kid="only here", iss=other_provider.issuer, tenant="theirs"))


async def test_equal_subjects_of_two_providers_are_two_people(
    accounts: Accounts, provider: Provider, other_provider: Provider, database: Database, caller: Caller
) -> None:
    common = {"organization": caller.name, "default_role": "viewer"}
    at = Desk(
        accounts,
        {
            "a": {**provider.table, **common, "subject_prefix": "a:"},
            "b": {**other_provider.table, **common, "subject_prefix": "b:"},
        },
    )
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_member(driver, caller.organization_id, "a:ada", "Ada", "admin", None)
    one, two = await principal(at, provider.token()), await principal(at, other_provider.token())
    assert (one.role, two.role) == ("admin", "viewer")
    assert one.subject != two.subject
    assert one.key_id != two.key_id


async def test_the_state_of_the_organization_counts(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller
) -> None:
    at = desk(accounts, provider, caller.name, default_role="viewer")
    token = provider.token()
    found = await principal(at, token)
    await administration.set_state(database, caller.name, OrganizationState.SUSPENDED)
    assert await at.says(token) == "TENANT_SUSPENDED"
    with pytest.raises(Refused, match="suspended"):
        await at.authenticator.confirm(token, found)
    await administration.set_state(database, caller.name, OrganizationState.ACTIVE)
    assert await at.says(token) == "viewer"
    await administration.set_state(database, caller.name, OrganizationState.REVOKED)
    assert NOWHERE in await at.says(token)
    with pytest.raises(Refused, match=NOWHERE):
        await at.authenticator.confirm(token, found)
    assert NOWHERE in await desk(accounts, provider, "nobody", default_role="viewer").says(token)


async def test_a_call_in_progress_goes_on_as_its_maker_may_now(
    accounts: Accounts, provider: Provider, database: Database, caller: Caller
) -> None:
    at = desk(accounts, provider, caller.name, require_membership=True)
    await member(database, caller, "admin")
    token = provider.token()
    found = await principal(at, token)
    await member(database, caller, "viewer")
    found = await at.authenticator.confirm(token, found)
    assert found.role == "viewer"
    async with database.transaction(of=EVERY) as driver:
        await memberships.remove_member(driver, caller.organization_id, "ada")
    with pytest.raises(Refused, match="no member"):
        await at.authenticator.confirm(token, found)


async def test_calls_in_progress_go_on_while_the_database_is_away(
    accounts: Accounts, provider: Provider, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = desk(accounts, provider, caller.name, default_role="viewer")
    token = provider.token()
    found = await principal(at, token)
    away = replace(found, role="away")

    async def hang(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(stored, "standings", hang)
    monkeypatch.setattr(identities, "_CONFIRM_SECONDS", 0.05)
    assert await at.authenticator.confirm(token, away) is away
    at.clock.set(found.expires_at + (found.expires_at - at.clock.now()))  # type: ignore[operator]
    with pytest.raises(Refused, match="has expired"):
        await at.authenticator.confirm(token, away)


async def test_people_who_wait_share_a_statement_and_are_remembered(
    accounts: Accounts, provider: Provider, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "_FRESH_SECONDS", 60.0)
    asked, ask = [], stored.standings

    async def counted(driver: Any, people: Any) -> Any:
        asked.append(len(people))
        return await ask(driver, people)

    monkeypatch.setattr(stored, "standings", counted)
    at = desk(accounts, provider, caller.name, default_role="viewer")
    await at.says(provider.token())
    tokens = [provider.token(sub=f"person {number}", jti=again) for number in range(50) for again in "ab"]
    for _ in range(2):
        assert set(await asyncio.gather(*map(at.says, tokens))) == {"viewer"}
    assert sum(asked) == 51
    assert len(asked) <= 3
