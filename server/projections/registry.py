"""All projections, by name."""

from collections.abc import Mapping

from server.projections.agents import Agents
from server.projections.content_gaps import ContentGapTopics
from server.projections.conversations import Conversations
from server.projections.custom_metrics import CustomMetricCounting
from server.projections.leads import Leads
from server.projections.projection import Projection
from server.projections.users import Users

# In the order in which workers move them on: conversations ask which agents are humans.
PROJECTIONS: Mapping[str, Projection] = {
    one.name: one for one in (Agents(), Conversations(), Users(), Leads(), ContentGapTopics(), CustomMetricCounting())
}
# Those that cannot be rebuilt, and what to do instead.
NOT_REBUILT: Mapping[str, str] = {
    CustomMetricCounting.name: "it keeps nothing but figures: to count a metric anew, delete and define it again",
}
# Those that realtime views are made from.
REALTIME = tuple(name for name, one in PROJECTIONS.items() if one.is_realtime)
