"""Sessions that come from identity tokens: they outlive the token, and not what the organization says of its member."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from server.errors import Refused
from server.organizations.audit_trail import Actor, ActorKind, Chosen
from server.organizations.organization import OrganizationState
from server.organizations.restriction import Restriction
from server.store import memberships
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration, audit_trail, authentication, identities
from server.tenancy.principal import CallerKind, Scope
from server.tenancy.sign_ins import SignedIn, SignIns
from tests.support import identity_provider, serving
from tests.support.identity_desk import Desk
from tests.support.identity_provider import Provider
from tests.support.serving import Accounts, Caller

BY = Actor(kind=ActorKind.IDENTITY, id="ada|https://login.example.org")
SALES = Restriction(dimension="team", values=("sales",))
ROLES = {"role_claim": "role", "roles": {one: one for one in ("admin", "editor", "viewer", "helper")}}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with identity_provider.running() as provider:
        yield provider


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered."""
    monkeypatch.setattr(identities, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", -1.0)


class Hall:
    """Where somebody signs in by a token of the provider."""

    def __init__(self, accounts: Accounts, provider: Provider, caller: Caller, **table: Any) -> None:
        self._accounts = accounts
        self._caller = caller
        self._provider = provider
        self._table = {**provider.table, "organization": caller.name, **ROLES, **table}
        self.desk = Desk(accounts, {"ours": self._table})

    async def sign_in(self, *scopes: Scope, **claims: Any) -> SignedIn:
        holder = await self.desk.authenticator.exchanged(self._provider.token(**claims))
        assert holder is not None
        made = await SignIns(self._accounts.database, self._accounts.secrets).sign_in(holder, scopes, BY)
        assert made is not None
        return made

    async def scopes(self, made: SignedIn) -> set[str]:
        """What a session may do now; nothing where it is refused."""
        try:
            found = await self.desk.authenticator.authenticate(made.credential)
        except Refused:
            return set()
        return set() if found is None else set(found.scopes)

    async def member(self, role: str, restriction: Restriction | None = None) -> None:
        async with self._accounts.database.transaction(of=EVERY) as driver:
            await memberships.put_member(driver, self._caller.organization_id, "ada", "Ada", role, restriction)

    async def no_member(self) -> None:
        async with self._accounts.database.transaction(of=EVERY) as driver:
            assert await memberships.remove_member(driver, self._caller.organization_id, "ada")


@pytest.fixture
def hall(accounts: Accounts, provider: Provider, caller: Caller) -> Hall:
    return Hall(accounts, provider, caller)


async def test_a_token_is_exchanged_for_a_session(hall: Hall, database: Database, caller: Caller) -> None:
    made = await hall.sign_in(role="editor", exp=serving.now() + timedelta(minutes=1))
    assert made.credential.startswith("tw_")
    found = await hall.desk.authenticator.authenticate(made.credential)
    assert found is not None
    for one in (found, made.principal):
        assert one.kind is CallerKind.SESSION
        assert (one.role, one.organization_id) == ("editor", caller.organization_id)
        assert one.subject.endswith(":ada")
        assert one.identity is not None
        assert one.expires_at is not None
        assert timedelta(hours=23) < one.expires_at - serving.now() < timedelta(hours=25)
        assert one.idle_until is not None
    async with database.snapshot(of=EVERY) as driver:
        page = await audit_trail.page(driver, caller.organization_id, Chosen(actions="session."), before=None, size=10)
    [entry] = page.entries
    assert (entry.actor.kind, entry.action, entry.subject) == (ActorKind.IDENTITY, "session.created", found.key_id)
    assert '"by":"identity token"' in entry.after


async def test_a_session_outlives_its_token_and_ends_in_time(hall: Hall) -> None:
    made = await hall.sign_in(role="viewer", exp=serving.now() + timedelta(minutes=1))
    hall.desk.clock.set(serving.now() + timedelta(hours=11))
    assert await hall.scopes(made) == {"read"}
    hall.desk.clock.set(serving.now() + timedelta(hours=22))
    assert await hall.scopes(made) == {"read"}
    hall.desk.clock.set(serving.now() + timedelta(hours=25))
    assert await hall.scopes(made) == set()


async def test_a_session_has_the_scopes_that_were_wanted(hall: Hall) -> None:
    made = await hall.sign_in(Scope.READ, role="admin")
    assert await hall.scopes(made) == {"read"}
    assert made.principal.role == ""
    with pytest.raises(Refused, match="does not have the scope edit"):
        await hall.sign_in(Scope.EDIT, role="viewer")


async def test_a_session_follows_its_member(hall: Hall) -> None:
    await hall.member("admin")
    made = await hall.sign_in(role="viewer")
    assert await hall.scopes(made) == {"admin"}
    await hall.member("editor", SALES)
    assert await hall.scopes(made) == {"read", "events", "edit"}
    found = await hall.desk.authenticator.authenticate(made.credential)
    assert found is not None
    assert (found.role, found.restriction) == ("editor", SALES)
    confirmed = await hall.desk.authenticator.confirm(made.credential, found)
    assert confirmed.restriction == SALES
    await hall.no_member()
    assert await hall.scopes(made) == set()
    with pytest.raises(Refused, match="revoked"):
        await hall.desk.authenticator.confirm(made.credential, found)


async def test_claims_hold_until_somebody_becomes_a_member(hall: Hall) -> None:
    made = await hall.sign_in(role="editor")
    await hall.member("viewer")
    assert await hall.scopes(made) == {"read"}
    await hall.no_member()
    assert await hall.scopes(made) == {"read", "events", "edit"}  # as the token said


async def test_a_member_with_more_gives_no_session_more_than_it_began_with(hall: Hall) -> None:
    await hall.member("viewer")
    made = await hall.sign_in()
    await hall.member("admin")
    assert await hall.scopes(made) == {"read"}


async def test_a_role_that_is_changed_or_gone(hall: Hall, database: Database, caller: Caller) -> None:
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_role(driver, caller.organization_id, "helper", "", ["read", "events"])
    made = await hall.sign_in(role="helper")
    assert await hall.scopes(made) == {"read", "events"}
    async with database.transaction(of=EVERY) as driver:
        await memberships.put_role(driver, caller.organization_id, "helper", "", ["read"])
    assert await hall.scopes(made) == {"read"}
    async with database.transaction(of=EVERY) as driver:
        await memberships.remove_role(driver, caller.organization_id, "helper")
    assert await hall.scopes(made) == set()


async def test_a_session_ends_with_the_trust_in_its_provider(
    hall: Hall, accounts: Accounts, provider: Provider, caller: Caller, other: Caller
) -> None:
    made = await hall.sign_in(role="admin")
    assert await hall.scopes(made) == {"admin"}
    strict = Hall(accounts, provider, caller, require_membership=True)
    assert await strict.scopes(made) == set()
    elsewhere = Hall(accounts, provider, other)
    assert await elsewhere.scopes(made) == set()
    async with identity_provider.running() as another:
        assert await Hall(accounts, another, caller).scopes(made) == set()


async def test_a_session_ends_with_a_sign_out_and_with_its_organization(
    hall: Hall, accounts: Accounts, database: Database, caller: Caller
) -> None:
    made, kept = await hall.sign_in(role="viewer"), await hall.sign_in(role="viewer")
    await SignIns(database, accounts.secrets).sign_out(made.principal, BY)
    assert (await hall.scopes(made), await hall.scopes(kept)) == (set(), {"read"})
    await administration.set_state(database, caller.name, OrganizationState.SUSPENDED)
    with pytest.raises(Refused, match="suspended"):
        await hall.desk.authenticator.authenticate(kept.credential)


async def test_the_oldest_sessions_of_a_person_make_room(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.tenancy.sign_ins._MOST_SESSIONS_OF_A_PERSON", 3)
    others = await hall.sign_in(role="viewer", sub="bob")
    made = [await hall.sign_in(role="viewer") for _ in range(4)]
    assert [await hall.scopes(one) for one in made] == [set(), {"read"}, {"read"}, {"read"}]
    assert await hall.scopes(others) == {"read"}
