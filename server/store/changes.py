"""Changes of figures that no event brings: what projections and recounts decide."""

from server.catalog.cells import Cells
from server.store import events, rollups, updates
from server.store.database import Driver
from server.store.events import Revision


async def append(driver: Driver, organization_id: int, changes: Cells) -> Revision | None:
    """Stores changes of figures under the organization's next revision, and returns that; None without a change."""
    deltas = rollups.encode(changes)
    if not deltas:
        return None
    update = updates.encode(changes)
    revision = (await events.next_revisions(driver, {organization_id: 0}))[organization_id]
    await rollups.append(driver, [(organization_id, revision, deltas)])
    await updates.append(driver, [(organization_id, revision, update)])
    return revision
