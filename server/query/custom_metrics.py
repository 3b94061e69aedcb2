"""Custom metrics: what a question names of the organization's own, and what there is of them."""

from collections.abc import Iterable, Sequence

from server import timerange
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.custom_metrics import PREFIX, KeptMetric
from server.errors import Reason, Refused
from server.query.queries import Queries
from server.store import custom_metrics as stored
from server.tenancy.principal import Principal
from server.timerange import Span

_ASK_AGAIN_SECONDS = 30.0


async def catalogue(queries: Queries, principal: Principal, names: Iterable[str]) -> Catalogue:
    """Returns the catalogue with those of the organization's metrics that a question names.

    That is before the question's snapshot: a number means the same metric for good, and what is complete stays so.
    """
    wanted = {name.removeprefix(PREFIX).partition(".")[0] for name in names if name.startswith(PREFIX)}
    if not wanted:
        return BUILT_IN
    return Catalogue([one for one in await listed(queries, principal) if one.definition.name in wanted])


async def listed(queries: Queries, principal: Principal) -> Sequence[KeptMetric]:
    """Returns the custom metrics of the caller's organization, by name."""
    async with queries.looking(principal) as driver:
        return await stored.listed(driver, principal.organization_id)


def checked_from(catalogue: Catalogue, span: Span) -> int:
    """Refuses custom metrics that are not complete over a span; returns from which quarter hour on all of them are, 0
    for all time.
    """
    for one in catalogue.own:
        if not one.is_complete:
            raise Refused(
                Reason.CUSTOM_METRIC_INCOMPLETE,
                f"{one.name} is still being counted from earlier events ({one.progress:.0%} is done): ask again later",
                field="metrics",
                metadata={"metric": one.name, "progress": f"{one.progress:.3f}"},
                retry_after=_ASK_AGAIN_SECONDS,
            )
        if span.start < one.complete_from:
            start = timerange.instant(one.complete_from).isoformat().replace("+00:00", "Z")
            raise Refused(
                Reason.CUSTOM_METRIC_INCOMPLETE,
                f"{one.name} is complete from {start} on: when it was defined, older raw events were gone",
                field="time_range.start",
                metadata={"metric": one.name, "complete_from": start},
            )
    return max((one.complete_from for one in catalogue.own), default=0)
