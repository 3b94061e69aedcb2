"""How unusual a window is: what server.anomalies says of it, for conditions in standard deviations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from server.anomalies import judging
from server.anomalies.judging import Direction, Kind, Sample, Sensitivity
from server.organizations.alerts import AlertCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusual:
    """By how many standard deviations a window is beside what is usual, the bounds of that, and the same in words."""

    score: float
    low: float
    high: float
    reason: str


def judged(
    condition: AlertCondition,
    history: Sequence[Sample],
    current: Sample,
    *,
    kind: Kind,
    zone: ZoneInfo,
    width: timedelta,
) -> Unusual | None:
    """Returns how unusual a window is; None where there is too little history. One that differs from what was expected
    by less than the least effect is not unusual at all.
    """
    sensitivity = Sensitivity(sigmas=_least(condition))
    found = judging.judge(
        history,
        current,
        kind=kind,
        zone=zone,
        width=width,
        direction=Direction.BOTH,
        sensitivity=sensitivity,
        minimum_effect=condition.minimum_effect,
    )
    if found is None:
        return None
    is_beyond = abs(found.score) >= sensitivity.sigmas
    score = 0.0 if is_beyond and not found.is_anomalous else found.score
    return Unusual(score=score, low=found.low, high=found.high, reason=judging.describe(found, current, kind=kind))


def _least(condition: AlertCondition) -> float:
    """Returns the limit that is reached first."""
    given = (condition.warning, condition.critical, condition.low_warning, condition.low_critical)
    return min((abs(one) for one in given if one is not None), default=Sensitivity.MEDIUM.sigmas) or 1.0
