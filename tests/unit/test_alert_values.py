"""Standings, observations and drafts of alerts as JSON."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.organizations.alerts import (
    AlertBaseline,
    AlertCondition,
    AlertDirection,
    AlertStanding,
    ConditionKind,
    Mute,
    NoData,
    Observation,
    RuleDraft,
    Severity,
    State,
)
from server.store import alert_rules, alert_values

_AT = datetime(2026, 11, 30, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "standing",
    [
        AlertStanding(state=State.OK, since=_AT),
        AlertStanding(
            state=State.ALERT,
            since=_AT,
            warning_from=_AT - timedelta(minutes=5),
            alert_from=_AT - timedelta(minutes=2),
            silent_from=_AT + timedelta(seconds=30),
        ),
    ],
)
def test_a_standing_comes_back_as_it_was(standing: AlertStanding) -> None:
    assert alert_values.standing(alert_values.standing_json(standing)) == standing


@pytest.mark.parametrize(
    "observation",
    [
        Observation(at=_AT),
        Observation(at=_AT, figure=0.0, measured=0.0, samples=0),
        Observation(at=_AT, figure=1.5, measured=-12.25, samples=7, low=1.0, high=2.0, reason="über 5 €", error="x"),
    ],
)
def test_an_observation_comes_back_as_it_was(observation: Observation) -> None:
    assert alert_values.observation(alert_values.observation_json(observation)) == observation


def test_names_of_newer_versions_are_passed_over() -> None:
    standing = '{"state": "ok", "since": "2026-11-30T12:05:00+00:00", "mood": "fine"}'
    assert alert_values.standing(standing) == AlertStanding(state=State.OK, since=_AT)
    observation = '{"at": "2026-11-30T12:05:00+00:00", "samples": 3, "median": 4}'
    assert alert_values.observation(observation) == Observation(at=_AT, samples=3)


def test_figures_that_json_has_no_word_for_are_not_stored() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        alert_values.observation_json(Observation(at=_AT, figure=float("inf")))


_CONDITION = AlertCondition(kind=ConditionKind.ANOMALY, direction=AlertDirection.OUTSIDE, critical=3.0)


@pytest.mark.parametrize(
    "draft",
    [
        RuleDraft(name="Silent", condition=AlertCondition(kind=ConditionKind.ABSENCE)),
        RuleDraft(
            name="Kosten über 5 €",
            description="Two\nlines",
            metric="cost_micros",
            dimension="agent,channel",
            value="a\x1fweb",
            max_values=7,
            window=timedelta(hours=2),
            step=timedelta(minutes=15),
            condition=AlertCondition(
                kind=ConditionKind.CHANGE,
                direction=AlertDirection.OUTSIDE,
                warning=0.1,
                critical=1e300,
                low_warning=-0.1,
                low_critical=-5.0,
                hysteresis=0.05,
                baseline=AlertBaseline.DAY,
                minimum_effect=2.0,
                within=timedelta(hours=3),
                budget=12.5,
            ),
            hold_for=timedelta(seconds=0.25),
            minimum_samples=2**53,
            no_data=NoData.ALERT,
            close_after=timedelta(days=31),
            remind_after=timedelta(minutes=5),
            severity=Severity.HIGH,
            runbook_url="https://example.org/",
            destinations=("dst_1", "dst_2"),
            mutes=(Mute(cron="0 9 * * 1", duration=timedelta(hours=1), time_zone="Asia/Tokyo"),),
            time_zone="Europe/Berlin",
            is_disabled=True,
            delay=timedelta(0),
        ),
        RuleDraft(name="x", condition=_CONDITION, group_by="agent"),
    ],
)
def test_a_draft_comes_back_as_it_was(draft: RuleDraft) -> None:
    assert alert_rules.from_json(alert_rules.to_json(draft)) == draft


def test_a_draft_of_a_newer_version_is_read() -> None:
    text = (
        '{"name": "x", "condition": {"kind": "anomaly", "direction": "outside", "critical": 3.0, "model": "new"},'
        ' "mutes": [{"cron": "0 9 * * 1", "duration": 60, "holidays": true}], "escalations": [1, 2]}'
    )
    mutes = (Mute(cron="0 9 * * 1", duration=timedelta(minutes=1)),)
    assert alert_rules.from_json(text) == RuleDraft(name="x", condition=_CONDITION, mutes=mutes)


def test_what_a_rule_asks_is_what_its_states_depend_on() -> None:
    draft = RuleDraft(name="x", condition=_CONDITION)
    same = replace(draft, name="y", description="d", severity=Severity.LOW, destinations=("dst_1",), delay=timedelta(0))
    assert same.asks == draft.asks
    for changed in (replace(draft, window=timedelta(hours=1)), replace(draft, no_data=NoData.OK)):
        assert changed.asks != draft.asks
