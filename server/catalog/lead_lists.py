"""How a list of leads is asked for, as values: the store takes them."""

import enum
from dataclasses import dataclass, field

from server.events.lead import LeadOutcome


class LeadOrder(enum.Enum):
    """What leads are put in order by."""

    CREATED = enum.auto()
    LAST_SEEN = enum.auto()
    VALUE = enum.auto()
    LEAD_ID = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFilter:
    """Which leads are meant; None and empty texts narrow nothing. Times are microseconds since 1970."""

    prefix: str = ""
    agent_id: str = ""
    channel: str = ""
    team_id: str = ""
    campaign_id: str = ""
    reached_stage: str = ""
    stage: str = ""
    outcome: LeadOutcome | None = None
    min_value: int | None = None
    max_value: int | None = None
    currency: str = ""
    created_from: int | None = None
    created_before: int | None = None
    # What leads behind a figure are: counted under values of dimensions, by their columns, contacted, with a value, and
    # with an amount that has no figures by campaign and currency of its own.
    counted: tuple[tuple[str, str], ...] = ()
    is_contacted: bool = False
    is_valued: bool = False
    is_other_amount: bool = False

    @property
    def looks_into_rows(self) -> bool:
        """Returns whether it narrows by more than what leads are found by: lead_id and when they were created."""
        return self != LeadFilter(
            prefix=self.prefix, created_from=self.created_from, created_before=self.created_before
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadList:
    """Leads in an order."""

    filter: LeadFilter = field(default_factory=LeadFilter)
    order: LeadOrder = LeadOrder.CREATED
    descending: bool = True

    @property
    def has_index(self) -> bool:
        """Returns whether leads are read in their order, page by page, and need not all be put in order."""
        return self.order is LeadOrder.LEAD_ID or (self.order is LeadOrder.CREATED and not self.filter.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPlace:
    """A place in a list: after a lead, and what orders it: microseconds, or micros of its value."""

    value: int
    lead_id: str
