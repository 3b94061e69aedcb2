"""The table of bad inputs, and what runs its rows.

tests/data/bad_inputs.tsv says what is sent and which status and reason must come back. A row is run by a function that
sends it to a real server and returns what came back: "OK", or the status ("+RetryInfo" where waiting helps), the reason
and the field. What it returns must be what the row is registered with, and that must agree with the table, unless a
reason is given.
"""

import csv
import pathlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import pytest

from server.app import Running
from server.local.embedded import Engines
from server.settings import Settings
from tests.support import serving
from tests.support.serving import Accounts, Caller

TABLE = pathlib.Path(__file__).parents[1] / "data" / "bad_inputs.tsv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frail:
    """A server whose engines a row may stop, as long as it starts them again."""

    engines: Engines
    server: Running
    accounts: Accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a row is run in: a server, two organizations that know nothing of each other, and ways to break things."""

    server: Running
    settings: Settings
    accounts: Accounts
    caller: Caller
    other: Caller
    tls: Running
    frail: Frail
    monkeypatch: pytest.MonkeyPatch

    async def stored(self) -> list[str]:
        """The types of the caller's stored events."""
        return await serving.stored(self.accounts.database, self.caller)


Run = Callable[[World], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row that is run. keeps is how many events of the caller are stored at its end; None where it looks itself."""

    id: str
    expected: str
    run: Run
    because: str
    keeps: int | None


ROWS: dict[str, Row] = {}


def row(
    id: str,  # noqa: A002 - the table's word
    expected: str,
    *,
    because: str = "",
    keeps: int | None = 0,
) -> Callable[[Run], Run]:
    """Registers a function as what runs a row. because says why the contract answers otherwise than the table."""

    def register(run: Run) -> Run:
        assert id not in ROWS
        ROWS[id] = Row(id=id, expected=expected, run=run, because=because, keeps=keeps)
        return run

    return register


def table() -> dict[str, dict[str, str]]:
    """The table's rows by id."""
    with TABLE.open(newline="") as file:
        return {one["id"]: one for one in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


async def outcome(call: Awaitable[object]) -> str:
    """What came back of a call, in the form of a row's expectation."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return reported(error)
    return "OK"


def reported(error: grpc.aio.AioRpcError) -> str:
    """What an error says, in the form of a row's expectation."""
    said = serving.refusal(error)
    return " ".join(filter(None, (said.code + ("+RetryInfo" if said.retry else ""), said.reason, said.field)))
