"""Sessions and one-time codes: what is done to them beside what is done to every credential (organizations.py)."""

from dataclasses import dataclass
from datetime import datetime

from server.organizations.api_key import KeyKind
from server.organizations.organization import OrganizationFacts
from server.store import statements
from server.store.database import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The key that a session comes from, held until COMMIT, at the database's time."""

    now: datetime
    expires_at: datetime | None


async def hold_parent(driver: Driver, key_id: str) -> Parent | None:
    """Holds a key so that it is not revoked before COMMIT; None where it is not good any more."""
    row = await driver.fetchrow(
        "SELECT now(), expires_at FROM api_keys WHERE key_id = $1 AND kind = 'key' AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now()) FOR SHARE",
        key_id,
    )
    return Parent(now=row[0], expires_at=row[1]) if row else None


async def use_code(driver: Driver, key_id: str) -> bool:
    """Uses a code up; False where it was used before, or has ended."""
    status = await driver.execute(
        "UPDATE api_keys SET revoked_at = now()"
        " WHERE key_id = $1 AND kind = 'code' AND revoked_at IS NULL AND expires_at > now()",
        key_id,
    )
    return statements.rows(status) > 0


async def make_room(driver: Driver, parent_key_id: str, kind: KeyKind, most: int) -> None:
    """Removes the sessions or codes of a key that have ended, and of the others the oldest, so that fewer than a number
    are left.
    """
    await driver.execute(
        "DELETE FROM api_keys WHERE parent_key_id = $1 AND kind = $2 AND (revoked_at < now() - interval '1 hour'"
        " OR least(expires_at, idle_until) < now() - interval '1 hour' OR key_id IN (SELECT key_id FROM api_keys"
        " WHERE parent_key_id = $1 AND kind = $2 ORDER BY created_at DESC OFFSET $3))",
        parent_key_id,
        kind.value,
        most - 1,
    )


async def make_room_of_identity(driver: Driver, organization_id: int, subject: str, most: int) -> datetime:
    """Removes the sessions of somebody whom an identity provider knows that have ended, and of the others the oldest,
    so that fewer than a number are left. Returns the database's time.
    """
    await driver.execute(
        "DELETE FROM api_keys WHERE organization_id = $1 AND subject = $2 AND identity_issuer <> ''"
        " AND (revoked_at < now() - interval '1 hour' OR least(expires_at, idle_until) < now() - interval '1 hour'"
        " OR key_id IN (SELECT key_id FROM api_keys WHERE organization_id = $1 AND subject = $2"
        " AND identity_issuer <> '' ORDER BY created_at DESC OFFSET $3))",
        organization_id,
        subject,
        most - 1,
    )
    now: datetime = await driver.fetchval("SELECT now()")
    return now


async def stay_awake(driver: Driver, key_id: str, idle_until: datetime) -> None:
    """Lets a session go on until a time without further calls."""
    await driver.execute(
        "UPDATE api_keys SET idle_until = $2 WHERE key_id = $1 AND revoked_at IS NULL AND idle_until < $2",
        key_id,
        idle_until,
    )


async def facts(driver: Driver, organization_id: int) -> OrganizationFacts:
    """Returns what pages show of an organization."""
    name = await driver.fetchval("SELECT name FROM organizations WHERE organization_id = $1", organization_id)
    row = await driver.fetchrow(_FACTS.text, *_FACTS.arguments(organization_id=organization_id))
    assert row is not None  # noqa: S101 - it is one row, whatever there is
    now, month_events, first_bucket = row
    return OrganizationFacts(name=name, now=now, month_events=month_events, first_bucket=first_bucket)


_FACTS = statements.load("organization_facts")
