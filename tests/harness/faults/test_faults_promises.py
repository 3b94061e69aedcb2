"""The judge of streams is judged: deliveries with a planted fault, which exactly one promise must find."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tallywire.v1 import realtime_service_pb2 as messages
from tests.harness.faults import promises, stream_checks
from tests.harness.faults.checker import Logged, Stored
from tests.harness.faults.history import Delivered, History, Resumed, Shown
from tests.harness.faults.promises import Assembly, Content, Delivery, Table
from tests.harness.faults.stream_checks import Subscription
from tests.harness.faults.subscribers import Interest
from tests.harness.faults.workload import Fact

Problems = Callable[[Sequence[Delivery]], Iterator[str]]


def bookmark(connection: int, revision: int) -> Delivery:
    return Delivery(connection=connection, revision=revision, bookmark=True)


def update(connection: int, revision: int, *, resumable: bool = True) -> Delivery:
    """An update with as many events as its revision says; that of a projection has none."""
    ids = () if revision == PROJECTED else tuple(f"{revision}/{number}" for number in range(revision))
    begun = BEGUN if revision == PROJECTED else 0
    return Delivery(
        connection=connection, revision=revision, resumable=resumable, counted=len(ids), begun=begun, event_ids=ids
    )


PROJECTED, BEGUN = 3, -2
# Two connections; the second one is opened with the token of revision 2.
GOOD = (bookmark(1, 0), update(1, 1), update(1, 2), bookmark(2, 2), update(2, 3), update(2, 4), bookmark(2, 4))
RESUMED = {2: 2}
CONTENTS = {
    one.revision: Content(counted=one.counted, begun=one.begun, event_ids=one.event_ids)
    for one in (update(1, revision) for revision in range(1, 5))
}
PROMISES: dict[str, Problems] = {
    "ordered": promises.ordered,
    "unique": promises.unique,
    "reliable": lambda reported: promises.reliable(reported, 4),
    "atomic": lambda reported: promises.atomic(reported, CONTENTS),
    "resumable": lambda reported: promises.resumable(reported, RESUMED),
    "bookmarkable": promises.bookmarkable,
}


def without(position: int) -> tuple[Delivery, ...]:
    return GOOD[:position] + GOOD[position + 1 :]


@pytest.mark.parametrize(
    ("reported", "broken"),
    [
        (GOOD, set()),
        (without(2), {"reliable"}),
        (without(4), {"reliable", "resumable"}),
        (without(5), {"reliable", "bookmarkable", "resumable"}),
        (without(0), {"bookmarkable", "reliable"}),  # which then begins with the next bookmark
        ((*GOOD[:4], update(2, 2), *GOOD[4:]), {"unique", "resumable"}),
        ((*GOOD[:4], GOOD[5], GOOD[4], GOOD[6]), {"ordered", "resumable", "bookmarkable"}),
        ((*GOOD, update(2, 5)), {"reliable"}),
        ((*GOOD[:5], replace(GOOD[5], event_ids=GOOD[5].event_ids[:-1]), GOOD[6]), {"atomic"}),
        ((*GOOD[:5], replace(GOOD[5], counted=5), GOOD[6]), {"atomic"}),
        ((*GOOD[:4], replace(GOOD[4], begun=-1), *GOOD[5:]), {"atomic"}),
        ((*GOOD[:3], bookmark(2, 3), *GOOD[4:]), {"resumable"}),
        ((*GOOD[:6], bookmark(2, 3)), {"bookmarkable", "resumable"}),
        ((*GOOD[:5], update(2, 4, resumable=False), GOOD[6]), {"bookmarkable"}),
    ],
)
def test_each_promise_finds_what_breaks_it(reported: Sequence[Delivery], broken: set[str]) -> None:
    assert {name for name, problems in PROMISES.items() if list(problems(reported))} == broken


def test_states_must_not_go_back() -> None:
    assert not list(promises.monotonic([1, 1, 4]))
    assert list(promises.monotonic([1, 4, 3]))


def part(revision: int, agent: str, *, more: bool) -> messages.WatchUpdatesResponse:
    changes = [
        messages.MeasureChange(dimension=dimension, value=value, measure=measure, count=count)
        for dimension, value in ((messages.CHANGE_DIMENSION_AGENT, agent), (messages.CHANGE_DIMENSION_TOTAL, ""))
        for measure, count in (("events", 2), ("total_conversations", -1))
    ]
    return messages.WatchUpdatesResponse(
        revision=revision, changes=changes, more=more, resume_token="" if more else "token"
    )


def test_an_update_in_parts_is_one_delivery_and_one_that_was_cut_off_is_none() -> None:
    assembly, table = Assembly(messages.CHANGE_DIMENSION_AGENT), Table()
    assert assembly.take(part(7, "ada", more=True), 1) is None
    parts = [part(8, "ada", more=True), part(8, "eve", more=False)]
    (delivery,) = filter(None, [assembly.take(one, 1) for one in parts])
    assert (delivery.revision, delivery.counted, delivery.begun, delivery.resumable) == (8, 4, -2, True)
    for one in parts:
        table.take(one)
    counts = table.counts("events", dimension=messages.CHANGE_DIMENSION_AGENT, value="eve")
    assert list(counts.values()) == [2]
    assert not table.counts("messages_sent")


ORGANIZATION, AT = 7, datetime(2026, 3, 1, tzinfo=UTC)
INTEREST = Interest(dimension="agent", values=("ada",), include_events=True)


def found(reported: Sequence[Delivery], *, shown: Sequence[int] = ()) -> set[str]:
    """The checks that a history does not pass in which every event of revisions 1 to 4 is ada's, and eve has others."""
    history = History()
    common = {"organization": ORGANIZATION, "subscriber": "reader", "server": "one", "at": 1.0}
    for delivery in reported:
        history.add(Delivered(**common, delivery=delivery))  # type: ignore[arg-type]
    for connection, after in RESUMED.items():
        history.add(Resumed(**common, connection=connection, after=after))  # type: ignore[arg-type]
    for revision in shown:
        history.add(Shown(**common, connection=1, revision=revision))  # type: ignore[arg-type]
    adas = [(event_id, revision) for revision in CONTENTS for event_id in update(1, revision).event_ids]
    events = [*adas, ("other", 4)]
    facts = {
        event_id: Fact(
            event_id=event_id,
            event_type="message.sent",
            occurred_at=AT,
            agent_id="eve" if event_id == "other" else "ada",
        )
        for event_id, _ in events
    }
    begun = {("agent_id", "ada"): BEGUN, ("", ""): BEGUN - 1}
    updates = {revision: Logged(events=0, begun=begun if revision == PROJECTED else {}) for revision in CONTENTS}
    stored = Stored(organization=ORGANIZATION, revision=4, events=events, keys=(), updates=updates)
    subscription = Subscription(organization=ORGANIZATION, subscriber="reader", interest=INTEREST)
    violations = stream_checks.judge(history, [subscription], {ORGANIZATION: stored}, {ORGANIZATION: facts})
    return {violation.check for violation in violations}


def test_a_history_of_subscribers_is_judged_by_what_is_stored() -> None:
    assert found(GOOD, shown=(1, 2)) == set()
    assert found(without(2)) == {"stream gap"}
    assert found(GOOD[:-3], shown=(2, 1)) == {"stream gap", "state went back"}
    others = replace(GOOD[5], event_ids=(*GOOD[5].event_ids, "other"))
    assert found((*GOOD[:5], others, *GOOD[6:])) == {"update not whole"}
    assert found((*GOOD[:4], replace(GOOD[4], begun=0), *GOOD[5:])) == {"update not whole"}
