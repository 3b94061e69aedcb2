"""What is unusual in a series: each kind of value, each season, clock changes, small counts, and noise."""

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import NormalDist
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.anomalies import judging, surprise
from server.anomalies.judging import Direction, Judgement, Kind, Method, Sample, Sensitivity
from server.anomalies.seasons import Season
from server.anomalies.windows import SortedWindow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def series(
    count: int, value: Callable[[int], float | None], *, width: timedelta = HOUR, start: datetime = MONDAY
) -> list[Sample]:
    return [Sample(at=start + number * width, value=value(number)) for number in range(count)]


def judge(
    history: Sequence[Sample],
    current: Sample,
    *,
    kind: Kind = Kind.COUNT,
    zone: str = "UTC",
    width: timedelta = HOUR,
    direction: Direction = Direction.BOTH,
    sensitivity: Sensitivity = Sensitivity.MEDIUM,
    minimum_effect: float = 0.0,
) -> Judgement | None:
    return judging.judge(
        history,
        current,
        kind=kind,
        zone=ZoneInfo(zone),
        width=width,
        direction=direction,
        sensitivity=sensitivity,
        minimum_effect=minimum_effect,
    )


def verdict(found: Judgement | None) -> Judgement:
    assert found is not None
    return found


def after(
    history: Sequence[Sample], value: float | None, *, width: timedelta = HOUR, trials: int | None = None
) -> Sample:
    return Sample(at=history[-1].at + width, value=value, trials=trials)


def test_it_takes_the_values_of_a_day_and_ten_of_days() -> None:
    few = series(23, lambda _: 100.0)
    gaps = few + series(50, lambda _: None, start=MONDAY + 23 * HOUR)
    assert judge(gaps, after(gaps, 900.0)) is None
    enough = [*gaps, after(gaps, 100.0)]
    assert verdict(judge(enough, after(enough, 900.0))).is_anomalous
    assert judge(enough, after(enough, None)) is None
    nine = series(9, lambda _: 100.0, width=DAY)
    assert judge(nine, after(nine, 900.0, width=DAY), width=DAY) is None
    ten = [*nine, after(nine, 100.0, width=DAY)]
    assert verdict(judge(ten, after(ten, 900.0, width=DAY), width=DAY)).is_anomalous


def test_what_begins_with_the_bucket_or_later_is_not_its_history() -> None:
    whole = series(100, lambda number: 100.0 if number < 60 else 900.0)
    found = verdict(judge(whole, whole[60]))
    assert found == judge(whole[:60], whole[60])
    assert found.is_anomalous
    assert found.expected == 100.0


@pytest.mark.parametrize(
    ("days", "season", "label"),
    [
        (2, Season.ALL, "the 62 buckets before"),
        (4, Season.HOUR_OF_WORKING_DAYS, "working days 14:00"),
        (13, Season.HOUR_OF_WEEKENDS, "weekends 14:00"),
        (21, Season.HOUR_OF_WEEK, "Mondays 14:00"),
    ],
)
def test_the_narrowest_season_with_enough_buckets_is_taken(days: int, season: Season, label: str) -> None:
    history = series(days * 24 + 14, lambda _: 100.0)
    found = verdict(judge(history, after(history, 100.0)))
    assert found.basis.season is season
    assert found.basis.label == label


def test_days_are_compared_with_days_of_the_same_name() -> None:
    def value(number: int) -> float:
        return 1_000.0 if number % 7 < 5 else 200.0

    history = series(33, value, width=DAY)
    saturday = after(history, 200.0, width=DAY)
    assert saturday.at.weekday() == 5
    found = verdict(judge(history, saturday, width=DAY))
    assert not found.is_anomalous
    assert found.basis.label == "Saturdays"
    assert verdict(judge(history, after(history, 1_000.0, width=DAY), width=DAY)).is_anomalous


def rush_hour(at: datetime, zone: ZoneInfo) -> float:
    return 1_000.0 if at.astimezone(zone).hour == 9 else 100.0


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"])
def test_hours_are_those_of_the_zone_on_both_sides_of_a_clock_change(name: str) -> None:
    """The rush hour of nine o'clock moves in UTC: it is as usual in its zone, and an anomaly in UTC."""
    zone = ZoneInfo(name)
    start = datetime(2026, 2, 2, tzinfo=UTC)
    hours = [start + number * HOUR for number in range(80 * 24)]
    whole = [Sample(at=at, value=rush_hour(at, zone)) for at in hours]
    first = next(
        number
        for number, at in enumerate(hours)
        if (at + HOUR).astimezone(zone).utcoffset() != start.astimezone(zone).utcoffset()
    )
    following = [one for one in whole[first + 2 : first + 36] if one.value == 1_000.0]
    assert following
    for current in following:
        assert not verdict(judge(whole, current, zone=name)).is_anomalous
        if name != "Australia/Lord_Howe":  # its clocks change by half an hour, and buckets of UTC by hours
            assert verdict(judge(whole, current, zone="UTC")).is_anomalous


def test_growth_is_no_anomaly_and_a_jump_is_one_until_it_is_usual() -> None:
    random.seed(3)

    def value(number: int) -> float:
        jump = 3 if number >= 40 * 24 else 1
        return round(random.gauss(1, 0.03) * 500 * (1 + number / 1_000) * jump)

    whole = series(43 * 24, value)
    found = [verdict(judge(whole, one)).is_anomalous for one in whole[39 * 24 :: 3]]
    assert not any(found[:8])
    assert all(found[8:12])
    assert not any(found[18:])


def test_a_gauge_that_never_changed_has_no_scale_but_a_score() -> None:
    history = series(100, lambda _: 7.0)
    found = verdict(judge(history, after(history, 9.0), kind=Kind.VALUE))
    assert found.is_anomalous
    assert found.score > 10
    assert verdict(judge(history, after(history, 7.0), kind=Kind.VALUE)).score == 0.0


@pytest.mark.parametrize(
    ("direction", "value", "anomalous"),
    [
        (Direction.ABOVE, 400.0, True),
        (Direction.ABOVE, 10.0, False),
        (Direction.BELOW, 10.0, True),
        (Direction.BELOW, 400.0, False),
        (Direction.BOTH, 400.0, True),
        (Direction.BOTH, 10.0, True),
    ],
)
def test_only_the_side_that_was_asked_for(direction: Direction, value: float, anomalous: bool) -> None:
    history = series(100, lambda number: 100.0 + number % 5)
    assert verdict(judge(history, after(history, value), direction=direction)).is_anomalous is anomalous


def test_a_minimum_effect_is_a_share_and_of_fractions_a_distance() -> None:
    many = series(100, lambda number: 1_000_000.0 + number % 5 * 100)
    small = after(many, 1_040_000.0)
    assert verdict(judge(many, small, minimum_effect=0.03)).is_anomalous
    assert not verdict(judge(many, small, minimum_effect=0.05)).is_anomalous
    shares = [Sample(at=one.at, value=0.1, trials=100_000) for one in many]
    doubled = after(shares, 0.2, trials=100_000)
    assert verdict(judge(shares, doubled, kind=Kind.FRACTION, minimum_effect=0.05)).is_anomalous
    assert not verdict(judge(shares, doubled, kind=Kind.FRACTION, minimum_effect=0.15)).is_anomalous


@pytest.mark.parametrize("usual", [(1.5, 1.5), (1.2, 2.0), (-0.5, 0.2), (0.9, 1.4)])
def test_fractions_beyond_their_bounds_are_judged_by_their_spread(usual: tuple[float, float]) -> None:
    """A rate is beyond 1 where what is counted above comes in another bucket than what it is divided by."""
    chance = random.Random(4)
    history = [Sample(at=MONDAY + number * HOUR, value=chance.uniform(*usual), trials=21) for number in range(10 * 24)]
    for known in (history[:30], history):
        same = verdict(judge(known, after(known, known[-5].value, trials=21), kind=Kind.FRACTION))
        assert not same.is_anomalous
        assert same.low <= same.expected <= same.high
        assert min(usual) - 0.01 <= same.expected <= max(usual) + 0.01
        far = verdict(judge(known, after(known, 40.0, trials=21), kind=Kind.FRACTION))
        assert far.is_anomalous
        assert far.high < 40


def test_small_counts_are_judged_as_counts() -> None:
    history = series(200, lambda number: 1.0 if number % 4 == 0 else 0.0)
    for value, anomalous in ((0.0, False), (1.0, False), (2.0, False), (9.0, True)):
        found = verdict(judge(history, after(history, value)))
        assert found.is_anomalous is anomalous
        assert (found.low <= value <= found.high) is not anomalous
    nothing = series(200, lambda _: 0.0)
    assert not verdict(judge(nothing, after(nothing, 1.0))).is_anomalous
    assert verdict(judge(nothing, after(nothing, 30.0))).is_anomalous


def test_fractions_of_few_trials_are_no_news() -> None:
    history = [Sample(at=one.at, value=0.01, trials=100) for one in series(200, lambda _: 0.0)]
    half_of_two = verdict(judge(history, after(history, 0.5, trials=2), kind=Kind.FRACTION))
    assert not half_of_two.is_anomalous
    assert half_of_two.method is Method.BINOMIAL
    half_of_many = verdict(judge(history, after(history, 0.5, trials=100), kind=Kind.FRACTION))
    assert half_of_many.is_anomalous
    assert 0 <= half_of_many.low <= half_of_many.high < 0.5


def test_a_drift_within_the_bounds_is_found() -> None:
    random.seed(5)
    history = series(400, lambda number: random.gauss(500, 10) + (27 if number >= 388 else 0))
    found = verdict(judge(history, after(history, 527.0), kind=Kind.VALUE))
    assert found.is_anomalous
    assert found.method is Method.EWMA
    assert found.low < 527.0 < found.high
    assert found.score > 4


def test_noise_is_silent() -> None:
    """Of 1,000 judgements in noise hardly any is an anomaly, whichever the season and the kind."""
    random.seed(11)
    whole = series(
        6 * 168, lambda number: float(max(0, round(random.gauss(400, 25) * (1 if number % 24 > 6 else 0.2))))
    )
    found = [verdict(judge(whole, one)).is_anomalous for one in whole[50::4]]
    assert sum(found) <= 1


def test_words() -> None:
    history = series(29 * 24 + 14, lambda number: 375.0 + (number // 168 % 5 - 2) * 8)
    current = after(history, 900.0)
    found = verdict(judge(history, current))
    low, high = round(found.low), round(found.high)
    said = judging.describe(found, current, kind=Kind.COUNT)
    assert said == f"{found.score:.1f} σ above the usual {low}–{high} for Tuesdays 14:00"
    usual = after(history, 375.0)
    assert judging.describe(verdict(judge(history, usual)), usual, kind=Kind.COUNT).startswith("within the usual ")
    share = Judgement(
        expected=0.1, low=0.05, high=0.15, score=-6.0, is_anomalous=True, method=Method.ROBUST_Z, basis=found.basis
    )
    none = Sample(at=MONDAY, value=0.0, trials=10)
    assert judging.describe(share, none, kind=Kind.FRACTION) == "6.0 σ below the usual 5 %–15 % for Tuesdays 14:00"


def test_surprises_are_those_of_the_distributions() -> None:
    """Student's t: 2.228 with 10 degrees of freedom leaves 2.5 % above it, as 1.96 of the normal distribution does."""
    assert surprise.of_distance(2.228, 10) == pytest.approx(1.96, abs=0.01)
    assert surprise.to_distance(surprise.of_distance(7.5, 4), 4) == pytest.approx(7.5)
    # After very many samples with a rate of 2, the counts are Poisson distributed.
    mass = [math.exp(-2) * 2**k / math.factorial(k) for k in range(40)]
    for count in (3, 5, 8):
        tail = mass[count] / 2 + sum(mass[count + 1 :])
        expected = -NormalDist().inv_cdf(tail)
        assert surprise.of_count(count, 2.0, 10**7) == pytest.approx(expected, abs=1e-3)
    # Of 20 trials with a known probability of 0.1 …
    chances = [math.comb(20, k) * 0.1**k * 0.9 ** (20 - k) for k in range(21)]
    tail = chances[6] / 2 + sum(chances[7:])
    assert surprise.of_successes(6, 20, 0.1, 10**7) == pytest.approx(-NormalDist().inv_cdf(tail), abs=1e-3)
    assert surprise.of_successes(0, 20, 0.9, 10**7) < -9


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(1, 12))
def test_windows_have_the_medians_of_their_latest_values(values: list[float], most: int) -> None:
    window = SortedWindow(most)
    for number, value in enumerate(values, start=1):
        window.add(value)
        latest = sorted(values[max(0, number - most) : number])
        middle = (latest[(len(latest) - 1) // 2] + latest[len(latest) // 2]) / 2
        assert window.ordered() == latest
        assert window.median() == middle
        distances = sorted(abs(one - middle) for one in latest)
        spread = window.spread(middle)
        if distances[(len(distances) - 1) // 2] > 0:
            assert spread >= 1.4826 * distances[(len(distances) - 1) // 2] * 0.999
        assert (spread == 0) == (distances[-1] == 0)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e12), st.integers(0, 3).map(float)), min_size=10, max_size=80),
    st.floats(0, 1e12),
    st.sampled_from(Kind),
    st.integers(1, 1_000),
)
def test_judgements_are_numbers_and_bounds_agree_with_scores(
    values: list[float | None], value: float, kind: Kind, trials: int
) -> None:
    def scaled(one: float) -> float:
        return round(min(1.0, one / 3) * trials) / trials if kind is Kind.FRACTION else one

    samples = [
        Sample(at=MONDAY + number * HOUR, value=None if one is None else scaled(one), trials=trials)
        for number, one in enumerate(values)
    ]
    current = Sample(at=MONDAY + len(values) * HOUR, value=scaled(value), trials=trials)
    found = judge(samples, current, kind=kind)
    if found is None:
        assert sum(one is not None for one in values) < 24
        return
    assert all(math.isfinite(one) for one in (found.expected, found.low, found.high, found.score))
    assert found.low <= found.high
    assert abs(found.score) <= surprise.MAX_SIGMAS
    if found.is_anomalous and found.method is not Method.EWMA:
        assert not found.low < scaled(value) < found.high


def test_seasons_hold_in_every_half_hour_of_a_zone_with_odd_offsets() -> None:
    history = series(40 * 48, lambda number: 100.0 if number % 2 else 110.0, width=HOUR / 2)
    found = verdict(judge(history, after(history, 105.0, width=HOUR / 2), zone="Asia/Kathmandu", width=HOUR / 2))
    assert found.basis.season is Season.HOUR_OF_WEEK
    # Five Saturdays from 05:45 on, and six quarters of an hour before: they are 23:30 and 00:00 in UTC.
    assert found.basis.samples == 11
