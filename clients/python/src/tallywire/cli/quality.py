"""The command that shows how conversations were scored."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from tallywire.cli import (
    breakdowns,
    completion,
    csv_output,
    figure_tables,
    formatting,
    json_output,
    layout,
    options,
    points,
    problems,
    tables,
)
from tallywire.cli.csv_output import Cell, Sheet
from tallywire.cli.figure_tables import Figure
from tallywire.cli.tables import Column
from tallywire.v1 import quality_pb2 as messages

_SCORES: Final = ("overall", "helpfulness", "accuracy", "politeness")
_NUMBERS: Final = ("reviews", "mean", "median", "poor_share")
_HEADINGS: Final = {"by_agent": "Agent", "by_topic": "Topic", "by_scorer": "Scorer"}
_TENTHS: Final = 10


def _number(score: str, number: str) -> Callable[[messages.QualityFigures], float | None]:
    """Returns how a number of a score is taken from figures."""

    def value(figures: messages.QualityFigures) -> float | None:
        found = csv_output.field(getattr(figures, score), number)
        return found if isinstance(found, int | float) else None

    return value


_BREAKDOWN: Final = (
    figure_tables.figure("quality_reviews", "Reviews", formatting.short),
    Figure(label="Overall", value=_number("overall", "mean"), form=formatting.fraction),
    Figure(label="Poor", value=_number("overall", "poor_share"), form=formatting.fraction),
    *(Figure(label=name.capitalize(), value=_number(name, "mean"), form=formatting.fraction) for name in _SCORES[1:]),
)
_SERIES: Final = (
    figure_tables.figure("quality_reviews", "Reviews"),
    figure_tables.figure("avg_quality_overall", "Overall", formatting.fraction),
)


@problems.reported
@options.grouped
def quality(
    *,
    of: options.PeriodOptions,
    rubric: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.values_of("rubric"), help="Only this version of the rubric, with a series."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="The score below which a review is poor. Default: 0.7.")
    ] = None,
    granularity: options.Granularity = None,
    compare: options.Compare = None,
    top: options.Top = None,
    only: options.FilterOptions,
    to: options.ServerOptions,
    output: options.OutputOptions,
) -> None:
    """Show how conversations were scored, by rubric.

    Each version of the rubric stands by itself. Scores are shares of the best one. As CSV it is a row for the period,
    each point and each row of a breakdown, of each version.
    """
    question, narrowed = of.question(), only.arguments()
    width, compared = options.granularity(granularity), options.compare(compare)
    with to.connect() as server:
        asked = options.asked(question, server)
        response = server.quality(
            asked.start,
            asked.end,
            rubric_version=rubric,
            threshold=threshold,
            granularity=width,
            top=top,
            time_zone=asked.time_zone,
            compare=compared,
            **narrowed,
        )
    output.emit(
        document=lambda: document(response),
        sheet=lambda: sheet(response),
        terminal=lambda console: render(console, response),
    )


def document(response: messages.GetQualityResponse) -> json_output.Json:
    """Returns the answer as JSON, with the state of each point of each version."""
    made = json_output.of(response)
    if isinstance(made, dict) and isinstance(rubrics := made["rubrics"], list):
        for rubric, one in zip(rubrics, response.rubrics, strict=True):
            json_output.mark(rubric, "series", _states(response, one))
    return made


def sheet(response: messages.GetQualityResponse) -> Sheet:
    """Returns rows of several kinds, of each version, with the same figures."""
    numbers = (f"{score}_{number}" for score in _SCORES for number in _NUMBERS)
    tenths = (f"overall_tenth_{place}" for place in range(1, _TENTHS + 1))
    header = ("rubric_version", "kind", "value", "start", "end", "state", "quality_reviews")
    return Sheet(header=(*header, *numbers, *tenths), rows=_rows(response))


def render(console: Console, response: messages.GetQualityResponse) -> None:
    """Prints the versions of the rubric below each other, then each by itself; the points of a single one."""
    context = response.context
    notes = layout.comparison(response.compared, formatting.zone(context.time_zone))
    if len(response.rubrics) < response.distinct_rubrics:
        notes.insert(0, f"{len(response.rubrics)} of {response.distinct_rubrics:,} versions of the rubric")
    console.print(layout.heading("Quality", context, notes))
    console.print(_coverage(response), highlight=False)
    if len(response.rubrics) > 1:
        console.print()
        _show_rubrics(console, response)
    for rubric in response.rubrics:
        name = formatting.plain(rubric.rubric_version)
        console.print(f"\nRubric {name}\n", style="bold", highlight=False)
        if not rubric.figures.quality_reviews:
            console.print("No reviews by this version; `tallywire values rubric` lists the versions that there are.")
            continue
        _show_scores(console, response, rubric)
        for by, found in breakdowns.by_name(rubric, _HEADINGS).items():
            breakdowns.show(console, _HEADINGS[by], found, _BREAKDOWN)
        if len(response.rubrics) == 1:
            figure_tables.show_series(console, context, response.granularity, rubric.series, _SERIES)


def _coverage(response: messages.GetQualityResponse) -> str:
    """Returns how many reviews there are, and of how many conversations."""
    reviews = f"{response.quality_reviews:,} review{'' if response.quality_reviews == 1 else 's'} (all rubrics)"
    if not response.HasField("conversations_closed"):
        return f"{reviews}. Conversations are not kept by this filter, so there is no coverage."
    closed = f"{response.conversations_closed:,} closed conversations"
    if not response.HasField("coverage"):
        return f"{reviews}; {closed}"
    return f"{reviews} of {closed}: {formatting.fraction(response.coverage)}"


def _show_rubrics(console: Console, response: messages.GetQualityResponse) -> None:
    """Prints a line for each version, with the mean score of its points as a chart."""
    rows = [
        [one.rubric_version, *(figure.written(one.figures) for figure in _BREAKDOWN[:3])] for one in response.rubrics
    ]
    columns = [Column(heading="Rubric", is_text=True), *(Column(heading=one.label) for one in _BREAKDOWN[:3])]
    tables.show(
        console,
        columns,
        rows,
        charts=lambda width: [_trend(response, one, width) for one in response.rubrics],
    )


def _trend(response: messages.GetQualityResponse, rubric: messages.RubricQuality, width: int) -> str:
    """Returns the mean scores of the points that have begun, as a line of bars."""
    means = [
        point.avg_quality_overall if point.HasField("avg_quality_overall") else None
        for point, state in zip(rubric.series, _states(response, rubric), strict=True)
        if state is not points.PointState.NOT_BEGUN
    ]
    return formatting.sparkline(means, width)


def _show_scores(console: Console, response: messages.GetQualityResponse, rubric: messages.RubricQuality) -> None:
    """Prints a line for each score, with its distribution over ten equal parts as a chart."""
    has_earlier = rubric.HasField("earlier")
    rows, charts = [], []
    for name in _SCORES:
        score: messages.QualityScore = getattr(rubric.figures, name)
        cells = [
            formatting.short(score.reviews),
            formatting.field(score, "mean", formatting.fraction),
            *([formatting.field(getattr(rubric.earlier, name), "mean", formatting.fraction)] if has_earlier else []),
            formatting.field(score, "median", formatting.fraction),
            formatting.field(score, "poor_share", formatting.fraction),
        ]
        rows.append([name.capitalize(), *cells])
        charts.append(formatting.sparkline(list(score.tenths), _TENTHS))
    poor = f"Below {formatting.fraction(response.threshold)}"
    headings = ("Reviews", "Mean", *(("Earlier",) if has_earlier else ()), "Median", poor)
    tables.show(
        console,
        [Column(heading="Score", is_text=True), *(Column(heading=one) for one in headings)],
        rows,
        charts=lambda _: charts,
    )


def _states(response: messages.GetQualityResponse, rubric: messages.RubricQuality) -> list[points.PointState]:
    return points.states(rubric.series, response.granularity, response.context)


def _rows(response: messages.GetQualityResponse) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    period = breakdowns.bounds(response.context, zone)
    for rubric in response.rubrics:
        for row in _rubric_rows(rubric, period, response):
            yield rubric.rubric_version, *row


def _rubric_rows(
    rubric: messages.RubricQuality, period: Sequence[Cell], response: messages.GetQualityResponse
) -> Iterator[Sequence[Cell]]:
    zone = response.context.time_zone
    yield "period", None, *period, *_cells(rubric.figures)
    if rubric.HasField("earlier"):
        yield "earlier", None, *breakdowns.bounds(response.compared, zone), *_cells(rubric.earlier)
    for point, state in zip(rubric.series, _states(response, rubric), strict=True):
        # Of a point there is the mean of one score alone.
        mean = csv_output.field(point, "avg_quality_overall")
        cells: list[Any] = [None] * (len(_SCORES) * len(_NUMBERS) + _TENTHS)
        cells[_NUMBERS.index("mean")] = mean
        yield "point", None, *breakdowns.bounds(point, zone, state), point.quality_reviews, *cells
    for name, found in breakdowns.by_name(rubric, _HEADINGS).items():
        yield from breakdowns.sheet_rows(name, found, period, _cells)


def _cells(figures: messages.QualityFigures) -> list[Cell]:
    numbers = [csv_output.field(getattr(figures, score), number) for score in _SCORES for number in _NUMBERS]
    tenths: list[Cell] = [*figures.overall.tenths] or [None] * _TENTHS
    return [figures.quality_reviews, *numbers, *tenths]
