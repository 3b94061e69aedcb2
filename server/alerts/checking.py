"""What a rule may be: a draft is completed with what follows from its metric, or refused with the field that is wrong.

Whatever needs no look at the database is checked here. Fields are named as in the contract, without the "rule." that
requests have in front of them.
"""

import dataclasses
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from server.alerts import limits, reading, windows
from server.catalog import cells, dimensions, figures, metrics
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.dimensions import Dimension
from server.errors import Reason, Refused
from server.events import rules
from server.forecasts import extras
from server.organizations.alerts import (
    LONGEST,
    MINUTE,
    MOST_VALUES,
    STEPS,
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    ConditionKind,
    Mute,
    RuleDraft,
)
from server.organizations.restriction import Restriction
from server.query import mixing
from server.tasks import cron

MAX_NAME: Final = 200
MAX_TEXT: Final = 2_000
_EVENTS: Final = "events"
_SHOWN: Final = 64  # characters of what was given, in a refusal
_MAX_CRON: Final = 200
_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)
_ANOMALY_WINDOWS: Final = (_QUARTER, 2 * _QUARTER, _HOUR)
_DAY: Final = timedelta(days=1)
_FAR: Final = "at least 15 minutes where a window is compared with a day, a week or a month"
_LONGEST_HOLD: Final = timedelta(days=7)
_SHORTEST_REMINDER: Final = timedelta(minutes=5)


def checked(draft: RuleDraft, catalogue: Catalogue) -> RuleDraft:
    """Returns a rule with nothing left open; refuses what cannot be looked at, or makes no sense."""
    _check_texts(draft)
    _check_windows_of_kind(draft)
    _check_times(draft)
    limits.check(draft.condition)
    draft = _with_metric(draft, catalogue)
    _check_metric(draft, catalogue)
    _check_group(draft, catalogue)
    _check_kind(draft, catalogue)
    for mute in draft.mutes:
        _check_mute(mute)
    return draft


def check_within(draft: RuleDraft, restriction: Restriction | None) -> None:
    """Refuses a rule whose figures are of more than a part of the organization that it has to be about."""
    if restriction is None:
        return
    sides = draft.dimension.split(",")
    is_other = draft.value == cells.OTHER
    values = [draft.value] * len(sides) if is_other or len(sides) < 2 else dimensions.parted(draft.value)
    named = dict(zip(sides, values, strict=True))
    if draft.group_by or named.get(restriction.dimension) not in restriction.values:
        raise Refused(
            Reason.RESTRICTED,
            f"the rule is about the {restriction.dimension} {', '.join(restriction.values)[:200]} alone, since whoever"
            " makes it may see no more: its filter has to name one, and group_by none",
            field="rule.filter",
            metadata={"dimension": restriction.dimension, "values": ", ".join(restriction.values)[:1_000]},
        )


def check_reachable(draft: RuleDraft, catalogue: Catalogue) -> None:
    """Refuses a checked rule that could never say anything. It may be looked at, and is not to be stored."""
    if draft.metric:
        is_own = draft.metric not in BUILT_IN.metrics
        limits.check_reachable(draft.condition, draft.metric, catalogue.metrics[draft.metric], is_own=is_own)


def _check_texts(draft: RuleDraft) -> None:
    if not draft.name.strip():
        raise rules.required("name")
    for field, text, most in (
        ("name", draft.name, MAX_NAME),
        ("description", draft.description, MAX_TEXT),
        ("runbook_url", draft.runbook_url, MAX_TEXT),
    ):
        if len(text) > most:
            raise Refused(
                Reason.FIELD_TOO_LONG, f"longer than {most} characters", field=field, metadata={"limit": str(most)}
            )
        plain = text.replace("\n", " ").replace("\t", " ") if field == "description" else text
        rules.identifier(field, plain, 4 * most)
    if draft.runbook_url and not _is_web_address(draft.runbook_url):
        raise _invalid("runbook_url", "not an address that begins with http:// or https:// and names a host")


def _is_web_address(text: str) -> bool:
    try:
        found = urlsplit(text)
        return found.scheme in ("http", "https") and bool(found.hostname) and " " not in text
    except ValueError:
        return False


def _check_windows_of_kind(draft: RuleDraft) -> None:
    """Refuses windows that do not go with the kind of condition, before steps that nobody has chosen are blamed."""
    condition = draft.condition
    match condition.kind:
        case ConditionKind.ANOMALY if draft.window not in _ANOMALY_WINDOWS:
            raise _duration("window", "is 15, 30 or 60 minutes for anomalies")
        case ConditionKind.FORECAST if draft.window not in (_HOUR, _DAY):
            raise _duration("window", "is an hour or a day for forecasts")
        case ConditionKind.BUDGET if draft.window < _QUARTER:
            raise _duration("window", f"is {_FAR}")
        case ConditionKind.CHANGE if condition.baseline is not AlertBaseline.PREVIOUS and draft.window < _QUARTER:
            raise _duration("window", f"is {_FAR}")
        case _:
            return


def _check_times(draft: RuleDraft) -> None:
    if draft.step not in STEPS:
        raise _duration("step", "must be 1, 5, 15, 30 or 60 minutes")
    _check_between("window", draft.window, MINUTE, LONGEST, "1 minute to 31 days")
    if draft.step > draft.window:
        raise _duration("step", f"{_minutes(draft.step)} are longer than the window of {_minutes(draft.window)}")
    if draft.window % draft.step:
        raise _duration("window", f"must be whole steps of {_minutes(draft.step)}")
    _check_between("hold_for", draft.hold_for, timedelta(0), _LONGEST_HOLD, "0 to 7 days")
    _check_between("delay", draft.delay, timedelta(0), _HOUR, "0 to an hour")
    if draft.close_after is not None:
        _check_between("close_after", draft.close_after, MINUTE, LONGEST, "1 minute to 31 days")
    if draft.remind_after is not None:
        _check_between("remind_after", draft.remind_after, _SHORTEST_REMINDER, LONGEST, "5 minutes to 31 days")
    if not 1 <= draft.max_values <= MOST_VALUES:
        raise _range("max_values", 1, MOST_VALUES)
    if draft.minimum_samples < 0:
        raise _range("minimum_samples", 0, 2**63 - 1)


def _check_between(field: str, found: timedelta, least: timedelta, most: timedelta, words: str) -> None:
    if not least <= found <= most:
        raise _duration(field, f"must be from {words}")


def _minutes(span: timedelta) -> str:
    return f"{span / MINUTE:g} minutes"


def _with_metric(draft: RuleDraft, catalogue: Catalogue) -> RuleDraft:
    """Returns a draft with the metric of its condition, and how many samples its figure needs."""
    kind = draft.condition.kind
    if kind is ConditionKind.ABSENCE:
        if draft.metric:
            raise _invalid("metric", "absence looks at events whatever they are: leave the metric out")
        return draft
    name = draft.metric
    if kind is ConditionKind.BUDGET and not draft.condition.budget:
        name = name or _EVENTS
    if not name:
        raise rules.required("metric")
    if name not in catalogue.metrics:
        raise Refused(
            Reason.UNKNOWN_METRIC,
            f"{name[:_SHOWN]!r} is no metric that has a series; ListMetrics lists those that have one",
            field="metric",
            metadata={"metric": name[:_SHOWN]},
        )
    samples = draft.minimum_samples or int(needs_samples(catalogue.metrics[name]))
    return dataclasses.replace(draft, metric=name, minimum_samples=samples)


def needs_samples(metric: metrics.Metric) -> bool:
    """Returns whether a metric has no figure where nothing has come: shares, means and percentiles. Counts and sums
    are 0 there.
    """
    match metric:
        case metrics.Ratio():
            return bool(metric.denominators)
        case metrics.Quantile():
            return True
        case _:
            return False


def _check_metric(draft: RuleDraft, catalogue: Catalogue) -> None:
    """Refuses a metric that has no figures by the filter or the dimension of the rule, or mixes what it must not."""
    name = draft.metric or _EVENTS
    by = dimension(draft.dimension, catalogue)
    group = dimension(draft.group_by, catalogue)
    if by is not None and not figures.is_kept(name, by, catalogue):
        raise _invalid("filter", f"{name} is not kept by {by.name}: it would never have a figure")
    try:
        mixing.check([name], [one for one in (by, group) if one is not None], catalogue)
    except Refused as why:
        raise Refused(why.reason, why.message, field="metric", metadata=why.metadata) from None


def dimension(name: str, catalogue: Catalogue) -> Dimension | None:
    """Returns the dimension or the pair of a name; None for none, and for one that there is not."""
    return dimensions.TABLE.by_name.get(name) or dimensions.TABLE.pairs.get(name) or catalogue.dimensions.get(name)


def groups(metric: str, catalogue: Catalogue) -> Sequence[Dimension]:
    """Returns the dimensions each of whose values a rule can look at: those by which its metric is kept."""
    own = [*dimensions.TABLE.entries, *catalogue.dimensions.values()]
    among = [one for one in own if one is not dimensions.TOTAL]
    return [one for one in among if figures.is_kept(metric or _EVENTS, one, catalogue)]


def _check_group(draft: RuleDraft, catalogue: Catalogue) -> None:
    if not draft.group_by:
        return
    if draft.dimension:
        raise _invalid("group_by", "goes with no filter")
    among = [one.name for one in groups(draft.metric, catalogue)]
    if draft.group_by not in among:
        raise Refused(
            Reason.UNKNOWN_DIMENSION,
            f"{draft.group_by[:_SHOWN]!r} is no dimension by which {draft.metric or _EVENTS} is kept;"
            f" these are: {', '.join(among)}",
            field="group_by",
            metadata={"dimension": draft.group_by[:_SHOWN]},
        )


def _check_kind(draft: RuleDraft, catalogue: Catalogue) -> None:
    """Refuses what does not go with the kind of condition."""
    condition = draft.condition
    match condition.kind:
        case ConditionKind.BUDGET:
            _check_quarters(draft)
            _check_budget(draft, condition, catalogue)
        case ConditionKind.CHANGE if condition.baseline is not AlertBaseline.PREVIOUS:
            _check_quarters(draft)
        case ConditionKind.FORECAST:
            _check_forecast(draft, condition)
        case ConditionKind.ANOMALY:
            if draft.step != draft.window:
                raise _duration("step", "is as long as the window for anomalies")
            _check_history(draft, windows.ANOMALY_DAYS * (_DAY // draft.window))
            if not (math.isfinite(condition.minimum_effect) and condition.minimum_effect >= 0):
                raise _invalid("condition.anomaly.minimum_effect", "must be a number, not below 0")


def _check_quarters(draft: RuleDraft) -> None:
    """Refuses windows that end within quarter hours, where those are compared with that are long gone: figures of whole
    quarter hours are kept for good, those of minutes are counted from raw events.
    """
    if draft.step < _QUARTER:
        raise _duration("step", f"is {_FAR}")


def _check_budget(draft: RuleDraft, condition: AlertCondition, catalogue: Catalogue) -> None:
    field = "condition.budget.budget"
    if not (math.isfinite(condition.budget) and condition.budget >= 0):
        raise _invalid(field, "must be a number above 0, or unset for the quota of events")
    if not condition.budget:
        if draft.metric != _EVENTS:
            raise _invalid("metric", f"without a budget the quota of events is looked at, and the metric is {_EVENTS}")
        if draft.dimension or draft.group_by:
            where = "filter" if draft.dimension else "group_by"
            raise _invalid(where, "the quota is of the whole organization: give a budget to look at a part of it")
    if not figures.adds_up(catalogue.metrics[draft.metric], catalogue):
        raise _invalid("metric", f"{draft.metric} is used up by no month: its figures do not add up")


def _check_forecast(draft: RuleDraft, condition: AlertCondition) -> None:
    try:
        extras.check()
    except Refused as why:
        raise Refused(why.reason, why.message, field="condition.forecast", metadata=why.metadata) from None
    if draft.step != _HOUR:
        raise _duration("step", "is an hour for forecasts")
    if condition.within == timedelta(0):
        raise rules.required("condition.forecast.within")
    _check_between("condition.forecast.within", condition.within, _HOUR, LONGEST, "1 hour to 31 days")
    if condition.direction is AlertDirection.OUTSIDE:
        raise _invalid("condition.direction", "is above or below for forecasts")
    _check_history(draft, windows.HOURLY_DAYS * 24 if draft.window == _HOUR else windows.DAILY_DAYS)


def _check_history(draft: RuleDraft, number: int) -> None:
    """Refuses more values than whose earlier windows can be read together."""
    most = reading.MOST_SELECTIONS // (number + 1)
    if draft.group_by and draft.max_values > most:
        raise _range("max_values", 1, most)


def _check_mute(mute: Mute) -> None:
    field = "mute_windows"
    if not mute.cron.strip():
        raise rules.required(f"{field}.cron")
    if len(mute.cron) > _MAX_CRON:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {_MAX_CRON} characters",
            field=f"{field}.cron",
            metadata={"limit": str(_MAX_CRON)},
        )
    try:
        parsed = cron.parse(mute.cron)
    except cron.InvalidCron as error:
        raise _invalid(f"{field}.cron", str(error)) from None
    if len(parsed.minutes) > 1:
        raise _invalid(f"{field}.cron", "begins at most once an hour: name one minute")
    _check_between(f"{field}.duration", mute.duration, MINUTE, LONGEST, "1 minute to 31 days")


def _invalid(field: str, why: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, why, field=field)


def _duration(field: str, why: str) -> Refused:
    return Refused(Reason.INVALID_DURATION, why, field=field)


def _range(field: str, least: int, most: int) -> Refused:
    metadata = {"minimum": str(least), "maximum": str(most)}
    return Refused(Reason.VALUE_OUT_OF_RANGE, f"must be from {least} to {most}", field=field, metadata=metadata)
