"""Questions about two dimensions at once: answered where the organization keeps figures by the pair."""

from collections.abc import Sequence

from server import timerange
from server.catalog import dimensions, pairs
from server.catalog.filters import Filter
from server.catalog.pairs import KeptPair
from server.errors import Reason, Refused
from server.query.queries import Queries
from server.store import pairs as stored_pairs
from server.store.database import Driver
from server.tenancy.principal import Principal
from server.timerange import Span

_ASK_AGAIN_SECONDS = 30.0


async def listed(queries: Queries, principal: Principal) -> Sequence[KeptPair]:
    """Returns the pairs by which figures of the caller's organization are kept."""
    async with queries.looking(principal) as driver:
        return [*pairs.standing(), *await stored_pairs.kept(driver, principal.organization_id)]


async def checked_from(driver: Driver, organization_id: int, part: Filter, span: Span, *, field: str = "filter") -> int:
    """Refuses a part that is a pair of dimensions whose figures are not kept, or not for all of a span; returns from
    which quarter hour on figures are complete, 0 for all time. To be asked in the snapshot in which they are read.

    field is the one of the request that asks for the pair.
    """
    if part.dimension.sides is None or part.dimension in dimensions.TABLE.standing:
        return 0
    kept = {one.dimension: one.complete_from for one in await stored_pairs.kept(driver, organization_id)}
    if part.dimension not in kept:
        names = " and ".join(one.name for one in (*dimensions.TABLE.standing, *kept))
        options = " ".join(f"--pair {name}" for name in (*(one.name for one in kept), part.dimension.name))
        raise Refused(
            Reason.PAIR_NOT_KEPT,
            f"figures by {part.dimension.name} together are not kept; pairs that are: {names}. The operator adds a pair"
            f" by naming all: organizations set NAME {options}",
            field=field,
            metadata={"pair": part.dimension.name, "kept": names},
        )
    complete_from = kept[part.dimension]
    if complete_from is None:
        raise Refused(
            Reason.PAIR_INCOMPLETE,
            f"figures by {part.dimension.name} together are still being counted from raw events: ask again later",
            field=field,
            metadata={"pair": part.dimension.name},
            retry_after=_ASK_AGAIN_SECONDS,
        )
    if span.start < complete_from:
        start = timerange.instant(complete_from).isoformat().replace("+00:00", "Z")
        raise Refused(
            Reason.PAIR_INCOMPLETE,
            f"figures by {part.dimension.name} together are kept from {start} on: when the pair was declared, older raw"
            " events were gone",
            field="time_range.start",
            metadata={"pair": part.dimension.name, "complete_from": start},
        )
    return complete_from
