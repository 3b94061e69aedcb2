"""How a list of users is asked for, as values: the store takes them."""

import enum
from dataclasses import dataclass, field
from datetime import datetime

from server.events.user_activity import DayActivity


class UserListOrder(enum.Enum):
    """What users are put in order by."""

    LAST_SEEN = enum.auto()
    FIRST_SEEN = enum.auto()
    USER_ID = enum.auto()
    NAME = enum.auto()
    EVENTS = enum.auto()
    MESSAGES = enum.auto()
    MESSAGES_RECEIVED = enum.auto()
    MESSAGES_SENT = enum.auto()
    CONVERSATIONS = enum.auto()
    TOKEN_USAGE = enum.auto()
    COST_MICROS = enum.auto()
    RATING_COUNT = enum.auto()
    SATISFACTION_SCORE = enum.auto()
    ACTIVE_DAYS = enum.auto()

    @property
    def is_figure(self) -> bool:
        """Returns whether it is something that users did, and not what is known of them."""
        return self not in (
            UserListOrder.LAST_SEEN,
            UserListOrder.FIRST_SEEN,
            UserListOrder.USER_ID,
            UserListOrder.NAME,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users are meant: those first seen from an instant on, or before one, and whose user_id, or by_name their
    name, begins with a prefix. None and empty texts narrow nothing.
    """

    prefix: str = ""
    by_name: bool = False
    first_from: datetime | None = None
    first_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserList:
    """Users in an order."""

    filter: UserFilter = field(default_factory=UserFilter)
    order: UserListOrder = UserListOrder.LAST_SEEN
    descending: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlace:
    """A place in a list: after a user, and what orders it, as text; None where it has none of it."""

    value: str | None
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedUser:
    """A user as it is known, what it did, and its place in the list. Times are microseconds since 1970."""

    place: UserPlace
    name: str
    first_seen_at: int
    last_seen_at: int
    did: DayActivity
    active_days: int

    @property
    def user_id(self) -> str:
        """Returns which user it is."""
        return self.place.user_id
