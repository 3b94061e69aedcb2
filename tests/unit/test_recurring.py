"""One line of a cause, and then how often it came."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from server import log_throttle
from server.log_throttle import Lines

_SECONDS = 3600.0  # far longer than any test: time passes when the test says so


class Timers:
    """Stands for the event loop: what is to be called later is called when the test says so."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []

    def call_later(self, _: float, function: Callable[..., None], *arguments: object) -> None:
        """Keeps the call."""
        self._calls.append(lambda: function(*arguments))

    def elapse(self) -> int:
        """Makes the calls that are due after the seconds of the lines; returns how many further ones were asked for."""
        due, self._calls = self._calls, []
        for call in due:
            call()
        return len(self._calls)


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Timers:
    """The timers of the lines."""
    timers = Timers()
    monkeypatch.setattr(log_throttle, "asyncio", SimpleNamespace(get_running_loop=lambda: timers))
    return timers


@pytest.fixture
def lines(timers: Timers) -> Lines:
    """Lines that count for as long as the test wants."""
    return Lines(_SECONDS)


def test_a_cause_is_reported_at_once_and_then_counted(lines: Lines, timers: Timers) -> None:
    with capture_logs() as reported:
        for _ in range(500):
            lines.write("warning", "away", "refused", reason="refused")
        assert reported == [{"event": "away", "log_level": "warning", "reason": "refused"}]
        timers.elapse()
        assert reported[1:] == [{**reported[0], "times": 499, "within_seconds": _SECONDS}]
        lines.write("warning", "away", "refused", reason="refused")
        timers.elapse()
        assert [line["times"] for line in reported[2:]] == [1]
        assert timers.elapse() == 0, "a cause that no longer comes is forgotten"
        lines.write("warning", "away", "refused", reason="refused")
    assert len(reported) == 4
    assert "times" not in reported[3]


def test_lines_have_fields_of_any_name(lines: Lines, timers: Timers) -> None:
    with capture_logs() as reported:
        for seconds in (2.5, 3.5):
            lines.write("warning", "slow", seconds=seconds, times=7)
        timers.elapse()
    assert [(line["seconds"], line["times"]) for line in reported] == [(2.5, 7), (2.5, 1)]


def test_causes_are_distinguished_by_what_they_are(lines: Lines) -> None:
    with capture_logs() as reported:
        for cause in ("refused", "lost", "refused"):
            lines.write("warning", "away", cause, reason=cause)
        lines.write("info", "gone", "lost", reason="lost")
    assert [(line["event"], line["reason"]) for line in reported] == [
        ("away", "refused"),
        ("away", "lost"),
        ("gone", "lost"),
    ]


def failure(one: bool) -> ValueError:
    try:
        if one:
            raise ValueError("one")
        raise ValueError("another")
    except ValueError as error:
        return error


def test_errors_are_distinguished_by_their_place_and_found_by_the_first_lines_fields(
    lines: Lines, timers: Timers
) -> None:
    with capture_logs() as reported:
        found = [
            lines.write("error", "failed", error=failure(one), request_id=number)["request_id"]
            for number, one in enumerate((True, True, False, True, False))
        ]
        assert [line["request_id"] for line in reported] == [0, 2]
        assert all(isinstance(line["exc_info"], ValueError) for line in reported)
        assert found == [0, 0, 2, 0, 2]
        timers.elapse()
    assert [(line["request_id"], line["times"]) for line in reported[2:]] == [(0, 2), (2, 1)]
    assert not any("exc_info" in line for line in reported[2:])


def test_however_many_causes_there_are_the_lines_are_few(
    lines: Lines, timers: Timers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_throttle, "_MOST_CAUSES", 5)
    with capture_logs() as reported:
        for number in range(100):
            lines.write("warning", "odd", number, number=number)
        assert len(reported) == 6
        timers.elapse()
    assert [line["times"] for line in reported[6:]] == [94]


def test_without_an_event_loop_every_line_is_written() -> None:
    lines = Lines(_SECONDS)
    with capture_logs() as reported:
        for _ in range(2):
            lines.write("info", "gone")
    assert len(reported) == 2
