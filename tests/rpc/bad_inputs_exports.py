"""Rows of the table of bad inputs about exports."""

from typing import Any

from server.tenancy.principal import Scope
from tests.support import rpcs
from tests.support.bad_inputs import World, outcome, row
from tests.support.tiny_worlds import THE_DAY

_METRICS, _ROWS = "ExportService/ExportMetrics", "ExportService/ExportRows"
EVENTS = {"time_range": THE_DAY}


def _row(id: str, expected: str, rpc: str, **fields: Any) -> None:  # noqa: A002 - the table's word
    """Registers a request that is refused before the first byte of a file."""

    @row(id, expected)
    async def run(world: World) -> str:
        caller = await world.accounts.another(world.caller, scopes=tuple(Scope))
        return await outcome(rpcs.answers(caller, rpc, fields))


_row("X-001", "INVALID_ARGUMENT REQUIRED_FIELD question", _METRICS)
_row("X-002", "INVALID_ARGUMENT INVALID_ENUM format", _METRICS, format=77, quota={})
_row("X-003", "INVALID_ARGUMENT INVALID_VALUE table", _METRICS, quota={}, table="'; DROP TABLE events; --")
_row("X-004", "INVALID_ARGUMENT INVALID_VALUE campaigns.page_token", _METRICS, campaigns={"page_token": "x"})
_row("X-005", "INVALID_ARGUMENT REQUIRED_FIELD costs.time_range.start", _METRICS, costs={})
_row("X-006", "INVALID_ARGUMENT UNKNOWN_METRIC query.metrics", _METRICS, query={**EVENTS, "metrics": ["nothing"]})
_row("X-010", "INVALID_ARGUMENT REQUIRED_FIELD rows", _ROWS)
_row("X-011", "INVALID_ARGUMENT INVALID_VALUE events.page_token", _ROWS, events={**EVENTS, "page_token": "x"})
_row("X-012", "INVALID_ARGUMENT RESUME_TOKEN_INVALID resume_token", _ROWS, events=EVENTS, resume_token="A" * 9_000)
_row("X-013", "INVALID_ARGUMENT RESUME_TOKEN_INVALID resume_token", _ROWS, users={}, resume_token="AAAA")
_row("X-014", "INVALID_ARGUMENT ROWS_TOKEN_INVALID events.rows_token", _ROWS, events={"rows_token": "!!!!"})
