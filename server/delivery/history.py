"""Deliveries as callers see them, and the files that links in them open."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server import telemetry
from server.admission.query_slots import QuerySlots
from server.delivery import queueing
from server.delivery.links import Links
from server.delivery.stores import Files, NoFile
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.organizations.delivery import Attachment, Attempt, DeliveryState, KeptDelivery, KeptMessage
from server.store import deliveries as stored
from server.store import destinations, organizations
from server.store.database import Database, Driver
from server.store.deliveries import ChosenDeliveries
from server.tenancy import audit_trail
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal

MOST_READ: Final = 2**20  # bytes of a file at once
_SHOWN: Final = 64
_UNDER_WAY: Final = (DeliveryState.QUEUED, DeliveryState.HELD)
Wanted = ChosenDeliveries  # which deliveries are wanted, for who is not to know the store


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDelivery:
    """A delivery with its tries and its message."""

    delivery: KeptDelivery
    attempts: Sequence[Attempt]
    message: KeptMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A part of a file."""

    file: Attachment
    content: bytes


class DeliveryHistory:
    """What was sent. on_task is called once a task is queued."""

    def __init__(
        self,
        database: Database,
        slots: QuerySlots,
        hashes: KeyedHashes,
        links: Links,
        files: Files,
        on_task: Callable[[], None],
    ) -> None:
        self._database = database
        self._slots = slots
        self._hashes = hashes
        self._links = links
        self._files = files
        self._on_task = on_task

    async def listed(self, principal: Principal, wanted: Wanted, limit: int) -> Sequence[KeptDelivery]:
        """Returns deliveries, newest first."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.listed(driver, principal.organization_id, wanted, limit)

    async def get(self, principal: Principal, delivery_id: str) -> SeenDelivery:
        """Returns a delivery with its tries; refuses where there is none."""
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            delivery = await _found(driver, principal, delivery_id)
            message = await stored.message(driver, organization_id, delivery.message_id)
            attempts = await stored.attempts(driver, organization_id, delivery_id)
        if message is None:  # removed between two statements
            raise _not_found(delivery_id)
        return SeenDelivery(delivery=delivery, attempts=attempts, message=message)

    async def resend(self, principal: Principal, delivery_id: str, by: Actor) -> KeptDelivery:
        """Queues a delivery again that has ended; refuses one that has not."""
        organization_id = principal.organization_id
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            before = await _found(driver, principal, delivery_id, lock=True)
            if before.state in _UNDER_WAY:
                raise Refused(
                    Reason.DELIVERY_UNDER_WAY,
                    f"the delivery is {before.state}: it goes out by itself",
                    field="delivery_id",
                    metadata={"delivery": delivery_id[:_SHOWN]},
                )
            if await destinations.by_id(driver, organization_id, before.destination_id) is None:
                raise Refused(
                    Reason.DESTINATION_NOT_FOUND,
                    "its destination was deleted",
                    field="delivery_id",
                    metadata={"destination": before.destination_id},
                )
            message = await stored.message(driver, organization_id, before.message_id)
            if message is None or message.is_revoked:
                raise Refused(Reason.INVALID_VALUE, "what it is about was deleted", field="delivery_id")
            await stored.send_again(driver, organization_id, delivery_id)
            after = await _found(driver, principal, delivery_id)
            await queueing.queue_try(driver, organization_id, after, tries=0)
            entry = Entry(actor=by, action="delivery.resent", subject=delivery_id, before={"state": before.state})
            await audit_trail.record(driver, organization_id, entry)
        self._on_task()
        return after

    async def link(self, principal: Principal, delivery_id: str, place: int) -> tuple[str, datetime]:
        """Returns a link to a file of a delivery, and when it expires."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            delivery = await _found(driver, principal, delivery_id)
            message = await stored.message(driver, principal.organization_id, delivery.message_id)
            now = await stored.now(driver)
        files = () if message is None else message.message.attachments
        if not 0 <= place < len(files):
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                f"the delivery has {len(files)} files, which are counted from 0",
                field="file",
                metadata={"minimum": "0", "maximum": str(max(len(files) - 1, 0))},
            )
        return self._links.to_file(principal.organization_id, delivery.message_id, place, now)

    async def read(self, token: str, offset: int) -> FilePart:
        """Returns a part of the file that a link opens, from an offset on; refuses a link that opens none."""
        file = await self._opened(token)
        if offset > file.size:
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                f"the file has {file.size} bytes",
                field="offset",
                metadata={"minimum": "0", "maximum": str(file.size)},
            )
        length = min(MOST_READ, file.size - offset)
        try:
            content = await self._files.read(file.key, offset, length) if length else b""
        except NoFile:
            raise _refused("the file is not there any more") from None
        telemetry.DOWNLOADS.labels("served").inc()
        return FilePart(file=file, content=content)

    async def _opened(self, token: str) -> Attachment:
        link = self._links.file(token)
        if link is None:
            raise _refused("the link is damaged")
        async with self._database.query(of=link.organization_id) as driver:
            message = await stored.message(driver, link.organization_id, link.message_id)
            is_revoked = await organizations.is_revoked(driver, link.organization_id)
            now = await stored.now(driver)
        if link.expires_at <= now:
            raise _refused("the link has expired: ask whoever has sent it")
        if message is None or message.is_revoked or is_revoked:
            raise _refused("what the link has opened was deleted")
        return message.message.attachments[link.place]

    async def subscribe(self, token: str, *, wants_mail: bool) -> str:
        """Notes whether a recipient wants mail, and returns the address; refuses a link that is none."""
        link = self._links.mail(token)
        if link is None:
            raise _refused("the link is damaged")
        digest = self._hashes.address_digest(link.organization_id, link.address)
        change = destinations.accept_mail if wants_mail else destinations.refuse_mail
        async with self._database.transaction(of=link.organization_id) as driver:
            if await organizations.is_revoked(driver, link.organization_id):
                raise _refused("there is no such organization any more")
            await change(driver, link.organization_id, digest)
        return link.address


def _refused(why: str) -> Refused:
    telemetry.DOWNLOADS.labels("refused").inc()
    return Refused(Reason.LINK_INVALID, why, field="token")


async def _found(driver: Driver, principal: Principal, delivery_id: str, *, lock: bool = False) -> KeptDelivery:
    found = await stored.by_id(driver, principal.organization_id, delivery_id, lock=lock)
    if found is None:
        raise _not_found(delivery_id)
    return found


def _not_found(delivery_id: str) -> Refused:
    return Refused(
        Reason.DELIVERY_NOT_FOUND,
        f"the organization has no delivery {delivery_id[:_SHOWN]!r}, or it is no longer kept",
        field="delivery_id",
        metadata={"delivery": delivery_id[:_SHOWN]},
    )
