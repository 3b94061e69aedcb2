"""Histograms as rollups hold them: bytes, one string for each measure, of which many are added up at once.

A question that asks for percentiles reads thousands of bins, and arrays cost PostgreSQL and the driver something for
each element. The strings are not looked into by PostgreSQL.

A string holds blocks, for the counts of bins and for their offsets (see server/histogram.py): a header, and amounts.
The header says the kind of the block, its first key, counted from the histogram's first one, and how many amounts there
are. In a dense block they belong to the keys from there on, with zeros in the gaps; a sparse block holds the key of
each, in two bytes, before the amounts. Amounts have eight bytes, or four where all of a block are small. Blocks of no
negative and no very large amount can be added as long integers, all places at once: no sum leaves its place. All of it
is little-endian.
"""

import array
import bisect
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server import histogram
from server.catalog import cells

# How many places a dense block may have for each of its amounts: more keys than that have no gaps worth filling.
_DENSE = 2
_HEADER = struct.Struct("<BHH")
_KEY = 2  # bytes
_ADDED_AT_ONCE = 1 << 8  # blocks


class _Kind(NamedTuple):
    """A kind of block: how its amounts are stored, and what they are less than if they can be added as one integer."""

    number: int
    code: str
    amount: int  # bytes
    below: int


_SPARSE, _PLAIN = _Kind(0, "q", 8, 0), _Kind(1, "q", 8, 0)
_SMALL, _LARGE = _Kind(2, "I", 4, 1 << 24), _Kind(3, "q", 8, 1 << 48)
_KINDS = (_SPARSE, _PLAIN, _SMALL, _LARGE)
_SWAPS = sys.byteorder == "big"


class _Block(NamedTuple):
    kind: _Kind
    first: int
    keys: bytes
    amounts: bytes


def pack(keys: Sequence[int], amounts: Sequence[int]) -> tuple[list[int], list[bytes]]:
    """Returns the bins of a cell, in the order of their keys, as numbers of measures and a string for each."""
    measures, packed = [], []
    start = 0
    while start < len(keys):
        measure = keys[start] // cells.KEY_SPAN
        first = cells.first_bin_key(measure)
        middle = bisect.bisect_left(keys, first + histogram.BIN_COUNT, start)
        end = bisect.bisect_left(keys, (measure + 1) * cells.KEY_SPAN, middle)
        measures.append(measure)
        blocks = ((start, middle), (middle, end))
        packed.append(b"".join([_packed(keys[at:to], amounts[at:to], first) for at, to in blocks if at < to]))
        start = end
    return measures, packed


def _packed(keys: Sequence[int], amounts: Sequence[int], first: int) -> bytes:
    lowest, count = keys[0], len(keys)
    places = keys[-1] - lowest + 1
    if places > _DENSE * count:
        header = _HEADER.pack(_SPARSE.number, lowest - first, count)
        return header + _bytes("H", [key - first for key in keys]) + _bytes(_SPARSE.code, amounts)
    if places > count:
        filled = [0] * places
        for key, amount in zip(keys, amounts, strict=True):
            filled[key - lowest] = amount
        amounts = filled
    most = max(amounts)
    kind = _PLAIN if min(amounts) < 0 or most >= _LARGE.below else _SMALL if most < _SMALL.below else _LARGE
    return _HEADER.pack(kind.number, lowest - first, places) + _bytes(kind.code, amounts)


def unpack(measures: Iterable[int], packed: Iterable[bytes]) -> dict[int, int]:
    """Returns the bins that numbers of measures and a string for each stand for."""
    bins: dict[int, int] = {}
    for measure, one in zip(measures, packed, strict=True):
        for block in _blocks(one):
            bins.update(_items(block, cells.first_bin_key(measure)))
    return bins


def add_up(packed: Iterable[bytes], measure: int) -> dict[int, int]:
    """Returns the bins that the histograms of a measure come to together."""
    first = cells.first_bin_key(measure)
    bins: dict[int, int] = {}
    alike: dict[tuple[int, bool], list[_Block]] = {}
    for one in packed:
        for block in _blocks(one):
            if block.kind.below:
                alike.setdefault((block.kind.number, block.first < histogram.BIN_COUNT), []).append(block)
            else:
                cells.add_into(bins, _items(block, first))
    for blocks in alike.values():
        for at in range(0, len(blocks), _ADDED_AT_ONCE):
            cells.add_into(bins, _items(_sum(blocks[at : at + _ADDED_AT_ONCE]), first))
    return bins


def _sum(blocks: Sequence[_Block]) -> _Block:
    """Returns blocks of a kind added up: all places at once, as the digits of one long integer."""
    kind, first = blocks[0].kind, min(block.first for block in blocks)
    total = 0
    for block in blocks:
        total += int.from_bytes(block.amounts, "little") << 8 * kind.amount * (block.first - first)
    places = max(block.first + len(block.amounts) // kind.amount for block in blocks) - first
    return _Block(kind, first, b"", total.to_bytes(kind.amount * places, "little"))


def _blocks(packed: bytes) -> Iterator[_Block]:
    at = 0
    while at < len(packed):
        number, first, count = _HEADER.unpack_from(packed, at)
        kind = _KINDS[number]
        amounts_at = at + _HEADER.size + (_KEY * count if kind is _SPARSE else 0)
        end = amounts_at + kind.amount * count
        yield _Block(kind, first, packed[at + _HEADER.size : amounts_at], packed[amounts_at:end])
        at = end


def _items(block: _Block, first: int) -> Iterable[tuple[int, int]]:
    """Returns the keys of a block and their amounts, without those that are 0."""
    amounts = _integers(block.kind.code, block.amounts)
    if block.kind is _SPARSE:
        return zip([first + key for key in _integers("H", block.keys)], amounts, strict=True)
    return [(key, amount) for key, amount in enumerate(amounts, first + block.first) if amount]


def _bytes(code: str, values: Sequence[int]) -> bytes:
    made = array.array(code, values)
    if _SWAPS:
        made.byteswap()
    return made.tobytes()


def _integers(code: str, content: bytes) -> "array.array[int]":
    made = array.array(code)
    made.frombytes(content)
    if _SWAPS:
        made.byteswap()
    return made
