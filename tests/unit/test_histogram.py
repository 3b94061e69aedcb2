"""Histograms: no value and no percentile is off by more than the bound, whatever the magnitudes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import histogram
from server.catalog import cells

MAGNITUDES = st.integers(0, histogram.MAXIMUM) | st.builds(
    lambda digits, part: min(10**digits + part, histogram.MAXIMUM), st.integers(0, 12), st.integers(0, 1000)
)
QUANTILES = (0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0)


def percentile_cont(values: list[int], q: float) -> float:
    """What SQL's percentile_cont gives."""
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    low, high = ordered[int(rank)], ordered[min(int(rank) + 1, len(ordered) - 1)]
    return low + (high - low) * (rank - int(rank))


def histogram_of(values: list[int]) -> dict[int, int]:
    made: dict[int, int] = {}
    histogram.count(values, made)
    return made


@given(MAGNITUDES, st.integers(1, 1000), st.sampled_from(QUANTILES))
def test_a_value_that_is_the_only_one_is_exact_however_often_it_comes(value: int, times: int, q: float) -> None:
    assert histogram.quantile(histogram_of([value] * times), q) == value


def test_the_integers_of_a_bin_are_at_most_one_percent_apart() -> None:
    ends = [*histogram.LOWEST[1:], histogram.MAXIMUM + 1]
    for number, (lowest, end) in enumerate(zip(histogram.LOWEST, ends, strict=True)):
        assert histogram_of([lowest]) == {number: 1}
        assert end - 1 - lowest <= histogram.RELATIVE_ERROR * lowest
        if end - 1 > lowest:
            assert histogram_of([end - 1]) == {number: 1, histogram.BIN_COUNT + number: end - 1 - lowest}


def test_the_keys_of_a_histogram_fit_into_those_of_a_cell() -> None:
    assert max(histogram_of([histogram.MAXIMUM])) < histogram.KEY_COUNT <= cells.KEY_SPAN - cells.FIRST_BIN_PART


@st.composite
def close_together(draw: st.DrawFn) -> list[int]:
    """Values that share few bins."""
    lowest = draw(MAGNITUDES)
    width = draw(st.sampled_from((0.001, 0.01, 0.03)))
    highest = min(histogram.MAXIMUM, lowest + int(width * lowest) + 1)
    return draw(st.lists(st.integers(lowest, highest), min_size=1, max_size=30))


@given(close_together() | st.lists(MAGNITUDES, min_size=1, max_size=60), st.sampled_from(QUANTILES))
def test_a_percentile_lies_between_the_smallest_and_the_greatest_value(values: list[int], q: float) -> None:
    reported = histogram.quantile(histogram_of(values), q)
    assert reported is not None
    assert min(values) <= reported <= max(values)
    assert reported == pytest.approx(percentile_cont(values, q), rel=histogram.RELATIVE_ERROR)


@given(close_together(), close_together(), st.sampled_from(QUANTILES))
def test_what_was_added_can_be_taken_back(kept: list[int], gone: list[int], q: float) -> None:
    made = histogram_of(kept + gone)
    for key, amount in histogram_of(gone).items():
        made[key] -= amount
    assert histogram.quantile(made, q) == histogram.quantile(histogram_of(kept), q)


@given(st.lists(MAGNITUDES, min_size=1, max_size=60), st.sampled_from(QUANTILES))
def test_percentiles_are_those_of_sql_within_one_percent(values: list[int], q: float) -> None:
    exact, reported = percentile_cont(values, q), histogram.quantile(histogram_of(values), q)
    assert reported == pytest.approx(exact, rel=histogram.RELATIVE_ERROR)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_of_many_values_are_those_of_sql_within_one_percent(seed: int) -> None:
    source = random.Random(seed)
    values = [min(int(source.lognormvariate(7, 2)), histogram.MAXIMUM) for _ in range(5000)]
    for q in QUANTILES:
        reported = histogram.quantile(histogram_of(values), q)
        assert reported == pytest.approx(percentile_cont(values, q), rel=histogram.RELATIVE_ERROR)


@given(st.lists(MAGNITUDES, min_size=1, max_size=20), st.sampled_from(QUANTILES))
def test_histograms_beside_each_other_do_not_mix(values: list[int], q: float) -> None:
    both = dict[int, int]()
    histogram.count(values, both, 10)
    for first_key in (10 - histogram.KEY_COUNT, 10 + histogram.KEY_COUNT):
        assert histogram.quantile(both, q, first_key) is None
        histogram.count([0, histogram.MAXIMUM], both, first_key)
    assert histogram.quantile(both, q, 10) == histogram.quantile(histogram_of(values), q)


@given(st.lists(MAGNITUDES, max_size=20), st.lists(MAGNITUDES, min_size=1, max_size=20))
def test_merging_histograms_is_merging_their_values(left: list[int], right: list[int]) -> None:
    merged = histogram_of(left)
    for key, amount in histogram_of(right).items():
        merged[key] = merged.get(key, 0) + amount
    assert merged == histogram_of(left + right)


def test_without_values_there_is_no_percentile() -> None:
    assert histogram.quantile({}, 0.5) is None
    assert histogram.quantile({3: 0}, 0.5) is None
