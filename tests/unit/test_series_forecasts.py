"""Forecasts of plain series: models against published implementations, intervals against what they promise."""

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.forecasts import backtest, naive, series_forecast, smoothing
from server.forecasts.arrays import History, SeasonPlaces
from server.forecasts.values import Effect, Model, SeriesForecast, TooShortError

_WEEK = (1.0, 1.1, 1.0, 1.0, 0.9, 0.4, 0.3)


def made(count: int) -> list[float]:
    """The series of the oracles: a line, a week and noise, from a generator that anybody can write down again."""
    state, values = 12345, []
    for at in range(count):
        state = (1103515245 * state + 12345) % 2**31
        week = (1, 2, 0, -1, 1, -2, -1)[at % 7]
        values.append(round(100 + 0.2 * at + 15 * week + 20 * (state / 2**31 - 0.5), 3))
    return values


def week(count: int, level: float = 1000, seed: int = 1) -> list[float]:
    """Counts with a weekly profile."""
    chance = random.Random(seed)
    return [max(0.0, round(chance.gauss(level * _WEEK[at % 7], math.sqrt(level)))) for at in range(count)]


def daily(values: Sequence[float | None], horizon: int = 14, **options: object) -> SeriesForecast:
    """A forecast of days."""
    season = SeasonPlaces.regular(7, len(values) + horizon)
    options = {"lower": 0.0, **options}
    return series_forecast.forecast(values, horizon=horizon, seasons=[season], **options)  # type: ignore[arg-type]


def test_smoothing_is_that_of_statsmodels() -> None:
    """statsmodels 0.15.0: ExponentialSmoothing of made(140), additive, damped, with alpha 0.3, beta 0.1, gamma 0.2, phi
    0.9, from level 100, trend 0.5 and the season (10, 20, 0, -10, 10, -20, -10).
    """
    state = smoothing.EtsState(
        level=np.array([100.0]), trend=np.array([0.5]), season=np.array([[10.0, 20, 0, -10, 10, -20, -10]])
    )
    parameters = np.array([[0.3], [0.03], [0.2], [0.9]])
    for at, value in enumerate(made(140)):
        smoothing.step(state, parameters, at % 7, np.array([value]), np.array([np.inf]))
    found = smoothing.ahead_of(state, 0, 0.9, np.arange(140, 146) % 7)
    assert found == pytest.approx([140.703033, 154.211149, 127.626921, 108.590703, 139.621609, 91.786199], abs=1e-5)


def test_theta_is_that_of_statsmodels(monkeypatch: pytest.MonkeyPatch) -> None:
    """statsmodels 0.15.0: ThetaModel of made(140) without a season, which chose alpha 0.051741. It begins elsewhere,
    which is all but forgotten after 140 values.
    """
    monkeypatch.setattr(smoothing, "_THETA_ALPHAS", np.array([0.051741]))
    monkeypatch.setattr(smoothing, "_CLIP", np.inf)
    found = smoothing.theta(np.array([made(140)]), SeasonPlaces.regular(1, 144), np.array([140]), 4)[0, 0]
    assert np.diff(found) == pytest.approx(np.diff([124.179529, 124.268377, 124.357224, 124.446072]), abs=1e-4)
    assert found[0] == pytest.approx(124.179529, abs=0.1)


def test_the_season_of_theta_is_that_of_statsmodels() -> None:
    """statsmodels 0.15.0: ThetaModel of made(140), additive season: 143.34, 154.98, 129.88, 111.13 with alpha 0.155."""
    season = SeasonPlaces.regular(7, 144)
    found = smoothing.theta(np.array([made(140)]), season, np.array([140]), 4)[0, 0]
    assert found == pytest.approx([143.344323, 154.977069, 129.87701, 111.133271], abs=2.5)


def test_the_seasonal_naive_passes_over_gaps() -> None:
    history = History(values=np.array([1.0, 2, 3, 4, np.nan, 6]), seasons=(SeasonPlaces.regular(3, 9),), horizon=3)
    found = naive.seasonal_naive(history, history.seasons[0], np.array([3, 6]))
    assert found.tolist() == [[1, 2, 3], [4, 2, 6]]


def test_drift_goes_on_as_before() -> None:
    history = History(values=np.array([1.0, 3, 5, 7]), seasons=(SeasonPlaces.regular(1, 6),), horizon=2)
    assert naive.drift(history, np.array([4])).tolist() == [[9, 11]]


def test_a_profile_is_level_times_week() -> None:
    values = np.array([100 * one for one in _WEEK] * 6)
    values[20] = 1e9  # an outlier changes neither
    history = History(values=values, seasons=(SeasonPlaces.regular(7, 49),), horizon=7)
    found = naive.profile(history, history.seasons[0], np.array([42]))[0]
    assert found == pytest.approx([100 * one for one in _WEEK], rel=1e-6)


def test_no_model_sees_what_comes_after_an_origin() -> None:
    season = SeasonPlaces.regular(7, 114)
    values, later = np.array(week(100)), np.array(week(100))
    later[80:] = 1e6
    origins = np.array([60, 80])
    for one in (values, later):
        one.setflags(write=False)
    pair = [History(values=one, seasons=(season,), horizon=14) for one in (values, later)]
    for model in (naive.seasonal_naive, naive.profile):
        assert np.array_equal(*(model(one, season, origins) for one in pair))
    assert np.array_equal(*(naive.drift(one, origins) for one in pair))
    for smooth in (smoothing.theta, smoothing.ets):
        assert np.array_equal(*(smooth(one.values[None], season, origins, 14) for one in pair))


def test_a_weekly_series_is_forecast_better_than_by_the_week_before() -> None:
    known = week(428)
    found = daily(known[:400], 28)
    assert found.errors.mase is not None
    assert found.errors.naive_mase is not None
    assert found.errors.mase < 0.9 * found.errors.naive_mase
    held = [one.low_80 <= value <= one.high_80 for one, value in zip(found.points, known[400:], strict=True)]
    assert 0.5 <= np.mean(held) <= 1
    assert found.errors.coverage_80 == pytest.approx(0.8, abs=0.12)
    assert found.errors.coverage_95 == pytest.approx(0.95, abs=0.05)
    assert found.values_used == 400


@pytest.mark.parametrize("value", [0.0, 5.0, 1e15])
def test_a_constant_series_stays_as_it_is(value: float) -> None:
    found = daily([value] * 60, 7)
    for one in found.points:
        assert (one.low_95, one.point, one.high_95) == pytest.approx((value, value, value))
    assert found.errors.mase is None, "nothing to hold an error against"
    assert found.sums[-1].point == pytest.approx(7 * value)


def test_gaps_are_gaps_and_not_zeros() -> None:
    chance = random.Random(3)
    values = [None if chance.random() < 0.3 else value for value in week(200)]
    found = daily(values, 7)
    weekdays = [found.points[(at - 200) % 7].point for at in range(203, 207)]
    assert min(weekdays) > 250
    assert found.values_used == sum(value is not None for value in values)


def test_an_outlier_moves_neither_points_nor_intervals_far() -> None:
    values = [100.0 + value / 100 for value in week(200, 100)]
    values[50] = values[180] = 1e6
    found = daily(values, 14)
    assert all(90 < one.point < 120 for one in found.points)
    assert max(one.high_95 for one in found.points) < 1000


def test_a_new_level_is_followed() -> None:
    found = daily(week(100, 10) + week(100, 1000, seed=2), 7)
    assert found.points[0].point > 200


def test_few_counts_are_never_negative() -> None:
    chance = random.Random(5)
    found = daily([float(chance.random() < 0.1) for _ in range(200)])
    assert all(0 <= one.low_95 <= one.low_80 <= one.point <= one.high_80 <= one.high_95 <= 3 for one in found.points)


def test_shares_stay_shares() -> None:
    chance = random.Random(6)
    found = daily([chance.betavariate(50, 1) for _ in range(200)], upper=1.0)
    assert all(0 <= one.low_95 <= one.high_95 <= 1 for one in found.points)
    assert found.sums[-1].point > 10, "bounds are those of points"


def test_a_short_history_is_refused_with_what_is_needed() -> None:
    with pytest.raises(TooShortError) as caught:
        daily(week(49), 14)
    assert (caught.value.needed, caught.value.found) == (50, 49)
    assert daily(week(50), 14).values_used == 50


def test_many_gaps_are_a_short_history() -> None:
    values = [value if at % 5 == 0 else None for at, value in enumerate(week(100))]
    with pytest.raises(TooShortError):
        daily(values, 14)


def test_values_of_long_ago_alone_are_a_short_history() -> None:
    """No forecast was made at whose time there was anything to hold it against."""
    with pytest.raises(TooShortError) as caught:
        daily([*week(60), *[None] * 400])
    assert (caught.value.needed, caught.value.found) == (50, 0)


def test_nothing_at_all_is_a_short_history() -> None:
    for values in ([], [None] * 100):
        with pytest.raises(TooShortError):
            daily(values, 14)


def test_values_before_the_first_are_no_history() -> None:
    assert daily([None] * 500 + week(60), 14).values_used == 60


def test_a_long_history_is_used_as_far_as_it_helps() -> None:
    assert daily([9.0] * 3000, 7).values_used == series_forecast.MOST_VALUES


def test_a_holiday_is_learned_from_earlier_ones() -> None:
    values, marks = week(400), [""] * 414
    for at in range(20, 400, 90):
        values[at] *= 0.3
        marks[at] = "feast"
    marks[406], marks[410] = "feast", "first of its kind"
    plain, found = daily(values), daily(values, marks=marks)
    effect = found.effects["feast"]
    assert effect.occurrences == 5
    assert effect.factor == pytest.approx(0.3, abs=0.05)
    assert found.points[6].point == pytest.approx(0.3 * plain.points[6].point, rel=0.2)
    assert found.effects["first of its kind"] == Effect(occurrences=0, factor=None, spread=0.0)
    assert found.points[10].point == pytest.approx(plain.points[10].point, rel=0.1)
    assert found.sums[-1].point == pytest.approx(sum(one.point for one in found.points))


def test_what_depends_on_the_clock_follows_it() -> None:
    """Hours whose places are told: one is left out where clocks change, and the peak stays where it is on the wall."""
    hours = [at % 24 for at in range(24 * 20)]
    del hours[24 * 10 + 2]
    ahead = [(hours[-1] + 1 + at) % 24 for at in range(24)]
    values = [100.0 if hour == 9 else 10.0 for hour in hours]
    season = SeasonPlaces(period=24, phases=np.array(hours + ahead))
    found = series_forecast.forecast(values, horizon=24, seasons=[season], lower=0.0)
    assert [at for at, one in zip(ahead, found.points, strict=True) if one.point > 50] == [9]


def test_a_combination_names_its_models() -> None:
    found = daily(week(120, 30))
    assert (len(found.members) > 1) is (found.model is Model.COMBINATION)


def test_origins_see_every_place_of_the_season() -> None:
    season = SeasonPlaces.regular(24, 1400)
    origins = backtest.origins_of(History(values=np.zeros(1344), seasons=(season,), horizon=24))
    assert origins[-1] == 1344
    assert {int(one) % 24 for one in origins} == set(range(24))


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e12), st.integers(0, 3).map(float)), min_size=40, max_size=90),
    st.sampled_from([1, 7]),
)
def test_whatever_the_series_intervals_hold_their_points(values: list[float | None], period: int) -> None:
    season = SeasonPlaces.regular(period, len(values) + 5)
    first = next((at for at, value in enumerate(values) if value is not None), len(values))
    if sum(value is not None for value in values) < 20 or len(values) - first < 32:
        return  # too short
    found = series_forecast.forecast(values, horizon=5, seasons=[season], lower=0.0)
    for one in (*found.points, *found.sums):
        assert 0 <= one.low_95 <= one.low_80 <= one.point <= one.high_80 <= one.high_95 < math.inf


@given(st.integers(1, 1000), st.sampled_from([0.001, 1000.0, 1e9]))
def test_the_unit_changes_nothing(seed: int, unit: float) -> None:
    values = week(60, seed=seed)
    one, other = daily(values, 7), daily([value * unit for value in values], 7)
    assert other.model is one.model
    assert [p.point for p in other.points] == pytest.approx([p.point * unit for p in one.points], rel=1e-6)
