"""The benchmark's scoring, from its publication.

Lavin and Ahmad 2015, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark". A window that
was labelled is worth the more the earlier the first detection in it is; further ones are worth nothing. A detection
outside costs the more the farther behind the last window it is. A window without a detection costs its weight. The sum
is scaled, so that no detection at all scores 0, and one at the first point of each window and nowhere else 100.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.harness.nab.files import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What detections are worth to somebody: a true one, a false one, and one that is missing."""

    name: str
    true_positive: float = 1.0
    false_positive: float = 0.11
    false_negative: float = 1.0


PROFILES = (
    Profile(name="standard"),
    Profile(name="reward_low_FP_rate", false_positive=0.22),
    Profile(name="reward_low_FN_rate", false_negative=2.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Detections in series: what they are worth, and what they are in numbers.

    delays are the points from the beginning of each window that was detected to the first detection in it, beside the
    length of the window.
    """

    worth: float
    windows: int
    found: int
    false_alarms: int
    points: int
    delays: Sequence[tuple[int, int]]

    @property
    def precision(self) -> float | None:
        """Returns the share of alarms that are in windows, where each window has one alarm at most."""
        return self.found / (self.found + self.false_alarms) if self.found + self.false_alarms else None

    @property
    def recall(self) -> float:
        """Returns the share of windows that were detected."""
        return self.found / self.windows if self.windows else 1.0


def sigmoid(position: float) -> float:
    """Returns the worth of a place: 0.987 where a window begins (-1), 0 at its end, and near -1 far behind it."""
    return -1.0 if position > 3.0 else 2 / (1 + math.exp(5 * position)) - 1


def count(series: Series, detections: Sequence[int], profile: Profile) -> Counted:
    """Counts the detections in a series, which are places of points in order."""
    worth, false_alarms, first_in_window = 0.0, 0, {}
    windows = [window for window in series.windows if window[1] >= series.probation]
    for place in detections:
        if place < series.probation:
            continue
        window = next((one for one in windows if one[0] <= place <= one[1]), None)
        if window is not None:
            first_in_window.setdefault(window, place)
            continue
        false_alarms += 1
        worth += profile.false_positive * sigmoid(_behind(place, windows))
    for (start, end), place in first_in_window.items():
        worth += profile.true_positive * sigmoid(-(end - place + 1) / (end - start + 1)) / sigmoid(-1.0)
    worth -= profile.false_negative * (len(windows) - len(first_in_window))
    return Counted(
        worth=worth,
        windows=len(windows),
        found=len(first_in_window),
        false_alarms=false_alarms,
        points=len(series.values) - series.probation,
        delays=[(place - start, end - start + 1) for (start, end), place in first_in_window.items()],
    )


def _behind(place: int, windows: Sequence[tuple[int, int]]) -> float:
    """Returns how far a place is behind the window before it, in lengths of that window; very far without one."""
    before = [window for window in windows if window[1] < place]
    if not before:
        return math.inf
    start, end = before[-1]
    return (place - end) / max(1, end - start)


def together(counted: Sequence[Counted]) -> Counted:
    """Adds up what was counted in several series."""
    return Counted(
        worth=sum(one.worth for one in counted),
        windows=sum(one.windows for one in counted),
        found=sum(one.found for one in counted),
        false_alarms=sum(one.false_alarms for one in counted),
        points=sum(one.points for one in counted),
        delays=[delay for one in counted for delay in one.delays],
    )


def score(counted: Counted, profile: Profile) -> float:
    """Returns the score of what was counted in all series: 0 for no detections, 100 for all at once and no others."""
    nothing = -profile.false_negative * counted.windows
    perfect = profile.true_positive * counted.windows
    return 100 * (counted.worth - nothing) / (perfect - nothing)
