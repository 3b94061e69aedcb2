"""What a figure is going to be: what server.forecasts says of it, for conditions on forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What a figure is expected to be next, oldest first; or why that cannot be said, through too little history."""

    points: Sequence[float] = ()
    reason: str = ""


def expected(
    values: Sequence[float | None], *, horizon: int, is_hourly: bool, lower: float | None, upper: float | None
) -> Ahead:
    """Returns what the next values of a series of hours or days are expected to be; refuses where numpy is missing."""
    # Here, since it takes numpy, which not every worker has: who has no such rule needs none.
    from server.forecasts import extras

    extras.check()
    from server.forecasts import series_forecast
    from server.forecasts.arrays import SeasonPlaces
    from server.forecasts.values import TooShortError

    seasons = [SeasonPlaces.regular(period, len(values) + horizon) for period in ((24, 168) if is_hourly else (7,))]
    try:
        found = series_forecast.forecast(values, horizon=horizon, seasons=seasons, lower=lower, upper=upper)
    except TooShortError as error:
        unit = "hours" if is_hourly else "days"
        return Ahead(reason=f"a forecast takes {error.needed} {unit} with data, and there are {error.found}")
    return Ahead(points=[one.point for one in found.points])
