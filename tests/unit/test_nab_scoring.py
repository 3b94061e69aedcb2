"""The scorer of the anomaly benchmark against worths that were computed by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.harness.nab import detectors, files, scoring
from tests.harness.nab.files import Series
from tests.harness.nab.scoring import PROFILES

STANDARD, LOW_FP, LOW_FN = PROFILES
START = datetime(2026, 1, 1, tzinfo=UTC)


def series(name: str = "a.csv", windows: Sequence[tuple[int, int]] = ((50, 59),)) -> Series:
    """A series of a hundred points, of which the first 15 are for learning."""
    times = [START + timedelta(minutes=5 * number) for number in range(100)]
    return Series(name=name, times=times, values=[0.0] * 100, windows=windows)


@pytest.mark.parametrize(
    ("detections", "worth"),
    [
        ([], -1.0),
        ([50], 1.0),  # the first point of the window: the most there is
        ([50, 53, 59], 1.0),  # further ones are worth nothing
        ([59], 0.24824),  # (2 / (1 + e^-0.5) - 1) / (2 / (1 + e^-5) - 1)
        ([14, 50], 1.0),  # the 15 points of probation do not count
        ([20, 50], 0.89),  # nothing before it: a whole false alarm
        ([50, 63], 0.91151),  # four ninths of a window behind: 0.11 × (2 / (1 + e^(20/9)) - 1) = -0.08849
        ([50, 99], 0.89),  # 40 ninths behind: as far as can be
    ],
)
def test_worths(detections: list[int], worth: float) -> None:
    assert scoring.count(series(), detections, STANDARD).worth == pytest.approx(worth, abs=1e-5)


def test_profiles_weigh_false_and_missing_alarms() -> None:
    assert scoring.count(series(), [20, 50], LOW_FP).worth == pytest.approx(0.78)
    assert scoring.count(series(), [], LOW_FN).worth == pytest.approx(-2.0)


@pytest.mark.parametrize("profile", PROFILES)
def test_scores_are_0_for_nothing_and_100_for_everything_at_once(profile: scoring.Profile) -> None:
    two = [series(), series(windows=((30, 39), (70, 74)))]
    for detections, score in (([[], []], 0.0), ([[50], [30, 70]], 100.0)):
        counted = [scoring.count(one, found, profile) for one, found in zip(two, detections, strict=True)]
        assert scoring.score(scoring.together(counted), profile) == pytest.approx(score)


def test_what_was_found_in_numbers() -> None:
    counted = scoring.count(series(windows=((30, 39), (70, 74))), [33, 34, 50, 60], STANDARD)
    assert (counted.found, counted.windows, counted.false_alarms) == (1, 2, 2)
    assert counted.precision == pytest.approx(1 / 3)
    assert counted.recall == 0.5
    assert counted.delays == [(3, 10)]


def test_an_alarm_is_told_once_until_it_is_quiet() -> None:
    scores = [0, 5, 0, 5, 0, 0, 0, 5, 3, 5]
    assert detectors.alarms(scores, 4, 0) == [1, 3, 7, 9]
    assert detectors.alarms(scores, 4, 2) == [1, 7]
    assert detectors.alarms(scores, 4, 1, goes_on=0.5) == [1, 3, 7]


def test_halves_go_by_the_names() -> None:
    made = [series(name=f"{number}.csv") for number in range(9)]
    tuning, telling = files.halves(made)
    assert (len(tuning), len(telling)) == (4, 5)
    assert files.halves(made[::-1]) == (tuning, telling)
