"""Destinations as callers see them: made, changed, tested, paused, and given other secrets. Changes are in the audit
trail.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from server.admission.query_slots import QuerySlots
from server.delivery import http_post, queueing, signing
from server.delivery.reachable import AddressGuard, Unreachable
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor
from server.organizations.delivery import (
    MOST_DESTINATIONS,
    Channel,
    DestinationDraft,
    KeptDestination,
    Message,
    Topic,
)
from server.store import deliveries
from server.store import destinations as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail, etags
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal

_MOST_TESTS, _MINUTE = 30, timedelta(minutes=1)
_SHOWN: Final = 64  # characters of what was given, in a refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What this deployment can send to: mail, object stores by their names, and the addresses of webhooks."""

    has_mail: bool
    stores: Collection[str]
    guard: AddressGuard = field(default_factory=AddressGuard)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDestination:
    """A destination, and which of its addresses want no more mail."""

    kept: KeptDestination
    unsubscribed: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """A secret as it is shown once, and until when the one before signs, too."""

    secret: str
    old_until: datetime | None


class Destinations:
    """The destinations of organizations. Those who change destinations of one organization take turns; on_task is
    called once tasks are queued.
    """

    def __init__(
        self, database: Database, slots: QuerySlots, hashes: KeyedHashes, reach: Reach, on_task: Callable[[], None]
    ) -> None:
        self._database = database
        self._slots = slots
        self._hashes = hashes
        self._on_task = on_task
        self.reach = reach

    async def listed(self, principal: Principal) -> Sequence[SeenDestination]:
        """Returns all destinations, by name."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            found = await stored.listed(driver, principal.organization_id)
            return [await self._seen(driver, principal, one) for one in found]

    async def get(self, principal: Principal, destination_id: str) -> SeenDestination:
        """Returns a destination; refuses where there is none."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await self._seen(driver, principal, await _found(driver, principal, destination_id))

    async def create(self, principal: Principal, draft: DestinationDraft, by: Actor) -> tuple[SeenDestination, str]:
        """Stores a destination, and returns it with its secret, which is empty but for webhooks."""
        self._check_reach(draft)
        destination_id, secret = f"dst_{secrets.token_hex(8)}", signing.new_secret()
        is_signed = draft.channel is Channel.WEBHOOK
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, principal.organization_id)
            if len(await stored.listed(driver, principal.organization_id)) >= MOST_DESTINATIONS:
                raise Refused(
                    Reason.DESTINATION_LIMIT,
                    f"the organization has {MOST_DESTINATIONS} destinations, which is the most: delete one",
                    metadata={"limit": str(MOST_DESTINATIONS)},
                )
            kept = signing.kept(self._hashes, principal.organization_id, destination_id, secret) if is_signed else b""
            await stored.add(driver, principal.organization_id, destination_id, principal.subject, draft, kept)
            made = await _found(driver, principal, destination_id)
            seen = await self._seen(driver, principal, made)
            await audit_trail.record_change(
                driver, principal.organization_id, by, "destination.created", made.destination_id, after=_told(draft)
            )
        return seen, signing.shown(secret) if is_signed else ""

    async def update(
        self, principal: Principal, destination_id: str, etag: str, draft: DestinationDraft, by: Actor
    ) -> SeenDestination:
        """Stores what a destination is from now on; sends what was held where it is not paused any more."""
        self._check_reach(draft)
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, destination_id, lock=True)
            etags.check(before.etag, etag, what="destination", field="destination.etag")
            if before.draft.channel is not draft.channel:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"a destination of {before.draft.channel} cannot become one of {draft.channel}: make another one",
                    field="destination.target",
                )
            await stored.update(driver, organization_id, destination_id, draft)
            if before.pause is not None and not draft.is_paused:
                for one in await deliveries.release(driver, organization_id, destination_id):
                    await queueing.queue_try(driver, organization_id, one, tries=one.tries)
            after = await _found(driver, principal, destination_id)
            seen = await self._seen(driver, principal, after)
            told = {"before": _told(before.draft), "after": _told(draft)}
            await audit_trail.record_change(
                driver, principal.organization_id, by, "destination.updated", after.destination_id, **told
            )
        self._on_task()
        return seen

    async def delete(self, principal: Principal, destination_id: str, etag: str, by: Actor) -> None:
        """Deletes a destination, and cancels what is queued or held for it."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, destination_id, lock=True)
            etags.check(before.etag, etag, what="destination", field="etag")
            await stored.remove(driver, principal.organization_id, destination_id)
            await deliveries.cancel_all(
                driver, principal.organization_id, destination_id, "its destination was deleted"
            )
            await audit_trail.record_change(
                driver,
                principal.organization_id,
                by,
                "destination.deleted",
                before.destination_id,
                before=_told(before.draft),
            )

    async def test(self, principal: Principal, destination_id: str) -> Sequence[str]:
        """Queues a test message, and returns the ids of its deliveries."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            found = await _found(driver, principal, destination_id)
            if await deliveries.recent(driver, principal.organization_id, Topic.TEST, _MINUTE) >= _MOST_TESTS:
                raise Refused(
                    Reason.TEST_RATE,
                    f"the organization has sent {_MOST_TESTS} tests in the last minute, which is the most",
                    metadata={"limit": str(_MOST_TESTS)},
                    retry_after=_MINUTE.total_seconds(),
                )
            message = Message(
                topic=Topic.TEST,
                kind="destination.test",
                subject_id=destination_id,
                title=f"Test of {found.draft.name}",
                text="This is a test. Whatever is sent to this destination arrives here.",
            )
            key = f"test:{destination_id}:{secrets.token_hex(8)}"
            queued = await queueing.enqueue(driver, principal.organization_id, message, [destination_id], key=key)
        self._on_task()
        return queued.delivery_ids

    async def rotate(self, principal: Principal, destination_id: str, overlap: timedelta, by: Actor) -> NewSecret:
        """Gives a webhook another secret; the one that it had signs beside it for a while."""
        organization_id, secret = principal.organization_id, signing.new_secret()
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, destination_id, lock=True)
            if before.draft.channel is not Channel.WEBHOOK:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"a destination of {before.draft.channel} has no secret: webhooks have one",
                    field="destination_id",
                )
            kept = signing.kept(self._hashes, organization_id, destination_id, secret)
            await stored.rotate(driver, organization_id, destination_id, kept, overlap)
            after = await _found(driver, principal, destination_id)
            told = {"after": {"overlap_seconds": int(overlap.total_seconds())}}
            await audit_trail.record_change(
                driver, principal.organization_id, by, "destination.secret_rotated", after.destination_id, **told
            )
        return NewSecret(secret=signing.shown(secret), old_until=after.old_secret_until)

    def _check_reach(self, draft: DestinationDraft) -> None:
        if draft.channel is Channel.MAIL and not self.reach.has_mail:
            raise Refused(
                Reason.CHANNEL_NOT_SET_UP,
                "this deployment sends no mail: its operator has set no TALLYWIRE_SMTP",
                field="destination.mail",
                metadata={"channel": "mail"},
            )
        if draft.channel is Channel.WEBHOOK:
            where = http_post.target(draft.url)
            try:
                self.reach.guard.check_host(where.host, where.port, is_tls=where.is_tls)
            except Unreachable as error:
                raise Refused(Reason.INVALID_VALUE, str(error), field="destination.webhook.url") from None
        if draft.channel is Channel.STORE and draft.store not in self.reach.stores:
            known = ", ".join(sorted(self.reach.stores)) or "none"
            raise Refused(
                Reason.CHANNEL_NOT_SET_UP,
                f"this deployment has no object store {draft.store[:_SHOWN]!r}; there is {known}",
                field="destination.store.store",
                metadata={"channel": "store"},
            )

    async def _seen(self, driver: Driver, principal: Principal, kept: KeptDestination) -> SeenDestination:
        digests = {self._hashes.address_digest(principal.organization_id, one): one for one in kept.draft.addresses}
        refused = await stored.refusals(driver, principal.organization_id, digests) if digests else ()
        return SeenDestination(kept=kept, unsubscribed=[one for digest, one in digests.items() if digest in refused])


async def _found(driver: Driver, principal: Principal, destination_id: str, *, lock: bool = False) -> KeptDestination:
    found = await stored.by_id(driver, principal.organization_id, destination_id, lock=lock)
    if found is None:
        raise Refused(
            Reason.DESTINATION_NOT_FOUND,
            f"the organization has no destination {destination_id[:_SHOWN]!r}",
            field="destination_id",
            metadata={"destination": destination_id[:_SHOWN]},
        )
    return found


def _told(draft: DestinationDraft) -> Mapping[str, object]:
    """Returns a destination as the audit trail tells it: of mail the number of addresses, since they are of people,
    and of a webhook the host, since paths may hold secrets.
    """
    told = {"name": draft.name, "channel": draft.channel, "topics": list(draft.topics), "paused": draft.is_paused}
    where: dict[str, object] = {}
    if draft.channel is Channel.MAIL:
        where = {"addresses": len(draft.addresses)}
    elif draft.channel is Channel.WEBHOOK:
        where = {"host": draft.url.split("/")[2], "format": draft.format}
    else:
        where = {"store": draft.store, "folder": draft.folder}
    return {**told, **where}
