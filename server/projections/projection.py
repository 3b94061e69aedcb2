"""What a projection is: a piece of code that follows the revisions of an organization, in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from server.catalog.cells import Cells
from server.store.database import Driver
from server.store.projections import ProjectionPosition, Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What a projection has done in a step: how far it got, over how many events, and what changes in figures."""

    position: ProjectionPosition
    events: int
    changes: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """What it comes to that a portion of rows has taken the place of others: what changes in figures, how many rows
    differed, with which key the portion ends (None: nothing is left), and which rows are valid once nothing is left.
    """

    valid: Rows
    changes: Cells = field(default_factory=dict)
    differing: int = 0
    replaced: bytes | None = None


class Projection(Protocol):
    """Follows the revisions of an organization.

    What it keeps depends on which events there are and not on the order in which they arrive. It adds to figures what
    now counts and takes back what was counted before. All of it happens in the transaction of the driver.
    """

    @property
    def name(self) -> str:
        """Returns its name, which is stored and never changes."""

    @property
    def is_realtime(self) -> bool:
        """Returns whether realtime views are made from what it keeps, and so wait for it."""

    @property
    def needs(self) -> Sequence[str]:
        """Returns the projections whose rows it reads. They are moved on before it is, and it never gets ahead of them,
        unless one has stopped.
        """

    async def advance(
        self, driver: Driver, rows: Rows, position: ProjectionPosition, newest: ProjectionPosition, limit: int
    ) -> Advance:
        """Takes in the events after a position, up to the newest revision or about as many as a limit allows, and says
        how far it got. It gets on, whatever the limit.
        """

    async def replace(
        self, driver: Driver, valid: Rows, filled: Rows, complete_from: datetime | None, after: bytes
    ) -> Replacement:
        """Lets rows that were filled anew take the place of those that are valid, a portion of them behind a key that
        the portion before has ended with. Both have seen the same events. Of what happened before complete_from raw
        events may be gone: what is known of it is kept.
        """

    async def remove_others(self, driver: Driver, valid: Rows, latest: int, limit: int) -> int:
        """Removes rows of other versions than the valid one, up to the latest version, about as many as a limit allows,
        and returns how many; 0 where none are left.
        """
