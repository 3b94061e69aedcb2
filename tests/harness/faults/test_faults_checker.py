"""The judge is judged: histories with a planted fault, which must be found, and a good one in which nothing is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.faults import checker, model
from tests.harness.faults.checker import Stored
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


def read(began: float, ended: float, events: int, revision: int, *, client: str = "reader", types: int = -1) -> Read:
    """An answer."""
    return Read(
        organization=ORGANIZATION,
        client=client,
        server="two",
        began=began,
        ended=ended,
        events=events,
        revision=revision,
        sums={"events by type": (events, types if types >= 0 else events)},
    )


# Three calls; the second one's answer is lost with the server, and it is sent again.
CALLS = (
    call(1.0, 1.1, "a", "b", revision=1),
    call(2.0, 2.4, "c", error="UNAVAILABLE"),
    call(3.0, 3.1, "c", status=DUPLICATE),
    call(4.0, 4.1, "d", revision=3),
)
READS = (read(1.5, 1.6, 2, 1), read(2.1, 2.2, 3, 2), read(3.5, 3.6, 3, 2), read(4.05, 4.3, 4, 3))
STORED = Stored(
    organization=ORGANIZATION,
    revision=3,
    events=(("a", 1), ("b", 1), ("c", 2), ("d", 3)),
    keys=("a", "b", "c", "d"),
    delta_revisions=frozenset((2, 3)),
)


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
    return {violation.check for violation in checker.judge(history, {ORGANIZATION: stored})}


def test_a_good_history_is_good() -> None:
    assert found() == set()


def test_a_lost_ack_is_found_and_shown_with_the_fault_that_may_have_done_it() -> None:
    stored = replace(STORED, events=STORED.events[:3], keys=STORED.keys[:3], revision=2, delta_revisions=frozenset())
    assert "lost ack" in found(stored=stored)
    history = History()
    for entry in (*CALLS, Fault(at=4.2, what="kill", victim="postgres")):
        history.add(entry)
    (lost,) = (one for one in checker.judge(history, {ORGANIZATION: stored}) if one.check == "lost ack")
    assert "d, one of 1" in lost.text
    assert [line for line in lost.evidence if "kill postgres" in line]
    assert [line for line in lost.evidence if "this one accepted" in line]


def test_an_event_that_was_sent_again_and_again_must_be_there() -> None:
    calls = (*CALLS, call(5.0, 5.1, "e", error="CANCELLED"))
    assert found(calls=calls) == {"never stored"}


def test_an_event_that_nobody_sent_is_found() -> None:
    stored = replace(STORED, events=(*STORED.events, ("x", 3)), keys=(*STORED.keys, "x"))
    assert found(stored=stored) == {"stored though never sent"}


def test_an_event_that_is_stored_twice_is_found() -> None:
    assert found(stored=replace(STORED, events=(*STORED.events, ("a", 3)))) == {"stored twice"}


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
        (read(3.5, 3.6, 2, 2), {"stale read"}),  # c was acknowledged at 3.1
        (read(3.5, 3.6, 4, 2), {"counted too much"}),  # d was sent at 4.0
        (read(4.2, 4.3, 5, 3), {"counted too much"}),
        (read(4.2, 4.3, 4, 2, client="other"), {"own write not read"}),  # 3 was acknowledged at 4.1
        (read(3.7, 3.8, 3, 1), {"revision went back"}),
        (read(3.7, 3.8, 3, 1, client="other"), set()),  # of another client, that is allowed
        (read(4.2, 4.3, 4, 3, types=3), {"torn answer"}),
    ],
)
def test_a_wrong_answer_is_found(planted: Read, expected: set[str]) -> None:
    assert found(reads=(*READS, planted)) == expected


def test_a_double_count_is_found_while_its_events_are_still_on_their_way() -> None:
    calls = (*CALLS, call(5.0, 9.0, "e"))
    stored = replace(STORED, events=(*STORED.events, ("e", 4)), keys=(*STORED.keys, "e"), revision=4)
    assert found(calls=calls, reads=(read(6.0, 6.1, 5, 4),), stored=stored) == set()
    assert found(calls=calls, reads=(read(6.0, 6.1, 6, 4),), stored=stored) == {"counted too much"}


def test_a_gap_in_the_revisions_is_found() -> None:
    stored = replace(STORED, events=(("a", 1), ("b", 1), ("c", 2), ("d", 4)), revision=4)
    assert found(stored=stored) == {"revision gap"}


def test_a_revision_that_was_never_taken_is_found() -> None:
    assert found(stored=replace(STORED, delta_revisions=frozenset((4,)))) == {"revision unknown"}
    assert found(stored=replace(STORED, revision=2)) == {"revision unknown"}


def test_a_recount_that_differs_and_a_wrong_status_are_found() -> None:
    audit = Audit(organization=ORGANIZATION, at=3.0, events=3, mismatches=2, examples="cell")
    failure = Failure(at=3.0, client="batch", server="one", code="INTERNAL", message="a fault")
    assert found(more=(audit,)) == {"audit"}
    assert found(more=(failure,)) == {"status"}
    assert found(more=(replace(failure, code="UNAVAILABLE"), replace(audit, mismatches=0))) == set()


AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def closing(what: str, minute: int, agent: str = "") -> Fact:
    """A closing or reopening event of a conversation."""
    return Fact(
        event_id=f"{what} {minute}",
        event_type=f"conversation.{what}",
        occurred_at=AT + timedelta(minutes=minute),
        agent_id=agent,
        conversation_id="one",
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], []),
        ([closing("resolved", 5, "ada")], [("resolved", 5, "ada")]),
        ([closing("resolved", 5, "ada"), closing("reopened", 6)], []),
        ([closing("reopened", 4), closing("resolved", 5, "ada")], [("resolved", 5, "ada")]),
        ([closing("escalated", 9, "eve"), closing("ended", 5, "ada")], [("escalated", 5, "eve")]),
        ([closing("escalated", 2), closing("reopened", 3), closing("ended", 5, "ada")], [("ended", 5, "ada")]),
        ([closing("abandoned", 7, "eve"), closing("abandoned", 6, "ada")], [("abandoned", 6, "ada")]),
    ],
)
def test_the_model_knows_how_conversations_end(facts: list[Fact], expected: list[tuple[str, int, str]]) -> None:
    for some in (facts, facts[::-1]):
        closed = model.closed(some)
        assert [(one.outcome, (one.closed_at - AT).seconds // 60, one.agent_id) for one in closed] == expected


def test_the_same_seed_makes_the_same_facts() -> None:
    facts = Business("3/1", AT).facts(2_000)
    assert facts == Business("3/1", AT).facts(2_000)
    assert facts != Business("4/1", AT).facts(2_000)
    assert len({fact.event_id for fact in facts}) == len({fact.occurred_at for fact in facts}) == 2_000
