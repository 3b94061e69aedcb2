"""Queueing: how a message comes to be sent. `enqueue` is all that other rooms need to know of delivery.

A message is queued in the caller's transaction: it is sent if and only if that commits, and once to each recipient
under one key, however often the caller comes with it. Each try of a delivery is a task; the outcome of a try and the
task of the next one are one transaction.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from server.organizations.delivery import (
    MOST_ATTACHMENTS,
    MOST_BYTES,
    Channel,
    DeliveryState,
    KeptDelivery,
    KeptDestination,
    Message,
    Topic,
)
from server.store import deliveries as stored
from server.store import destinations
from server.store.database import Driver
from server.store.deliveries import NewDelivery
from server.tasks import queue
from server.tasks.kinds import Kind, Result, TaskError, Work
from server.tasks.queue import QueueFull

_SLOTS = 20  # in each worker: a receiver that hangs costs a slot and nothing else
_TASK_TRIES = 5  # of a try that its worker does not live to record


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """What was queued. delivery_ids are the new ones: none where the message was queued before under its key, or where
    nobody gets it; then message_id is empty, too.
    """

    message_id: str
    delivery_ids: Sequence[str]


async def enqueue(
    driver: Driver, organization_id: int, message: Message, destination_ids: Sequence[str] | None, *, key: str
) -> Enqueued:
    """Queues a message for every recipient of some destinations, or of all that ask for its topic (None).

    Once per recipient and key: what was queued before under the key stays as it is, and its content is the first one.
    Destinations that there are not (any more) are passed over. Raises ValueError for a message that is too large. Call
    Wakeups.tasks() after the commit.
    """
    _check(message)
    if destination_ids is None:
        found = await destinations.that_ask_for(driver, organization_id, message.topic)
    else:
        found = await destinations.some(driver, organization_id, destination_ids)
    if not found:
        return Enqueued(message_id="", delivery_ids=())
    message_id = await stored.add_message(driver, organization_id, new_message_id(), key, message)
    new = [delivery for one in found for delivery in _deliveries(one, message.topic)]
    added = await add(driver, organization_id, message_id, new)
    return Enqueued(message_id=message_id, delivery_ids=added)


async def add(driver: Driver, organization_id: int, message_id: str, new: Sequence[NewDelivery]) -> list[str]:
    """Stores deliveries with the tasks of their first tries, and returns the ids of those that are new."""
    added = await stored.add(driver, organization_id, message_id, new)
    for one in new:
        if one.delivery_id in added and one.state is DeliveryState.QUEUED:
            await _queue_try(driver, organization_id, one.channel, one.delivery_id, sends=0, tries=0)
    return added


async def revoke(driver: Driver, organization_id: int, topic: Topic, subject_ids: Sequence[str]) -> None:
    """Ends what is queued about subjects that are deleted, and the download links in what was sent."""
    await stored.revoke(driver, organization_id, topic, subject_ids)


async def queue_try(
    driver: Driver, organization_id: int, delivery: KeptDelivery, *, tries: int, run_in: timedelta = timedelta(0)
) -> None:
    """Queues the task of a delivery's try, behind so many others."""
    await _queue_try(
        driver,
        organization_id,
        delivery.channel,
        delivery.delivery_id,
        sends=delivery.sends,
        tries=tries,
        run_in=run_in,
    )


async def _queue_try(
    driver: Driver,
    organization_id: int,
    channel: Channel,
    delivery_id: str,
    *,
    sends: int,
    tries: int,
    run_in: timedelta = timedelta(0),
) -> None:
    payload: dict[str, object] = {"delivery_id": delivery_id, "sends": sends, "tries": tries}
    try:
        await queue.enqueue(
            driver,
            KINDS[channel],
            organization_id=organization_id,
            payload=payload,
            run_in=run_in,
            dedupe_key=f"{delivery_id} {sends} {tries}",
        )
    except QueueFull:  # the sweep queues it once there is room: the caller's own work must not fail for that
        return


def new_id() -> str:
    """Returns the id of a new delivery."""
    return f"dlv_{secrets.token_hex(12)}"


def new_message_id() -> str:
    """Returns the id of a new message."""
    return secrets.token_hex(12)


def _deliveries(destination: KeptDestination, topic: Topic) -> list[NewDelivery]:
    """Returns a delivery for each recipient of a destination."""
    draft = destination.draft
    is_held = destination.pause is not None and topic is not Topic.TEST
    recipients = {
        Channel.MAIL: draft.addresses,
        Channel.WEBHOOK: (draft.url,),
        Channel.STORE: (f"{draft.store}/{draft.folder}",),
    }[draft.channel]
    return [
        NewDelivery(
            delivery_id=new_id(),
            destination_id=destination.destination_id,
            channel=draft.channel,
            recipient=recipient,
            state=DeliveryState.HELD if is_held else DeliveryState.QUEUED,
        )
        for recipient in recipients
    ]


def _check(message: Message) -> None:
    if len(message.attachments) > MOST_ATTACHMENTS:
        raise ValueError(f"{len(message.attachments)} attachments, of at most {MOST_ATTACHMENTS}")
    for name, text in (("text", message.text), ("html", message.html)):
        if len(text.encode()) > MOST_BYTES:
            raise ValueError(f"its {name} has more than {MOST_BYTES} bytes")


async def _without_courier(work: Work) -> Result:
    """Stands in a list of kinds for who queues tasks and runs none."""
    raise TaskError("this process delivers nothing")


def _kind(channel: Channel, what: str) -> Kind:
    return Kind(
        name=f"deliver_{channel}",
        help=what,
        run=_without_courier,
        concurrency=200,
        per_organization=4,
        rate=200,
        tries=_TASK_TRIES,
        own_slots=_SLOTS,
    )


KINDS = {
    Channel.MAIL: _kind(Channel.MAIL, "Sends a mail to a recipient: one try."),
    Channel.WEBHOOK: _kind(Channel.WEBHOOK, "Calls a webhook: one try."),
    Channel.STORE: _kind(Channel.STORE, "Writes files to an object store: one try."),
}
