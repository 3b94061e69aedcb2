"""What this process knows of erased users, and how events obey it.

A server may know less than there is. The row that gives an organization its next revision tells how often that has
changed: what was prepared with older knowledge is rolled back, and prepared again with newer one.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from server.catalog import dimensions
from server.events import erased
from server.events.event import Event
from server.store import erased_users as stored
from server.store import events as stored_events
from server.store.database import Driver

# Returns the keyed digest of a user id of an organization.
Digest = Callable[[int, str], bytes]
_user_of = dimensions.field("user_id")


class ErasuresChanged(Exception):
    """More is known of the erased users of organizations than what something was prepared with. Nothing is stored."""

    def __init__(self, organization_ids: Collection[int]) -> None:
        super().__init__(*organization_ids)
        self.organization_ids = organization_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownErasures:
    """What is known of an organization's erased users: how often that had changed, and the aliases by digest, and by id
    of those whose erasure was not done.
    """

    count: int = 0
    by_digest: Mapping[bytes, str] = field(default_factory=dict)
    by_id: Mapping[str, str] = field(default_factory=dict)


_NONE = KnownErasures()


class ErasedUsers:
    """The erased users of organizations, as far as this process has come across them.

    Without a digest it knows those alone whose erasure is not done. That is enough for who reads ids from the database:
    the ids of the others are not there any more.
    """

    def __init__(self, digest: Digest | None = None) -> None:
        self._digest = digest
        self._known: dict[int, KnownErasures] = {}

    def of(self, organization_id: int) -> KnownErasures:
        """Returns what is known of an organization."""
        return self._known.get(organization_id, _NONE)

    def forget(self) -> None:
        """Forgets everything."""
        self._known = {}

    async def learn(self, driver: Driver, organization_id: int) -> None:
        """Reads what is new of an organization, or everything where the database was restored."""
        count = await stored.count(driver, organization_id)
        before = self.of(organization_id)
        if count < before.count:
            before = _NONE
        by_digest, by_id = dict(before.by_digest), {}
        for one in await stored.after(driver, organization_id, before.count if self._digest else 0):
            if self._digest is not None:
                by_digest[one.digest] = one.alias
            elif one.user_id is not None:
                by_id[one.user_id] = one.alias
        self._known[organization_id] = KnownErasures(count=count, by_digest=by_digest, by_id=by_id)
        stored_events.forget_texts()

    def aliases(self, organization_id: int, user_ids: Collection[str]) -> dict[str, str]:
        """Returns the aliases of those of the ids that are of erased users."""
        known = self.of(organization_id)
        if self._digest is None:
            return {one: known.by_id[one] for one in user_ids if one in known.by_id}
        found: dict[str, str] = {}
        for user_id in user_ids:
            alias = known.by_digest.get(self._digest(organization_id, user_id))
            if alias is not None:
                found[user_id] = alias
        return found


def user_ids(events: Sequence[Event]) -> set[str]:
    """Returns the users of events."""
    found = set(map(_user_of, events))
    found.discard("")
    return found


def obeyed(
    events: Sequence[Event], aliases: Mapping[str, str], *, refuses: bool
) -> tuple[list[Event], frozenset[bytes]]:
    """Returns events as they are stored, without erased people, and the keys of those that are refused."""
    if refuses:
        kept = [event for event in events if event.user_id not in aliases]
        return kept, frozenset(event.event_key for event in events if event.user_id in aliases)
    return [
        erased.under_alias(event, aliases[event.user_id]) if event.user_id in aliases else event for event in events
    ], frozenset()
