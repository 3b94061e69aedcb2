"""Standings and observations of alerts as JSON, for the columns of the tables of alerts.

What is absent is left out. Names that this version does not know are passed over: newer versions write more.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from server.organizations.alerts import AlertStanding, Observation, State

_STANDING_INSTANTS = ("since", "warning_from", "alert_from", "silent_from", "failing_from")
_FIGURES = ("figure", "measured", "low", "high")


def standing_json(standing: AlertStanding) -> str:
    """Returns a standing as JSON."""
    found: dict[str, object] = {"state": standing.state.value}
    for name in _STANDING_INSTANTS:
        instant: datetime | None = getattr(standing, name)
        if instant is not None:
            found[name] = instant.isoformat()
    return _text(found)


def standing(text: str) -> AlertStanding:
    """Returns the standing that standing_json has made this text of."""
    found: Mapping[str, str] = json.loads(text)
    instants = {name: datetime.fromisoformat(found[name]) for name in _STANDING_INSTANTS if name in found}
    return AlertStanding(state=State(found["state"]), **instants)


def observation_json(observation: Observation) -> str:
    """Returns an observation as JSON; its figures are finite (ValueError)."""
    found: dict[str, object] = {"at": observation.at.isoformat(), "samples": observation.samples}
    for name in _FIGURES:
        figure: float | None = getattr(observation, name)
        if figure is not None:
            found[name] = figure
    found |= {name: text for name in ("reason", "error") if (text := getattr(observation, name))}
    return _text(found)


def observation(text: str) -> Observation:
    """Returns the observation that observation_json has made this text of."""
    found = json.loads(text)
    return Observation(
        at=datetime.fromisoformat(found["at"]),
        samples=found["samples"],
        reason=found.get("reason", ""),
        error=found.get("error", ""),
        **{name: found[name] for name in _FIGURES if name in found},
    )


def _text(found: Mapping[str, object]) -> str:
    return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
