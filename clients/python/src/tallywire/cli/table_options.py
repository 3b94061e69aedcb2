"""The options of tables: metrics, what rows are about, and their order."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from tallywire.cli import completion, options

GROUPS: Final = (*options.ANSWER_DIMENSIONS, "event_type", "storage_kind", "user")


def _groups(incomplete: str) -> list[str]:
    before, comma, begun = incomplete.rpartition(",")
    return [before + comma + name for name in GROUPS if name.startswith(begun)]


By = Annotated[
    list[str] | None,
    typer.Option(
        "--by",
        metavar="DIMENSION",
        autocompletion=_groups,
        help=f"What each row is about: one of {', '.join(GROUPS)}; or two of them, as in channel,agent.",
    ),
]
Dimension = Annotated[
    str, typer.Argument(metavar="DIMENSION", autocompletion=_groups, help=f"One of {', '.join(GROUPS)}.")
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="METRIC",
        autocompletion=completion.metrics,
        help="A metric's name (see `metrics`); may be repeated, or name several with commas between.",
    ),
]
OrderBy = Annotated[
    str | None,
    typer.Option("--order", metavar="METRIC", autocompletion=completion.metrics, help="Order rows by this metric."),
]
Ascending = Annotated[bool, typer.Option("--ascending", help="The smallest figure first.")]
Totals = Annotated[bool, typer.Option("--totals", help="With --csv: also the rows total, rest and other.")]


def names(given: Sequence[str] | None) -> list[str]:
    """Returns the names of a repeated option, each of which may hold several with commas between."""
    return [name.strip() for text in given or () for name in text.split(",") if name.strip()]
