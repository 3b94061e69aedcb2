"""Histograms as rollups hold them: what is packed comes back, and many add up as one by one."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import histogram
from server.catalog import cells
from server.store import packed_histograms

MEASURES = (8, 36)
# Runs of neighbouring keys and keys that lie far apart, of counts and of offsets.
PLACES = (
    st.integers(0, 60)
    | st.integers(0, histogram.KEY_COUNT - 1)
    | st.integers(1000, 1100).map(lambda place: histogram.BIN_COUNT + place)
)
KEYS = st.builds(lambda measure, place: cells.first_bin_key(measure) + place, st.sampled_from(MEASURES), PLACES)
SMALL = st.integers(1, 1000) | st.integers(2**24 - 2, 2**24 + 2) | st.integers(2**48 - 2, 2**48 + 2)
ANY = st.integers(-(2**63) + 1, 2**63 - 1).filter(bool)


def packed(bins: dict[int, int]) -> tuple[list[int], list[bytes]]:
    """What a rollup holds of bins."""
    return packed_histograms.pack(sorted(bins), [bins[key] for key in sorted(bins)])


@given(st.dictionaries(KEYS, ANY))
def test_what_is_packed_comes_back(bins: dict[int, int]) -> None:
    assert packed_histograms.unpack(*packed(bins)) == bins


@pytest.mark.parametrize("amounts", [SMALL, SMALL | ANY], ids=["small", "any"])
@given(st.data())
def test_histograms_add_up_as_their_bins_do(amounts: st.SearchStrategy[int], data: st.DataObject) -> None:
    several = data.draw(st.lists(st.dictionaries(KEYS, amounts), max_size=5))
    expected: Counter[int] = Counter()
    of_measure: dict[int, list[bytes]] = {measure: [] for measure in MEASURES}
    for bins in several:
        expected.update(bins)
        for measure, one in zip(*packed(bins), strict=True):
            of_measure[measure].append(one)
    found: dict[int, int] = {}
    for measure, strings in of_measure.items():
        found.update(packed_histograms.add_up(strings, measure))
    assert {key: amount for key, amount in found.items() if amount} == {
        key: amount for key, amount in expected.items() if amount
    }


def test_many_of_the_greatest_amounts_of_a_kind_add_up() -> None:
    for greatest in (2**24 - 1, 2**48 - 1):
        bins = {cells.first_bin_key(8) + place: greatest for place in range(3)}
        found = packed_histograms.add_up(packed(bins)[1] * 1000, 8)
        assert found == dict.fromkeys(bins, 1000 * greatest)


def test_a_histogram_takes_hardly_more_than_its_amounts() -> None:
    rng, bins = random.Random(1), dict[int, int]()
    histogram.count([int(rng.lognormvariate(7, 1)) for _ in range(5_000)], bins, cells.first_bin_key(8))
    (one,) = packed(bins)[1]
    assert len(one) < 6 * len(bins)
