"""What can be set for one organization."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationSettings:
    """What an organization has chosen. Days of None mean for ever, rates of None that there is no rate; limits of None
    are the operator's defaults, and 0 is no limit.
    """

    time_zone: str
    event_retention_days: int | None = None
    key_retention_days: int | None = None
    keep_user_details: bool = False
    secret_keys: tuple[str, ...] = ()  # keys of properties that name secrets, beside those that do everywhere
    storage_rate_micros: int | None = None  # per GiB and 30 days
    bandwidth_rate_micros: int | None = None  # per GiB
    events_per_second: int | None = None
    burst_events: int | None = None
    monthly_events: int | None = None
    weight: int = 1
