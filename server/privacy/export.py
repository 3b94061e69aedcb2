"""All that is kept about a person, as lines of JSON."""

import contextlib
import datetime
import json
from collections.abc import AsyncGenerator, Sequence

from server.admission.query_slots import QuerySlots
from server.organizations.audit_trail import Actor
from server.privacy import export_log, people
from server.privacy.spool import Spool
from server.projections.projector import Projector
from server.store import updates, user_export
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Principal

_FOLLOWED = ("conversations", "users", "leads")
_MOST_BYTES = 256 * 1024  # of the lines that are handed out at once
_READ_AT_ONCE = 4  # exports of this process, of which each holds a connection until all of it is read
_MOST, _MOST_EACH = 20, 1  # of those that are sent, too


class UserExports:
    """Hands out what is kept about people."""

    def __init__(self, database: Database, hashes: KeyedHashes, projector: Projector) -> None:
        self._database = database
        self._hashes = hashes
        self._projector = projector
        self._slots = QuerySlots(_MOST, limit=_MOST, limit_each=_MOST_EACH)
        self._reading = QuerySlots(_READ_AT_ONCE, limit=_MOST, limit_each=_MOST_EACH)

    async def lines(self, principal: Principal, user_id: str, by: Actor) -> AsyncGenerator[Sequence[str], None]:
        """Yields lines about a person, of one instant, a few at a time; the last one of all has their numbers. The
        audit trail tells of the export before its first line is there. Nothing of the database is held while a caller
        takes its time over the lines.
        """
        organization_id = principal.organization_id
        stored_id = people.stored_id(self._hashes, organization_id, user_id)
        async with self._slots.slot(principal):
            with Spool() as spool:
                async with self._reading.slot(principal):
                    await self._read(organization_id, stored_id, spool, by)
                async for portion in spool.lines():
                    yield portion

    async def _read(self, organization_id: int, user_id: str, spool: Spool, by: Actor) -> None:
        """Puts all that is kept about a person into a spool, and tells the audit trail before."""
        async with self._database.query(of=organization_id) as driver:
            kept = await updates.window(driver, organization_id)
        await self._projector.catch_up(organization_id, _FOLLOWED, kept.newest)
        async with self._database.transaction(of=organization_id) as driver:
            digest = self._hashes.erased_user(organization_id, user_id)
            await export_log.record(driver, organization_id, digest, by)
        async with contextlib.aclosing(self._portions(organization_id, user_id)) as portions:
            async for portion in portions:
                await spool.put_lines(portion)

    async def _portions(self, organization_id: int, user_id: str) -> AsyncGenerator[Sequence[str], None]:
        counts = dict.fromkeys(user_export.KINDS, 0)
        portion: list[str] = []
        size = 0
        async with self._database.snapshot(of=organization_id) as driver:
            for kind in user_export.KINDS:
                async for rows in user_export.rows(driver, organization_id, user_id, kind):
                    counts[kind] += len(rows)
                    for row in rows:
                        line = _line({"kind": kind, **row})
                        portion.append(line)
                        size += len(line)
                        if size >= _MOST_BYTES:
                            yield portion
                            portion, size = [], 0
        yield [*portion, _line({"kind": "counts", **counts})]


def _line(row: dict[str, object]) -> str:
    """Returns a row as JSON, without what is not there."""
    told = {name: value for name, value in row.items() if value is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=_text)


def _text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return str(value)
