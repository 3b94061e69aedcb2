"""Cells: adding them is a commutative monoid, so that no order of arrival or of folding changes a figure."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from server.catalog import cells
from server.catalog.cells import Cell, CellKey
from server.quarters import Width

VECTORS = st.dictionaries(st.integers(cells.KEY_SPAN, cells.KEY_SPAN * 34), st.integers(-(10**12), 10**12), max_size=5)
BINS = st.dictionaries(st.integers(cells.KEY_SPAN + 2, cells.KEY_SPAN * 34), st.integers(0, 10**6), max_size=5)
MEMBERS = st.sets(st.integers(0, 2**32 - 1), max_size=6).map(BitMap)
SETS = st.dictionaries(st.sampled_from((32, 33)), MEMBERS, max_size=2)
CELLS = st.builds(Cell, VECTORS, BINS, SETS)


def total(*some: Cell) -> Cell:
    result = Cell()
    for one in some:
        result.add(one)
    return result


def same(left: Cell, right: Cell) -> bool:
    key = CellKey(0, "", 0)
    return not cells.differences({key: left}, {key: right})


@given(CELLS, CELLS)
def test_addition_commutes(left: Cell, right: Cell) -> None:
    assert same(total(left, right), total(right, left))


@given(CELLS, CELLS, CELLS)
def test_addition_associates(first: Cell, second: Cell, third: Cell) -> None:
    assert same(total(total(first, second), third), total(first, total(second, third)))


@given(CELLS)
def test_the_empty_cell_adds_nothing(one: Cell) -> None:
    assert same(total(one, Cell()), one)
    assert Cell().is_empty()
    assert one.is_empty() == same(one, Cell())


@given(CELLS, CELLS)
def test_adding_leaves_what_is_added_as_it_was(left: Cell, right: Cell) -> None:
    before = copy.deepcopy(right)
    result = total(left, right)
    result.add(right)
    assert right == before


@given(CELLS, CELLS)
def test_counters_and_bins_add_and_sets_unite(left: Cell, right: Cell) -> None:
    result = total(left, right)
    for name in ("counters", "bins"):
        mine, theirs, both = (getattr(one, name) for one in (left, right, result))
        assert both == {key: mine.get(key, 0) + theirs.get(key, 0) for key in mine.keys() | theirs.keys()}
    for key in (32, 33):
        united = set(left.sets.get(key, ())) | set(right.sets.get(key, ()))
        assert set(result.sets.get(key, ())) == united


@given(st.integers(-(10**6), 10**7), st.sampled_from(Width))
def test_a_quarter_hour_is_in_the_bucket_that_begins_at_its_floor(bucket: int, granularity: Width) -> None:
    first = granularity.floor(bucket)
    assert first <= bucket < first + granularity
    assert first % granularity == 0


def test_differences_name_the_cells_that_differ_and_only_those() -> None:
    keys = [CellKey(0, "", number) for number in range(4)]
    left = {keys[0]: Cell({4096: 1}), keys[1]: Cell({4096: 0}), keys[2]: Cell({4096: 2})}
    right = {keys[0]: Cell({4096: 1}), keys[2]: Cell({4096: 3}), keys[3]: Cell(sets={32: BitMap([1])})}
    assert cells.differences(left, right) == [keys[2], keys[3]]
