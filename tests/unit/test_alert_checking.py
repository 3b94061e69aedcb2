"""What a rule of alerts may be: each refusal with its reason and field."""

import importlib.util
import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from server.alerts import checking
from server.catalog.catalogue import BUILT_IN
from server.errors import Reason, Refused
from server.organizations.alerts import AlertBaseline, AlertCondition, AlertDirection, ConditionKind, Mute, RuleDraft

_MINUTES: dict[str, Any] = {"window": timedelta(minutes=10), "step": timedelta(minutes=5)}
_VALUE = AlertCondition(kind=ConditionKind.VALUE, direction=AlertDirection.ABOVE, critical=5.0)
_DRAFT = RuleDraft(name="Slow", metric="avg_response_time_ms", condition=_VALUE)
_QUARTERS: dict[str, Any] = {"window": timedelta(minutes=15), "step": timedelta(minutes=15)}
_ANOMALY = AlertCondition(kind=ConditionKind.ANOMALY, direction=AlertDirection.OUTSIDE, critical=3.0)
_BUDGET = AlertCondition(kind=ConditionKind.BUDGET, critical=0.9, budget=1_000.0)
_CHANGE = AlertCondition(kind=ConditionKind.CHANGE, critical=10.0)
_FORECAST = AlertCondition(kind=ConditionKind.FORECAST, critical=5.0, within=timedelta(hours=6))
_HOURLY: dict[str, Any] = {"window": timedelta(hours=1), "step": timedelta(hours=1)}


def _value(**limits: Any) -> dict[str, Any]:
    return {"condition": replace(_VALUE, **{"critical": None, **limits})}


def _below(**limits: Any) -> dict[str, Any]:
    return _value(direction=AlertDirection.BELOW, **limits)


def _outside(**limits: Any) -> dict[str, Any]:
    return _value(direction=AlertDirection.OUTSIDE, **limits)


@pytest.mark.parametrize(
    ("field", "reason", "changes"),
    [
        ("name", Reason.REQUIRED_FIELD, {"name": "  "}),
        ("name", Reason.FIELD_TOO_LONG, {"name": "n" * 201}),
        ("name", Reason.INVALID_CHARACTER, {"name": "two\nlines"}),
        ("description", Reason.FIELD_TOO_LONG, {"description": "d" * 2_001}),
        ("description", Reason.NUL_CHARACTER, {"description": "a\0b"}),
        ("runbook_url", Reason.INVALID_VALUE, {"runbook_url": "javascript:alert(1)"}),
        ("runbook_url", Reason.INVALID_VALUE, {"runbook_url": "https://"}),
        ("runbook_url", Reason.INVALID_VALUE, {"runbook_url": "https://[::1"}),
        ("runbook_url", Reason.INVALID_VALUE, {"runbook_url": "wiki/page"}),
        ("runbook_url", Reason.FIELD_TOO_LONG, {"runbook_url": "https://example.org/" + "x" * 2_000}),
        ("metric", Reason.REQUIRED_FIELD, {"metric": ""}),
        ("metric", Reason.UNKNOWN_METRIC, {"metric": "errors_of_none"}),
        ("metric", Reason.UNKNOWN_METRIC, {"metric": "custom.refunds"}),
        ("window", Reason.INVALID_DURATION, {"window": timedelta(seconds=90)}),
        ("window", Reason.INVALID_DURATION, {"window": timedelta(seconds=30)}),
        ("window", Reason.INVALID_DURATION, {"window": timedelta(days=32)}),
        ("window", Reason.INVALID_DURATION, {"window": timedelta(minutes=7), "step": timedelta(minutes=5)}),
        ("step", Reason.INVALID_DURATION, {"step": timedelta(minutes=2)}),
        ("step", Reason.INVALID_DURATION, {"step": timedelta(0)}),
        ("step", Reason.INVALID_DURATION, {"window": timedelta(minutes=5), "step": timedelta(minutes=15)}),
        ("hold_for", Reason.INVALID_DURATION, {"hold_for": timedelta(days=8)}),
        ("hold_for", Reason.INVALID_DURATION, {"hold_for": timedelta(seconds=-1)}),
        ("delay", Reason.INVALID_DURATION, {"delay": timedelta(hours=2)}),
        ("close_after", Reason.INVALID_DURATION, {"close_after": timedelta(seconds=1)}),
        ("close_after", Reason.INVALID_DURATION, {"close_after": timedelta(days=40)}),
        ("remind_after", Reason.INVALID_DURATION, {"remind_after": timedelta(minutes=4)}),
        ("max_values", Reason.VALUE_OUT_OF_RANGE, {"max_values": 101}),
        ("max_values", Reason.VALUE_OUT_OF_RANGE, {"max_values": -1}),
        ("minimum_samples", Reason.VALUE_OUT_OF_RANGE, {"minimum_samples": -1}),
        ("group_by", Reason.INVALID_VALUE, {"group_by": "agent", "dimension": "channel", "value": "web"}),
        ("group_by", Reason.UNKNOWN_DIMENSION, {"group_by": "user"}),
        ("group_by", Reason.UNKNOWN_DIMENSION, {"group_by": "total"}),
        ("group_by", Reason.UNKNOWN_DIMENSION, {"group_by": "weather"}),
        ("group_by", Reason.UNKNOWN_DIMENSION, {"group_by": "agent,channel"}),
        ("group_by", Reason.UNKNOWN_DIMENSION, {"group_by": "event_type"}),
        ("filter", Reason.INVALID_VALUE, {"metric": "conversations_closed", "dimension": "model", "value": "m"}),
        ("metric", Reason.DIMENSION_REQUIRED, {"metric": "avg_quality_overall"}),
        ("condition.critical", Reason.REQUIRED_FIELD, _value()),
        ("condition.critical", Reason.NOT_A_NUMBER, _value(critical=math.nan)),
        ("condition.warning", Reason.NOT_A_NUMBER, _value(warning=math.inf)),
        ("condition.critical", Reason.INVALID_VALUE, _value(warning=5.0, critical=4.0)),
        ("condition.critical", Reason.INVALID_VALUE, _value(direction=AlertDirection.BELOW, warning=5.0, critical=6.0)),
        ("condition.low_warning", Reason.INVALID_VALUE, _value(critical=5.0, low_warning=1.0)),
        ("condition.low_critical", Reason.INVALID_VALUE, _value(critical=5.0, low_critical=1.0)),
        ("condition.low_critical", Reason.REQUIRED_FIELD, _outside(critical=5.0)),
        ("condition.low_critical", Reason.INVALID_VALUE, _outside(critical=5.0, low_critical=5.0)),
        ("condition.low_critical", Reason.INVALID_VALUE, _outside(critical=5.0, low_warning=1.0, low_critical=2.0)),
        ("condition.low_warning", Reason.INVALID_VALUE, _outside(warning=5.0, low_warning=6.0)),
        ("condition.hysteresis", Reason.INVALID_VALUE, _value(critical=5.0, hysteresis=-0.1)),
        ("condition.hysteresis", Reason.NOT_A_NUMBER, _value(critical=5.0, hysteresis=math.inf)),
        ("condition.hysteresis", Reason.INVALID_VALUE, _outside(critical=5.0, low_critical=1.0, hysteresis=4.0)),
        (
            "condition.low_warning",
            Reason.INVALID_VALUE,
            {**_QUARTERS, **_outside(kind=ConditionKind.ANOMALY, critical=-3.0)},
        ),
        (
            "condition.anomaly.minimum_effect",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "condition": replace(_ANOMALY, minimum_effect=-1.0)},
        ),
        ("window", Reason.INVALID_DURATION, {"condition": _ANOMALY}),
        ("step", Reason.INVALID_DURATION, {**_QUARTERS, "step": timedelta(minutes=5), "condition": _ANOMALY}),
        ("window", Reason.INVALID_DURATION, {"condition": AlertCondition(kind=ConditionKind.CHANGE, critical=10.0)}),
        ("step", Reason.INVALID_DURATION, {"window": timedelta(hours=1), "condition": _CHANGE}),
        ("window", Reason.INVALID_DURATION, {"metric": "events", "condition": _BUDGET}),
        ("step", Reason.INVALID_DURATION, {"window": timedelta(hours=1), "metric": "events", "condition": _BUDGET}),
        (
            "condition.critical",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "metric": "events", "condition": replace(_BUDGET, critical=80.0)},
        ),
        ("condition.critical", Reason.INVALID_VALUE, {"metric": "error_rate"}),
        ("condition.warning", Reason.INVALID_VALUE, {"metric": "error_rate", **_value(warning=1.0)}),
        ("condition.critical", Reason.INVALID_VALUE, {"metric": "success_rate", **_below(critical=0.0)}),
        ("condition.critical", Reason.INVALID_VALUE, {"metric": "error_rate", **_HOURLY, "condition": _FORECAST}),
        (
            "condition.critical",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "condition": replace(_CHANGE, direction=AlertDirection.BELOW, critical=-100.0)},
        ),
        ("metric", Reason.INVALID_VALUE, {"condition": AlertCondition(kind=ConditionKind.ABSENCE)}),
        (
            "condition.critical",
            Reason.INVALID_VALUE,
            {"metric": "", "condition": AlertCondition(kind=ConditionKind.ABSENCE, critical=1.0)},
        ),
        (
            "condition.direction",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "condition": replace(_BUDGET, direction=AlertDirection.BELOW)},
        ),
        ("condition.budget.budget", Reason.INVALID_VALUE, {**_QUARTERS, "condition": replace(_BUDGET, budget=-1.0)}),
        (
            "condition.budget.budget",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "condition": replace(_BUDGET, budget=math.inf)},
        ),
        ("metric", Reason.INVALID_VALUE, {**_QUARTERS, "condition": replace(_BUDGET, budget=0.0)}),
        ("condition.critical", Reason.INVALID_VALUE, {**_QUARTERS, "condition": replace(_BUDGET, critical=0.0)}),
        ("metric", Reason.INVALID_VALUE, {**_QUARTERS, "condition": _BUDGET}),
        (
            "filter",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "metric": "", "condition": replace(_BUDGET, budget=0.0), "dimension": "agent", "value": "a"},
        ),
        (
            "group_by",
            Reason.INVALID_VALUE,
            {**_QUARTERS, "metric": "events", "condition": replace(_BUDGET, budget=0.0), "group_by": "agent"},
        ),
        ("mute_windows.cron", Reason.REQUIRED_FIELD, {"mutes": (Mute(cron="", duration=timedelta(hours=1)),)}),
        ("mute_windows.cron", Reason.INVALID_VALUE, {"mutes": (Mute(cron="* *", duration=timedelta(hours=1)),)}),
        ("mute_windows.cron", Reason.INVALID_VALUE, {"mutes": (Mute(cron="0 0 31 2 *", duration=timedelta(1)),)}),
        ("mute_windows.cron", Reason.FIELD_TOO_LONG, {"mutes": (Mute(cron="1," * 120, duration=timedelta(1)),)}),
        ("mute_windows.duration", Reason.INVALID_DURATION, {"mutes": (Mute(cron="0 9 * * 1", duration=timedelta(0)),)}),
    ],
)
def test_what_makes_no_rule_is_refused(field: str, reason: Reason, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        checking.check_reachable(checking.checked(replace(_DRAFT, **changes), BUILT_IN), BUILT_IN)
    assert (refused.value.field, refused.value.reason) == (field, reason)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {**_MINUTES, "hold_for": timedelta(days=7), "delay": timedelta(0), "remind_after": timedelta(minutes=5)},
        {"group_by": "agent", "max_values": 100},
        {"metric": "error_rate", **_value(warning=0.05, critical=0.5)},
        {"metric": "error_rate", **_outside(critical=1.0, low_critical=0.0)},
        {**_QUARTERS, "condition": replace(_CHANGE, direction=AlertDirection.BELOW, critical=-99.0)},
        {**_QUARTERS, "metric": "cost_micros", "condition": replace(_BUDGET, warning=0.8, critical=1.2)},
        {"metric": "events", "group_by": "event_type"},
        {"dimension": "agent,channel", "value": "a\x1fweb"},
        {"metric": "avg_quality_overall", "group_by": "rubric", **_value(critical=0.5)},
        {"metric": "avg_quality_overall", "dimension": "rubric", "value": "v1", **_value(critical=0.5)},
        {"runbook_url": "https://wiki.example.org/errors?of=agents#first"},
        {"description": "First look.\n\tThen act."},
        _value(warning=5.0, critical=5.0),
        _value(direction=AlertDirection.BELOW, warning=5.0, critical=4.0),
        _outside(critical=5.0, low_warning=1.0, hysteresis=3.9),
        {**_QUARTERS, "condition": _ANOMALY},
        {
            **_QUARTERS,
            "condition": AlertCondition(kind=ConditionKind.CHANGE, warning=20.0, baseline=AlertBaseline.FOUR_WEEKS),
        },
        {"condition": AlertCondition(kind=ConditionKind.CHANGE, warning=20.0, baseline=AlertBaseline.PREVIOUS)},
        {"metric": "", "condition": AlertCondition(kind=ConditionKind.ABSENCE), "group_by": "agent"},
        {**_QUARTERS, "metric": "cost_micros", "condition": _BUDGET, "dimension": "agent", "value": "a"},
        {"mutes": (Mute(cron="0 22 * * mon-fri", duration=timedelta(hours=9), time_zone="Europe/Berlin"),)},
    ],
)
def test_what_makes_a_rule_is_taken(changes: dict[str, Any]) -> None:
    wanted = replace(_DRAFT, **changes)
    assert replace(checking.checked(wanted, BUILT_IN), minimum_samples=wanted.minimum_samples) == wanted
    checking.check_reachable(wanted, BUILT_IN)


@pytest.mark.parametrize(
    ("metric", "samples"),
    [
        ("avg_response_time_ms", 1),
        ("p95_response_time_ms", 1),
        ("events", 0),
        ("unique_users", 0),
        ("total_messages", 0),
    ],
)
def test_figures_that_are_absent_without_events_need_one(metric: str, samples: int) -> None:
    assert checking.checked(replace(_DRAFT, metric=metric), BUILT_IN).minimum_samples == samples
    asked = replace(_DRAFT, metric=metric, minimum_samples=30)
    assert checking.checked(asked, BUILT_IN).minimum_samples == 30


def test_a_share_of_the_quota_is_one_of_events() -> None:
    draft = replace(_DRAFT, metric="", condition=replace(_BUDGET, budget=0.0), **_QUARTERS)
    assert checking.checked(draft, BUILT_IN).metric == "events"


def test_a_forecast_has_hourly_steps_and_needs_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = replace(_DRAFT, metric="events", condition=_FORECAST, **_HOURLY)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "numpy" or None)
    assert checking.checked(hourly, BUILT_IN) == hourly
    for field, changes in (
        ("step", {"step": timedelta(minutes=30)}),
        ("window", {"window": timedelta(hours=2)}),
        ("condition.forecast.within", {"condition": replace(_FORECAST, within=timedelta(minutes=30))}),
        ("condition.forecast.within", {"condition": replace(_FORECAST, within=timedelta(days=32))}),
        ("condition.forecast.within", {"condition": replace(_FORECAST, within=timedelta(0))}),
    ):
        with pytest.raises(Refused) as refused:
            checking.checked(replace(hourly, **changes), BUILT_IN)
        assert refused.value.field == field
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(Refused) as refused:
        checking.checked(hourly, BUILT_IN)
    assert refused.value.reason is Reason.FORECAST_NOT_INSTALLED
