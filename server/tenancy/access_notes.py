"""What happens too often to be recorded one by one: reads of rows about people, refusals, and bad credentials.

They are counted in memory and added to the audit trail once a minute, an entry for each actor, action and subject, so
that no answer waits for the trail and nobody's chain is locked for each call. What changes something is not noted here
but recorded in its own transaction.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from server import errors, log_throttle, telemetry
from server.clock import Clock
from server.organizations.audit_trail import Actor, ActorKind, Entry
from server.store.database import Database
from server.tenancy import audit_trail

WRITE_SECONDS: Final = 60.0
# Of entries to come, in all and of an organization. What is beyond them counts together for each actor, and beyond
# twice as many for all.
MOST, MOST_EACH = 20_000, 500
# Of what counts together it is told how much of it was different, up to so many in all.
MOST_DISTINCT: Final = 100_000
# Of these, of those who are not known: whoever shows bad credentials leaves the others their places.
MOST_UNKNOWN: Final = 20
OTHER: Final = "other"  # the subject of what counts together
_OTHERS: Final = Actor(kind=ActorKind.SERVICE, id="other actors")
_STOP_SECONDS = 5.0  # in which a server that stops writes what it has noted


class _Act(NamedTuple):
    """What is counted together. about is JSON: part of what the entry says."""

    actor: Actor
    action: str
    subject: str
    about: str


@dataclass(slots=True, kw_only=True)
class _Noted:
    """How often something was done, and what that came to. distinct are hashes of what counts together, without some
    where is_cut says so.
    """

    first: datetime
    last: datetime
    times: int = 0
    rows: int | None = None
    distinct: set[int] = field(default_factory=set)
    is_cut: bool = False

    def add(self, other: "_Noted") -> None:
        """Adds what was noted elsewhere."""
        self.is_cut = self.is_cut or other.is_cut
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        self.times += other.times
        if other.rows is not None:
            self.rows = (self.rows or 0) + other.rows


class AccessNotes:
    """The notes of a process. They are bounded, and so is what a crash loses: the last minute."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._noted: dict[int, dict[_Act, _Noted]] = {}
        self._size = 0
        self._distinct = 0  # hashes that are kept
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._size

    def note(
        self,
        organization_id: int,
        actor: Actor,
        action: str,
        subject: str,
        *,
        about: Mapping[str, object] | None = None,
        rows: int | None = None,
    ) -> None:
        """Notes that something was done; rows is how many rows were shown, where that is known. Never waits."""
        now = self._clock.now()
        act = _Act(actor, action, subject, json.dumps(about, sort_keys=True) if about else "")
        self._add(organization_id, act, _Noted(first=now, last=now, times=1, rows=rows))

    def _add(self, organization_id: int, act: _Act, noted: _Noted) -> None:
        of = self._noted.get(organization_id)
        if of is None:
            if len(self._noted) >= MOST:
                telemetry.AUDIT_NOTES_LOST.inc(noted.times)
                return
            of = self._noted[organization_id] = {}
        single = act
        if act.actor.kind is ActorKind.SERVICE and act not in of and _unknown(of) >= MOST_UNKNOWN:
            act = _Act(_OTHERS, act.action, OTHER, "")
        # First by who does it, so that nobody hides among others, and then all together.
        if act not in of and (len(of) >= MOST_EACH or self._size >= MOST):
            act = _Act(act.actor, act.action, OTHER, "")
        if act not in of and (len(of) >= 2 * MOST_EACH or self._size >= 2 * MOST):
            act = _Act(_OTHERS, act.action, OTHER, "")
        if act in of:
            of[act].add(noted)
        else:
            of[act] = noted
            self._size += 1
            self._distinct += len(noted.distinct)  # of what is kept since the database did not take it
        if act.subject == OTHER:
            self._tell_apart(of[act], noted.distinct if single.subject == OTHER else {hash(_what(single))})

    def _tell_apart(self, together: _Noted, others: set[int]) -> None:
        """Counts what is different of what counts together, as far as there is room for that."""
        before = len(together.distinct)
        new = others - together.distinct
        room = max(0, MOST_DISTINCT - self._distinct)
        together.is_cut = together.is_cut or len(new) > room
        together.distinct.update(list(new)[:room])
        self._distinct += len(together.distinct) - before

    def start(self) -> None:
        """Begins to write once a minute."""
        self._task = asyncio.create_task(self._write_on())

    async def close(self) -> None:
        """Stops, and writes what is left if the database takes it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.write()
        except TimeoutError:
            log_throttle.write("warning", "entries of the audit trail are lost: the database does not take them")

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Adds what was noted to the trails. What the database does not take now is kept, within the same bounds."""
        noted, self._noted, self._size, self._distinct = self._noted, {}, 0, 0
        while noted:
            organization_id, of = noted.popitem()
            try:
                await self._record(organization_id, of)
            except asyncio.CancelledError:
                self._keep({organization_id: of, **noted})
                raise
            except errors.StorageUnavailable as error:
                self._keep({organization_id: of})
                log_throttle.write("warning", "the audit trail waits for the database", reason=str(error))
            except Exception as error:  # noqa: BLE001 - one organization must not keep the others from their entries
                telemetry.AUDIT_NOTES_LOST.inc(sum(one.times for one in of.values()))
                log_throttle.write("error", "entries of the audit trail could not be written", error=error)

    def _keep(self, noted: Mapping[int, Mapping[_Act, _Noted]]) -> None:
        for organization_id, of in noted.items():
            for act, one in of.items():
                self._add(organization_id, act, one)

    async def _record(self, organization_id: int, of: Mapping[_Act, _Noted]) -> None:
        async with self._database.transaction(of=organization_id) as driver:
            await audit_trail.record_all(driver, organization_id, [_entry(act, one) for act, one in of.items()])


def _unknown(of: Mapping[_Act, _Noted]) -> int:
    return sum(act.actor.kind is ActorKind.SERVICE for act in of)


def _what(act: _Act) -> tuple[str, str]:
    """Returns what an act is about: its subject, or the question that was asked."""
    return act.subject, act.about if '"filter"' in act.about else ""


def _entry(act: _Act, noted: _Noted) -> Entry:
    told: dict[str, object] = json.loads(act.about) if act.about else {}
    told |= {"times": noted.times, "first": noted.first.isoformat(), "last": noted.last.isoformat()}
    if noted.rows is not None:
        told["rows"] = noted.rows
    if noted.distinct or noted.is_cut:
        told["distinct_at_least" if noted.is_cut else "distinct"] = len(noted.distinct)
    return Entry(actor=act.actor, action=act.action, subject=act.subject, after=told)
