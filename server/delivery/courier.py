"""The courier: the tasks of deliveries. A try is on record before anything is sent, and what came of it afterwards, in
one transaction with the task of the next try.

A worker that dies between sending and recording leaves a try whose outcome nobody knows: it is made again, and what
goes out has the same id. Nothing else is sent twice.
"""

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from server import errors, failpoints, telemetry
from server.delivery import ladder, mail, queueing
from server.delivery.sending import Sender, TryResult
from server.organizations.audit_trail import Actor, ActorKind, Entry
from server.organizations.delivery import (
    Channel,
    DeliveryState,
    KeptDelivery,
    KeptDestination,
    Message,
    Outcome,
    Pause,
    Topic,
)
from server.store import deliveries as stored
from server.store import destinations, organizations
from server.store.database import Database, Driver
from server.store.deliveries import NewDelivery, Said, Try
from server.store.isolation import EVERY
from server.tasks.kinds import Kind, Result, Schedule, Work
from server.tenancy import audit_trail, sign_ins
from server.tenancy.keyed_hashes import KeyedHashes

PATIENCE: Final = timedelta(days=3)  # without anything that arrives, until a destination is paused
_ACTOR = Actor(kind=ActorKind.SERVICE, id="delivery")
_OVERDUE: Final = timedelta(minutes=10)
_SWEPT: Final = 500
_SEND_SECONDS: Final = 45.0  # of a try, whatever it waits for
_REMOVED: Final = 1_000
_RUN_SECONDS: Final = 20.0
_RECORD_SECONDS: Final = 25.0  # in which what was sent has to come on record
_RECORD_AGAIN_SECONDS: Final = 0.5
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """Delivers on the channels that it has senders for."""

    hashes: KeyedHashes
    senders: Mapping[Channel, Sender]
    patience: timedelta = PATIENCE

    async def deliver(self, work: Work) -> Result:
        """Makes a try of a delivery, unless that was made before or is not wanted any more."""
        if "delivery_id" not in work.payload:  # asked for at the command line: there is nothing to deliver
            return {}
        begun = await self._begin(work)
        if begun is None:
            return {}
        one, destination = begun
        failpoints.reach("delivery_before_send")
        with telemetry.DELIVERY_SECONDS.labels(one.delivery.channel).time():
            told = await self._sent(work.organization_id, one, destination)
        failpoints.reach("delivery_after_send")
        await self._recorded(work, one, told)
        failpoints.reach("delivery_after_record")
        telemetry.DELIVERY_TRIES.labels(one.delivery.channel, told.outcome).inc()
        return {"outcome": told.outcome.value, "status": told.status}

    async def _begin(self, work: Work) -> tuple[Try, KeptDestination | None] | None:
        """Puts a try on record, and returns it with its destination; None where none is to be made."""
        organization_id, payload = work.organization_id, work.payload
        async with work.database.transaction(of=organization_id) as driver:
            delivery = await stored.by_id(driver, organization_id, str(payload["delivery_id"]), lock=True)
            if delivery is None or delivery.state is not DeliveryState.QUEUED:
                return None
            if (delivery.sends, delivery.tries) != (payload["sends"], payload["tries"]):
                return None  # another worker has made this try
            destination = await destinations.by_id(driver, organization_id, delivery.destination_id)
            ended = await self._hindrance(driver, organization_id, delivery, destination)
            if ended is not None:
                await stored.end(driver, organization_id, delivery.delivery_id, *ended)
                return None
            return await stored.begin(driver, organization_id, delivery), destination

    async def _hindrance(
        self, driver: Driver, organization_id: int, delivery: KeptDelivery, destination: KeptDestination | None
    ) -> tuple[DeliveryState, str] | None:
        """Returns why a try is not to be made, and what becomes of the delivery; None where it is."""
        if await organizations.is_revoked(driver, organization_id):
            return DeliveryState.CANCELLED, "the organization was revoked"
        if destination is None and delivery.topic is not Topic.NOTICE:
            return DeliveryState.CANCELLED, "its destination was deleted"
        if (
            destination is not None
            and destination.pause is not None
            and delivery.topic not in (Topic.TEST, Topic.NOTICE)
        ):
            return DeliveryState.HELD, "its destination is paused"
        message = await stored.message(driver, organization_id, delivery.message_id)
        if message is None or message.is_revoked:
            return DeliveryState.CANCELLED, "its subject was deleted"
        if delivery.channel is Channel.MAIL:
            if delivery.topic is not Topic.NOTICE and not _is_recipient(delivery, destination):
                return DeliveryState.CANCELLED, "the recipient was taken off the destination"
            digest = self.hashes.address_digest(organization_id, delivery.recipient)
            if await destinations.refusals(driver, organization_id, [digest]):
                return DeliveryState.CANCELLED, "the recipient wants no more mail"
        return None

    async def _sent(self, organization_id: int, one: Try, destination: KeptDestination | None) -> TryResult:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                return await self.senders[one.delivery.channel].send(organization_id, one, destination)
        except TimeoutError:
            return TryResult(outcome=Outcome.FAILED, error=f"no answer within {_SEND_SECONDS:g} s")
        except errors.StorageUnavailable as error:
            _log.warning("files of a message cannot be read", delivery_id=one.delivery.delivery_id, error=str(error))
            return TryResult(outcome=Outcome.FAILED, error="the store of files does not answer")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a try, or it would be made for ever
            what = errors.describe(error)
            _log.error("a delivery failed by a fault of the service", delivery_id=one.delivery.delivery_id, error=what)
            return TryResult(outcome=Outcome.FAILED, error="a fault of the service")

    async def _recorded(self, work: Work, one: Try, told: TryResult) -> None:
        """Records what came of a try. It is tried for a while: what is not on record is sent again."""
        until = time.monotonic() + _RECORD_SECONDS
        while True:
            try:
                async with work.database.transaction(of=work.organization_id) as driver:
                    await self._record(driver, work.organization_id, one, told)
            except errors.StorageUnavailable:
                if time.monotonic() > until:
                    raise
            else:
                return
            await asyncio.sleep(_RECORD_AGAIN_SECONDS)

    async def _record(self, driver: Driver, organization_id: int, one: Try, told: TryResult) -> None:
        delivery, destination_id = one.delivery, one.delivery.destination_id
        # The destination is first: who changes one locks it before its deliveries, too.
        paused = None
        if delivery.topic is not Topic.NOTICE:
            if told.outcome is Outcome.DELIVERED:
                await destinations.note_arrival(driver, organization_id, destination_id)
            else:
                paused = await destinations.note_failure(
                    driver, organization_id, destination_id, self.patience, is_gone=told.is_gone
                )
        said = _said(delivery, told)
        decides = await stored.record(driver, organization_id, one, said)
        if decides and said.next_try_in is not None:
            await queueing.queue_try(
                driver, organization_id, delivery, tries=delivery.tries + 1, run_in=said.next_try_in
            )
        elif decides:
            telemetry.DELIVERIES_ENDED.labels(delivery.channel, said.state).inc()
        if paused is not None:
            await self._tell(driver, organization_id, destination_id, paused, told)

    async def _tell(
        self, driver: Driver, organization_id: int, destination_id: str, why: Pause, told: TryResult
    ) -> None:
        """Tells the owner of a destination that it is paused, where a mail address of the owner is known."""
        destination = await destinations.by_id(driver, organization_id, destination_id)
        if destination is None:
            return
        telemetry.DESTINATIONS_PAUSED.labels(destination.draft.channel).inc()
        _log.warning("a destination was paused", organization_id=organization_id, destination=destination_id, why=why)
        contact = contact_of(destination)
        if contact is not None and Channel.MAIL in self.senders:
            key = f"notice:{destination_id}:{destination.version}"
            notice = _notice(destination, why, told)
            message_id = await stored.add_message(driver, organization_id, queueing.new_message_id(), key, notice)
            to_owner = NewDelivery(
                delivery_id=queueing.new_id(),
                destination_id=destination_id,
                channel=Channel.MAIL,
                recipient=contact,
            )
            await queueing.add(driver, organization_id, message_id, [to_owner])
        after = {"name": destination.draft.name, "pause": why, "status": told.status}
        entry = Entry(actor=_ACTOR, action="destination.paused", subject=destination_id, after=after)
        await audit_trail.record(driver, organization_id, entry)


def kinds(courier: Courier | None) -> tuple[Kind, ...]:
    """Returns the kinds of tasks that deliver, and those that look after deliveries. Without a courier those that
    deliver are known, and fail where they are run.
    """
    tries = [
        dataclasses.replace(kind, run=courier.deliver) if courier is not None and channel in courier.senders else kind
        for channel, kind in queueing.KINDS.items()
    ]
    sweep = Kind(
        name="delivery_sweep",
        help="Queues deliveries again that have no task.",
        run=_sweep,
        concurrency=1,
    )
    retention = Kind(
        name="delivery_retention",
        help="Removes messages that were sent and are no longer kept.",
        run=_retain,
        is_long=True,
        concurrency=1,
    )
    return (*tries, sweep, retention)


SCHEDULES: Final = (
    Schedule(name="delivery_sweep", kind="delivery_sweep", cron="*/10 * * * *"),
    Schedule(name="delivery_retention", kind="delivery_retention", cron="35 3 * * *"),
)


def _is_recipient(delivery: KeptDelivery, destination: KeptDestination | None) -> bool:
    addresses = () if destination is None else destination.draft.addresses
    return delivery.recipient.casefold() in {one.casefold() for one in addresses}


def contact_of(destination: KeptDestination) -> str | None:
    """Returns the mail address that is told about a destination: the contact, or the owner who signs in by one."""
    if destination.draft.contact:
        return destination.draft.contact
    try:
        return mail.address(destination.owner.removeprefix(sign_ins.NAMED))
    except mail.InvalidAddress:
        return None


def _said(delivery: KeptDelivery, told: TryResult) -> Said:
    """Returns what is recorded of a try: whether the delivery has ended, or when it is tried again."""
    pause = ladder.next_pause(delivery.tries + 1, told.retry_after) if told.outcome is Outcome.FAILED else None
    state = {
        Outcome.DELIVERED: DeliveryState.DELIVERED,
        Outcome.FAILED: DeliveryState.DEAD if pause is None else DeliveryState.QUEUED,
    }.get(told.outcome, DeliveryState.DEAD)
    return Said(
        outcome=told.outcome,
        status=told.status,
        answer=told.answer,
        error=told.error,
        state=state,
        next_try_in=pause,
    )


def _notice(destination: KeptDestination, why: Pause, told: TryResult) -> Message:
    name = destination.draft.name
    since = "" if destination.failing_since is None else f" since {destination.failing_since:%Y-%m-%d %H:%M} UTC"
    reason = "It says that it is gone." if why is Pause.GONE else f"Nothing has arrived there{since}."
    text = (
        f"The destination {name!r} is paused. {reason}\n\nThe last try: {told.error or told.status}\n\n"
        "What is sent there from now on is held, and goes out once somebody resumes the destination."
    )
    return Message(
        topic=Topic.NOTICE,
        kind="destination.paused",
        subject_id=destination.destination_id,
        title=f"Paused: {name}",
        text=text,
    )


async def _sweep(work: Work) -> Result:
    """Queues tasks for deliveries that should have been tried and were not, such as those whose task has died."""
    async with work.database.transaction(of=EVERY) as driver:
        found = await stored.overdue(driver, _OVERDUE, _SWEPT)
        for organization_id, delivery in found:
            await queueing.queue_try(driver, organization_id, delivery, tries=delivery.tries)
    return {"queued": len(found)}


async def _retain(work: Work) -> Result:
    """Removes messages that are older than their organization keeps them."""
    until, removed = time.monotonic() + _RUN_SECONDS, 0
    async with work.database.transaction(of=EVERY) as driver:
        days = {one.organization_id: one.settings.delivery_retention_days for one in await organizations.listed(driver)}
    for organization_id, kept in days.items():
        portion = _REMOVED
        while portion == _REMOVED and time.monotonic() < until:
            portion = await _remove(work.database, organization_id, timedelta(days=kept))
            removed += portion
    return {"removed": removed}


async def _remove(database: Database, organization_id: int, kept: timedelta) -> int:
    async with database.transaction(of=organization_id) as driver:
        return await stored.remove_older(driver, organization_id, kept, _REMOVED)
