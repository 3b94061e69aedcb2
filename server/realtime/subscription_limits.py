"""Limits of subscriptions: how many an organization may have, and a server."""

from dataclasses import dataclass

from server.errors import Reason, Refused
from server.tally import Tally

_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLimits:
    """The most subscriptions of all organizations together, and of each."""

    total: int
    each: int

    def check(self, subscriptions: Tally, organization_id: int) -> None:
        """Refuses one more subscription of an organization where as many as there may be are counted already."""
        for count, limit, whose in (
            (subscriptions[organization_id], self.each, "organization"),
            (subscriptions.total, self.total, "server"),
        ):
            if count >= limit:
                raise Refused(
                    Reason.SUBSCRIPTION_LIMIT,
                    f"too many subscriptions of this {whose}",
                    metadata={"limit": str(limit)},
                    retry_after=_RETRY_SECONDS,
                )
