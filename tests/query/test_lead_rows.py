"""The leads behind a figure: they add up to it, whatever it is about, and nobody else can open them."""

import dataclasses
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

import tallywire
from server.catalog import dimensions
from server.catalog import leads as counting
from server.catalog.cells import OTHER
from server.catalog.filters import Filter
from server.query.rows_tokens import CountedRows, RowsTokens
from server.store import lead_lists, members
from server.store.database import Database
from server.store.isolation import EVERY
from server.store.members import Candidate
from server.tenancy.principal import Scope
from server.timerange import Interval, of_microseconds
from tallywire.v1 import answer_pb2, directory_service_pb2_grpc, lead_pb2, metrics_service_pb2, rows_pb2
from tests.projections import test_leads
from tests.support import commands, serving, worlds
from tests.support.serving import Accounts, Caller, Running, refused

COUNTS = (
    "leads_generated",
    "cohort_leads_contacted",
    "cohort_leads_converted",
    "cohort_leads_lost",
    "cohort_leads_open",
)
AMOUNTS = ("cohort_lead_value_micros", "cohort_converted_value_micros")
SCOPES = (Scope.READ, Scope.EVENTS)


async def listed(caller: Caller, **fields: object) -> lead_pb2.ListLeadsResponse:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    request = lead_pb2.ListLeadsRequest(**fields)  # type: ignore[arg-type]
    answer: lead_pb2.ListLeadsResponse = await stub.ListLeads(request, metadata=caller.metadata, timeout=30)
    return answer


def parts() -> Iterator[list[answer_pb2.DimensionFilter]]:
    """Filters of parts of the organization."""
    yield []
    for dimension, values in zip(
        counting.DIMENSIONS,
        (("ada", "bot-7"), ("web",), ("north",), ("spring", OTHER), ("EUR", "XXX")),
        strict=True,
    ):
        for value in values:
            yield [answer_pb2.DimensionFilter(dimension=dimension.name, value=value)]
    for values in (("spring", "EUR"), (OTHER, OTHER)):
        both = zip(("campaign", "currency"), values, strict=True)
        yield [answer_pb2.DimensionFilter(dimension=name, value=value) for name, value in both]


@pytest.mark.parametrize("seed", range(2))
async def test_leads_behind_a_figure_add_up_to_it(
    accounts: Accounts, database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    async with database.ingest(of=EVERY) as driver:
        beyond = Candidate(dimensions.CAMPAIGN.member_kind, "autumn", 0)  # counted under another value
        await members.enrol(driver, {caller.organization_id: [beyond]})
    some = test_leads.events(seed, 400)
    some = [event._replace(detail={**event.detail, "lead_id": f"l{number % 60}"}) for number, event in enumerate(some)]
    await worlds.store(database, caller.organization_id, some)
    times = sorted(event.occurred_at for event in some)
    bounds = Interval(start=of_microseconds(times[30]), end=of_microseconds(times[-1]) + timedelta(hours=1))
    monkeypatch.setattr(lead_lists, "MOST", 9)
    dice, found = random.Random(seed), 0
    for filters in parts():
        has_amounts = any(one.dimension == dimensions.CURRENCY.name for one in filters)
        for metric in (*COUNTS, *(AMOUNTS if has_amounts else ())):
            table = await caller.table(
                serving.period(bounds.start, bounds.end),
                metric,
                part=answer_pb2.Filter(dimensions=filters),
                include_rows_tokens=True,
            )
            figure = table.total.figures[0].integer
            token, page_token, rows = table.total.rows_tokens[metric], "", list[lead_pb2.Lead]()
            assert (token.kind, token.figure) == (rows_pb2.ROWS_KIND_LEADS, figure)
            while True:
                page = await listed(
                    caller, rows_token=token.token, page_size=dice.randrange(1, 9), page_token=page_token
                )
                rows += page.leads
                page_token = page.next_page_token
                if not page_token:
                    break
            assert page.figure.listed_figure == page.figure.figure == figure, (metric, filters)
            assert (page.figure.listed_rows, page.figure.missing_figure) == (len(rows), 0)
            amounts = [one.value_micros if metric in AMOUNTS else 1 for one in rows]
            assert amounts == [one.amount for one in rows]
            assert (len({one.lead_id for one in rows}), sum(amounts)) == (len(rows), figure), (metric, filters)
            found += len(rows)
    assert found > 100


async def test_who_can_open_the_leads_behind_a_figure(accounts: Accounts, server: Running) -> None:
    caller, other = [await accounts.caller(scopes=[*SCOPES, Scope.INGEST]) for _ in range(2)]
    now = serving.now()
    await caller.track(serving.event("lead.created", at=now, resource_id="l1"))
    table = await caller.table(serving.today(), "leads_generated")
    counted = CountedRows(
        metric="leads_generated",
        part=Filter(),
        bounds=Interval(start=now - timedelta(days=1), end=now + timedelta(hours=1)),
        epoch=table.context.epoch,
        revision=table.context.as_of_revision,
        figure=1,
    )
    tokens = RowsTokens(accounts.secrets)
    token = tokens.token(caller.organization_id, counted)
    await caller.track(serving.event("message.sent", at=now))
    assert [one.lead_id for one in (await listed(caller, rows_token=token)).leads] == ["l1"]
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        found = [(one.lead_id, one.amount) async for one in client.list_leads(rows_token=token)]
    assert found == [("l1", 1)]
    rows = await commands.csv(server.address, caller, "leads", "--rows-token", token, "--ascending")
    assert [(row["lead_id"], row["amount"]) for row in rows] == [("l1", "1")]
    wrong = await commands.run(server.address, caller, "leads", "--rows-token", token, "--stage", "offer")
    assert (wrong.exit_code, "--rows-token goes without" in wrong.stderr) == (2, True)
    of_events = tokens.token(caller.organization_id, dataclasses.replace(counted, metric="messages_sent"))
    descending = metrics_service_pb2.SORT_DIRECTION_DESCENDING
    for call, reason in (
        (listed(other, rows_token=token), "ROWS_TOKEN_INVALID"),
        (listed(caller, rows_token="x"), "ROWS_TOKEN_INVALID"),
        (listed(caller, rows_token=of_events), "ROWS_TOKEN_INVALID"),
        (listed(caller, rows_token=token, stage="offer", direction=descending), "INVALID_VALUE"),
        (listed(caller, rows_token=token, order_by=lead_pb2.LEAD_ORDER_VALUE), "INVALID_VALUE"),
    ):
        assert serving.refusal(await refused(call))[1] == reason
    await caller.track(serving.event("lead.lost", at=now, resource_id="l1"))
    assert serving.refusal(await refused(listed(caller, rows_token=token)))[1] == "ROWS_TOKEN_EXPIRED"
