"""The limits of a condition: on which sides they are, which of them make sense together, and which can be reached."""

import math
from typing import Final

from server.catalog.metrics import Metric, Unit
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.alerts import AlertCondition, AlertDirection, ConditionKind

_ALL: Final = ("warning", "critical", "low_warning", "low_critical")
_LOW: Final = ("low_warning", "low_critical")
# On both sides by as much, unless lower limits are given.
_MIRRORED: Final = (ConditionKind.CHANGE, ConditionKind.ANOMALY)
_MOST_BUDGETS: Final = 10.0  # a limit above which somebody has written percent
_NEVER_NEGATIVE: Final = (Unit.COUNT, Unit.FRACTION, Unit.TOKENS, Unit.BYTES, Unit.MILLISECONDS, Unit.RATING)


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


def check_reachable(condition: AlertCondition, name: str, metric: Metric, *, is_own: bool) -> None:
    """Refuses limits that no figure of a metric is ever beyond, by which a rule would never say anything. is_own: the
    metric is the organization's, whose values may be negative.
    """
    for field in ("warning", "critical"):
        limit, is_below = getattr(condition, field), condition.direction is AlertDirection.BELOW
        if limit is None or condition.direction is AlertDirection.OUTSIDE:
            continue
        match condition.kind:
            case ConditionKind.VALUE | ConditionKind.FORECAST if metric.unit == Unit.FRACTION:
                if not is_below and limit >= 1:
                    raise _invalid(field, f"{name} is a share, never above {limit:g}: 5 % is 0.05, and all of it 1")
                if is_below and limit <= 0:
                    raise _invalid(field, f"{name} is a share, never below {limit:g}: 5 % is 0.05, and nothing 0")
            case ConditionKind.CHANGE if is_below and limit <= -100 and metric.unit in _NEVER_NEGATIVE and not is_own:
                raise _invalid(field, f"{name} changes by -100 % when nothing is left, and is never below {limit:g} %")
            case ConditionKind.BUDGET if limit > _MOST_BUDGETS:
                raise _invalid(field, f"{limit:g} is {limit:,.0%} of the budget: a limit is a share, 0.8 for 80 %")
            case _:
                continue


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
