"""One line of a cause, and then how often it came."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from server import log_throttle
from server.log_throttle import Lines

_SECONDS = 0.2


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1500):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it has not come to be so")


@pytest.fixture
async def lines() -> AsyncIterator[Lines]:
    """Lines of a fifth of a second, of which nothing is left after the test."""
    lines = Lines(_SECONDS)
    yield lines
    await until(lambda: not lines._causes)


async def test_a_cause_is_reported_at_once_and_then_counted(lines: Lines) -> None:
    with capture_logs() as reported:
        for _ in range(500):
            lines.write("warning", "away", "refused", reason="refused")
        assert reported == [{"event": "away", "log_level": "warning", "reason": "refused"}]
        await until(lambda: len(reported) == 2)
        assert reported[1] == {**reported[0], "times": 499, "seconds": _SECONDS}
        lines.write("warning", "away", "refused", reason="refused")
        await until(lambda: len(reported) == 3)
        assert reported[2]["times"] == 1
        await until(lambda: not lines._causes)
        lines.write("warning", "away", "refused", reason="refused")
    assert len(reported) == 4
    assert "times" not in reported[3]


async def test_causes_are_distinguished_by_what_they_are(lines: Lines) -> None:
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


async def test_errors_are_distinguished_by_their_place_and_found_by_the_first_lines_fields(lines: Lines) -> None:
    with capture_logs() as reported:
        found = [
            lines.write("error", "failed", error=failure(one), request_id=number)["request_id"]
            for number, one in enumerate((True, True, False, True, False))
        ]
        assert [line["request_id"] for line in reported] == [0, 2]
        assert all(isinstance(line["exc_info"], ValueError) for line in reported)
        assert found == [0, 0, 2, 0, 2]
        await until(lambda: len(reported) == 4)
    assert [(line["request_id"], line["times"]) for line in reported[2:]] == [(0, 2), (2, 1)]
    assert not any("exc_info" in line for line in reported[2:])


async def test_however_many_causes_there_are_the_lines_are_few(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_throttle, "_MOST_CAUSES", 5)
    with capture_logs() as reported:
        for number in range(100):
            lines.write("warning", "odd", number, number=number)
        assert len(reported) == 6
        await until(lambda: len(reported) == 7)
    assert reported[6]["times"] == 94


def test_without_an_event_loop_every_line_is_written() -> None:
    lines = Lines(_SECONDS)
    with capture_logs() as reported:
        for _ in range(2):
            lines.write("info", "gone")
    assert len(reported) == 2
