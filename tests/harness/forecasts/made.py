"""Made series like those of M4 (hours and days), from a seed: random walks, trends, seasons that add or multiply, heavy
tails, outliers, levels that change and counts of few.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.harness.forecasts.measuring import Case

_HOURS, _DAYS = (24, 48), (7, 14)  # period and horizon, as M4 has them for hours, and for days
_LENGTHS = {24: (700, 960), 7: (200, 400)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a series is made: how much its level walks and rises, its season, its noise, and what is odd about it."""

    walk: float
    rise: float
    season: float
    noise: float
    odd: str


_KINDS = (
    Kind(walk=0.02, rise=0.0, season=0.0, noise=0.0, odd=""),
    Kind(walk=0.01, rise=0.001, season=0.0, noise=0.01, odd=""),
    Kind(walk=0.005, rise=0.0, season=0.3, noise=0.05, odd=""),
    Kind(walk=0.002, rise=0.001, season=0.6, noise=0.1, odd=""),
    Kind(walk=0.01, rise=-0.0005, season=0.4, noise=0.1, odd="tails"),
    Kind(walk=0.002, rise=0.0, season=0.4, noise=0.1, odd="outliers"),
    Kind(walk=0.002, rise=0.0, season=0.4, noise=0.08, odd="level"),
    Kind(walk=0.01, rise=0.0, season=0.5, noise=0.0, odd="counts"),
)


def cases(*, is_daily: bool, count: int, seed: int) -> list[Case]:
    """Makes so many series, each with what comes after it."""
    period, horizon = _DAYS if is_daily else _HOURS
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        length = int(chance.integers(*_LENGTHS[period]))
        values = _series(_KINDS[number % len(_KINDS)], length + horizon, period, chance)
        found.append(
            Case(
                name=f"made {number}",
                seasons=(period,) if is_daily else (period, 7 * period),
                history=values[:length].tolist(),
                future=values[length:].tolist(),
            )
        )
    return found


def _series(kind: Kind, length: int, period: int, chance: np.random.Generator) -> npt.NDArray[np.float64]:
    at = np.arange(length)
    steps = chance.standard_t(3, length) if kind.odd == "tails" else chance.normal(size=length)
    level = np.exp(np.cumsum(kind.walk * steps) + kind.rise * at)
    shape = chance.normal(size=period)
    if period == 24:
        shape = np.cos(2 * np.pi * (np.arange(period) - chance.integers(period)) / period) + 0.2 * shape
    season = np.exp(kind.season * shape[at % period])
    if period == 24 and kind.season:
        season *= np.exp(0.3 * kind.season * chance.normal(size=7)[at // 24 % 7])
    values = 1000 * level * season * (1 + kind.noise * chance.normal(size=length))
    if kind.odd == "outliers":
        values[chance.random(length) < 0.01] *= 5
    if kind.odd == "level":
        values[int(chance.integers(length // 3, 2 * length // 3)) :] *= float(chance.choice([0.5, 1.6]))
    if kind.odd == "counts":
        values = chance.poisson(np.maximum(values / 400, 0)).astype(np.float64)
    return np.maximum(values, 0.0)
