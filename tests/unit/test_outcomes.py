"""How conversations went: the same whatever order events arrive in, and as the definition says word for word."""

from hypothesis import given
from hypothesis import strategies as st

from server.events import outcomes
from server.events.outcomes import Closing, ClosingKind, ConversationOutcome

AGENTS = ("", "bot", "human")
CLOSINGS = st.lists(
    st.builds(
        lambda at, key, kind, agent: Closing(
            b"c", at, bytes((key,)), kind, agent, f"channel of {agent}", "team", f"from {agent}"
        ),
        st.integers(0, 6),
        st.integers(0, 255),
        st.sampled_from(ClosingKind),
        st.sampled_from(AGENTS),
    ),
    max_size=8,
    unique_by=lambda one: one.event_key,
)


def restated(closings: list[Closing]) -> ConversationOutcome | None:
    """The definition, as naively as it can be said."""
    after = list(closings)
    for reopening in closings:
        if reopening.kind == ClosingKind.REOPENED:
            after = [one for one in after if one.occurred_at > reopening.occurred_at]
    after = [one for one in after if one.kind != ClosingKind.REOPENED]
    if not after:
        return None
    for kind in (ClosingKind.ESCALATED, ClosingKind.RESOLVED, ClosingKind.ABANDONED, ClosingKind.ENDED):
        of_kind = sorted((one for one in after if one.kind == kind), key=lambda one: (one.occurred_at, one.event_key))
        if of_kind:
            first = of_kind[0]
            closed_at = min(one.occurred_at for one in after)
            return ConversationOutcome(
                kind=kind,
                closed_at=closed_at,
                agent_id=first.agent_id,
                channel=first.channel,
                team_id=first.team_id,
                handoff_reason=first.handoff_reason if kind is ClosingKind.ESCALATED else "",
            )
    raise AssertionError("a closing event of no kind")


@given(CLOSINGS)
def test_the_outcome_is_what_the_definition_says(closings: list[Closing]) -> None:
    assert outcomes.outcome(closings) == restated(closings)


@given(st.data(), CLOSINGS)
def test_the_outcome_does_not_depend_on_the_order_of_arrival(data: st.DataObject, closings: list[Closing]) -> None:
    shuffled = data.draw(st.permutations(closings))
    assert outcomes.outcome(shuffled) == outcomes.outcome(closings)


@given(CLOSINGS)
def test_each_step_of_an_arrival_moves_the_count_by_its_difference_and_no_more(closings: list[Closing]) -> None:
    """Compensating one by one ends where counting everything at once ends."""
    counts: dict[ClosingKind, int] = {}
    before: ConversationOutcome | None = None
    for number in range(len(closings)):
        now = outcomes.outcome(closings[: number + 1])
        for outcome, sign in ((before, -1), (now, 1)):
            if outcome is not None:
                counts[outcome.kind] = counts.get(outcome.kind, 0) + sign
        before = now
    assert sum(counts.values()) == (1 if before else 0)
    assert all(count == (before is not None and kind == before.kind) for kind, count in counts.items())


def closing(at: int, kind: ClosingKind, agent: str = "") -> Closing:
    return Closing(b"c", at, bytes((at,)), kind, agent, "", "")


def test_a_human_who_took_over_is_not_forgotten() -> None:
    outcome = outcomes.outcome([closing(1, ClosingKind.ESCALATED, "bot"), closing(5, ClosingKind.RESOLVED, "human")])
    assert outcome is not None
    assert (outcome.kind, outcome.closed_at, outcome.agent_id) == (ClosingKind.ESCALATED, 1, "bot")


def test_a_late_ending_does_not_lower_the_outcome_and_an_early_one_moves_its_time() -> None:
    outcome = outcomes.outcome(
        [closing(5, ClosingKind.RESOLVED, "bot"), closing(2, ClosingKind.ENDED), closing(9, ClosingKind.ENDED)]
    )
    assert outcome is not None
    assert (outcome.kind, outcome.closed_at, outcome.agent_id) == (ClosingKind.RESOLVED, 2, "bot")


def test_reopening_takes_the_outcome_back_until_it_is_closed_again() -> None:
    events = [closing(1, ClosingKind.RESOLVED), closing(2, ClosingKind.REOPENED)]
    assert outcomes.outcome(events) is None
    again = outcomes.outcome([*events, closing(3, ClosingKind.ABANDONED)])
    assert again is not None
    assert (again.kind, again.closed_at) == (ClosingKind.ABANDONED, 3)


def test_a_closing_at_the_instant_of_the_reopening_is_taken_back() -> None:
    assert outcomes.outcome([closing(2, ClosingKind.RESOLVED), closing(2, ClosingKind.REOPENED)]) is None
