"""Histograms as rollups hold them: bytes, one string for each measure, of which many are added up at once.

A question that asks for percentiles reads thousands of bins, and arrays cost PostgreSQL and the driver something for
each element. The strings are not looked into by PostgreSQL.

A string holds blocks, for the counts of bins and for their offsets (see server/histogram.py): a header, and amounts of
eight bytes. The header says the first key of the block, counted from the histogram's first one, and how many amounts
there are. In a dense block they belong to the keys from there on, with zeros in the gaps; a sparse block holds the key
of each, in two bytes, before the amounts. All of it is little-endian.
"""

import array
import bisect
import functools
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from server import histogram
from server.catalog import cells

# How many places a dense block may have for each of its amounts: more keys than that have no gaps worth filling.
_DENSE = 2
_HEADER = struct.Struct("<BHH")
_KEY, _AMOUNT = 2, 8  # bytes
_LANE = 8 * _AMOUNT  # bits
_SWAPS = sys.byteorder == "big"


class _Block(NamedTuple):
    is_dense: bool
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
        header = _HEADER.pack(False, lowest - first, count)
        return header + _bytes("H", [key - first for key in keys]) + _bytes("q", amounts)
    if places > count:
        filled = [0] * places
        for key, amount in zip(keys, amounts, strict=True):
            filled[key - lowest] = amount
        amounts = filled
    return _HEADER.pack(True, lowest - first, places) + _bytes("q", amounts)


def unpack(measures: Iterable[int], packed: Iterable[bytes]) -> dict[int, int]:
    """Returns the bins that numbers of measures and a string for each stand for."""
    bins: dict[int, int] = {}
    for measure, one in zip(measures, packed, strict=True):
        for block in _blocks(one):
            bins.update(_items(block, cells.first_bin_key(measure)))
    return bins


def add_up(packed: Sequence[bytes], measure: int) -> dict[int, int]:
    """Returns the bins that the histograms of a measure come to together."""
    blocks = [block for one in packed for block in _blocks(one)]
    first = cells.first_bin_key(measure)
    bins: dict[int, int] = {}
    for of_offsets in (False, True):
        mine = [block for block in blocks if (block.first >= histogram.BIN_COUNT) is of_offsets]
        dense = [block for block in mine if block.is_dense]
        sum_of_dense = _sum(dense)
        if sum_of_dense is not None:
            bins.update(_items(sum_of_dense, first))
        for block in mine:
            if sum_of_dense is None or not block.is_dense:
                cells.add_into(bins, _items(block, first))
    return bins


def _sum(blocks: Sequence[_Block]) -> _Block | None:
    """Returns dense blocks added up; None where there are none, or where amounts may be negative or leave their places.

    All of them are added at once, as the digits of one long integer.
    """
    if not blocks:
        return None
    first = min(block.first for block in blocks)
    total = every_bit = 0
    for block in blocks:
        number = int.from_bytes(block.amounts, "little") << _LANE * (block.first - first)
        total += number
        every_bit |= number
    places = max(block.first + len(block.amounts) // _AMOUNT for block in blocks) - first
    if every_bit & _highest_bits(places) or len(blocks) >> 15:
        return None
    return _Block(True, first, b"", total.to_bytes(_AMOUNT * places, "little"))


@functools.lru_cache(maxsize=512)
def _highest_bits(places: int) -> int:
    """Returns the two highest bytes of each place: where they are 0, up to 2^15 amounts add up within their place."""
    return int.from_bytes((bytes(_AMOUNT - 2) + b"\xff\xff") * places, "little")


def _blocks(packed: bytes) -> Iterator[_Block]:
    at = 0
    while at < len(packed):
        is_dense, first, count = _HEADER.unpack_from(packed, at)
        amounts_at = at + _HEADER.size + (0 if is_dense else _KEY * count)
        end = amounts_at + _AMOUNT * count
        yield _Block(bool(is_dense), first, packed[at + _HEADER.size : amounts_at], packed[amounts_at:end])
        at = end


def _items(block: _Block, first: int) -> Iterable[tuple[int, int]]:
    """Returns the keys of a block and their amounts, without those that are 0."""
    amounts = _integers("q", block.amounts)
    if not block.is_dense:
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
