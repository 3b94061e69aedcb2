"""The names of metrics in questions."""

from collections.abc import Iterable, Sequence

from server.admission import request_limits
from server.catalog.catalogue import Catalogue
from server.errors import Reason, Refused


def checked(names: Iterable[str], catalogue: Catalogue, *, field: str = "metrics") -> list[str]:
    """Returns the metrics that are named, each once; refuses too many, and what a catalogue does not have."""
    chosen = list(dict.fromkeys(names))
    request_limits.METRICS.check(len(chosen))
    for name in chosen:
        if name not in catalogue.metrics:
            raise _unknown(field, name, "is no metric that has a series; ListMetrics lists those that have one")
    return chosen


def order(chosen: Sequence[str], order_by: str) -> str:
    """Returns the metric that orders a table, the first unless one is named; refuses one that was not asked for."""
    if order_by and order_by not in chosen:
        raise _unknown("order_by", order_by, "is not one of the metrics asked for")
    return order_by or chosen[0]


def _unknown(field: str, name: str, why: str) -> Refused:
    return Refused(Reason.UNKNOWN_METRIC, f"{name[:64]!r} {why}", field=field, metadata={"metric": name[:64]})
