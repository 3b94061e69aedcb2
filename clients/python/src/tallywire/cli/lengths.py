"""Lengths of time as people write them: 90s, 30m, 12h, 7d, 2w."""

import re
from datetime import timedelta
from typing import Final

from google.protobuf import duration_pb2

from tallywire.cli import formatting
from tallywire.cli.problems import WrongUsage

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def of(text: str, option: str) -> timedelta:
    """Returns a length of time. Raises WrongUsage."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if found is None:
        raise WrongUsage(f"{option} is a number with s, m, h, d or w, such as 30m, not {text!r}")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def shown(length: duration_pb2.Duration) -> str:
    """Returns a length of time in the largest unit that it is a whole number of; a dash for none."""
    seconds = length.seconds
    if seconds <= 0:
        return formatting.ABSENT
    unit, size = next((unit, size) for unit, size in reversed(_UNITS.items()) if seconds % size == 0 and unit != "w")
    return f"{seconds // size:,}{unit}"
