"""The judge is judged: histories with a planted fault, which must be found, and a good one in which nothing is."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.harness.faults import checker, model
from tests.harness.faults.checker import Logged, Stored
from tests.harness.faults.clients import Tenant
from tests.harness.faults.history import ACCEPTED, DUPLICATE, REJECTED, Audit, Call, Failure, Fault, History, Read
from tests.harness.faults.workload import Business, Fact

ORGANIZATION = 7


def call(
    began: float, ended: float, *event_ids: str, status: str = ACCEPTED, revision: int = 0, error: str = ""
) -> Call:
    """A call that was acknowledged, or ended with an error."""
    return Call(
        organization=ORGANIZATION,
        client="batch",
        server="one",
        began=began,
        ended=ended,
        event_ids=event_ids,
        results=() if error else tuple((event_id, status) for event_id in event_ids),
        revision=revision,
        error=error,
    )


def read(
    began: float,
    ended: float,
    events: int,
    revision: int,
    *,
    client: str = "reader",
    types: int = -1,
    conversations: int = 1,
) -> Read:
    """An answer. All events but the last one are of one conversation."""
    return Read(
        organization=ORGANIZATION,
        client=client,
        server="two",
        began=began,
        ended=ended,
        events=events,
        conversations=conversations,
        revision=revision,
        sums={"events by type": (events, types if types >= 0 else events)},
    )


# Three calls; the second one's answer is lost with the server, and it is sent again. Revision 3 is a projection's.
CALLS = (
    call(1.0, 1.1, "a", "b", revision=1),
    call(2.0, 2.4, "c", error="UNAVAILABLE"),
    call(3.0, 3.1, "c", status=DUPLICATE),
    call(4.0, 4.1, "d", revision=4),
)
READS = (
    read(1.5, 1.6, 2, 1),
    read(2.1, 2.2, 3, 2),
    read(3.5, 3.6, 3, 3),
    read(4.05, 4.3, 4, 4, conversations=2),
)
STORED = Stored(
    organization=ORGANIZATION,
    revision=4,
    events=(("a", 1), ("b", 1), ("c", 2), ("d", 4)),
    keys=("a", "b", "c", "d"),
    updates={1: Logged(events=2), 2: Logged(events=1), 3: Logged(events=0), 4: Logged(events=1)},
    delta_revisions=frozenset((2, 3, 4)),
)
FACTS = {
    event_id: Fact(
        event_id=event_id,
        event_type="message.sent",
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        conversation_id="other" if event_id == "d" else "one",
    )
    for event_id in "abcde"
}


def found(
    *,
    calls: Sequence[Call] = CALLS,
    reads: Sequence[Read] = READS,
    stored: Stored = STORED,
    more: Sequence[object] = (),
) -> set[str]:
    """The checks that a history does not pass."""
    history = History()
    for entry in (*calls, *reads, Fault(at=2.2, what="kill", victim="server-0"), *more):
        history.add(entry)  # type: ignore[arg-type]
    return {violation.check for violation in checker.judge(history, {ORGANIZATION: stored}, {ORGANIZATION: FACTS})}


def test_a_good_history_is_good() -> None:
    assert found() == set()


def test_a_lost_ack_is_found_and_shown_with_the_fault_that_may_have_done_it() -> None:
    stored = replace(STORED, events=STORED.events[:3], keys=STORED.keys[:3], revision=3, delta_revisions=frozenset())
    assert "lost ack" in found(stored=stored)
    history = History()
    for entry in (*CALLS, Fault(at=4.2, what="kill", victim="postgres")):
        history.add(entry)
    violations = checker.judge(history, {ORGANIZATION: stored}, {ORGANIZATION: FACTS})
    (lost,) = (one for one in violations if one.check == "lost ack")
    assert "d, one of 1" in lost.text
    assert [line for line in lost.evidence if "kill postgres" in line]
    assert [line for line in lost.evidence if "this one accepted" in line]


def test_an_event_that_was_sent_again_and_again_must_be_there() -> None:
    calls = (*CALLS, call(5.0, 5.1, "e", error="CANCELLED"))
    assert found(calls=calls) == {"never stored"}


def test_an_event_that_nobody_sent_is_found() -> None:
    updates = {**STORED.updates, 4: Logged(events=2)}
    stored = replace(STORED, events=(*STORED.events, ("x", 4)), keys=(*STORED.keys, "x"), updates=updates)
    assert found(stored=stored) == {"stored though never sent"}


def test_an_event_that_is_stored_twice_is_found() -> None:
    updates = {**STORED.updates, 4: Logged(events=2)}
    assert found(stored=replace(STORED, events=(*STORED.events, ("a", 4)), updates=updates)) == {"stored twice"}


def test_keys_and_events_must_match() -> None:
    assert found(stored=replace(STORED, keys=("a", "b", "c"))) == {"no key"}
    assert found(stored=replace(STORED, keys=("a", "b", "c", "d", "y"))) == {"key without event"}
    assert found(stored=replace(STORED, keys=("a", "a", "b", "c", "d"))) == {"two keys"}


def test_an_event_that_is_new_twice_is_found() -> None:
    assert found(calls=(*CALLS, call(6.0, 6.1, "a"))) == {"accepted twice"}


def test_a_good_event_that_is_refused_is_found() -> None:
    assert found(calls=(*CALLS, call(6.0, 6.1, "a", status=f"{REJECTED} no"))) == {"refused"}


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        (read(3.5, 3.6, 2, 3), {"stale read"}),  # c was acknowledged at 3.1
        (read(3.5, 3.6, 4, 3), {"counted too much"}),  # d was sent at 4.0
        (read(4.2, 4.3, 5, 4, conversations=2), {"counted too much"}),
        (read(4.2, 4.3, 4, 4, conversations=1), {"stale conversations"}),
        (read(3.5, 3.6, 3, 3, conversations=2), {"too many conversations"}),
        (read(4.2, 4.3, 4, 3, client="other", conversations=2), {"own write not read"}),  # 4 was acknowledged at 4.1
        (read(4.2, 4.3, 4, 5, client="other", conversations=2), set()),  # of a projection
        (read(3.7, 3.8, 3, 1), {"revision went back"}),
        (read(3.7, 3.8, 3, 1, client="other"), set()),  # of another client, that is allowed
        (read(4.2, 4.3, 4, 4, conversations=2, types=3), {"torn answer"}),
    ],
)
def test_a_wrong_answer_is_found(planted: Read, expected: set[str]) -> None:
    assert found(reads=(*READS, planted)) == expected


def test_a_double_count_is_found_while_its_events_are_still_on_their_way() -> None:
    calls = (*CALLS, call(5.0, 9.0, "e"))
    stored = replace(
        STORED,
        events=(*STORED.events, ("e", 5)),
        keys=(*STORED.keys, "e"),
        updates={**STORED.updates, 5: Logged(events=1)},
        revision=5,
    )
    assert found(calls=calls, reads=(read(6.0, 6.1, 5, 5, conversations=2),), stored=stored) == set()
    assert found(calls=calls, reads=(read(6.0, 6.1, 6, 5, conversations=2),), stored=stored) == {"counted too much"}


def test_a_gap_in_the_revisions_is_found() -> None:
    without = {revision: update for revision, update in STORED.updates.items() if revision != 3}
    assert found(stored=replace(STORED, updates=without)) == {"revision gap"}


def test_an_update_that_counts_other_events_than_its_own_is_found() -> None:
    for update in (Logged(events=2), Logged(events=0)):
        updates = {**STORED.updates, 4: update}
        assert found(stored=replace(STORED, updates=updates)) == {"update miscounts"}


def test_a_projection_that_has_stopped_is_found() -> None:
    assert found(stored=replace(STORED, stopped=("conversations at revision 2: a fault",))) == {"projection stopped"}


def test_a_revision_that_was_never_taken_is_found() -> None:
    assert found(stored=replace(STORED, delta_revisions=frozenset((5,)))) == {"revision unknown"}
    assert found(stored=replace(STORED, revision=3)) == {"revision unknown"}


def test_a_recount_that_differs_and_a_wrong_status_are_found() -> None:
    audit = Audit(check="audit", organization=ORGANIZATION, at=3.0, mismatches=2, examples="cell")
    failure = Failure(at=3.0, client="batch", server="one", code="INTERNAL", message="a fault")
    assert found(more=(audit,)) == {"audit"}
    assert found(more=(failure,)) == {"status"}
    assert found(more=(replace(failure, code="UNAVAILABLE"), replace(audit, mismatches=0))) == set()


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(what: str, minute: int, agent: str = "", **numbers: int) -> Fact:
    """A fact of a conversation."""
    return Fact(
        event_id=f"{what} {minute}",
        event_type=what if "." in what else f"conversation.{what}",
        occurred_at=AT + timedelta(minutes=minute),
        agent_id=agent,
        conversation_id="one",
        numbers=numbers,
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([told("resolved", 5, "ada")], [("resolved", 5, "ada")]),
        ([told("resolved", 5, "ada"), told("reopened", 6)], []),
        ([told("reopened", 4), told("resolved", 5, "ada")], [("resolved", 5, "ada")]),
        ([told("escalated", 9, "eve"), told("ended", 5, "ada")], [("escalated", 5, "eve")]),
        ([told("escalated", 2), told("reopened", 3), told("ended", 5, "ada")], [("ended", 5, "ada")]),
        ([told("abandoned", 7, "eve"), told("abandoned", 6, "ada")], [("abandoned", 6, "ada")]),
    ],
)
def test_the_model_knows_how_conversations_end(facts: list[Fact], expected: list[tuple[str, int, str]]) -> None:
    for some in (facts, facts[::-1]):
        closed = [
            (outcome, (one.at - AT).seconds // 60, one.agent_id)
            for one in model.moments(some)
            for outcome in ("resolved", "escalated", "abandoned", "ended")
            if one.figures.get(f"conversations_{outcome}")
        ]
        assert closed == expected


MINUTE = 60_000  # milliseconds


def test_the_model_knows_when_conversations_begin_and_who_resolves_them() -> None:
    facts = [
        told("message.received", 1, "ada"),
        told("started", 2, "bot"),
        told("message.sent", 4, "bot"),
        told("started", 5, "eve"),
        told("escalated", 7, "bot"),
        told("message.sent", 8, "eve", by_human=1),
        told("resolved", 9, "eve"),
    ]
    for some in (facts, facts[::-1]):
        moments = {(one.at - AT).seconds // 60: one for one in model.moments(some)}
        assert {minute: one.agent_id for minute, one in moments.items()} == {2: "bot", 7: "bot", 9: "eve"}
        figures = model.of_conversations(moments.values())
        assert {name: count for name, count in figures.items() if count} == {
            "total_conversations": 1,
            "first_response_time_ms": 2 * MINUTE,
            "first_human_response_time_ms": 6 * MINUTE,
            "human_wait_time_ms": MINUTE,
            "conversations_escalated": 1,
            "escalated_conversations_resolved": 1,
            "closed_conversation_messages": 3,
            "conversation_duration_ms": 5 * MINUTE,
            "human_resolutions": 1,
            "final_resolution_time_ms": 7 * MINUTE,
        }
    (begun,) = model.moments(facts[:1])
    assert (begun.at, begun.agent_id) == (facts[0].occurred_at, "ada"), "without a start, the first fact"


def test_a_conversation_that_was_handed_over_is_active_until_somebody_closes_it() -> None:
    facts = [told("started", 0, "bot"), told("escalated", 3, "bot")]
    now = AT + timedelta(minutes=10)
    assert model.active(facts, now) == 1
    assert model.active([*facts, told("message.sent", 4)], now, "agent_id", ("bot",)) == 1, "the last that was told"
    assert model.active(facts, now, "agent_id", ("eve",)) == 0
    assert model.active([*facts, told("resolved", 5, "eve")], now) == 0
    assert model.active(facts, now + timedelta(hours=1)) == 0


def test_the_same_seed_makes_the_same_facts() -> None:
    facts = Business("3/1", AT).facts(2_000)
    assert facts == Business("3/1", AT).facts(2_000)
    assert facts != Business("4/1", AT).facts(2_000)
    assert len({fact.event_id for fact in facts}) == len({fact.occurred_at for fact in facts}) == 2_000


def test_facts_of_an_organization_are_those_of_now() -> None:
    """An audit asks for them before it looks at what is stored: a copy would lack what is sent in between."""
    business = Business("x", datetime(2026, 1, 1, tzinfo=UTC))
    common: dict[str, Any] = {"organization": 1, "key": "", "time_zone": "UTC", "servers": (), "business": business}
    tenant = Tenant(**common, stray=Tenant(**common))
    facts = tenant.all_facts
    sent = tenant.take(2, random.Random(1))
    assert set(facts) == {fact.event_id for fact in sent}
