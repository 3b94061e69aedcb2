"""The ladder of tries."""

from datetime import timedelta

import pytest

from server.delivery import ladder


def test_eight_tries_in_a_bit_more_than_a_day() -> None:
    pauses = [ladder.next_pause(tries, dice=lambda: 0.5) for tries in range(1, 9)]
    seconds = [None if one is None else one.total_seconds() for one in pauses]
    assert seconds == [5, 300, 1800, 7200, 18_000, 36_000, 36_000, None]
    for dice in (0.0, 0.999):
        pause = ladder.next_pause(2, dice=lambda dice=dice: dice)
        assert pause is not None
        assert timedelta(minutes=4) <= pause < timedelta(minutes=6)


@pytest.mark.parametrize(("asked", "seconds"), [(0, 5), (1, 5), (90, 90), (35_000, 35_000), (10**9, 36_000)], ids=str)
def test_a_receiver_can_ask_for_a_longer_pause_within_bounds(asked: int, seconds: int) -> None:
    assert ladder.next_pause(1, timedelta(seconds=asked), lambda: 0.5) == timedelta(seconds=seconds)


def test_nobody_is_tried_again_because_of_a_pause() -> None:
    assert ladder.next_pause(8, timedelta(seconds=1)) is None
