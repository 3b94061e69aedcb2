"""Which characters fonts can show. PDF/A refuses a document with a character that no font has; what cannot be shown is
replaced before.
"""

import struct
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_WIDE, _NARROW = 12, 4  # formats of a table: all of Unicode, and its first 65,536 characters


class Coverage:
    """The characters that some fonts have between them."""

    def __init__(self, fonts: Iterable[tuple[Path, int]]) -> None:
        """fonts are files, each with the number of the font in it. What is none has no characters."""
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(one for path, number in fonts for one in _ranges(path, number)):
            if self._ends and start <= self._ends[-1] + 1:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def __contains__(self, character: str) -> bool:
        place = bisect_right(self._starts, ord(character)) - 1
        return place >= 0 and ord(character) <= self._ends[place]

    def shown(self, laid: Any) -> Any:
        """Returns a value as JSON has them, whose texts hold nothing that cannot be shown."""
        match laid:
            case str():
                return "".join(one if one in self or _is_unseen(one) else _REPLACEMENT for one in laid)
            case dict():
                return {name: self.shown(value) for name, value in laid.items()}
            case list() | tuple():
                return [self.shown(value) for value in laid]
        return laid


def _is_unseen(character: str) -> bool:
    """Returns whether a character is shown by no glyph: spaces, marks of direction, what joins and varies others."""
    return character.isspace() or unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


def _ranges(path: Path, number: int) -> Iterator[tuple[int, int]]:
    """Yields the first and the last character of ranges that a font has."""
    try:
        content = path.read_bytes()
        base = struct.unpack_from(">I", content, 12 + 4 * number)[0] if content[:4] == b"ttcf" else 0
        yield from _characters(content, _table(content, base))
    except (OSError, struct.error, StopIteration):
        return


def _table(content: bytes, base: int) -> int:
    """Returns where the table of characters begins."""
    count = struct.unpack_from(">H", content, base + 4)[0]
    records = (struct.unpack_from(">4s4xI4x", content, base + 12 + 16 * place) for place in range(count))
    return next(int(offset) for tag, offset in records if tag == b"cmap")


def _characters(content: bytes, table: int) -> Iterator[tuple[int, int]]:
    """Yields the ranges of a table of characters, of the part that has most of them."""
    count = struct.unpack_from(">H", content, table + 2)[0]
    parts = {}
    for place in range(count):
        start = table + struct.unpack_from(">4xI", content, table + 4 + 8 * place)[0]
        parts[struct.unpack_from(">H", content, start)[0]] = start
    if _WIDE in parts:
        groups = struct.unpack_from(">I", content, parts[_WIDE] + 12)[0]
        for place in range(groups):
            first, last, glyph = struct.unpack_from(">III", content, parts[_WIDE] + 16 + 12 * place)
            yield (first, last) if glyph else (first + 1, last)
    elif _NARROW in parts:
        yield from _segments(content, parts[_NARROW])


def _segments(content: bytes, start: int) -> Iterator[tuple[int, int]]:
    count = struct.unpack_from(">H", content, start + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", content, start + 14)
    starts = struct.unpack_from(f">{count}H", content, start + 16 + 2 * count)
    # The last one is only an end.
    yield from zip(starts[:-1], ends[:-1], strict=True)
