"""What is known of a lead: it depends on which events it has, and not on the order in which they arrive.

All of it is the earliest, the latest or the newest of something. So what two sets of events say of a lead merges into
what they say together, and what is merged twice changes nothing. Times are microseconds since 1970.
"""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from server.events.event import Event

CREATED, CONTACTED, STAGE_ENTERED, CONVERTED, LOST = EVENT_TYPES = (
    "lead.created",
    "lead.contacted",
    "lead.stage_entered",
    "lead.converted",
    "lead.lost",
)
MOST_STEPS = 200  # of each lead: the first ones
STAGE = "="  # stands before the name of a stage in steps
NO_CURRENCY = "XXX"  # ISO 4217 for "no currency": of an amount told without one
_GOES_ON = (CREATED, STAGE_ENTERED)
Step = tuple[int, str]  # when it was, and what: the stage that was entered, or what else happened to the lead


def step(event_type: str, stage: str) -> str:
    """Returns how a step is written: "=offer" for the stage "offer", "created" for lead.created; empty for the entry
    of a stage without a name.
    """
    if event_type == STAGE_ENTERED:
        return STAGE + stage if stage else ""
    return event_type.removeprefix("lead.")


def told_by(written: str) -> tuple[str, str]:
    """Returns the type of the event that a step stands for, and the stage that it names."""
    if written.startswith(STAGE):
        return STAGE_ENTERED, written.removeprefix(STAGE)
    return f"lead.{written}", ""


class LeadEvent(NamedTuple):
    """An event of a lead, as far as the lead depends on it. Unset texts are empty."""

    occurred_at: int
    event_key: bytes
    event_type: str
    lead_id: str
    agent_id: str
    channel: str
    team_id: str
    campaign_id: str
    stage: str
    value_micros: int | None  # None: not told
    currency: str

    @classmethod
    def of(cls, event: Event) -> "LeadEvent | None":
        """Returns what an event says of a lead; None where it is of none, or does not say of which."""
        detail = event.detail
        lead_id = str(detail.get("lead_id") or event.resource_id)
        if event.event_type not in EVENT_TYPES or not lead_id:
            return None
        value = detail.get("value_micros")
        return cls(
            occurred_at=event.occurred_at,
            event_key=event.event_key,
            event_type=event.event_type,
            lead_id=lead_id,
            agent_id=event.agent_id,
            channel=event.channel,
            team_id=event.team_id,
            campaign_id=event.campaign_id,
            stage=str(detail.get("stage", "")),
            value_micros=None if value is None else int(value),
            currency=str(detail.get("currency", "")),
        )

    @property
    def counted_currency(self) -> str:
        """The currency of the amount that it tells; empty without an amount."""
        return "" if self.value_micros is None else self.currency or NO_CURRENCY


class LeadAttribution(NamedTuple):
    """To whom and what an event attributes a lead and its amount: values under which they are counted."""

    agent_id: str
    channel: str
    team_id: str
    campaign_id: str
    currency: str  # empty without an amount


# Returns to whom and what an event attributes its lead.
Attribute = Callable[[LeadEvent], LeadAttribution]


class LeadOutcome(enum.IntEnum):
    """How a lead stands."""

    OPEN = 1
    CONVERTED = 2
    LOST = 3


@dataclass(slots=True, kw_only=True)
class Lead:
    """A lead as its events make it. None and empty texts stand for what no event has told.

    It begins with its earliest lead.created, or where none was told with its first event, which also says for whom,
    by which way and for which campaign. Its value is the newest that was told, in the currency that it was told in.
    """

    lead_id: str
    first_at: int  # of any event
    last_at: int
    began_at: int
    began_key: bytes
    is_creation_told: bool
    agent_id: str
    channel: str
    team_id: str
    campaign_id: str
    contacted_at: int | None = None  # the first time
    converted_at: int | None = None  # the first time
    last_converted_at: int | None = None
    lost_at: int | None = None  # the last time
    went_on_at: int | None = None  # when it was created, or entered a stage, the last time
    value_at: int | None = None
    value_key: bytes = b""
    value_micros: int | None = None
    currency: str = ""  # the value under which it is counted
    latest_agent_at: int | None = None
    latest_agent_id: str = ""
    stage_at: int | None = None
    stage: str = ""  # that it entered last, and of several at one time the greatest
    # What events named where it is counted under another value; else empty.
    named_agent_id: str = ""
    named_channel: str = ""
    named_team_id: str = ""
    named_campaign_id: str = ""
    named_currency: str = ""
    steps: tuple[Step, ...] = ()  # in order, each once, the first MOST_STEPS

    @classmethod
    def of(cls, event: LeadEvent, attribute: Attribute) -> "Lead":
        """Returns the lead as a single event makes it."""
        at, event_type, to = event.occurred_at, event.event_type, attribute(event)
        is_valued, one = event.value_micros is not None, step(event.event_type, event.stage)

        def at_if(condition: bool) -> int | None:
            return at if condition else None

        def unless(counted: str, named: str) -> str:
            return "" if named == counted else named

        return cls(
            lead_id=event.lead_id,
            first_at=at,
            last_at=at,
            began_at=at,
            began_key=event.event_key,
            is_creation_told=event_type == CREATED,
            agent_id=to.agent_id,
            channel=to.channel,
            team_id=to.team_id,
            campaign_id=to.campaign_id,
            contacted_at=at_if(event_type == CONTACTED),
            converted_at=at_if(event_type == CONVERTED),
            last_converted_at=at_if(event_type == CONVERTED),
            lost_at=at_if(event_type == LOST),
            went_on_at=at_if(event_type in _GOES_ON),
            value_at=at_if(is_valued),
            value_key=event.event_key if is_valued else b"",
            value_micros=event.value_micros,
            currency=to.currency,
            latest_agent_at=at_if(bool(event.agent_id)),
            latest_agent_id=event.agent_id,
            stage_at=at_if(one.startswith(STAGE)),
            stage=event.stage if one.startswith(STAGE) else "",
            named_agent_id=unless(to.agent_id, event.agent_id),
            named_channel=unless(to.channel, event.channel),
            named_team_id=unless(to.team_id, event.team_id),
            named_campaign_id=unless(to.campaign_id, event.campaign_id),
            named_currency=unless(to.currency, event.counted_currency),
            steps=((at, one),) if one else (),
        )

    def merge(self, other: "Lead") -> None:
        """Takes over what other events say of the lead."""
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        if other._beginning < self._beginning:
            self.began_at, self.began_key = other.began_at, other.began_key
            self.is_creation_told = other.is_creation_told
            self.agent_id, self.channel = other.agent_id, other.channel
            self.team_id, self.campaign_id = other.team_id, other.campaign_id
            self.named_agent_id, self.named_channel = other.named_agent_id, other.named_channel
            self.named_team_id, self.named_campaign_id = other.named_team_id, other.named_campaign_id
        self.contacted_at = _earliest(self.contacted_at, other.contacted_at)
        self.converted_at = _earliest(self.converted_at, other.converted_at)
        self.last_converted_at = _latest(self.last_converted_at, other.last_converted_at)
        self.lost_at = _latest(self.lost_at, other.lost_at)
        self.went_on_at = _latest(self.went_on_at, other.went_on_at)
        if (self.value_at or 0, self.value_key) < (other.value_at or 0, other.value_key):
            self.value_at, self.value_key = other.value_at, other.value_key
            self.value_micros, self.currency = other.value_micros, other.currency
            self.named_currency = other.named_currency
        if (self.latest_agent_at or 0, self.latest_agent_id) < (other.latest_agent_at or 0, other.latest_agent_id):
            self.latest_agent_at, self.latest_agent_id = other.latest_agent_at, other.latest_agent_id
        if (self.stage_at or 0, self.stage) < (other.stage_at or 0, other.stage):
            self.stage_at, self.stage = other.stage_at, other.stage
        if other.steps and other.steps != self.steps:
            self.steps = tuple(sorted({*self.steps, *other.steps})[:MOST_STEPS])

    @property
    def _beginning(self) -> tuple[bool, int, bytes]:
        """Of the beginnings that sets of events tell, the smallest holds."""
        return not self.is_creation_told, self.began_at, self.began_key

    @property
    def outcome(self) -> LeadOutcome:
        """How it stands. Of a conversion and a loss the later holds, and of two at one time the conversion. A lead that
        is lost is open again once it is created, or enters a stage, later than that.
        """
        lost = self.lost_at
        if self.last_converted_at is not None and (lost is None or lost <= self.last_converted_at):
            return LeadOutcome.CONVERTED
        if lost is not None and (self.went_on_at is None or self.went_on_at <= lost):
            return LeadOutcome.LOST
        return LeadOutcome.OPEN


def merged(events: Iterable[LeadEvent], attribute: Attribute) -> dict[str, Lead]:
    """Returns what events say of their leads, by lead_id."""
    found: dict[str, Lead] = {}
    for event in events:
        one = Lead.of(event, attribute)
        known = found.get(event.lead_id)
        if known is None:
            found[event.lead_id] = one
        else:
            known.merge(one)
    return found


def _earliest(known: int | None, at: int | None) -> int | None:
    return at if known is None else known if at is None else min(known, at)


def _latest(known: int | None, at: int | None) -> int | None:
    return at if known is None else known if at is None else max(known, at)
