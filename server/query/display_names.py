"""What people call the values of dimensions, where that was told: names of agents and of campaigns."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from server.catalog import dimensions
from server.catalog.dimensions import Dimension
from server.catalog.families import generated_leads
from server.projections.agents import Agents
from server.store import agents, campaigns
from server.store.database import Driver

_Names = Callable[[Driver, int, Collection[str]], Awaitable[Mapping[str, str]]]
# By dimension, the one whose names come first where values of two are one row; and the projection that keeps them.
_KNOWN: Mapping[Dimension, tuple[str, _Names]] = {
    dimensions.AGENT: (Agents.name, agents.names),
    dimensions.CAMPAIGN: (generated_leads.PROJECTION, campaigns.names),
}


def place(asked: Sequence[Dimension]) -> int | None:
    """Returns which of the dimensions of a row has display names; None where none has."""
    return next((asked.index(one) for one in _KNOWN if one in asked), None)


def projections(asked: Sequence[Dimension]) -> list[str]:
    """Returns the projections that the display names of rows are taken from."""
    found = place(asked)
    return [] if found is None else [_KNOWN[asked[found]][0]]


async def read(
    driver: Driver, organization_id: int, dimension: Dimension, values: Collection[str]
) -> Mapping[str, str]:
    """Returns the display names of values of a dimension, of those of them that have one."""
    if dimension not in _KNOWN:
        return {}
    _, names = _KNOWN[dimension]
    return await names(driver, organization_id, values)
