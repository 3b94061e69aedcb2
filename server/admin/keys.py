"""API keys as admins make, rotate and revoke them. Secrets are in answers to that and nowhere else."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server import timerange
from server.admin import roles, whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.errors import Reason, Refused
from server.organizations.api_key import ApiKey
from server.organizations.audit_trail import Actor
from server.organizations.organization import Organization
from server.store import key_lists, organizations
from server.store.database import Database, Driver
from server.store.key_lists import KeyPlace
from server.tenancy import api_keys
from server.tenancy.api_keys import NewKey, WantedKey
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import CallerKind, Principal, Scope

MOST_GOOD: Final = 1_000  # keys of an organization
_SHOWN = 64
Wanted = WantedKey  # what a key is to be


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key that was just made, with its secret, and when the one ends in whose place it is."""

    key: ApiKey
    secret: str = dataclasses.field(repr=False)
    old_ends_at: datetime | None = None


class KeyAdmin:
    """Makes, lists, rotates and revokes API keys. Changes of one organization take turns. clock has the database's
    time.
    """

    def __init__(
        self, database: Database, slots: QuerySlots, hashes: KeyedHashes, clock: Clock, pages: AdminPages
    ) -> None:
        self._database = database
        self._slots = slots
        self._hashes = hashes
        self._clock = clock
        self._pages = pages

    async def create(
        self, principal: Principal, organization: str, wanted: Wanted, request_id: str | None, by: Actor
    ) -> ShownKey:
        """Makes a key; refuses what the caller may not give, and a request that has made one before. A role that is
        named gives its scopes, and a maker that ends the end of a key that names none.
        """
        if wanted.expires_at is not None and wanted.expires_at <= self._clock.now():
            raise Refused(Reason.INVALID_VALUE, "must be later than now", field="key.expires_at")
        async with self._changing(principal, organization) as (driver, owner):
            await _check_request(driver, owner, request_id)
            if wanted.role:
                given = await roles.scopes_of(driver, owner.organization_id, wanted.role, "key.role")
                wanted = dataclasses.replace(wanted, scopes=given)
            with whose.refusing():
                wanted = api_keys.checked(wanted)
            giver = await _giver(driver, principal)
            whose.check_may_give(giver, wanted.scopes, wanted.networks, "key")
            if giver.expires_at is not None:
                wanted = dataclasses.replace(wanted, expires_at=wanted.expires_at or giver.expires_at)
                _check_end(giver.expires_at, wanted.expires_at)
            await _check_room(driver, owner)
            made = await api_keys.add_key(
                driver, self._hashes, owner.organization_id, wanted, by=by, request_id=request_id
            )
            return await _shown(driver, owner, made)

    async def listed(
        self, principal: Principal, organization: str, asked: AskedPage, *, with_ended: bool
    ) -> AdminPage[ApiKey]:
        """Returns a page of keys, oldest first."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, organization)
            question = ("keys", owner.organization_id, with_ended)
            place = self._pages.place(principal, question, asked)
            after = KeyPlace() if place is None else _key_place(*place)
            found = await key_lists.page(driver, owner.organization_id, after, asked.size + 1, with_ended=with_ended)
        return self._pages.page(principal, question, asked, found, _place_of)

    async def rotate(
        self,
        principal: Principal,
        organization: str,
        key_id: str,
        overlap: timedelta,
        request_id: str | None,
        by: Actor,
    ) -> ShownKey:
        """Makes the successor of a key, which ends after the overlap; refuses as create does."""
        async with self._changing(principal, organization) as (driver, owner):
            await _check_request(driver, owner, request_id)
            await _found(driver, owner, key_id)  # before it is held: others' keys are not even locked
            before = await organizations.held_key(driver, key_id)
            if before is None:
                raise _not_found(key_id)
            giver = await _giver(driver, principal)
            whose.check_may_give(giver, before.scopes, before.networks, "key")
            if giver.expires_at is not None:
                _check_end(giver.expires_at, before.expires_at)
            await _check_room(driver, owner)
            ends_at = self._clock.now() + overlap
            made = await api_keys.succeed(
                driver, self._hashes, before, old_ends_at=ends_at, by=by, request_id=request_id
            )
            shown = await _shown(driver, owner, made)
        ends = min(filter(None, (before.expires_at, ends_at)))
        return dataclasses.replace(shown, old_ends_at=ends)

    async def revoke(self, principal: Principal, organization: str, key_id: str, by: Actor) -> ApiKey:
        """Revokes a key and returns it; refuses the last one with the scope admin unless an operator asks."""
        async with self._changing(principal, organization) as (driver, owner):
            before = await _found(driver, owner, key_id)
            is_admin = self.is_good(before) and Scope.ADMIN in before.scopes
            if is_admin and not whose.is_operator(principal):
                await _check_not_last(driver, before)
            await api_keys.end(driver, key_id, by=by)
            return await _found(driver, owner, key_id)

    def is_good(self, key: ApiKey) -> bool:
        """Returns whether calls can be made with a key."""
        return key.revoked_at is None and (key.expires_at is None or key.expires_at > self._clock.now())

    @contextlib.asynccontextmanager
    async def _changing(self, principal: Principal, organization: str) -> AsyncIterator[tuple[Driver, Organization]]:
        async with self._slots.slot(principal), self._database.transaction(of=whose.seen(principal)) as driver:
            yield driver, await whose.organization(driver, principal, organization, hold=True)


async def _giver(driver: Driver, principal: Principal) -> Principal:
    """Returns the caller with the networks and the end of the key that it comes from: a session, whose calls come from
    wherever the pages are served, gives no more than that key could. Who has no key, as people and programs whom the
    operator knows by an identity, and operators, gives without an end: what they show ends within hours and is renewed.
    """
    if principal.kind not in (CallerKind.API_KEY, CallerKind.SESSION):
        return dataclasses.replace(principal, expires_at=None)
    key = await key_lists.by_id(driver, principal.organization_id, principal.parent_key_id)
    if key is None:
        return dataclasses.replace(principal, expires_at=None)
    return dataclasses.replace(principal, networks=key.networks, expires_at=key.expires_at)


def _check_end(own: datetime, wanted: datetime | None) -> None:
    """Refuses a key that would be good for longer than the one that makes it, whose end somebody has chosen."""
    if wanted is None or wanted > own:
        raise Refused(
            Reason.KEY_OUTLIVES_MAKER,
            f"your own key ends at {own.isoformat(timespec='seconds')}: a key that it makes or rotates ends no later",
            field="key.expires_at",
            metadata={"expires_at": own.isoformat(timespec="seconds")},
        )


async def _check_request(driver: Driver, owner: Organization, request_id: str | None) -> None:
    """Refuses a request that has made a key before: its secret is not kept, so that it cannot be shown again."""
    made = await key_lists.made_for(driver, owner.organization_id, request_id) if request_id else None
    if made is not None:
        raise Refused(
            Reason.KEY_EXISTS,
            f"this request has made the key {made}, whose secret cannot be shown again: rotate it without an overlap",
            field="request_id",
            metadata={"key": made},
        )


async def _check_not_last(driver: Driver, key: ApiKey) -> None:
    """Refuses to revoke the key without which nobody could administer the organization."""
    if not await key_lists.has_another(driver, key, Scope.ADMIN.value):
        raise Refused(
            Reason.LAST_ADMIN_KEY,
            "no other key with the scope admin is good for as long as this one: make one first",
            field="key_id",
            metadata={"key": key.key_id},
        )


async def _check_room(driver: Driver, owner: Organization) -> None:
    if await key_lists.number_of_good(driver, owner.organization_id) >= MOST_GOOD:
        raise Refused(
            Reason.KEY_LIMIT,
            f"the organization has {MOST_GOOD:,} good keys, which is the most: revoke one that nobody needs",
            metadata={"limit": str(MOST_GOOD)},
        )


async def _shown(driver: Driver, owner: Organization, made: NewKey) -> ShownKey:
    return ShownKey(key=await _found(driver, owner, made.key_id), secret=made.secret)


async def _found(driver: Driver, owner: Organization, key_id: str) -> ApiKey:
    found = await key_lists.by_id(driver, owner.organization_id, key_id)
    if found is None:
        raise _not_found(key_id)
    return found


def _not_found(key_id: str) -> Refused:
    return Refused(
        Reason.KEY_NOT_FOUND,
        f"the organization has no key {key_id[:_SHOWN]!r}, or it is not good any more",
        field="key_id",
        metadata={"key": key_id[:_SHOWN]},
    )


def _place_of(key: ApiKey) -> list[str | int | None]:
    return [(key.created_at - timerange.EPOCH) // timedelta(microseconds=1), key.key_id]


def _key_place(at: str | int | None, key_id: str | int | None) -> KeyPlace:
    return KeyPlace(created_at=timerange.EPOCH + timedelta(microseconds=int(at or 0)), key_id=str(key_id))
