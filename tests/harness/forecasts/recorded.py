"""Published records as series of counts; their bytes lie beside the repository and are not part of it."""

import bz2
import collections
import csv
import gzip
import io
import itertools
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from server.local import chitchat

_HOUR, _DAY = 3600, 86_400
_STAMP = re.compile(r"\[([^\]]+)\]")
_LEAST = {_HOUR: 24 * 3, _DAY: 7 * 8}  # values without which a series says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSeries:
    """Values of hours or days, oldest first, None for gaps. cut is from which share of them on is forecast."""

    name: str
    is_daily: bool
    values: list[float | None]


def series(folder: Path) -> Iterator[RecordedSeries]:
    """Yields all series of hours and days that are long enough."""
    for name, times in _counted(folder):
        for width in (_HOUR, _DAY):
            yield from _long_enough(name, width, _counts(times, width))
    for name, values in _measured(folder):
        for width in (_HOUR, _DAY):
            yield from _long_enough(name, width, _means(values, width))


def _long_enough(name: str, width: int, values: list[float | None]) -> Iterator[RecordedSeries]:
    if len(values) >= _LEAST[width]:
        yield RecordedSeries(name=name, is_daily=width == _DAY, values=values)


def _counts(times: Iterable[float], width: int) -> list[float | None]:
    """Whole hours or days between the first and the last event: those without any are 0."""
    counts = collections.Counter(int(at // width) for at in times)
    return [float(counts[one]) for one in range(min(counts) + 1, max(counts))]


def _means(values: Iterable[tuple[float, float]], width: int) -> list[float | None]:
    found: dict[int, list[float]] = collections.defaultdict(list)
    for at, value in values:
        found[int(at // width)].append(value)
    return [sum(found[one]) / len(found[one]) if one in found else None for one in range(min(found) + 1, max(found))]


def _counted(folder: Path) -> Iterator[tuple[str, list[float]]]:
    """Times of what happened."""
    yield "chitchat messages", [at for one in chitchat.conversations() for _, at in one.messages]
    yield "chitchat conversations", [one.messages[0][1] for one in chitchat.conversations()]
    with gzip.open(folder / "ragpulse" / "0_trace.jsonl.gz", "rt", encoding="utf-8") as file:
        seconds = [int(json.loads(line)["timestamp"]) for line in filter(str.strip, file)]
    second = next(place for place, (a, b) in enumerate(itertools.pairwise(seconds), 1) if b < a)
    yield "ragpulse requests", [at + 604_800 * (place >= second) for place, at in enumerate(seconds)]
    with gzip.open(folder / "elastic_logs" / "apache_logs.gz", "rt", encoding="utf-8") as file:
        stamps = [match[1] for line in file if (match := _STAMP.search(line))]
    yield "web requests", [datetime.strptime(one, "%d/%b/%Y:%H:%M:%S %z").timestamp() for one in stamps]
    with gzip.open(folder / "elastic_logs" / "auth.log.gz", "rt", encoding="utf-8") as file:
        logins = [datetime.strptime(f"2015 {line[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC) for line in file]
    yield "log lines of logins", [one.timestamp() for one in logins]
    with bz2.open(folder / "elastic_logs" / "anonreviews.csv.bz2", "rt", encoding="utf-8") as file:
        dates = [row["date"] for row in csv.DictReader(file)]
    yield "ratings", [datetime.fromisoformat(one).replace(tzinfo=UTC).timestamp() for one in dates]
    yield from _tickets(folder)


def _tickets(folder: Path) -> Iterator[tuple[str, list[float]]]:
    """The months in which nearly all tickets were opened, as the data's own description says."""
    end = datetime(2016, 6, 1, tzinfo=UTC)
    with (
        zipfile.ZipFile(folder / "uci_incident_log" / "incident_event_log.zip") as archive,
        archive.open(archive.namelist()[0]) as file,
    ):
        rows = list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")))
    opened = {row["number"]: row["opened_at"] for row in rows}.values()
    for name, stamps in (("tickets opened", opened), ("updates of tickets", [row["sys_updated_at"] for row in rows])):
        times = (datetime.strptime(one, "%d/%m/%Y %H:%M").replace(tzinfo=UTC) for one in stamps)
        yield name, [one.timestamp() for one in times if one < end]


def _measured(folder: Path) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Times and values of what was measured: means of hours and days are made of them."""
    with tarfile.open(folder / "nab" / "nab.tar.gz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member) if member.name.endswith(".csv") else None
            if file is not None:
                rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))
                at = datetime.fromisoformat
                yield (
                    member.name.removeprefix("data/").removesuffix(".csv"),
                    [(at(row["timestamp"]).replace(tzinfo=UTC).timestamp(), float(row["value"])) for row in rows],
                )
