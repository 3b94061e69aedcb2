"""Histograms: no value and no percentile is off by more than the bound, whatever the magnitudes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import histogram

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


def bins_of(values: list[int]) -> dict[int, int]:
    bins: dict[int, int] = {}
    for value in values:
        number = histogram.bin_of(value)
        bins[number] = bins.get(number, 0) + 1
    return bins


@given(MAGNITUDES)
def test_what_stands_for_a_value_is_at_most_one_percent_off(value: int) -> None:
    assert abs(histogram.representative(histogram.bin_of(value)) - value) <= histogram.RELATIVE_ERROR * value


def test_every_bin_keeps_the_bound_at_both_of_its_ends() -> None:
    for number in range(1, histogram.BIN_COUNT):
        lowest, highest = histogram._UPPER[number - 1] + 1, min(histogram._UPPER[number], histogram.MAXIMUM)
        assert histogram.bin_of(lowest) == histogram.bin_of(highest) == number
        for value in (lowest, highest):
            assert abs(histogram.representative(number) - value) <= histogram.RELATIVE_ERROR * value


@pytest.mark.parametrize("value", range(50))
def test_small_values_are_exact(value: int) -> None:
    assert histogram.quantile(bins_of([value]), 0.5) == value


def test_the_bins_fit_into_the_keys_of_a_cell() -> None:
    assert histogram.bin_of(histogram.MAXIMUM) < histogram.BIN_COUNT < 4094


@given(st.lists(MAGNITUDES, min_size=1, max_size=60), st.sampled_from(QUANTILES))
@settings(deadline=None)
def test_percentiles_are_those_of_sql_within_one_percent(values: list[int], q: float) -> None:
    exact, told = percentile_cont(values, q), histogram.quantile(bins_of(values), q)
    assert told == pytest.approx(exact, rel=histogram.RELATIVE_ERROR)


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_of_many_values_are_those_of_sql_within_one_percent(seed: int) -> None:
    source = random.Random(seed)
    values = [min(int(source.lognormvariate(7, 2)), histogram.MAXIMUM) for _ in range(5000)]
    for q in QUANTILES:
        told = histogram.quantile(bins_of(values), q)
        assert told == pytest.approx(percentile_cont(values, q), rel=histogram.RELATIVE_ERROR)


@given(st.lists(MAGNITUDES, max_size=20), st.lists(MAGNITUDES, min_size=1, max_size=20))
@settings(deadline=None)
def test_merging_histograms_is_merging_their_values(left: list[int], right: list[int]) -> None:
    merged = bins_of(left)
    for number, count in bins_of(right).items():
        merged[number] = merged.get(number, 0) + count
    assert merged == bins_of(left + right)


def test_without_values_there_is_no_percentile() -> None:
    assert histogram.quantile({}, 0.5) is None
    assert histogram.quantile({3: 0}, 0.5) is None
