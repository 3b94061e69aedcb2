"""The benchmark's files: series with windows that people have labelled, from its folder or from nab.tar.gz in it."""

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_WINDOWS = "labels/combined_windows.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One file. windows are places of the first and the last point of each."""

    name: str
    times: Sequence[datetime]
    values: Sequence[float]
    windows: Sequence[tuple[int, int]]

    @property
    def probation(self) -> int:
        """Returns how many points at the beginning are for learning and not scored: 15 %, at most 750."""
        return int(min(0.15 * len(self.values), 750))


def read(folder: Path) -> list[Series]:
    """Reads all series of a folder that has the benchmark's data and labels, or the archive of them."""
    contents = _contents(folder)
    if _WINDOWS not in contents:
        raise SystemExit(f"{folder} has neither nab.tar.gz nor {_WINDOWS}")
    labels = json.loads(contents[_WINDOWS])
    return [_series(name, contents[f"data/{name}"].decode(), labels[name]) for name in sorted(labels)]


def halves(series: Sequence[Series]) -> tuple[list[Series], list[Series]]:
    """Returns the half of the files that settings are chosen on, and the half whose figures are told.

    The halves go by the SHA-256 of the names, so nobody has chosen them.
    """
    ordered = sorted(series, key=lambda one: hashlib.sha256(one.name.encode()).digest())
    middle = len(ordered) // 2
    return ordered[:middle], ordered[middle:]


def _contents(folder: Path) -> Mapping[str, bytes]:
    archive = folder / "nab.tar.gz"
    if not archive.exists():
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with tarfile.open(archive) as files:
        members = [member for member in files if member.isfile()]
        return {member.name: file.read() for member in members if (file := files.extractfile(member)) is not None}


def _series(name: str, text: str, labels: Sequence[tuple[str, str]]) -> Series:
    rows = list(csv.DictReader(io.StringIO(text)))
    times = [_time(row["timestamp"]) for row in rows]
    windows = [_window(times, _time(start), _time(end)) for start, end in labels]
    return Series(name=name, times=times, values=[float(row["value"]) for row in rows], windows=windows)


def _window(times: Sequence[datetime], start: datetime, end: datetime) -> tuple[int, int]:
    inside = [place for place, at in enumerate(times) if start <= at <= end]
    return inside[0], inside[-1]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
