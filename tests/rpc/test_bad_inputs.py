"""Every row of the table of bad inputs is run against a real server over a real socket, or listed with a reason."""

import asyncio

import bad_inputs_bytes
import bad_inputs_content_gaps
import bad_inputs_events
import bad_inputs_exports
import bad_inputs_identity
import bad_inputs_lists
import bad_inputs_outage
import bad_inputs_privacy
import bad_inputs_questions
import bad_inputs_reports
import bad_inputs_streams
import bad_inputs_subscriptions
import bad_inputs_tables
import bad_inputs_to_come
import bad_inputs_webhooks
import bad_inputs_wire
import pytest

from server.app import Running
from server.local import embedded
from server.settings import Settings
from tests.support import bad_inputs
from tests.support.bad_inputs import ROWS, Frail, Row, World
from tests.support.serving import Accounts, Caller

TABLE = bad_inputs.table()
LISTED = {name: reason for name, reason in bad_inputs_to_come.CANDIDATES.items() if name in TABLE}
FAMILIES = (
    bad_inputs_bytes,
    bad_inputs_content_gaps,
    bad_inputs_events,
    bad_inputs_exports,
    bad_inputs_identity,
    bad_inputs_lists,
    bad_inputs_outage,
    bad_inputs_privacy,
    bad_inputs_questions,
    bad_inputs_reports,
    bad_inputs_streams,
    bad_inputs_subscriptions,
    bad_inputs_tables,
    bad_inputs_webhooks,
    bad_inputs_wire,
)


@pytest.fixture
def world(
    server: Running,
    settings: Settings,
    accounts: Accounts,
    caller: Caller,
    other: Caller,
    tls_server: Running,
    frail_engines: embedded.Engines,
    frail: tuple[Running, Accounts],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """What a row is run in."""
    return World(
        server=server,
        settings=settings,
        accounts=accounts,
        caller=caller,
        other=other,
        tls=tls_server,
        frail=Frail(engines=frail_engines, server=frail[0], accounts=frail[1]),
        monkeypatch=monkeypatch,
    )


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
async def test_a_row(row: Row, world: World) -> None:
    async with asyncio.timeout(120):
        assert await row.run(world) == row.expected
    if row.keeps is not None:
        assert len(await world.stored()) == row.keeps


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_a_row_says_what_the_table_says(row: Row) -> None:
    reported = TABLE[row.id]
    status, *rest = row.expected.split()
    agrees = reported["status"] in (status, "-") and (not rest or rest[0] in reported["detail"])
    assert agrees or row.because


def test_every_row_is_run_or_listed() -> None:
    assert {row.run.__module__ for row in ROWS.values()} == {family.__name__ for family in FAMILIES}
    assert ROWS.keys().isdisjoint(LISTED)
    assert ROWS.keys() | LISTED.keys() == TABLE.keys()
    assert len(TABLE) >= 494
