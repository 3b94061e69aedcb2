"""How many connections to PostgreSQL a worker opens at most, and for what."""

from server.alerts import evaluating
from server.store.database import STEP_PATIENCE, Database
from workers import folding, reporting

_OTHERS = 6  # for claims, leases, schedules, figures, alerts, and the search for what there is to do


def opened(database_url: str, *, short_slots: int, long_slots: int) -> Database:
    """Returns the pools of a worker with so many slots for tasks. It serves nobody, so it has none for subscriptions.

    docs/operations/sizing.md says how many connections these are.
    """
    at_once = evaluating.ORGANIZATIONS_AT_ONCE
    return Database(
        database_url,
        ingest_connections=1,
        query_connections=reporting.QUERIES + at_once + 1,
        realtime_connections=0,
        other_connections=folding.CONCURRENCY + short_slots + long_slots + at_once + _OTHERS,
        step_patience=STEP_PATIENCE,
    )
