"""A run as Markdown, so that nobody types figures."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.harness.bench.report import number


def markdown(run: Mapping[str, Any]) -> str:
    """What it stands on, and a table of its figures."""
    return "\n".join((*_about(run), "", *_table(run)))


def _about(run: Mapping[str, Any]) -> Iterator[str]:
    machine, versions, settings = run["machine"], run["versions"], run["settings"]
    yield (
        f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, {machine['kernel']}; load average"
        f" before the run {machine['load_average_before']}. "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; event loop {run['event_loop']}. PostgreSQL with "
        + ", ".join(f"{name} = {value}" for name, value in settings.items())
        + "."
    )
    yield ""
    changes = " with uncommitted changes" if run["uncommitted_changes"] else ""
    quick = " A quick run: its figures say nothing." if run["quick"] else ""
    yield f"`{run['command']}` on {run['commit'][:12]}{changes}, {run['began_at']}, {run['seconds']:.0f} s.{quick}"


def _table(run: Mapping[str, Any]) -> Iterator[str]:
    yield "| Benchmark | Measured (median) | Yardstick in the same run (median) | Result | Must | Aim | |"
    yield "|---|---|---|---|---|---|---|"
    for figure in run["figures"]:
        yield f"| {' | '.join(_cells(figure))} |"


def _cells(figure: Mapping[str, Any]) -> Iterator[str]:
    medians = figure["medians"]
    yield f"`{figure['name']}`"
    details = [f"{name}: {number(value)}" for name, value in figure["details"].items()]
    yield _beside(figure["what"], medians["measured"], [*details, *filter(None, (figure["note"],))])
    yield _beside(figure["against"], medians["yardstick"], []) if figure["against"] else "–"
    yield "–" if figure["result"] is None else f"**{number(figure['result'])}** {figure['result_unit']}"
    yield figure["must"] or "–"
    yield figure["aim"] or "–"
    yield figure["verdict"]


def _beside(what: str, value: float | None, further: list[str]) -> str:
    text = what if value is None else f"{what}: **{number(value)}**"
    return f"{text} ({'; '.join(further)})" if further else text
