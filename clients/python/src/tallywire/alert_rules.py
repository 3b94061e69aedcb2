"""Alert rules as they are written in code: a rule, what is wrong, and when nobody is told."""

import difflib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypedDict, Unpack

from google.protobuf import duration_pb2

from tallywire import requests
from tallywire.v1 import alert_service_pb2 as messages

AlertRule = messages.AlertRule
AlertCondition = messages.AlertCondition
Kind: TypeAlias = Literal["value", "change", "anomaly", "forecast", "absence", "budget"]
Direction: TypeAlias = Literal["above", "below", "outside"]
Baseline: TypeAlias = Literal["week", "previous", "day", "four_weeks"]
Severity: TypeAlias = Literal["low", "medium", "high"]
NoData: TypeAlias = Literal["keep", "alert", "ok"]
KINDS: Final[tuple[Kind, ...]] = ("value", "change", "anomaly", "forecast", "absence", "budget")
DIRECTIONS: Final[tuple[Direction, ...]] = ("above", "below", "outside")
BASELINES: Final[tuple[Baseline, ...]] = ("week", "previous", "day", "four_weeks")
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high")
NO_DATA: Final[tuple[NoData, ...]] = ("keep", "alert", "ok")
# Which kind an option of a condition belongs to.
_OF_KINDS: Final[Mapping[str, Kind]] = {
    "baseline": "change",
    "minimum_effect": "anomaly",
    "within": "forecast",
    "budget": "budget",
}


class AlertLimits(TypedDict, total=False):
    """From where on a figure is wrong: the state is then WARNING, or ALERT from `critical` on. With "outside" the low
    ones are the lower limits. `hysteresis` is by how much a limit has to be left behind until that counts.
    """

    warning: float
    critical: float
    low_warning: float
    low_critical: float
    hysteresis: float


class ConditionArguments(AlertLimits, total=False):
    """The limits, and what one kind of condition alone has: which window a change compares with, the least effect of an
    anomaly, how far a forecast looks ahead, and a month's budget without which it is the quota of events.
    """

    baseline: Baseline
    minimum_effect: float
    within: timedelta
    budget: float


class AlertMute(NamedTuple):
    """A time that comes again and again, in which nobody is told: when it begins as five fields of cron, and how long
    it lasts.
    """

    cron: str
    duration: timedelta
    time_zone: str = ""


class RuleArguments(TypedDict, total=False):
    """What a rule may say beside its name, metric and condition; see AlertRule of the contract for each."""

    description: str
    agent_id: str | None
    channel: str | None
    team_id: str | None
    dimensions: requests.Dimensions | None
    group_by: str
    max_values: int
    window: timedelta
    step: timedelta
    hold_for: timedelta
    delay: timedelta
    close_after: timedelta
    remind_after: timedelta
    minimum_samples: int
    no_data: NoData
    severity: Severity
    runbook_url: str
    destination_ids: Sequence[str]
    mutes: Sequence[AlertMute]
    time_zone: str
    disabled: bool


_AS_THEY_ARE: Final = (
    *("description", "group_by", "max_values", "minimum_samples", "runbook_url", "destination_ids", "time_zone"),
    "disabled",
)
_DURATIONS: Final = ("window", "step", "hold_for", "delay", "close_after", "remind_after")


def condition(kind: Kind, direction: Direction | None = None, **options: Unpack[ConditionArguments]) -> AlertCondition:
    """Returns what is wrong: condition("value", "above", critical=5). Raises ValueError for an unknown name, and for an
    option of another kind; TypeError for one that there is not.
    """
    _check_known("condition", options, ConditionArguments)
    for name in options:
        if _OF_KINDS.get(name, kind) != kind:
            raise ValueError(f"{name} belongs to a condition of the kind {_OF_KINDS[name]}, not {kind}")
    made = AlertCondition()
    match _one_of("kind", kind, KINDS):
        case "change":
            made.change.SetInParent()
            if "baseline" in options:
                made.change.baseline = messages.AlertBaseline.Value(_upper("ALERT_BASELINE", options["baseline"]))
        case "anomaly":
            made.anomaly.minimum_effect = options.get("minimum_effect", 0.0)
            made.anomaly.SetInParent()
        case "forecast":
            made.forecast.SetInParent()
            if "within" in options:
                made.forecast.within.CopyFrom(_duration(options["within"]))
        case "budget":
            made.budget.budget = options.get("budget", 0.0)
            made.budget.SetInParent()
        case "absence":
            made.absence.SetInParent()
        case _:
            made.value.SetInParent()
    if direction is not None:
        made.direction = messages.AlertDirection.Value(
            _upper("ALERT_DIRECTION", _one_of("direction", direction, DIRECTIONS))
        )
    for limit in AlertLimits.__annotations__:
        if limit in options:
            setattr(made, limit, options[limit])  # type: ignore[literal-required]  # limit is one of its keys
    return made


def rule(name: str, metric: str, wrong: AlertCondition, **options: Unpack[RuleArguments]) -> AlertRule:
    """Returns a rule, to be tested, backtested or created: a metric, and what is wrong with it as condition() makes it.
    metric is empty for the kind "absence". Raises ValueError for an unknown name; TypeError for an option that there is
    not.
    """
    _check_known("rule", options, RuleArguments)
    plain: dict[str, Any] = {field: value for field, value in options.items() if field in _AS_THEY_ARE}
    made = AlertRule(name=name, metric=metric, condition=wrong, **plain)
    for field in _DURATIONS:
        if field in options:
            getattr(made, field).CopyFrom(_duration(options[field]))
    narrowed = requests.filter_of(options)
    if narrowed is not None:
        made.filter.CopyFrom(narrowed)
    if "no_data" in options:
        made.no_data = messages.NoDataPolicy.Value(
            _upper("NO_DATA_POLICY", _one_of("no_data", options["no_data"], NO_DATA))
        )
    if "severity" in options:
        made.severity = messages.AlertSeverity.Value(
            _upper("ALERT_SEVERITY", _one_of("severity", options["severity"], SEVERITIES))
        )
    made.mute_windows.extend(mute_window(one) for one in options.get("mutes", ()))
    return made


def mute_window(mute: AlertMute) -> messages.MuteWindow:
    """Returns a time in which nobody is told, as messages have it."""
    return messages.MuteWindow(cron=mute.cron, duration=_duration(mute.duration), time_zone=mute.time_zone)


def _check_known(function: str, options: Mapping[str, Any], among: type[Any]) -> None:
    """Refuses options that there are not as Python does: a limit that is misspelled must not be a rule without one."""
    for name in options:
        if name not in among.__annotations__:
            near = difflib.get_close_matches(name, among.__annotations__, 1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def _duration(time: timedelta) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromTimedelta(time)
    return made


def _upper(prefix: str, name: str) -> str:
    return f"{prefix}_{name.upper()}"


def _one_of(what: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise ValueError(f"{what} is one of {', '.join(names)}, not {name!r}")
    return name
