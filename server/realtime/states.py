"""The realtime states of callers that do not watch: from Redis, or computed once for all who ask at the same time."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

from server.realtime import rebuild
from server.realtime.builds import Builds
from server.realtime.notifications import STATE_AGE, Notifications, SharedState
from server.realtime.view import ViewFilter
from server.realtime.views import Encode

_KEEP_SECONDS = 0.7  # for which a state that was computed here answers later calls
# States from Redis are at most STATE_AGE old, so they are no older than answers from before that.
_REMEMBER_SECONDS = 2 * STATE_AGE.total_seconds()
_Key: TypeAlias = "tuple[int, str, ViewFilter]"  # an organization, its time zone and a filter


@dataclass(slots=True, kw_only=True)
class _Making:
    """A state that is being computed, and how many callers wait for it."""

    task: asyncio.Task[SharedState]
    callers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A state that was computed here."""

    state: SharedState
    begun_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """The revision of the last state that a caller got."""

    revision: int
    at: float


class States:
    """The current states, each no older than the last one that this server has answered with."""

    def __init__(self, notifications: Notifications, encode: Encode, builds: Builds) -> None:
        self._notifications = notifications
        self._encode = encode
        self._builds = builds
        self._making: dict[_Key, _Making] = {}
        # Both are ordered by time, the oldest first.
        self._made: OrderedDict[_Key, _Made] = OrderedDict()
        self._answered: OrderedDict[_Key, _Answered] = OrderedDict()

    def callers(self, organization_id: int, part: ViewFilter) -> int:
        """Returns how many callers wait for a state that is being worked out."""
        made = [making for key, making in self._making.items() if (key[0], key[2]) == (organization_id, part)]
        return sum(making.callers for making in made)

    async def get(self, organization_id: int, time_zone: str, part: ViewFilter) -> bytes:
        """Returns the encoded state of a filter, and shares it in Redis if it was computed here. Refuses too many
        builds.
        """
        key = (organization_id, time_zone, part)
        found = await self._notifications.load_state(organization_id, time_zone, part)
        while found is None or found.revision < self._revision_answered(key):
            found = self._kept(key) or await self._computed(organization_id, time_zone, part)
        now = time.monotonic()
        self._answered[key] = _Answered(revision=found.revision, at=now)
        self._answered.move_to_end(key)
        self._forget(now)
        return found.encoded

    def _revision_answered(self, key: _Key) -> int:
        last = self._answered.get(key)
        return 0 if last is None or last.at < time.monotonic() - _REMEMBER_SECONDS else last.revision

    def _kept(self, key: _Key) -> SharedState | None:
        """Returns the state that was computed a moment ago, unless it is older than the last answer."""
        made = self._made.get(key)
        if made is None or time.monotonic() > made.begun_at + _KEEP_SECONDS:
            return None
        return made.state if made.state.revision >= self._revision_answered(key) else None

    async def _computed(self, organization_id: int, time_zone: str, part: ViewFilter) -> SharedState:
        """Waits for the state together with all callers that want it; the last one to leave cancels the work."""
        key = (organization_id, time_zone, part)
        making = self._making.get(key)
        # Callers of a build that has ended may still be counted: they have not been woken yet.
        if making is None or making.task.done():
            task = self._builds.begin(organization_id, lambda: self._make(organization_id, time_zone, part))
            making = self._making[key] = _Making(task=task)
        making.callers += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.callers -= 1
            if not making.callers and self._making.get(key) is making:
                del self._making[key]  # the next caller starts a new one
                making.task.cancel()

    async def _make(self, organization_id: int, time_zone: str, part: ViewFilter) -> SharedState:
        async with self._builds.snapshot(organization_id) as driver:
            begun_at = time.monotonic()
            view, as_of = await rebuild.view(driver, organization_id, time_zone, part)
        key = (organization_id, time_zone, part)
        encoded = self._encode(view.state(as_of.at), view.revision, as_of.at, time_zone)
        self._notifications.share_state(organization_id, time_zone, part, view.revision, as_of.at, encoded)
        state = SharedState(view.revision, encoded)
        self._made[key] = _Made(state=state, begun_at=begun_at)
        self._made.move_to_end(key)
        return state

    def forget(self) -> None:
        """Forgets every state: after a restore revisions may be smaller."""
        self._answered.clear()
        self._made.clear()
        self._making.clear()  # waiting callers still get their answer; the next caller starts a new one

    def _forget(self, now: float) -> None:
        """Drops states that are too old to matter, so that nothing is kept of organizations that no longer ask."""
        while self._answered and next(iter(self._answered.values())).at < now - _REMEMBER_SECONDS:
            self._answered.popitem(last=False)
        while self._made and next(iter(self._made.values())).begun_at < now - _KEEP_SECONDS:
            self._made.popitem(last=False)
