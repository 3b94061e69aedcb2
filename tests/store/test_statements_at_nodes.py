"""Nodes of a cluster take every statement of the store that tests/support/store_texts.py finds, as PostgreSQL and Citus
plan it: beside the forms that tests/unit/test_node_statements.py knows, this finds those that nobody has thought of.
"""

from __future__ import annotations

import re

import asyncpg
import pytest

from server import errors
from server.store import statements
from server.store.database import Database
from tests.support import citus, store_texts

_needs_citus = pytest.mark.skipif(not citus.is_wanted(), reason=f"{citus.VARIABLE} names no PostgreSQL that has Citus")
_WHOLE = re.compile(r"\s*\(?(WITH|SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_FILLED_IN_BY_FUNCTIONS = re.compile(r"(?<![:\w]):[A-Z]")
_WRONG = "42"  # the class of errors of a text that is only a part of a statement
_COPIED = "INSERT/SELECT method"  # where the rows go to the coordinator and back, in two phases
_VALUES = {
    "bool": "true",
    "bytea": r"\x61",
    "date": "2026-01-01",
    "interval": "1 s",
    "tid": "(0,1)",
    "timestamptz": "2026-01-01 00:00+00",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _texts() -> dict[str, str]:
    """The statements that are whole, with numbers of parameters, and the places where they are from."""
    found: dict[str, str] = {}
    for one in store_texts.all_of_store():
        is_whole = store_texts.UNKNOWN not in one.sql and not _FILLED_IN_BY_FUNCTIONS.search(one.sql)
        if is_whole and not one.is_local and _WHOLE.match(one.sql):
            found.setdefault(statements.numbered(one.sql).text, one.place)
    return found


def _literal(kind: asyncpg.Type) -> str:
    value = _VALUES.get(kind.name.removesuffix("[]"), "1")  # which a text may be cast from to most types
    return f"'{{{value}}}'" if kind.kind == "array" else f"'{value}'"


@_needs_citus
async def test_nodes_take_every_statement_and_add_rows_in_one_phase(own_database: Database) -> None:
    refused: dict[str, str] = {}
    planned = 0
    for number, (sql, place) in enumerate(_texts().items()):
        try:
            async with own_database.transaction(of=1) as driver:
                kinds = (await driver.prepare(sql)).get_parameters()
                values = f"({', '.join(map(_literal, kinds))})" if kinds else ""
                await driver.execute(f"PREPARE of_{number} AS {sql}")
                plan = await driver.fetch(f"EXPLAIN EXECUTE of_{number}{values}")
            planned += 1
            if any(_COPIED in row[0] for row in plan):
                refused[f"{place}: {sql}"] = _COPIED
        except (errors.StorageUnavailable, errors.StorageRejected) as error:
            cause = error.__cause__
            if not isinstance(cause, asyncpg.PostgresError) or not (cause.sqlstate or "").startswith(_WRONG):
                refused[f"{place}: {sql}"] = str(cause)
    assert not refused
    assert planned > 600
