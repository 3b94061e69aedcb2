"""How a list of agents is asked for, as values: the store takes them."""

import enum
from dataclasses import dataclass, field

from server.events.agent_profile import AgentKind


class AgentOrder(enum.Enum):
    """What agents are put in order by."""

    AGENT_ID = enum.auto()
    NAME = enum.auto()
    LAST_SEEN = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFilter:
    """Which agents are meant; None and empty texts narrow nothing."""

    prefix: str = ""
    kind: AgentKind | None = None
    team_id: str = ""
    is_deleted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentList:
    """Agents in an order."""

    filter: AgentFilter = field(default_factory=AgentFilter)
    order: AgentOrder = AgentOrder.AGENT_ID
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlace:
    """A place in a list: after an agent, and what orders it; None where it has none of it."""

    value: str | None
    agent_id: str
