"""What is known of a campaign: it depends on which events there are, and not on their order of arrival.

Times are microseconds since 1970.
"""

from dataclasses import dataclass
from typing import NamedTuple

STARTED, ENDED, COST_RECORDED = EVENT_TYPES = ("campaign.started", "campaign.ended", "campaign.cost_recorded")


class CampaignEvent(NamedTuple):
    """An event about a campaign itself. An unset name is empty."""

    occurred_at: int
    event_type: str
    campaign_id: str
    name: str


@dataclass(slots=True, kw_only=True)
class CampaignProfile:
    """A campaign as events describe it. None stands for what no event has told.

    The name is the newest that was told, and of several that were told at one time the greatest.
    """

    first_seen_at: int
    last_seen_at: int
    started_at: int | None = None  # the first time
    last_started_at: int | None = None
    ended_at: int | None = None  # the last time
    name_at: int | None = None
    name: str = ""

    @classmethod
    def of(cls, event: CampaignEvent) -> "CampaignProfile":
        """Returns a campaign as a single event describes it."""
        new = cls(first_seen_at=event.occurred_at, last_seen_at=event.occurred_at)
        new.take(event)
        return new

    def take(self, event: CampaignEvent) -> None:
        """Takes an event in."""
        at = event.occurred_at
        self.first_seen_at, self.last_seen_at = min(self.first_seen_at, at), max(self.last_seen_at, at)
        if event.event_type == STARTED:
            self.started_at = at if self.started_at is None else min(self.started_at, at)
            self.last_started_at = at if self.last_started_at is None else max(self.last_started_at, at)
        elif event.event_type == ENDED:
            self.ended_at = at if self.ended_at is None else max(self.ended_at, at)
        if event.name and (self.name_at or 0, self.name) < (at, event.name):
            self.name_at, self.name = at, event.name
