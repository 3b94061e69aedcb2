"""Which exports of people there were: the audit trail tells, by the digests of their ids."""

from collections.abc import Sequence

from server.organizations.audit_trail import Actor, Chosen, Entry
from server.store.database import Driver
from server.tenancy import audit_trail

_ACTION = "user.exported"
_PAGE = 100


async def record(driver: Driver, organization_id: int, digest: bytes, by: Actor) -> None:
    """Records that a user is handed out to somebody."""
    await audit_trail.record(driver, organization_id, Entry(actor=by, action=_ACTION, subject=digest.hex()))


async def of_user(driver: Driver, organization_id: int, digest: bytes) -> Sequence[str]:
    """Returns when a user was handed out, and to whom, the newest first, as far back as the audit trail is kept."""
    chosen = Chosen(actions=_ACTION, subject=digest.hex())
    found: list[str] = []
    before: int | None = None
    while True:
        page = await audit_trail.page(driver, organization_id, chosen, before=before, size=_PAGE)
        found += [f"{one.at:%Y-%m-%dT%H:%M:%SZ} by the API key {one.actor.id}" for one in page.entries]
        if page.before is None:
            return found
        before = page.before
