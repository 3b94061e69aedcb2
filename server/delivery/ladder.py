"""The ladder: how long after a failure comes the next try."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Final

# Receivers that restart are back in seconds, faults are mended in hours: eight tries in a bit more than a day.
PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
TRIES: Final = len(PAUSES) + 1
_LONGEST: Final = timedelta(hours=10)  # that a receiver can ask for
_JITTER: Final = 0.2  # so that what failed together does not come back together


def next_pause(
    tries: int, asked: timedelta | None = None, dice: Callable[[], float] = random.random
) -> timedelta | None:
    """Returns the pause after so many tries; None where there is no further one. asked is what the receiver wants to be
    left alone for: no try comes earlier than that, within bounds.
    """
    if tries >= TRIES:
        return None
    pause = PAUSES[tries - 1] * (1 - _JITTER + 2 * _JITTER * dice())
    return max(pause, min(asked, _LONGEST)) if asked is not None else pause
