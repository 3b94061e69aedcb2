"""Alert rules as options and files say them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf import json_format

from tallywire import alert_rules
from tallywire.alert_rules import (
    BASELINES,
    DIRECTIONS,
    KINDS,
    NO_DATA,
    SEVERITIES,
    AlertCondition,
    AlertMute,
    AlertRule,
)
from tallywire.cli import lengths, lists, options
from tallywire.cli.problems import WrongUsage

File = Annotated[Path | None, typer.Option("--file", help="JSON of a rule, as `show --json` prints it; - is stdin.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionOptions:
    """The options that say what is wrong."""

    kind: Annotated[str, typer.Option("--kind", help=f"What is compared: {', '.join(KINDS)}.")] = "value"
    direction: Annotated[
        str | None, typer.Option("--direction", help=f"On which side it is wrong: {', '.join(DIRECTIONS)}.")
    ] = None
    warning: Annotated[float | None, typer.Option("--warning", help="The limit from which on it warns.")] = None
    critical: Annotated[float | None, typer.Option("--critical", help="The limit from which on it alerts.")] = None
    low_warning: Annotated[float | None, typer.Option("--low-warning", help="The lower one, with outside.")] = None
    low_critical: Annotated[float | None, typer.Option("--low-critical", help="The lower one, with outside.")] = None
    hysteresis: Annotated[
        float | None, typer.Option("--hysteresis", min=0, help="By how much a limit has to be left behind.")
    ] = None
    baseline: Annotated[
        str | None, typer.Option("--baseline", help=f"With change, what it differs from: {', '.join(BASELINES)}.")
    ] = None
    minimum_effect: Annotated[
        float | None, typer.Option("--minimum-effect", help="With anomaly, the least difference that counts.")
    ] = None
    within: Annotated[str | None, typer.Option("--within", help="With forecast, how far ahead: 7d.")] = None
    budget: Annotated[
        float | None, typer.Option("--budget", help="With budget, a month's. Default: the quota of events.")
    ] = None

    def condition(self) -> AlertCondition:
        """Returns what is wrong. Raises WrongUsage."""
        numbers = ("warning", "critical", "low_warning", "low_critical", "hysteresis", "minimum_effect", "budget")
        chosen: dict[str, Any] = {name: found for name in numbers if (found := getattr(self, name)) is not None}
        if self.baseline is not None:
            chosen["baseline"] = lists.one_of(self.baseline, "--baseline", BASELINES)
        if self.within is not None:
            chosen["within"] = lengths.of(self.within, "--within")
        kind: Any = lists.one_of(self.kind, "--kind", KINDS)
        has_side = self.direction is not None or kind in ("absence", "budget")
        direction: Any = lists.one_of(self.direction, "--direction", DIRECTIONS) if has_side else "above"
        try:
            return alert_rules.condition(kind, direction, **chosen)
        except ValueError as error:
            raise WrongUsage(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """The options that say when a rule is looked at, and when its state changes."""

    window: Annotated[str | None, typer.Option("--window", help="How much time a figure is about. Default: 5m.")] = None
    step: Annotated[str | None, typer.Option("--step", help="How often it is looked at: 1m, 5m, 15m, 30m, 1h.")] = None
    hold_for: Annotated[str | None, typer.Option("--hold-for", help="For how long it has to hold first.")] = None
    delay: Annotated[str | None, typer.Option("--delay", help="For how long late events are waited for.")] = None
    no_data: Annotated[
        str | None, typer.Option("--no-data", help=f"What windows without data mean: {', '.join(NO_DATA)}.")
    ] = None
    minimum_samples: Annotated[
        int | None, typer.Option("--minimum-samples", min=0, help="Of how many values a figure has to be.")
    ] = None
    close_after: Annotated[
        str | None, typer.Option("--close-after", help="End incidents after so long without data.")
    ] = None
    remind_after: Annotated[
        str | None, typer.Option("--remind-after", help="Tell again each time so much has passed.")
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Returns them as arguments of alert_rules.rule(). Raises WrongUsage."""
        found: dict[str, Any] = {}
        for name in ("window", "step", "hold_for", "delay", "close_after", "remind_after"):
            if (text := getattr(self, name)) is not None:
                found[name] = lengths.of(text, f"--{name.replace('_', '-')}")
        if self.no_data is not None:
            found["no_data"] = lists.one_of(self.no_data, "--no-data", NO_DATA)
        if self.minimum_samples is not None:
            found["minimum_samples"] = self.minimum_samples
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class TellingOptions:
    """The options that say who is told, and when nobody is."""

    description: Annotated[str, typer.Option("--description", help="What is to be done.")] = ""
    severity: Annotated[str | None, typer.Option("--severity", help=f"How bad: {', '.join(SEVERITIES)}.")] = None
    runbook: Annotated[str, typer.Option("--runbook", help="URL of what to do.")] = ""
    destination: Annotated[
        list[str] | None,
        typer.Option(
            "--to", help="Id or name of a destination to tell; may be repeated. Default: those with topic alert."
        ),
    ] = None
    mute: Annotated[
        list[str] | None,
        typer.Option("--mute", help='When nobody is told: cron and a length, "0 22 * * * 8h". May be repeated.'),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Returns them as arguments of alert_rules.rule(). Raises WrongUsage."""
        found: dict[str, Any] = {
            "description": self.description,
            "runbook_url": self.runbook,
            "destination_ids": self.destination or (),
            "mutes": mutes(self.mute or ()),
        }
        if self.severity is not None:
            found["severity"] = lists.one_of(self.severity, "--severity", SEVERITIES)
        return found


def mutes(texts: Sequence[str], option: str = "--mute") -> list[AlertMute]:
    """Returns times in which nobody is told, each five fields of cron and a length. Raises WrongUsage."""
    found = []
    for text in texts:
        parts = text.split()
        if len(parts) != 6:
            raise WrongUsage(f'{option} is five fields of cron and a length, such as "0 22 * * * 8h", not {text!r}')
        found.append(AlertMute(cron=" ".join(parts[:5]), duration=lengths.of(parts[5], option)))
    return found


def of_file(path: Path) -> AlertRule:
    """Returns the rule in a file, or on stdin for "-". Raises WrongUsage."""
    try:
        text = typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text(encoding="utf-8")
        document = json.loads(text)
        # What the service tells of a rule stands beside it.
        rule = document.get("rule", document) if isinstance(document, dict) else None
        if not isinstance(rule, dict):
            raise WrongUsage(f"{path}: a rule is an object, as `alerts show RULE --json` prints it")
        return json_format.ParseDict(rule, AlertRule())
    except (OSError, ValueError, json_format.ParseError) as error:
        raise WrongUsage(f"{path}: {error}") from None


def of_options(
    name: str,
    metric: str,
    wrong: ConditionOptions,
    only: options.FilterOptions,
    more: dict[str, Any],
) -> AlertRule:
    """Returns the rule that options say. Raises WrongUsage."""
    if not name.strip():
        raise WrongUsage("give the rule's NAME, or --file")
    try:
        return alert_rules.rule(name, metric, wrong.condition(), **only.arguments(), **more)
    except ValueError as error:
        raise WrongUsage(str(error)) from None
