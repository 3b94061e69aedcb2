"""All projections, by name."""

from collections.abc import Mapping

from server.projections.conversations import Conversations
from server.projections.projection import Projection

PROJECTIONS: Mapping[str, Projection] = {one.name: one for one in (Conversations(),)}
