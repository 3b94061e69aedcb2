"""Published series as cases: those of M4, and counts of records that lie beside the repository."""

import csv
from collections.abc import Iterator
from pathlib import Path

from server.forecasts import backtest
from tests.harness.forecasts import recorded
from tests.harness.forecasts.measuring import Case
from tests.harness.forecasts.recorded import RecordedSeries

_SEASONS = {True: (7,), False: (24, 168)}
_HORIZONS = {True: 14, False: 24}
_CUTS = 6  # instants of each series from which is forecast


def m4(folder: Path, *, is_daily: bool, every: int) -> Iterator[Case]:
    """Yields every so many series of M4, from its files Hourly-train.csv and Hourly-test.csv, or Daily-…"""
    kind = "Daily" if is_daily else "Hourly"
    train, test = (_rows(folder / f"{kind}-{one}.csv") for one in ("train", "test"))
    for name in list(train)[::every]:
        yield Case(name=name, seasons=_SEASONS[is_daily], history=train[name], future=test[name])


def _rows(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {row[0]: [float(one) for one in row[1:] if one not in ("", "NA")] for row in rows}


def shared(folder: Path) -> Iterator[tuple[RecordedSeries, list[Case]]]:
    """Yields each series with its cases: the next day, or fortnight, from some instants of its second half."""
    for one in recorded.series(folder):
        yield one, list(_cases(one))


def _cases(one: RecordedSeries) -> Iterator[Case]:
    seasons, horizon = _SEASONS[one.is_daily], _HORIZONS[one.is_daily]
    values = one.values
    first = max(backtest.needed(seasons[0], horizon), len(values) // 2)
    last = len(values) - horizon
    for cut in sorted({first + (last - first) * place // _CUTS for place in range(_CUTS + 1)}) if last >= first else ():
        history, future = values[:cut], values[cut : cut + horizon]
        yield Case(name=f"{one.name} at {cut}", seasons=seasons, history=history, future=future)
