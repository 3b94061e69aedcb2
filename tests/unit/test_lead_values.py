"""Leads: the same whatever order events arrive in, in however many portions, and what becomes of them."""

import copy
import itertools
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catalog import cells
from server.catalog import leads as counting
from server.catalog.counting import NO_OVERFLOW
from server.events import lead
from server.events.campaign import CampaignEvent, CampaignProfile
from server.events.lead import Lead, LeadEvent, LeadOutcome

EVENTS = st.lists(
    st.builds(
        lambda at, key, event_type, text, value, currency: LeadEvent(
            at, bytes([key]), event_type, "l", text, text, text, text, text, value, currency
        ),
        st.integers(1, 6),
        st.integers(0, 255),
        st.sampled_from(lead.EVENT_TYPES),
        st.sampled_from(("", "a", "b", "c")),
        st.sampled_from((None, 0, 5)),
        st.sampled_from(("", "EUR")),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda event: event.event_key,
)


def of(events: list[LeadEvent]) -> Lead:
    return lead.merged(events, lambda event: counting.attributed(event, NO_OVERFLOW))["l"]


def merge(one: Lead, other: Lead) -> Lead:
    both = copy.copy(one)
    both.merge(other)
    return both


@given(st.data(), EVENTS)
def test_a_lead_does_not_depend_on_the_order_of_arrival(data: st.DataObject, events: list[LeadEvent]) -> None:
    most = lead.MOST_STEPS
    lead.MOST_STEPS = 2
    try:
        shuffled = data.draw(st.permutations(events))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
        portions = [shuffled[first:last] for first, last in itertools.pairwise([0, *cuts, len(events)])]
        whole = of(events)
        assert reduce(merge, [of(some) for some in portions if some]) == whole
        assert all(merge(whole, of(some)) == whole for some in portions if some), "what is told twice changes nothing"
    finally:
        lead.MOST_STEPS = most


CREATED, CONTACTED, ENTERED, CONVERTED, LOST = lead.EVENT_TYPES
OPEN = LeadOutcome.OPEN


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ([(CREATED, 1), (CONTACTED, 2), (ENTERED, 3)], OPEN),
        ([(CREATED, 1), (CONVERTED, 2)], LeadOutcome.CONVERTED),
        ([(CONVERTED, 2), (ENTERED, 3), (CREATED, 4)], LeadOutcome.CONVERTED),
        ([(CREATED, 1), (LOST, 2), (CONTACTED, 3)], LeadOutcome.LOST),
        ([(ENTERED, 2), (LOST, 2)], LeadOutcome.LOST),
        ([(LOST, 2), (ENTERED, 3)], OPEN),
        ([(LOST, 2), (CREATED, 3)], OPEN),
        ([(LOST, 2), (ENTERED, 3), (LOST, 4)], LeadOutcome.LOST),
        ([(LOST, 2), (CONVERTED, 3)], LeadOutcome.CONVERTED),
        ([(LOST, 2), (CONVERTED, 2)], LeadOutcome.CONVERTED),
        ([(CONVERTED, 2), (LOST, 3)], LeadOutcome.LOST),
        ([(CONVERTED, 2), (LOST, 3), (ENTERED, 4)], OPEN),
        ([(CONVERTED, 2), (LOST, 3), (CONVERTED, 4)], LeadOutcome.CONVERTED),
    ],
)
def test_outcomes(told: list[tuple[str, int]], outcome: LeadOutcome) -> None:
    events = [LeadEvent(at, bytes([at]), event_type, "l", *[""] * 5, None, "") for event_type, at in told]
    assert of(events).outcome is outcome


def test_campaigns_do_not_depend_on_the_order_of_arrival() -> None:
    started, ended, cost = ("campaign.started", "campaign.ended", "campaign.cost_recorded")
    events = [
        CampaignEvent(1, started, "c", "Old"),
        CampaignEvent(5, started, "c", ""),
        CampaignEvent(4, ended, "c", "New"),
        CampaignEvent(4, cost, "c", "A greater name is told later"),
        CampaignEvent(3, ended, "c", ""),
    ]
    made = []
    for order in itertools.permutations(events):
        profile = CampaignProfile.of(order[0])
        for event in order[1:]:
            profile.take(event)
        made.append(profile)
    assert all(one == made[0] for one in made)
    one = made[0]
    assert (one.started_at, one.last_started_at, one.ended_at, one.name) == (1, 5, 4, "New")
    assert (one.first_seen_at, one.last_seen_at) == (1, 5)


def test_values_that_are_counted_under_others_keep_their_names() -> None:
    event = LeadEvent(1, b"1", CREATED, "l", "ada", "web", "north", "spring", "", 5, "EUR")
    other = event._replace(occurred_at=2, event_key=b"2", campaign_id="autumn", currency="")

    def attribute(one: LeadEvent) -> counting.LeadAttribution:
        return counting.told(one)._replace(campaign_id=cells.OTHER, currency=cells.OTHER)

    for some in ([event, other], [other, event]):
        found = lead.merged(some, attribute)["l"]
        assert (found.agent_id, found.named_agent_id) == ("ada", "")
        assert (found.campaign_id, found.named_campaign_id) == (cells.OTHER, "spring")
        assert (found.currency, found.named_currency) == (cells.OTHER, lead.NO_CURRENCY)
