"""Standings, observations and drafts of alerts as JSON."""

from datetime import UTC, datetime, timedelta

import pytest

from server.organizations.alerts import Observation, Standing, State
from server.store import alert_values

_AT = datetime(2026, 11, 30, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "standing",
    [
        Standing(state=State.OK, since=_AT),
        Standing(
            state=State.ALERT,
            since=_AT,
            warning_from=_AT - timedelta(minutes=5),
            alert_from=_AT - timedelta(minutes=2),
            silent_from=_AT + timedelta(seconds=30),
        ),
    ],
)
def test_a_standing_comes_back_as_it_was(standing: Standing) -> None:
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
    assert alert_values.standing(standing) == Standing(state=State.OK, since=_AT)
    observation = '{"at": "2026-11-30T12:05:00+00:00", "samples": 3, "median": 4}'
    assert alert_values.observation(observation) == Observation(at=_AT, samples=3)


def test_figures_that_json_has_no_word_for_are_not_stored() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        alert_values.observation_json(Observation(at=_AT, figure=float("inf")))
