"""A shortage of memory: what is done about it, how often, and what the log says."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from server.admission.memory_shortage import Shortage

MIB = 1 << 20
Lines = list[dict[str, Any]]


class World:
    """A process of 100 MiB at most, its clock, and what frees its memory."""

    def __init__(self) -> None:
        self.now = 0.0
        self.releases = 0
        self.release_seconds = 0.0
        self.shortage = Shortage(100 * MIB, release=self._release, clock=lambda: self.now)

    def _release(self) -> None:
        self.releases += 1
        self.now += self.release_seconds

    def hold(self, mib: int, seconds: float) -> None:
        """Holds so much for so long, looked at ten times a second."""
        until = self.now + seconds
        while self.now < until:
            self.shortage.look(mib * MIB)
            self.now += 0.1


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


def test_below_its_limit_nothing_is_done(world: World, lines: Lines) -> None:
    world.hold(100, 100)
    assert (world.shortage.is_on, world.releases, lines) == (False, 0, [])


def test_a_burst_is_reported_once_and_its_end_with_the_number_of_refusals(world: World, lines: Lines) -> None:
    world.hold(150, 5)
    assert (world.shortage.is_on, world.releases) == (True, 1)
    for _ in range(7):
        world.shortage.refused()
    world.hold(60, 5)
    assert not world.shortage.is_on
    assert [(line["log_level"], line["calls_refused"], line["resident_mib"]) for line in lines] == [
        ("warning", 0, 150),
        ("info", 7, 60),
    ]
    assert lines[-1]["seconds"] == 5


def test_it_does_not_end_and_begin_by_turns_at_the_limit(world: World, lines: Lines) -> None:
    for _ in range(20):
        world.hold(101, 0.5)
        world.hold(99, 0.5)
    assert world.shortage.is_on
    assert len(lines) == 1


def test_one_that_lasts_is_reported_every_minute_and_freed_every_ten_seconds(world: World, lines: Lines) -> None:
    world.hold(150, 10)
    world.shortage.refused()
    world.hold(150, 300)
    assert world.releases == pytest.approx(31, abs=1)
    assert [line["calls_refused"] for line in lines] == [0, *[1] * (len(lines) - 1)]
    assert len(lines) == pytest.approx(6, abs=1)


def test_freeing_that_takes_long_is_tried_less_often(world: World) -> None:
    world.release_seconds = 2.0
    world.hold(150, 300)
    assert world.releases <= 4


def test_the_number_of_refusals_is_that_of_one_shortage(world: World, lines: Lines) -> None:
    for _ in range(2):
        world.hold(150, 1)
        world.shortage.refused()
        world.hold(50, 1)
    assert [line["calls_refused"] for line in lines] == [0, 1, 0, 1]


def test_without_a_limit_memory_is_never_short(lines: Lines) -> None:
    shortage = Shortage(0)
    shortage.look(1 << 50)
    assert not shortage.is_on
    assert not lines
