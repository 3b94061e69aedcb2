"""Destinations: where organizations have things sent, and who does not want mail any more."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import asyncpg

from server.organizations.delivery import Channel, DestinationDraft, KeptDestination, Pause, Topic, WebhookFormat
from server.store.database import Driver

_COLUMNS = (
    "destination_id, name, channel, addresses, url, format, store, folder, topics, contact, owner, version, created_at,"
    " updated_at, pause, paused_at, failing_since, delivered_at, secret, old_secret, old_secret_until"
)
_READ = f"SELECT {_COLUMNS} FROM destinations WHERE organization_id = $1"  # noqa: S608 - our columns
_DRAFT = ("name", "channel", "addresses", "url", "format", "store", "folder", "topics", "contact")
_OF_THE_ROW = ("owner", "version", "created_at", "updated_at", "paused_at", "failing_since", "delivered_at", "secret")


def _kept(row: asyncpg.Record) -> KeptDestination:
    pause = None if row["pause"] is None else Pause(row["pause"])
    return KeptDestination(
        destination_id=row["destination_id"],
        draft=DestinationDraft(
            name=row["name"],
            channel=Channel(row["channel"]),
            addresses=tuple(row["addresses"]),
            url=row["url"],
            format=WebhookFormat(row["format"]),
            store=row["store"],
            folder=row["folder"],
            topics=tuple(map(Topic, row["topics"])),
            contact=row["contact"],
            is_paused=pause is not None,
        ),
        pause=pause,
        old_secret=row["old_secret"],
        old_secret_until=row["old_secret_until"],
        **{name: row[name] for name in _OF_THE_ROW},
    )


def _drafted(draft: DestinationDraft) -> list[object]:
    return [list(value) if isinstance(value := getattr(draft, name), tuple) else value for name in _DRAFT]


async def lock(driver: Driver, organization_id: int) -> None:
    """Makes those who change destinations of an organization take turns until COMMIT."""
    await driver.execute("SELECT pg_advisory_xact_lock(hashtextextended('destinations', $1))", organization_id)


async def listed(driver: Driver, organization_id: int) -> list[KeptDestination]:
    """Returns the destinations of an organization, by name."""
    return [_kept(row) for row in await driver.fetch(f"{_READ} ORDER BY lower(name), destination_id", organization_id)]


async def some(driver: Driver, organization_id: int, destination_ids: Sequence[str]) -> list[KeptDestination]:
    """Returns those of the destinations that there are."""
    rows = await driver.fetch(f"{_READ} AND destination_id = ANY($2::text[])", organization_id, list(destination_ids))
    return [_kept(row) for row in rows]


async def that_ask_for(driver: Driver, organization_id: int, topic: Topic) -> list[KeptDestination]:
    """Returns the destinations that ask for everything about a topic."""
    return [_kept(row) for row in await driver.fetch(f"{_READ} AND $2 = ANY(topics)", organization_id, topic)]


async def by_id(
    driver: Driver, organization_id: int, destination_id: str, *, lock: bool = False
) -> KeptDestination | None:
    """Returns a destination, locked until COMMIT if that is asked for; None where there is none of that id."""
    statement = f"{_READ} AND destination_id = $2{' FOR UPDATE' if lock else ''}"
    row = await driver.fetchrow(statement, organization_id, destination_id)
    return None if row is None else _kept(row)


async def add(
    driver: Driver, organization_id: int, destination_id: str, owner: str, draft: DestinationDraft, secret: bytes
) -> None:
    """Stores a new destination."""
    await driver.execute(
        f"INSERT INTO destinations (organization_id, destination_id, {', '.join(_DRAFT)}, owner, version, pause,"  # noqa: S608
        " paused_at, secret, old_secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1,"
        " CASE WHEN $13::boolean THEN 'asked' END, CASE WHEN $13 THEN now() END, $14, '')",
        organization_id,
        destination_id,
        *_drafted(draft),
        owner,
        draft.is_paused,
        secret,
    )


async def update(driver: Driver, organization_id: int, destination_id: str, draft: DestinationDraft) -> None:
    """Stores what a destination is from now on. One that goes on again has no failures behind it."""
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(_DRAFT, 3))
    await driver.execute(
        f"UPDATE destinations SET {changes}, version = version + 1, updated_at = clock_timestamp(),"  # noqa: S608
        " pause = CASE WHEN $12::boolean THEN coalesce(pause, 'asked') END,"
        " paused_at = CASE WHEN $12 THEN coalesce(paused_at, now()) END,"
        " failing_since = CASE WHEN $12 THEN failing_since END"
        " WHERE organization_id = $1 AND destination_id = $2",
        organization_id,
        destination_id,
        *_drafted(draft),
        draft.is_paused,
    )


async def rotate(driver: Driver, organization_id: int, destination_id: str, secret: bytes, overlap: timedelta) -> None:
    """Gives a destination another secret; the one that it had signs beside it for a while."""
    await driver.execute(
        "UPDATE destinations SET old_secret = secret, old_secret_until = now() + $4::interval, secret = $3,"
        " version = version + 1, updated_at = clock_timestamp() WHERE organization_id = $1 AND destination_id = $2",
        organization_id,
        destination_id,
        secret,
        overlap,
    )


async def remove(driver: Driver, organization_id: int, destination_id: str) -> None:
    """Removes a destination. What was sent there stays."""
    await driver.execute(
        "DELETE FROM destinations WHERE organization_id = $1 AND destination_id = $2", organization_id, destination_id
    )


async def note_arrival(driver: Driver, organization_id: int, destination_id: str) -> None:
    """Notes that something has arrived."""
    await driver.execute(
        "UPDATE destinations SET delivered_at = now(), failing_since = NULL"
        " WHERE organization_id = $1 AND destination_id = $2",
        organization_id,
        destination_id,
    )


async def note_failure(
    driver: Driver, organization_id: int, destination_id: str, patience: timedelta, *, is_gone: bool
) -> Pause | None:
    """Notes that something has not arrived. Pauses a destination at which nothing has arrived for so long, or that says
    it is gone; returns why if this has paused it.
    """
    paused: str | None = await driver.fetchval(
        "WITH failed AS (UPDATE destinations SET failing_since = coalesce(failing_since, now())"
        " WHERE organization_id = $1 AND destination_id = $2 RETURNING failing_since, pause)"
        " SELECT CASE WHEN $4::boolean THEN 'gone' ELSE 'failing' END FROM failed"
        " WHERE pause IS NULL AND ($4 OR failing_since < now() - $3::interval)",
        organization_id,
        destination_id,
        patience,
        is_gone,
    )
    if paused is None:
        return None
    await driver.execute(
        "UPDATE destinations SET pause = $3, paused_at = now(), version = version + 1, updated_at = clock_timestamp()"
        " WHERE organization_id = $1 AND destination_id = $2",
        organization_id,
        destination_id,
        paused,
    )
    return Pause(paused)


async def refuse_mail(driver: Driver, organization_id: int, digest: bytes) -> None:
    """Notes that an address does not want mail of an organization."""
    await driver.execute(
        "INSERT INTO mail_refusals (organization_id, address_digest) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        organization_id,
        digest,
    )


async def accept_mail(driver: Driver, organization_id: int, digest: bytes) -> None:
    """Forgets that an address did not want mail."""
    await driver.execute(
        "DELETE FROM mail_refusals WHERE organization_id = $1 AND address_digest = $2", organization_id, digest
    )


async def refusals(driver: Driver, organization_id: int, digests: Collection[bytes]) -> set[bytes]:
    """Returns those of the digests whose addresses do not want mail."""
    rows = await driver.fetch(
        "SELECT address_digest FROM mail_refusals WHERE organization_id = $1 AND address_digest = ANY($2::bytea[])",
        organization_id,
        list(digests),
    )
    return {row[0] for row in rows}
