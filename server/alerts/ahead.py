"""What a figure is going to be: what server.forecasts says of it, for conditions on forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What a figure is expected to be next, oldest first; or why that cannot be said, through too little history."""

    points: Sequence[float] = ()
    reason: str = ""


def expected(
    values: Sequence[float | None],
    ends: Sequence[datetime],
    later: Sequence[datetime],
    *,
    zone: ZoneInfo,
    is_hourly: bool,
    is_fraction: bool,
) -> Ahead:
    """Returns what the figures of windows of hours or days are expected to be that end later, from the values of those
    before and where they end; refuses where numpy is missing.
    """
    # Here, since it takes numpy, which not every worker has: who has no such rule needs none.
    from server.forecasts import extras

    extras.check()
    from server.forecasts import arrays, series_forecast
    from server.forecasts.values import TooShortError

    seasons = (arrays.seasons_of_hours if is_hourly else arrays.seasons_of_days)([*ends, *later], zone)
    lower, upper = series_forecast.bounds_of(values, is_fraction=is_fraction)
    try:
        found = series_forecast.forecast(values, horizon=len(later), seasons=seasons, lower=lower, upper=upper)
    except TooShortError as error:
        unit = "hours" if is_hourly else "days"
        return Ahead(reason=f"a forecast takes {error.needed} {unit} with data, and there are {error.found}")
    return Ahead(points=[one.point for one in found.points])
