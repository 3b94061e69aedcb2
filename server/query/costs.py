"""Estimated costs by resource, from recorded costs and the organization's rate card."""

import enum
from collections.abc import Sequence
from datetime import timedelta

from server.catalog import figures, metrics, registry
from server.catalog.cells import Cell
from server.organizations.settings import OrganizationSettings
from server.timerange import Interval


class Resource(enum.Enum):
    """Something that costs."""

    MODEL_CALLS = enum.auto()
    STORAGE = enum.auto()
    BANDWIDTH = enum.auto()


_GIB = 2**30
_MICROSECOND = timedelta(microseconds=1)
_RATE_PERIOD = timedelta(days=30) // _MICROSECOND
_COST = registry.MEASURES["cost_micros"]
_STORAGE_CHANGE = registry.MEASURES["storage_change_bytes"]
_BANDWIDTH = (registry.MEASURES["api_request_bytes"], registry.MEASURES["api_response_bytes"])

MEASURES = tuple(one.name for one in (_COST, _STORAGE_CHANGE, *_BANDWIDTH))


def estimate(
    settings: OrganizationSettings, buckets: Sequence[Interval], points: Sequence[Cell], *, storage_after: int
) -> dict[Resource, int]:
    """Returns the estimated cost of a period, in micros; a resource without a rate is left out.

    Storage counts as what was in use at the end of each bucket, for the length of the bucket.
    """
    costs = {Resource.MODEL_CALLS: sum(_total(cell, _COST) for cell in points)}
    if settings.storage_rate_micros is not None:
        byte_time, in_use = 0, storage_after - sum(_total(cell, _STORAGE_CHANGE) for cell in points)
        for bucket, cell in zip(buckets, points, strict=True):
            in_use += _total(cell, _STORAGE_CHANGE)
            byte_time += max(in_use, 0) * ((bucket.end - bucket.start) // _MICROSECOND)
        costs[Resource.STORAGE] = byte_time * settings.storage_rate_micros // (_GIB * _RATE_PERIOD)
    if settings.bandwidth_rate_micros is not None:
        transferred = sum(_total(cell, one) for cell in points for one in _BANDWIDTH)
        costs[Resource.BANDWIDTH] = transferred * settings.bandwidth_rate_micros // _GIB
    return costs


def _total(cell: Cell, measure: metrics.Measure) -> int:
    return int(figures.figure(measure, cell) or 0)
