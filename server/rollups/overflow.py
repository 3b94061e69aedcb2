"""Questions about values that have no figures of their own: refused, since zeros would not be true."""

from collections.abc import Collection, Sequence

from server.catalog import dimensions
from server.catalog.cells import OTHER
from server.catalog.dimension import is_custom
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.errors import Reason, Refused
from server.store import custom_values, members
from server.store.database import Driver


async def check(driver: Driver, organization_id: int, part: Filter, *, field: str) -> bool:
    """Refuses a part that is counted under OTHER; False where no event has ever carried its value.

    Asked after its figures were read, it speaks for them, too: what is decided about a value holds for good.
    """
    if part.is_whole:
        return True
    if is_custom(part.dimension.number):
        return await _check_custom(driver, organization_id, part, field)
    kind = part.dimension.member_kind
    if part.value == OTHER:
        return await members.has_overflow(driver, organization_id, kind)
    key = (kind, part.value)
    sides = zip(part.dimension.sides or (), dimensions.parted(part.value), strict=False)
    found = await members.known(driver, organization_id, [key, *((one.member_kind, value) for one, value in sides)])
    if any(one.overflow for one in found.values()):
        raise refusal(field)
    return key in found


async def _check_custom(driver: Driver, organization_id: int, part: Filter, field: str) -> bool:
    """Does the same for the own dimension of a custom metric: once that has as many values as it may, all others that
    ever come are counted under OTHER.
    """
    values = await custom_values.of_dimension(driver, organization_id, part.dimension, part.value)
    if part.value == OTHER or values.is_known:
        return True
    if values.number >= part.dimension.limit:
        raise refusal(field)
    return False


async def without_cells(driver: Driver, organization_id: int, dimension: Dimension, values: Sequence[str]) -> set[str]:
    """Those of the values that are counted under OTHER."""
    if not dimension.member_kind:
        return set()
    found = await members.find(driver, organization_id, dimension.member_kind, values)
    return {value for value, member in found.items() if member.overflow}


async def undecided(driver: Driver, organization_id: int, dimension: Dimension, values: Collection[str]) -> set[str]:
    """Those of a filter's values that no event has carried yet; refuses one that is counted under OTHER."""
    if not dimension.member_kind or not values:
        return set()
    found = await members.find(driver, organization_id, dimension.member_kind, values)
    if any(member.overflow for member in found.values()):
        raise refusal("filter")
    return set(values) - found.keys()


def refusal(field: str) -> Refused:
    """The refusal of a question about a value that is counted under OTHER."""
    return Refused(
        Reason.CARDINALITY_OVERFLOW,
        "the organization had reached its limit of distinct values when this one came: it is counted under " + OTHER,
        field=field,
        metadata={"counted_under": OTHER},
    )
