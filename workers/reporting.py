"""Reports in a worker: the same questions that servers answer, with slots of their own."""

import secrets
from collections.abc import Callable

from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.projections.projector import Projector
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import RowsTokens
from server.reports.making import MakingReports
from server.reports.object_store import ObjectStore
from server.rpc.asking import Asking
from server.rpc.report_questions import ReportQuestions
from server.settings import Settings
from server.slow_questions import SlowQuestions
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits

QUERIES = 2  # questions of reports that a worker asks at once
_WAITING = 100


def making(
    settings: Settings, database: Database, projector: Projector, on_queued: Callable[[], None]
) -> MakingReports:
    """Returns what makes reports."""
    # Tokens of answers end with the answers here, so a worker needs no pepper for them.
    clock, tokens = Clock(), KeyedHashes(secrets.token_hex(32))
    slots = QuerySlots(QUERIES, limit=_WAITING, limit_each=_WAITING)
    asking = Asking(
        queries=Queries(database, clock, slots, projector),
        pages=PageTokens(tokens),
        rows=RowsTokens(tokens),
        limits=DefaultLimits.from_settings(settings),
        secrets=tokens,
        slow=SlowQuestions(settings.slow_query_seconds),
    )
    return MakingReports(
        questions=ReportQuestions(asking), store=ObjectStore(settings.reports_url), clock=clock, on_queued=on_queued
    )
