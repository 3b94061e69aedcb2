"""Alert rules as code, as options and as files say them, and how the command shows them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import duration_pb2, json_format

from tallywire import alert_rules
from tallywire.alert_rules import AlertMute
from tallywire.cli import alert_options, alert_tables, lengths
from tallywire.cli.problems import WrongUsage
from tallywire.v1 import alert_service_pb2 as messages

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def _plain(message: Any) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def test_a_rule_says_what_it_was_given() -> None:
    made = alert_rules.rule(
        "Slow",
        "avg_response_time_ms",
        alert_rules.condition("value", "above", warning=1_000, critical=2_000, hysteresis=50),
        channel="web",
        dimensions={"team": "north"},
        window=15 * MINUTE,
        hold_for=HOUR,
        no_data="alert",
        severity="high",
        destination_ids=["dst_1"],
        mutes=[AlertMute("0 22 * * *", 8 * HOUR, "Europe/Paris")],
        disabled=True,
    )
    assert _plain(made) == {
        "name": "Slow",
        "metric": "avg_response_time_ms",
        "filter": {"channel": "web", "dimensions": [{"dimension": "team", "value": "north"}]},
        "window": "900s",
        "hold_for": "3600s",
        "condition": {
            "value": {},
            "direction": "ALERT_DIRECTION_ABOVE",
            "warning": 1000.0,
            "critical": 2000.0,
            "hysteresis": 50.0,
        },
        "no_data": "NO_DATA_POLICY_ALERT",
        "severity": "ALERT_SEVERITY_HIGH",
        "destination_ids": ["dst_1"],
        "mute_windows": [{"cron": "0 22 * * *", "duration": "28800s", "time_zone": "Europe/Paris"}],
        "disabled": True,
    }


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            alert_rules.condition("change", "below", critical=-30, baseline="four_weeks"),
            {"change": {"baseline": "ALERT_BASELINE_FOUR_WEEKS"}, "critical": -30.0},
        ),
        (alert_rules.condition("anomaly", "outside", critical=4), {"anomaly": {}, "critical": 4.0}),
        (
            alert_rules.condition("forecast", "above", warning=9, within=timedelta(days=7)),
            {"forecast": {"within": "604800s"}, "warning": 9.0},
        ),
        (alert_rules.condition("absence"), {"absence": {}}),
        (alert_rules.condition("budget", warning=0.8, critical=0), {"budget": {}, "warning": 0.8, "critical": 0.0}),
    ],
)
def test_every_kind_of_condition(made: messages.AlertCondition, expected: dict[str, Any]) -> None:
    found = _plain(made)
    found.pop("direction", None)
    assert found == expected


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: alert_rules.condition("values"), "kind is one of"),  # type: ignore[arg-type]
        (lambda: alert_rules.condition("value", "over"), "direction is one of"),  # type: ignore[arg-type]
        (lambda: alert_rules.condition("value", "above", baseline="week"), "baseline belongs to .* change"),
        (
            lambda: alert_rules.rule("a", "events", alert_rules.condition("absence"), severity="dire"),  # type: ignore[arg-type]
            "severity is one of low, medium, high",
        ),
    ],
)
def test_what_is_unknown_is_refused(wrong: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wrong()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: alert_rules.condition("value", "above", warning=1, criticl=2), "'criticl'. Did you mean 'critical'"),  # type: ignore[call-arg]
        (lambda: alert_rules.rule("a", "events", alert_rules.condition("absence"), colour=1), r"rule\(\) .* 'colour'$"),  # type: ignore[call-arg]
    ],
)
def test_what_is_misspelled_is_not_left_out(wrong: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        wrong()


def test_options_make_the_same_rule_as_code() -> None:
    wrong = alert_options.ConditionOptions(kind="change", critical=30, baseline="day")
    assert wrong.condition() == alert_rules.condition("change", "above", critical=30, baseline="day")
    assert alert_options.ConditionOptions(kind="absence").condition() == alert_rules.condition("absence")
    more = alert_options.WindowOptions(window="15m", step="5m", no_data="ok", minimum_samples=0).arguments()
    assert more == {"window": 15 * MINUTE, "step": 5 * MINUTE, "no_data": "ok", "minimum_samples": 0}
    assert alert_options.mutes(["0 22 * * 1-5  8h"]) == [AlertMute("0 22 * * 1-5", 8 * HOUR)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda: alert_options.ConditionOptions(kind="x").condition(), "--kind is one of"),
        (lambda: alert_options.ConditionOptions(direction="x").condition(), "--direction is one of"),
        (lambda: alert_options.ConditionOptions(within="7d").condition(), "within belongs to"),
        (lambda: alert_options.WindowOptions(window="5").arguments(), "--window is a number with s, m, h, d or w"),
        (lambda: alert_options.WindowOptions(no_data="x").arguments(), "--no-data is one of"),
        (lambda: alert_options.mutes(["22 8h"]), "--mute is five fields"),
        (lambda: alert_options.mutes([" "], "WHEN"), "WHEN is five fields"),
        (lambda: alert_options.TellingOptions(severity="x").arguments(), "--severity is one of"),
    ],
)
def test_options_that_make_no_sense_say_what_would(wrong: Any, why: str) -> None:
    with pytest.raises(WrongUsage, match=why):
        wrong()


def test_a_file_has_a_rule_alone_or_as_it_is_shown(tmp_path: Path) -> None:
    rule = alert_rules.rule("Quiet", "", alert_rules.condition("absence"), window=HOUR)
    path = tmp_path / "rule.json"
    for document in (_plain(rule), {"rule": _plain(rule), "standings": [{"value": ""}]}):
        path.write_text(json.dumps(document), encoding="utf-8")
        assert alert_options.of_file(path) == rule
    for text in ("[]", "no json", '{"rule": 3}', '{"rule": {"metrik": "events"}}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(WrongUsage, match=r"rule\.json"):
            alert_options.of_file(path)
    with pytest.raises(WrongUsage):
        alert_options.of_file(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "–"), (90, "90s"), (900, "15m"), (3_600, "1h"), (90_000, "25h"), (604_800, "7d")]
)
def test_lengths(seconds: int, shown: str) -> None:
    assert lengths.shown(duration_pb2.Duration(seconds=seconds)) == shown
    assert seconds == 0 or lengths.of(shown, "--window") == timedelta(seconds=seconds)


def test_what_is_wrong_in_words() -> None:
    condition = alert_rules.condition("change", "outside", critical=30, low_critical=-20)
    rule = alert_rules.rule("a", "events", condition)
    assert alert_tables.wrong(rule) == "change outside critical 30, low critical -20"
    assert alert_tables.wrong(alert_rules.rule("a", "", alert_rules.condition("absence"))) == "absence"
