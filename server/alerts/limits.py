"""The limits of a condition: on which sides they are, and which of them make sense together."""

import math
from typing import Final

from server.errors import Reason, Refused
from server.events import rules
from server.organizations.alerts import AlertCondition, AlertDirection, ConditionKind

_ALL: Final = ("warning", "critical", "low_warning", "low_critical")
_LOW: Final = ("low_warning", "low_critical")
# On both sides by as much, unless lower limits are given.
_MIRRORED: Final = (ConditionKind.CHANGE, ConditionKind.ANOMALY)


def check(condition: AlertCondition) -> None:
    """Refuses limits that are missing, do not go with the condition, or leave no room to be OK."""
    given = {name: limit for name in _ALL if (limit := getattr(condition, name)) is not None}
    for name in (*given, "hysteresis"):
        if not math.isfinite(getattr(condition, name)):
            raise Refused(Reason.NOT_A_NUMBER, "must be a finite number", field=f"condition.{name}")
    if condition.hysteresis < 0:
        raise _invalid("hysteresis", "must not be below 0")
    if condition.kind is ConditionKind.ABSENCE:
        for name in given:
            raise _invalid(name, "absence has no limits")
        return
    if condition.warning is None and condition.critical is None:
        raise rules.required("condition.critical")
    if condition.kind is ConditionKind.BUDGET and condition.direction is not AlertDirection.ABOVE:
        raise _invalid("direction", "is ALERT_DIRECTION_ABOVE for a budget")
    if condition.kind is ConditionKind.BUDGET:
        for name, limit in given.items():
            if limit <= 0:
                raise _invalid(name, f"{limit:g} is no share that can be used: it is above 0")
    _check_order(condition)
    if condition.direction is AlertDirection.OUTSIDE:
        _check_band(condition)
        return
    for name in _LOW:
        if name in given:
            raise _invalid(name, "goes with ALERT_DIRECTION_OUTSIDE alone")


def _check_order(condition: AlertCondition) -> None:
    """Refuses a critical limit that is on the milder side of the warning."""
    mildest_first = -1 if condition.direction is AlertDirection.BELOW else 1
    for warning, critical, name, sign in (
        (condition.warning, condition.critical, "critical", mildest_first),
        (condition.low_warning, condition.low_critical, "low_critical", -1),
    ):
        if warning is not None and critical is not None and critical * sign < warning * sign:
            side = "below" if sign > 0 else "above"
            raise _invalid(name, f"{critical:g} is {side} the warning at {warning:g}: it would never be reached second")


def _check_band(condition: AlertCondition) -> None:
    """Refuses a band between lower and upper limits in which there is no room."""
    lows = [limit for limit in (condition.low_warning, condition.low_critical) if limit is not None]
    highs = [limit for limit in (condition.warning, condition.critical) if limit is not None]
    high = min(highs)
    if not lows and condition.kind not in _MIRRORED:
        raise rules.required("condition.low_critical")
    low = max(lows) if lows else -high
    if low >= high:
        raise _invalid(
            "low_critical" if condition.low_critical is not None else "low_warning",
            f"the lower limit {low:g} is not below the upper one {high:g}",
        )
    if condition.hysteresis >= high - low:
        raise _invalid("hysteresis", f"{condition.hysteresis:g} leaves no room between {low:g} and {high:g}")


def _invalid(name: str, why: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, why, field=f"condition.{name}")
