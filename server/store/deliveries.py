"""Deliveries: messages, who gets them, and every try."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import asyncpg

from server.organizations.delivery import (
    Attachment,
    Attempt,
    Channel,
    DeliveryState,
    KeptDelivery,
    KeptMessage,
    Message,
    Outcome,
    Topic,
)
from server.store import statements
from server.store.database import Driver

_DELIVERY = (
    "SELECT d.delivery_id, d.destination_id, d.channel, d.recipient, d.message_id, d.state, d.tries, d.sends,"
    " d.created_at, d.next_try_at, d.ended_at, d.error, m.topic, m.kind, m.subject_id, m.title"
    " FROM deliveries d JOIN delivery_messages m USING (organization_id, message_id) WHERE d.organization_id = $1"
)
_LIST = (
    f"{_DELIVERY} AND ($2::text IS NULL OR d.destination_id = $2) AND ($3::text IS NULL OR d.state = $3)"
    " AND ($4::text IS NULL OR m.topic = $4) AND ($5::text IS NULL OR m.subject_id = $5)"
    " AND ($6::timestamptz IS NULL OR (d.created_at, d.delivery_id) < ($6, $7))"
    " ORDER BY d.created_at DESC, d.delivery_id DESC LIMIT $8"
)
_REMOVE = """
    DELETE FROM delivery_messages WHERE (organization_id, message_id) IN (
        SELECT organization_id, message_id FROM delivery_messages m WHERE organization_id = $1
        AND created_at < now() - $2::interval AND NOT EXISTS (SELECT FROM deliveries d
            WHERE d.organization_id = m.organization_id AND d.message_id = m.message_id AND d.state = 'queued')
        ORDER BY created_at LIMIT $3)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A recipient of a message. state is queued, or held for a destination that is paused."""

    delivery_id: str
    destination_id: str
    channel: Channel
    recipient: str
    state: DeliveryState = DeliveryState.QUEUED


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenDeliveries:
    """Which deliveries are wanted; what is None does not matter. after: those behind this place, newest first."""

    destination_id: str | None = None
    state: DeliveryState | None = None
    topic: Topic | None = None
    subject_id: str | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A try that has begun. run tells it from others of the delivery."""

    delivery: KeptDelivery
    message: KeptMessage
    run: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a try came to, and what the delivery is then. next_try_in is the pause before the next try."""

    outcome: Outcome
    status: int = 0
    answer: str = ""
    error: str = ""
    state: DeliveryState
    next_try_in: timedelta | None = None


def _kept(row: asyncpg.Record) -> KeptDelivery:
    values = {name: row[name] for name in KeptDelivery.__dataclass_fields__}
    values |= {"channel": Channel(row["channel"]), "state": DeliveryState(row["state"]), "topic": Topic(row["topic"])}
    return KeptDelivery(**values)


def _message(row: asyncpg.Record) -> KeptMessage:
    return KeptMessage(
        message_id=row["message_id"],
        created_at=row["created_at"],
        is_revoked=row["is_revoked"],
        message=Message(
            topic=Topic(row["topic"]),
            kind=row["kind"],
            subject_id=row["subject_id"],
            title=row["title"],
            text=row["text"],
            html=row["html"],
            attachments=tuple(Attachment(**one) for one in json.loads(row["attachments"])),
            data=json.loads(row["data"]),
            page=row["page"],
        ),
    )


async def now(driver: Driver) -> datetime:
    """Returns the database's time."""
    found: datetime = await driver.fetchval("SELECT now()")
    return found


async def recent(driver: Driver, organization_id: int, topic: Topic, since: timedelta) -> int:
    """Returns how many messages about a topic were queued in the time since then."""
    found: int = await driver.fetchval(
        "SELECT count(*) FROM delivery_messages WHERE organization_id = $1 AND topic = $2"
        " AND created_at > now() - $3::interval",
        organization_id,
        topic,
        since,
    )
    return found


async def add_message(driver: Driver, organization_id: int, message_id: str, key: str, message: Message) -> str:
    """Stores a message, and returns its id: that of the one with the same key where there is one."""
    found: str = await driver.fetchval(
        "INSERT INTO delivery_messages (organization_id, message_id, key, topic, kind, subject_id, title, text, html,"
        " attachments, data, page)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11::text::jsonb, $12)"
        " ON CONFLICT (organization_id, key) DO UPDATE SET key = excluded.key RETURNING message_id",
        organization_id,
        message_id,
        key,
        message.topic,
        message.kind,
        message.subject_id,
        message.title,
        message.text,
        message.html,
        json.dumps([asdict(one) for one in message.attachments]),
        json.dumps(message.data),
        message.page,
    )
    return found


async def add(driver: Driver, organization_id: int, message_id: str, new: Sequence[NewDelivery]) -> list[str]:
    """Stores deliveries of a message and returns their ids, without those to recipients that have one already."""
    rows = await driver.fetch(
        "INSERT INTO deliveries (organization_id, message_id, delivery_id, destination_id, channel, recipient, state,"
        " next_try_at) SELECT $1, $2, delivery_id, destination_id, channel, recipient, state,"
        " CASE WHEN state = 'queued' THEN now() END FROM unnest($3::text[], $4::text[], $5::text[], $6::text[],"
        " $7::text[]) AS new(delivery_id, destination_id, channel, recipient, state)"
        " ON CONFLICT DO NOTHING RETURNING delivery_id",
        organization_id,
        message_id,
        *([getattr(one, name) for one in new] for name in NewDelivery.__dataclass_fields__),
    )
    return [row[0] for row in rows]


async def by_id(driver: Driver, organization_id: int, delivery_id: str, *, lock: bool = False) -> KeptDelivery | None:
    """Returns a delivery, locked until COMMIT if that is asked for; None where there is none of that id."""
    statement = f"{_DELIVERY} AND d.delivery_id = $2{' FOR UPDATE OF d' if lock else ''}"
    row = await driver.fetchrow(statement, organization_id, delivery_id)
    return None if row is None else _kept(row)


async def listed(driver: Driver, organization_id: int, chosen: ChosenDeliveries, limit: int) -> list[KeptDelivery]:
    """Returns chosen deliveries, newest first."""
    at, delivery_id = chosen.after or (None, None)
    rows = await driver.fetch(
        _LIST,
        organization_id,
        chosen.destination_id,
        chosen.state,
        chosen.topic,
        chosen.subject_id,
        at,
        delivery_id,
        limit,
    )
    return [_kept(row) for row in rows]


async def attempts(driver: Driver, organization_id: int, delivery_id: str) -> list[Attempt]:
    """Returns the tries of a delivery, oldest first."""
    rows = await driver.fetch(
        "SELECT number, started_at, finished_at, outcome, status, answer, error FROM delivery_attempts"
        " WHERE organization_id = $1 AND delivery_id = $2 ORDER BY number",
        organization_id,
        delivery_id,
    )
    return [Attempt(**{**dict(row.items()), "outcome": Outcome(row["outcome"])}) for row in rows]


async def message(driver: Driver, organization_id: int, message_id: str) -> KeptMessage | None:
    """Returns a message; None where there is none of that id (any more)."""
    row = await driver.fetchrow(
        "SELECT message_id, created_at, is_revoked, topic, kind, subject_id, title, text, html,"
        " attachments::text AS attachments, data::text AS data, page"
        " FROM delivery_messages WHERE organization_id = $1 AND message_id = $2",
        organization_id,
        message_id,
    )
    return None if row is None else _message(row)


async def begin(driver: Driver, organization_id: int, delivery: KeptDelivery) -> Try:
    """Begins a try of a delivery that is locked: it is on record before anything is sent."""
    row = await driver.fetchrow(
        "WITH begun AS (UPDATE deliveries SET run = run + 1 WHERE organization_id = $1 AND delivery_id = $2"
        " RETURNING organization_id, delivery_id, run)"
        " INSERT INTO delivery_attempts (organization_id, delivery_id, number) SELECT * FROM begun"
        " RETURNING number, started_at",
        organization_id,
        delivery.delivery_id,
    )
    found = await message(driver, organization_id, delivery.message_id)
    assert row is not None  # noqa: S101 - the delivery is locked
    assert found is not None  # noqa: S101 - it has a message
    return Try(delivery=delivery, message=found, run=row[0], at=row[1])


async def record(driver: Driver, organization_id: int, one: Try, said: Said) -> bool:
    """Records what a try came to; returns whether that decides what the delivery is. It does not where another worker
    has taken the try over, unless the message has arrived, or where somebody has ended the delivery.
    """
    await driver.execute(
        "UPDATE delivery_attempts SET finished_at = clock_timestamp(), outcome = $4, status = $5, answer = $6,"
        " error = $7 WHERE organization_id = $1 AND delivery_id = $2 AND number = $3",
        organization_id,
        one.delivery.delivery_id,
        one.run,
        said.outcome,
        said.status,
        said.answer,
        said.error,
    )
    done = await driver.execute(
        "UPDATE deliveries SET tries = tries + 1, state = $5, error = $6,"
        " next_try_at = CASE WHEN $5 = 'queued' THEN now() + $7::interval END,"
        " ended_at = CASE WHEN $5 <> 'queued' THEN now() END"
        " WHERE organization_id = $1 AND delivery_id = $2 AND state = 'queued' AND sends = $4"
        " AND (run = $3 OR $5 = 'delivered')",
        organization_id,
        one.delivery.delivery_id,
        one.run,
        one.delivery.sends,
        said.state,
        said.error,
        said.next_try_in,
    )
    return statements.rows(done) > 0


async def end(driver: Driver, organization_id: int, delivery_id: str, state: DeliveryState, error: str) -> None:
    """Ends, or holds, a delivery that is queued or held."""
    await driver.execute(
        "UPDATE deliveries SET state = $3, error = $4, next_try_at = NULL,"
        " ended_at = CASE WHEN $3 <> 'held' THEN now() END"
        " WHERE organization_id = $1 AND delivery_id = $2 AND state IN ('queued', 'held')",
        organization_id,
        delivery_id,
        state,
        error,
    )


async def cancel_all(driver: Driver, organization_id: int, destination_id: str, error: str) -> None:
    """Cancels what is queued or held for a destination."""
    await driver.execute(
        "UPDATE deliveries SET state = 'cancelled', error = $3, next_try_at = NULL, ended_at = now()"
        " WHERE organization_id = $1 AND destination_id = $2 AND state IN ('queued', 'held')",
        organization_id,
        destination_id,
        error,
    )


async def release(driver: Driver, organization_id: int, destination_id: str) -> list[KeptDelivery]:
    """Queues what was held for a destination, with all its tries, and returns it, oldest first."""
    await driver.execute(
        "UPDATE deliveries SET state = 'queued', tries = 0, next_try_at = now(), ended_at = NULL, error = ''"
        " WHERE organization_id = $1 AND destination_id = $2 AND state = 'held'",
        organization_id,
        destination_id,
    )
    rows = await driver.fetch(
        f"{_DELIVERY} AND d.destination_id = $2 AND d.state = 'queued' AND d.tries = 0 ORDER BY d.created_at",
        organization_id,
        destination_id,
    )
    return [_kept(row) for row in rows]


async def send_again(driver: Driver, organization_id: int, delivery_id: str) -> None:
    """Queues a delivery that has ended, with all its tries and as one that receivers have not seen."""
    await driver.execute(
        "UPDATE deliveries SET state = 'queued', tries = 0, sends = sends + 1, next_try_at = now(), ended_at = NULL,"
        " error = '' WHERE organization_id = $1 AND delivery_id = $2",
        organization_id,
        delivery_id,
    )


async def revoke(driver: Driver, organization_id: int, topic: Topic, subject_ids: Sequence[str]) -> None:
    """Ends what is queued about subjects, and the links in what was sent."""
    await driver.execute(
        "WITH ended AS (UPDATE delivery_messages SET is_revoked = true"
        " WHERE organization_id = $1 AND topic = $2 AND subject_id = ANY($3::text[]) RETURNING message_id)"
        " UPDATE deliveries d SET state = 'cancelled', error = 'its subject was deleted', next_try_at = NULL,"
        " ended_at = now() FROM ended WHERE d.organization_id = $1 AND d.message_id = ended.message_id"
        " AND d.state IN ('queued', 'held')",
        organization_id,
        topic,
        list(subject_ids),
    )


async def remove_pages(driver: Driver, organization_id: int, topic: Topic, subject_id: str) -> None:
    """Removes the HTML of messages about a subject, which holds its figures."""
    await driver.execute(
        "UPDATE delivery_messages SET html = '' WHERE organization_id = $1 AND topic = $2 AND subject_id = $3",
        organization_id,
        topic,
        subject_id,
    )


async def overdue(driver: Driver, since: timedelta, limit: int) -> list[tuple[int, KeptDelivery]]:
    """Returns deliveries that should have been tried so long ago, with their organizations."""
    rows = await driver.fetch(
        _DELIVERY.replace("SELECT", "SELECT d.organization_id,", 1).replace("d.organization_id = $1", "true")
        + " AND d.state = 'queued' AND d.next_try_at < now() - $1::interval ORDER BY d.next_try_at LIMIT $2",
        since,
        limit,
    )
    return [(row["organization_id"], _kept(row)) for row in rows]


async def remove_older(driver: Driver, organization_id: int, kept: timedelta, limit: int) -> int:
    """Removes up to that many messages that are older and are not queued, with all that is known of them."""
    return statements.rows(await driver.execute(_REMOVE, organization_id, kept, limit))
