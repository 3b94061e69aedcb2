"""Rows of projections, which lead with the organization and the version: rows that merge, and how rows are removed."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from server.events import rules
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.projections import Rows


class MergingTable:
    """A table with what is known of some ids. Its rows merge with what else is told of them, in any order.

    Of instants the earliest or the latest holds. Of values, which are given by their types, the newest holds, and of
    those that were told at one time the greatest; when that was is in the column NAME_at. key is the column of the ids.
    """

    def __init__(
        self, name: str, key: str, *, earliest: Sequence[str], latest: Sequence[str], newest: Mapping[str, str]
    ) -> None:
        told_at = [f"{one}_at" for one in newest]
        self.columns = (*earliest, *latest, *told_at, *newest)
        merging = ", ".join(
            (
                *(f"{one} = least(t.{one}, excluded.{one})" for one in earliest),
                *(f"{one} = greatest(t.{one}, excluded.{one})" for one in (*latest, *told_at)),
                *(f"{one} = {_newest(one)}" for one in newest),
            )
        )
        types = [*(["bigint"] * (len(self.columns) - len(newest))), *newest.values()]
        given = ", ".join(f"${place}::{one}[]" for place, one in enumerate(types, 4))
        read = ", ".join(one if one in newest else instants.stored(one) for one in self.columns)
        columns = ", ".join(self.columns)
        into = f"INSERT INTO {name} AS t (organization_id, version, {key}, {columns})"
        merge = f"ON CONFLICT (organization_id, version, {key}) DO UPDATE SET {merging}"
        self._merge = (
            f"{into} SELECT b.organization_id, $2, {key}, {read}"  # noqa: S608 - constants of the code
            f" FROM unnest($3::text[], {given}) AS told({key}, {columns}), revisions AS b"
            f" WHERE b.organization_id = $1 {merge}"
        )
        read_times = ", ".join(instants.selected(one) for one in self.columns[: -len(newest)])
        self._load = (
            f"SELECT {key}, {read_times}, {', '.join(newest)} FROM {name}"  # noqa: S608 - constants of the code
            f" WHERE organization_id = $1 AND version = $2 AND {key} = ANY($3::text[])"
        )
        self._remove = (
            f"DELETE FROM {name} WHERE organization_id = $1 AND version = $2"  # noqa: S608 - constants of the code
            f" AND {key} = ANY($3::text[])"
        )
        self._earliest, self._newest = tuple(earliest), tuple(newest)
        self._always = frozenset((earliest[0], latest[0]))  # every row has these times
        self._nothing = {one: "" if kind == "text" else 0 for one, kind in newest.items()}
        self._keep = (
            f"{into} SELECT organization_id, $3, {key}, {columns} FROM {name}"  # noqa: S608 - constants of the code
            f" WHERE organization_id = $1 AND version = $2 AND {earliest[0]} < $4 {merge}"
        )

        told = ", ".join(one if one in newest else instants.selected(f"r.{one}") for one in self.columns)
        # OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
        valid = f"version = {projections.VERSION.format(name)}"
        self._read = (
            f"SELECT w.id, {told} FROM unnest($2::text[]) AS w(id)"  # noqa: S608 - constants of the code
            f" CROSS JOIN LATERAL (SELECT * FROM {name}"
            f" WHERE organization_id = $1 AND {valid} AND {key} = w.id OFFSET 0) AS r"
        )

    async def read(self, driver: Driver, organization_id: int, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """Returns what is known of ids, of those of them that are known: the values of the columns by their names."""
        rows = await driver.fetch(self._read, organization_id, list(ids))
        return {row[0]: dict(zip(self.columns, row[1:], strict=True)) for row in rows}

    async def merge(self, driver: Driver, rows: Rows, told: Mapping[str, object]) -> None:
        """Merges what is told of some ids, as attributes with the names of the columns, with what is known of them."""
        ids = sorted(told)  # the order in which rows are locked
        values = ([getattr(told[one], name) for one in ids] for name in self.columns)
        await driver.execute(self._merge, *rows, ids, *values)

    async def decided_by(self, driver: Driver, rows: Rows, times: Collection[tuple[str, int]]) -> dict[str, int]:
        """Returns those of some ids of which anything that is known was told at a time that is given for them, with the
        earliest time that is known of each.
        """
        known = await self._known(driver, rows, {one for one, _ in times})
        return {
            one: getattr(known[one], self._earliest[0])
            for one, at in times
            if one in known and at in vars(known[one]).values()
        }

    async def first_known(self, driver: Driver, rows: Rows, ids: Collection[str]) -> dict[str, int]:
        """Returns the earliest time that is known of each of some ids, of those of them that are known."""
        known = await self._known(driver, rows, ids)
        return {one: getattr(row, self._earliest[0]) for one, row in known.items()}

    async def replace(
        self, driver: Driver, rows: Rows, ids: Collection[str], told: Mapping[str, object], complete_from: datetime
    ) -> None:
        """Makes what is known of ids what all raw events tell. Of what happened before complete_from raw events may be
        gone: what was known of it stays.
        """
        first = rules.microseconds(complete_from)
        known = await self._known(driver, rows, ids)
        await driver.execute(self._remove, *rows, sorted(ids))
        older = {one: self._before(row, first) for one, row in known.items() if getattr(row, self._earliest[0]) < first}
        for some in (told, older):
            if some:
                await self.merge(driver, rows, some)

    async def _known(self, driver: Driver, rows: Rows, ids: Collection[str]) -> dict[str, SimpleNamespace]:
        """Returns what is known of ids, as attributes with the names of the columns."""
        found = await driver.fetch(self._load, *rows, sorted(ids))
        return {row[0]: SimpleNamespace(**dict(zip(self.columns, tuple(row)[1:], strict=True))) for row in found}

    def _before(self, row: SimpleNamespace, first: int) -> SimpleNamespace:
        """Returns as much of what is known as was told before a time, which is something."""
        values = vars(row)
        times = {
            one: at if at is not None and at < first else None for one, at in values.items() if one not in self._newest
        }
        # It was seen until then at least, and then by events that are gone.
        kept = {one: first if at is None and one in self._always else at for one, at in times.items()}
        for one in self._newest:
            kept[one] = values[one] if times[f"{one}_at"] is not None else self._nothing[one]
        return SimpleNamespace(**kept)

    async def keep(self, driver: Driver, old: Rows, new: Rows, complete_from: datetime) -> None:
        """Merges what one version knows into another, as far as raw events of it may be gone: of ids that were known
        before an instant.
        """
        await driver.execute(self._keep, *old, new.version, complete_from)


def _newest(name: str) -> str:
    """Returns the value that was told last, in SQL; NULL is the time of one that was never told."""
    return (
        f"CASE WHEN (excluded.{name}_at, excluded.{name}) > (coalesce(t.{name}_at, '-infinity'), t.{name})"
        f" THEN excluded.{name} ELSE t.{name} END"
    )


async def remove_others(driver: Driver, tables: Collection[str], valid: Rows, latest: int, limit: int) -> int:
    """Removes rows of other versions than the valid one from some tables, up to the latest version: at most that many
    of those before the valid version from each table, and as many of those after it. Returns how many there were.

    Versions are given as ranges, which the tables' keys decide: one statement for all versions but one would read
    every valid row, and throw it away, before it came to a row of a later version.
    """
    total = 0
    for first, last in ((1, valid.version - 1), (valid.version + 1, latest)):
        for table in tables if first <= last else ():
            status = await driver.execute(
                f"DELETE FROM {table} WHERE {driver.narrowed}ctid = ANY(ARRAY(SELECT ctid FROM {table}"  # noqa: S608 - a name of the code
                " WHERE organization_id = $1 AND version >= $2 AND version <= $3 LIMIT $4))",
                valid.organization_id,
                first,
                last,
                limit,
            )
            total += statements.rows(status)
    return total
