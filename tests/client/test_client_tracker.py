"""The Tracker: bounds, batches, retries with the same ids, flush, close, fork; and it never raises."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail, Reject

import tallywire
from tallywire import buffer, lost_events, sender
from tallywire.v1 import event_pb2
from tests.support.waiting import PATIENCE

Options = dict[str, Any]


@pytest.fixture
def tracker(running: scripted.Running) -> Iterator[tallywire.Tracker]:
    """A tracker that sends after 0.05 s."""
    with tallywire.Tracker(running.address, api_key="k", flush_interval=0.05) as tracker:
        yield tracker


def balanced(stats: tallywire.Stats, given: int) -> bool:
    """Returns whether every event is in exactly one count."""
    settled = stats.sent + stats.duplicates + stats.rejected + stats.invalid + stats.dropped + stats.failed
    return settled + stats.pending == given


def test_events_go_out_by_themselves(tracker: tallywire.Tracker, script: scripted.Script) -> None:
    assert tracker.track("message.sent", agent_id="a", response_time_ms=5)
    assert tracker.track(event_pb2.Event(event_type="a.b"))
    deadline = time.monotonic() + PATIENCE
    while tracker.stats().sent < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert tracker.stats() == tallywire.Stats(
        sent=2, duplicates=0, rejected=0, invalid=0, dropped=0, failed=0, pending=0
    )
    assert all(event.event_id for event in script.stored.values())
    assert script.requests[0].HasField("sent_at")
    assert script.metadata[0]["authorization"] == "Bearer k"


def test_flush_sends_at_once(running: scripted.Running, script: scripted.Script) -> None:
    with tallywire.Tracker(running.address, api_key="k", flush_interval=60) as tracker:
        assert tracker.flush()
        for _ in range(1_200):
            tracker.track("a.b")
        assert tracker.flush(10)
        assert tracker.stats().sent == 1_200
    # The first 500 may have gone out before all were there; none is sent twice.
    assert sum(len(request.events) for request in script.requests) == 1_200
    assert max(len(request.events) for request in script.requests) == 500


def test_full_batches_do_not_wait_for_the_interval(running: scripted.Running) -> None:
    with tallywire.Tracker(running.address, api_key="k", flush_interval=60, batch_size=10) as tracker:
        for _ in range(10):
            tracker.track("a.b")
        deadline = time.monotonic() + PATIENCE
        while tracker.stats().sent < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert tracker.stats().sent == 10


@pytest.mark.parametrize(
    "step",
    [
        Fail(store=True),
        Fail(code=code_pb2.DEADLINE_EXCEEDED, store=True),
        Fail(code=code_pb2.INTERNAL, store=True),
        Fail(code=code_pb2.UNKNOWN, store=True, bare=True),
        Fail(code=code_pb2.ABORTED, store=True),
    ],
)
def test_unknown_outcomes_are_sent_again_with_the_same_ids(
    running: scripted.Running, script: scripted.Script, step: Fail
) -> None:
    script.play(step, step)
    # Both wait for the flush, and go together, however slow the machine is.
    with tallywire.Tracker(running.address, api_key="k", flush_interval=60) as tracker:
        tracker.track("a.b")
        tracker.track("a.b")
        assert tracker.flush(10)
        assert tracker.stats().duplicates == 2
    assert len(script.ids()) == 3
    assert all(ids == script.ids()[0] for ids in script.ids())


def test_every_try_has_its_own_sent_at(tracker: tallywire.Tracker, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, retry_after=0.1))
    tracker.track("a.b")
    assert tracker.flush(5)
    first, second = (request.sent_at.ToNanoseconds() for request in script.requests)
    assert second - first > 90_000_000


def test_definite_refusals_are_not_sent_again(
    tracker: tallywire.Tracker, script: scripted.Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.play(Fail(code=code_pb2.UNAUTHENTICATED, reason="CREDENTIALS_INVALID"))
    tracker.track("a.b")
    assert tracker.flush(5)
    assert tracker.stats().failed == 1
    assert len(script.requests) == 1
    assert "CREDENTIALS_INVALID" in caplog.text


def test_a_tracker_waits_as_long_as_it_is_asked_to(tracker: tallywire.Tracker, script: scripted.Script) -> None:
    script.play(Fail(code=code_pb2.RESOURCE_EXHAUSTED, reason="EVENT_RATE", retry_after=0.4))
    begin = time.monotonic()
    tracker.track("a.b")
    assert tracker.flush(10)
    assert time.monotonic() - begin >= 0.4
    assert (tracker.stats().sent, len(script.requests)) == (1, 2)


def test_rejections_are_counted_and_logged_once(
    tracker: tallywire.Tracker, script: scripted.Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.play(Reject(), Reject())
    for _ in range(2):
        tracker.track("a.b")
        tracker.track("a.b")
        assert tracker.flush(5)
    assert tracker.stats().rejected == 4
    assert caplog.text.count("VALUE_OUT_OF_RANGE message.prompt_tokens") == 1


def test_retries_end_after_retry_for(running: scripted.Running, script: scripted.Script) -> None:
    script.play(*[Fail()] * 100)
    with tallywire.Tracker(running.address, api_key="k", flush_interval=0.01, retry_for=0.5) as tracker:
        tracker.track("a.b")
        assert tracker.flush(5)
        assert tracker.stats().failed == 1


def test_the_newest_is_dropped_when_the_buffer_is_full(
    running: scripted.Running, script: scripted.Script, caplog: pytest.LogCaptureFixture
) -> None:
    script.hold.clear()
    with tallywire.Tracker(running.address, api_key="k", flush_interval=0.01, max_events=10) as tracker:
        taken = [tracker.track("a.b", event_id=f"e{number}") for number in range(30)]
        assert taken == [True] * 10 + [False] * 20
        assert (tracker.stats().pending, tracker.stats().dropped) == (10, 20)
        script.hold.set()
        assert tracker.flush(5)
        assert tracker.track("a.b")
        assert tracker.flush(5)
    assert sorted(script.stored)[1:] == sorted(f"e{number}" for number in range(10))
    assert balanced(tracker.stats(), 31)
    # The first at once, and all others when the tracker ends, since no minute has passed.
    assert [record.getMessage() for record in caplog.records] == [
        "1 event is lost: 1 × the buffer of the tracker is full",
        "19 events are lost: 19 × the buffer of the tracker is full",
    ]


def test_the_buffer_is_bounded_in_bytes(running: scripted.Running, script: scripted.Script) -> None:
    script.hold.clear()
    with tallywire.Tracker(running.address, api_key="k", max_bytes=100_000) as tracker:
        taken = [tracker.track("a.b", properties={"text": "x" * 15_000}) for _ in range(10)]
        assert taken == [True] * 6 + [False] * 4
        script.hold.set()
        assert tracker.flush(5)
        assert tracker.track("a.b", properties={"text": "x" * 15_000})


def test_batches_stay_below_the_size_of_a_message(running: scripted.Running, script: scripted.Script) -> None:
    with tallywire.Tracker(running.address, api_key="k", max_bytes=64 * 1024 * 1024, flush_interval=9) as tracker:
        for _ in range(100):
            tracker.track("a.b", properties={"text": "x" * 60_000})
        assert tracker.flush(10)
        assert tracker.stats().sent == 100
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("argument", "fields"),
    [
        ("message.sent", {"latency": 3}),
        ("message.sent", {"response_time_ms": "a"}),
        ("message.sent", {"agent_id": 4.5}),
        ("message.sent", {"agent_id": "\ud800"}),
        ("message.sent", {"properties": {"a": object()}}),
        ("message.sent", {"properties": 7}),
        ("message.sent", {"occurred_at": "now"}),
        ("message.sent", {"properties": {"text": "x" * 4_000_000}}),
        (event_pb2.Event(), {"agent_id": "a"}),
        (None, {}),
        (object(), {}),
    ],
)
def test_nothing_raises(
    tracker: tallywire.Tracker, caplog: pytest.LogCaptureFixture, argument: Any, fields: Options
) -> None:
    for _ in range(3):
        assert tracker.track(argument, **fields) is False
    assert tracker.stats().invalid == 3
    assert len(caplog.records) == 1
    tracker.close()
    assert [record.getMessage()[:20] for record in caplog.records] == ["1 event is lost: 1 ×", "2 events are lost: 2"]


def test_losses_are_reported_with_numbers_and_reasons(
    running: scripted.Running, script: scripted.Script, caplog: pytest.LogCaptureFixture
) -> None:
    dropped: list[tuple[str, str]] = []

    def on_drop(event: event_pb2.Event | None, reason: str) -> None:
        dropped.append((event.event_id if event else "", reason))
        tracker.track("message.sent", latency=1)  # counted, and not told again
        raise LookupError("a fault of the callback")

    script.play(Reject(), Fail(code=code_pb2.UNAUTHENTICATED))
    with tallywire.Tracker(running.address, api_key="k", flush_interval=60, on_drop=on_drop) as tracker:
        for number in range(50):
            assert tracker.track("message.sent", response_time_ms=12.5, prompt_tokens=4.0)
            assert not tracker.track("message.sent", prompt_tokens=number + 0.5)
            assert not tracker.track("message.sent", rating=5)
        rejected = tracker.flush(5)
        tracker.track("a.b", event_id="given up")
        assert rejected
        assert tracker.flush(5)
    assert balanced(tracker.stats(), 151 + 151)
    assert len(dropped) == 151
    assert ("given up", "given up: UNAUTHENTICATED: scripted") in dropped
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 2
    assert "prompt_tokens is a whole number, not 0.5 (float): round it as fits its meaning" in lines[0]
    for part in (
        "49 × message.sent: prompt_tokens is a whole number",
        "50 × message.sent: message.sent takes no rating",
        "50 × message.sent rejected: VALUE_OUT_OF_RANGE message.prompt_tokens: too much",
        "1 × given up: UNAUTHENTICATED: scripted",
    ):
        assert part in lines[1]


def test_a_line_is_due_each_minute_while_something_is_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1_000.0
    monkeypatch.setattr(lost_events.time, "monotonic", lambda: now)
    kept = lost_events.LostEvents(None, threading)

    def lose() -> bool:
        return kept.add([lost_events.LostEvent(event=None, kind="full", reason="full")])

    assert (kept.seconds_until_line(), lose(), lose(), lose()) == (None, False, True, False)
    now += 20
    assert kept.seconds_until_line() == 40
    now += 40
    kept.log_if_due()
    assert kept.seconds_until_line() is None
    assert [record.getMessage() for record in caplog.records] == [
        "1 event is lost: 1 × full",
        "2 events are lost: 2 × full",
    ]


def test_what_is_lost_before_a_quiet_time_is_reported_by_the_thread(
    running: scripted.Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lost_events, "INTERVAL", 0.2)
    with tallywire.Tracker(running.address, api_key="k") as tracker:
        tracker.track("message.sent", latency=1)
        tracker.track("message.sent", latency=1)
        deadline = time.monotonic() + PATIENCE
        while len(caplog.records) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(caplog.records) == 2


def test_deeply_nested_properties_raise_nothing(tracker: tallywire.Tracker) -> None:
    deep: dict[str, object] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    assert tracker.track("a.b", properties=deep) is False


def test_tracking_never_waits_for_the_server(running: scripted.Running, script: scripted.Script) -> None:
    script.hold.clear()
    with tallywire.Tracker(running.address, api_key="k", flush_interval=0.001) as tracker:
        assert tracker.track("a.b")
        assert script.arrived.wait(20), "from here on the server owes an answer"
        assert all(tracker.track("message.sent", agent_id="a", response_time_ms=3) for _ in range(2_000))
        assert (tracker.stats().pending, len(script.requests)) == (2_001, 1), "all were taken without an answer"
        script.hold.set()
        assert tracker.flush(20)
        assert tracker.stats().sent == 2_001


def test_an_event_may_be_changed_after_it_was_tracked(tracker: tallywire.Tracker, script: scripted.Script) -> None:
    event = event_pb2.Event(event_type="a.b", event_id="e", agent_id="first")
    tracker.track(event)
    event.agent_id = "second"
    assert tracker.flush(5)
    assert script.stored["e"].agent_id == "first"


def test_events_wait_for_a_server_that_starts(nobody: str) -> None:
    with tallywire.Tracker(nobody, api_key="k", flush_interval=0.01) as tracker:
        tracker.track("a.b")
        assert tracker.flush(0.3) is False
        running = scripted.start(int(nobody.rpartition(":")[2]))
        try:
            assert tracker.flush(15)
            assert tracker.stats().sent == 1
        finally:
            running.server.stop(None)


def test_close_sends_what_waits(running: scripted.Running, script: scripted.Script) -> None:
    tracker = tallywire.Tracker(running.address, api_key="k", flush_interval=60)
    for _ in range(700):
        tracker.track("a.b")
    assert tracker.close(10)
    assert tracker.close()
    assert tracker.stats().sent == 700
    assert tracker.track("a.b") is False
    assert tracker.stats().dropped == 1
    assert len(script.stored) == 700


def test_close_ends_in_time_without_a_server(nobody: str) -> None:
    tracker = tallywire.Tracker(nobody, api_key="k", flush_interval=0.01, batch_size=5)
    for _ in range(20):
        tracker.track("a.b")
    begin = time.monotonic()
    assert tracker.close(0.5) is False
    assert time.monotonic() - begin < PATIENCE, "it sends again for 300 seconds"
    stats = tracker.stats()
    assert (stats.failed, stats.dropped, stats.pending) == (5, 15, 0)


def test_close_ends_in_time_with_a_slow_server(running: scripted.Running, script: scripted.Script) -> None:
    script.hold.clear()
    tracker = tallywire.Tracker(running.address, api_key="k", flush_interval=0.01)
    tracker.track("a.b")
    assert script.arrived.wait(PATIENCE)
    assert tracker.close(0.2) is False
    assert script.stored == {}, "it did not wait for the answer"
    assert tracker.stats().failed == 1
    script.hold.set()


def test_many_threads_lose_nothing(running: scripted.Running, script: scripted.Script) -> None:
    script.play(*[Fail(store=True), Fail()] * 3)
    with tallywire.Tracker(running.address, api_key="k", flush_interval=0.001, max_events=100_000) as tracker:
        threads = [threading.Thread(target=lambda: [tracker.track("a.b") for _ in range(500)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert tracker.flush(20)
        stats = tracker.stats()
    assert len(script.stored) == 4_000
    assert stats.sent + stats.duplicates == 4_000
    assert balanced(stats, 4_000)


def test_wrong_arguments_raise_at_once() -> None:
    for options in ({"batch_size": 0}, {"batch_size": 1_001}, {"max_events": 0}, {"api_key": ""}):
        with pytest.raises(ValueError, match=r"batch_size|max_events|api_key"):
            tallywire.Tracker("localhost:1", **{"api_key": "k", **options})  # type: ignore[arg-type]


def test_a_thread_survives_what_should_not_happen(
    tracker: tallywire.Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> buffer.BatchOutcome:
        raise LookupError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(sender, "_counted", broken)
        tracker.track("a.b")
        assert tracker.flush(5)
    assert tracker.stats().failed == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    tracker.track("a.b")
    assert tracker.flush(5)
    assert tracker.stats().sent == 1
