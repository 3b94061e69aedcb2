"""The limits of an organization: its own, and the operator's defaults for the others."""

import functools
from dataclasses import dataclass
from typing import Self

from server.organizations.setting import UNLIMITED
from server.organizations.settings import REFUSE, OrganizationSettings
from server.settings import Settings

_LEAST_BURST = 1000  # a full batch


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationLimits:
    """The limits of one organization. 0 means that there is no limit."""

    events_per_second: int = UNLIMITED
    burst_events: int = UNLIMITED  # what may come at once after a rest
    monthly_events: int = UNLIMITED  # stored in a calendar month of UTC
    weight: int = 1  # its share where organizations compete
    refuses_erased_users: bool = False  # instead of storing their later events without them


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultLimits:
    """The limits of organizations without limits of their own."""

    events_per_second: int = UNLIMITED
    burst_events: int = UNLIMITED
    monthly_events: int = UNLIMITED

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Returns the defaults that the operator has set."""
        return cls(
            events_per_second=settings.events_per_second,
            burst_events=settings.burst_events,
            monthly_events=settings.monthly_events,
        )

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - there is one of these, for as long as the process lives
    def of(self, settings: OrganizationSettings) -> OrganizationLimits:
        """Returns an organization's limits. An unset burst is two seconds' worth of the rate, at least a full batch."""
        rate = _chosen(settings.events_per_second, self.events_per_second)
        burst = _chosen(settings.burst_events, self.burst_events)
        return OrganizationLimits(
            events_per_second=rate,
            burst_events=burst or max(2 * rate, _LEAST_BURST),
            monthly_events=_chosen(settings.monthly_events, self.monthly_events),
            weight=settings.weight,
            refuses_erased_users=settings.erased_user_events == REFUSE,
        )


def _chosen(own: int | None, default: int) -> int:
    return default if own is None else own
