"""Who an agent is, as its events tell."""

from datetime import tzinfo
from typing import Final, Literal

from tallywire.cli import formatting
from tallywire.v1 import event_pb2, metrics_service_pb2

_KINDS: Final = {event_pb2.AGENT_KIND_AI: "AI", event_pb2.AGENT_KIND_HUMAN: "human"}

_TIMES: Final[tuple[tuple[Literal["first_seen_at", "last_seen_at", "deleted_at"], str], ...]] = (
    ("first_seen_at", "first seen"),
    ("last_seen_at", "last seen"),
    ("deleted_at", "deleted"),
)


def lines(profile: metrics_service_pb2.AgentProfile, where: tzinfo) -> list[str]:
    """Returns the lines of a heading about an agent: what it is, and when it was there."""
    parts = [
        _KINDS.get(profile.kind, ""),
        f"version {profile.version}" if profile.version else "",
        f"team {profile.team_id}" if profile.team_id else "",
    ]
    seen = [
        f"{word} {formatting.instant(getattr(profile, name), where)}" for name, word in _TIMES if profile.HasField(name)
    ]
    return [line for line in (formatting.plain(" · ".join(filter(None, parts))), " · ".join(seen)) if line]
