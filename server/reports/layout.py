"""A document as plain texts and places, which PDF and HTML put on paper: nothing is computed or worded after this.

Everything in it is a text, a number, a list or a mapping, as JSON has them. Texts are texts: whoever shows them must
not take any of them for markup.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from server.exports.tables import DataColumn, DataContext, DataTable, Value, ValueKind
from server.reports import charts
from server.reports.charts import PreparedChart
from server.reports.document import (
    BarRanking,
    FigureDifference,
    KeyFigure,
    ReachedStage,
    ReportBlock,
    ReportChart,
    ReportDocument,
)
from server.reports.formatting import Formatting

Laid: TypeAlias = dict[str, Any]
MOST_BARS: Final = 25
_MOST_DIFFERENCES: Final = 50
_MOST_LETTERS: Final = 300  # of a cell
_MOST_COLUMNS: Final = 8
_PARTS: Final = frozenset({"other", "rest", "total"})


def laid_out(document: ReportDocument, *, most_rows: int) -> Laid:
    """Returns a document as it is shown, with that many rows of each table at most."""
    shown = Formatting(document.locale, document.zone)
    words = shown.texts
    return {
        "title": document.title,
        "kicker": words.report,
        "description": document.description,
        "locale": document.locale,
        "organization": document.organization,
        "period": shown.days(document.bounds),
        "facts": list(_facts(document, shown)),
        "restricted": shown.part(document.restriction),
        "running": words.running if document.still_running else "",
        "page": words.page,
        "contents_title": words.contents,
        "differences": _differences(document, shown),
        "blocks": [_block(one, shown, most_rows) for one in document.blocks],
        "definitions_title": words.definitions,
        "definitions_lead": words.definitions_lead,
        "definitions": [
            {"title": title, "text": text}
            for title, text in sorted(
                ((words.titles.get(name, title), text) for name, (title, text) in document.definitions.items()),
                key=lambda one: one[0].casefold(),
            )
        ],
    }


def _facts(document: ReportDocument, shown: Formatting) -> Iterator[list[str]]:
    """Yields what the first page tells: a name and a text each."""
    words = shown.texts
    name = words.ranges.get(document.range, "")
    days = shown.day_count(document.bounds)
    yield [words.period, f"{shown.days(document.bounds)} ({f'{name}, ' if name else ''}{days})"]
    if document.earlier is not None:
        yield [words.compared_with, f"{shown.days(document.earlier)} ({shown.day_count(document.earlier)})"]
    yield [words.time_zone, document.zone.key]
    yield [words.organization, document.organization]
    first, last = document.revisions
    if last:
        told = shown.number(last, 0) if first == last else words.revisions
        yield [words.revision, told.format(shown.number(first, 0), shown.number(last, 0))]
    if document.as_of is not None:
        yield [words.as_of, shown.instant(document.as_of)]
    currencies = sorted({one.currency for one in document.contexts if one.currency})
    if currencies:
        yield [words.currency, ", ".join(currencies)]
    yield [words.made, shown.instant(document.made_at)]
    by = words.by_schedule.format(document.requested_by) if document.is_scheduled else document.requested_by
    yield [words.requested_by, by]
    yield [words.version, str(document.version)]
    yield [words.run, str(document.run_id)]


def _differences(document: ReportDocument, shown: Formatting) -> Laid | None:
    words = shown.texts
    if document.again_of is None:
        return None
    laid: Laid = {"title": words.differences, "table": None}
    found = document.differences
    if found is None:
        laid["lead"] = words.not_comparable.format(document.again_of)
    elif not found:
        laid["lead"] = words.no_differences.format(document.again_of)
    else:
        laid["lead"] = words.differences_lead.format(shown.number(len(found), 0), document.again_of)
        headers = [words.block, words.row, words.figure, words.before, words.now, words.change]
        laid["table"] = {
            "headers": [{"title": one, "right": place > 2, "wide": place < 3} for place, one in enumerate(headers)],
            "rows": [_difference(one, shown) for one in found[:_MOST_DIFFERENCES]],
            "bars": [],
            "foot": 0,
            "more": _more(min(len(found), _MOST_DIFFERENCES), len(found), shown),
        }
    return laid


def _difference(one: FigureDifference, shown: Formatting) -> list[str]:
    change = shown.change(one.column, one.now, one.before)
    return [
        one.block,
        one.row,
        shown.title(one.column),
        shown.figure(one.column, one.before),
        shown.figure(one.column, one.now),
        change.text if change is not None else shown.texts.absent,
    ]


def _block(block: ReportBlock, shown: Formatting, most_rows: int) -> Laid:
    laid: Laid = {
        "kind": block.kind,
        "title": block.title,
        "paragraphs": [one.strip() for one in block.note.split("\n\n") if one.strip()],
        "page_break": block.page_break,
        "figures": [],
        "charts": [],
        "bars": [],
        "stages": [],
        "table": None,
        "refused": shown.texts.refused if block.refusal else "",
        "refusal": block.refusal,
        "notes": _notes(block, shown),
    }
    match block.kind:
        case "figures":
            laid["figures"] = [_figure(one, shown) for one in block.figures]
        case "series" if block.chart is not None:
            laid["charts"] = _charts(block.chart, shown)
        case "ranking" if block.ranking is not None:
            laid["bars"] = _bars(block.ranking, shown)
        case "funnel":
            laid["stages"] = _stages(block.stages, shown)
        case "table" if block.tables:
            laid["table"] = _table(block.tables[0], shown, most_rows)
    if block.refusal or block.kind == "text":
        return laid
    if not any(laid[name] for name in ("figures", "charts", "bars", "stages")) and not (laid["table"] or {}).get(
        "rows"
    ):
        laid["table"], laid["empty"] = None, shown.texts.no_rows
    return laid


def _notes(block: ReportBlock, shown: Formatting) -> list[str]:
    words, context = shown.texts, block.context
    notes = [note for table in block.tables[:1] for note in table.notes]
    if context is None:
        return notes
    columns = {one.name: one for one in _shown_columns(block)}
    named = [columns[one] for one in context.approximate if one in columns]
    if named:
        titles = ", ".join(map(shown.title, named))
        notes.append(words.approximate.format(titles, f"{context.max_relative_error:.0%}"))
    notes += [words.lagging.format(f"{name}: {revision}") for name, revision in context.lagging.items()]
    return notes


def _shown_columns(block: ReportBlock) -> Sequence[DataColumn]:
    """Returns the columns of the figures that a reader sees."""
    if block.ranking is not None:
        return [block.ranking.column]
    return block.tables[0].columns if block.tables else ()


def _figure(one: KeyFigure, shown: Formatting) -> Laid:
    change = shown.change(one.column, one.value, one.earlier, one.better)
    return {
        "title": shown.title(one.column),
        "value": shown.figure(one.column, one.value, compact=True),
        "was": "" if one.earlier is None else shown.figure(one.column, one.earlier, compact=True),
        "change": "" if change is None else change.text,
        "direction": 0 if change is None else change.direction,
        "verdict": 0 if change is None else change.verdict,
        "verdict_text": "" if change is None else _verdict(change.verdict, shown),
    }


def _verdict(verdict: int, shown: Formatting) -> str:
    return {1: shown.texts.better, -1: shown.texts.worse}.get(verdict, "")


def _charts(chart: ReportChart, shown: Formatting) -> list[Laid]:
    return [_chart(one, chart, shown) for one in charts.prepared(chart, shown.zone)]


def _chart(one: PreparedChart, chart: ReportChart, shown: Formatting) -> Laid:
    words = shown.texts
    caption = [words.granularities.get(chart.granularity, chart.granularity), shown.zone.key]
    # That of bars, by which mails show a chart.
    of_bars = [*caption, *([words.pale] if one.has_dashes else ())]
    if one.has_dashes:
        caption.append(words.dashed)
    if chart.earlier is not None and any(course.earlier for course in one.courses):
        caption.append(words.thin.format(shown.days(chart.earlier)))
    caption += [
        words.hours_marked.format(shown.number(hours, 2)) for hours in sorted({hours for _, hours in one.marks})
    ]
    first = one.lines[0].column
    previous = [None, *(bucket.start for bucket in chart.buckets)]
    return {
        "lines": [
            {"title": shown.title(line.column), "color": charts.COLORS[place]} for place, line in enumerate(one.lines)
        ],
        "courses": [
            {
                "color": charts.COLORS[course.line],
                "earlier": course.earlier,
                "parts": [{"points": part.points, "dashed": part.dashed} for part in course.parts],
                "dots": course.dots,
                "hollow": course.hollow,
                "area": course.area,
            }
            for course in one.courses
        ],
        "ticks": [
            {"label": shown.figure(first, _tick(value, first), compact=True), "at": at} for value, at in one.ticks
        ],
        "names": [
            {"label": shown.bucket(chart.buckets[place].start, chart.granularity, previous[place]), "at": at}
            for place, at in one.names
        ],
        "points": _points(one, chart, shown),
        "newest": words.newest,
        "marks": [{"label": f"{shown.number(hours, 2)} h", "at": at} for at, hours in one.marks],
        "caption": " · ".join(caption),
        "caption_of_bars": " · ".join(of_bars),
    }


def _points(one: PreparedChart, chart: ReportChart, shown: Formatting) -> list[Laid]:
    """Returns each bucket with its figures, and how far the first one reaches."""
    top = max(abs(value) for value, _ in one.ticks)
    laid = []
    previous: datetime | None = None
    for place, bucket in enumerate(chart.buckets):
        first = one.lines[0].values[place]
        laid.append(
            {
                "label": shown.bucket(bucket.start, chart.granularity, previous),
                "values": [shown.figure(line.column, line.values[place]) for line in one.lines],
                "share": first / top if isinstance(first, int | float) else 0,
                "partial": bucket.partial,
            }
        )
        previous = bucket.start
    return laid


def _tick(value: float, column: DataColumn) -> int | float:
    return int(value) if value == 0 or (column.whole and value.is_integer()) else value


def _bars(ranking: BarRanking, shown: Formatting) -> list[Laid]:
    known = [value for _, value in ranking.bars if isinstance(value, int | float)]
    top = max((abs(one) for one in known), default=0) or 1
    return [
        {
            "label": _cell(label),
            "value": shown.figure(ranking.column, value),
            "share": abs(value) / top if isinstance(value, int | float) else 0,
        }
        for label, value in ranking.bars[:MOST_BARS]
    ]


def _stages(stages: Sequence[ReachedStage], shown: Formatting) -> list[Laid]:
    words = shown.texts
    fraction = DataColumn(name="", title="", kind=ValueKind.FRACTION)
    duration = DataColumn(name="", title="", kind=ValueKind.DURATION_MS)
    first = stages[0].reached if stages else 0
    return [
        {
            "name": one.name,
            "reached": shown.number(one.reached, 0),
            "share": one.reached / first if first else 0,
            "of_first": shown.figure(fraction, one.of_first),
            "of_previous": shown.figure(fraction, one.of_previous) if place else "",
            "median": "" if one.median_ms is None else f"{words.median_time}: {shown.figure(duration, one.median_ms)}",
        }
        for place, one in enumerate(stages)
    ]


def _table(table: DataTable, shown: Formatting, most_rows: int) -> Laid:
    """Returns a table as texts, without columns that no row has a value in and those that a page cannot hold."""
    used = [place for place in range(len(table.columns)) if any(row[place] is not None for row in table.rows)]
    used = [place for place in used if table.columns[place].name != "row" and not _is_earlier(table.columns[place])]
    used = _merged_name(table, used)[:_MOST_COLUMNS]
    columns = [table.columns[place] for place in used]
    part = next((place for place, one in enumerate(table.columns) if one.name == "row"), None)
    rows, foot = [], 0
    for row in table.rows[:most_rows]:
        cells = [_cell(shown.figure(table.columns[place], row[place])) for place in used]
        kind = row[part] if part is not None else None
        if kind in _PARTS:
            cells[0] = getattr(shown.texts, str(kind))
            foot += 1
        elif cells and row[used[0]] in (None, ""):
            cells[0] = shown.texts.without_value
        rows.append(cells)
    main = next((place for place, one in enumerate(columns) if one.is_number and one.name != "rank"), None)
    headers = [
        {"title": shown.title(one), "right": one.is_number, "wide": one.kind is ValueKind.TEXT} for one in columns
    ]
    changes = [] if main is None else _changes(table, used[main], shown)
    if changes:
        headers.append({"title": shown.texts.change, "right": True, "wide": False})
        rows = [[*row, change] for row, change in zip(rows, changes, strict=False)]
    return {
        "headers": headers,
        "rows": rows,
        "bars": [] if main is None else _shares(table, used[main], rows, foot),
        "main": main,
        "foot": foot,
        "more": _more(len(rows), len(table.rows), shown),
    }


def _is_earlier(column: DataColumn) -> bool:
    return column.name.startswith("earlier_")


def _changes(table: DataTable, place: int, shown: Formatting) -> list[str]:
    """Returns how the main figure of each row has changed; nothing where the table has no earlier ones."""
    column = table.columns[place]
    names = [one.name for one in table.columns]
    if f"earlier_{column.name}" not in names:
        return []
    earlier = names.index(f"earlier_{column.name}")
    found = (shown.change(column, row[place], row[earlier]) for row in table.rows)
    return [shown.texts.absent if one is None else one.text for one in found]


def _merged_name(table: DataTable, used: list[int]) -> list[int]:
    """Returns the columns without the id beside a display name, where each row has such a name."""
    names = {table.columns[place].name: place for place in used}
    shown = names.get("display_name")
    if shown is None or any(not row[shown] for row in table.rows if len(row) > shown and row[names.get("rank", 0)]):
        return used
    return [place for place in used if table.columns[place].name not in ("value", "id", "agent_id")]


def _shares(table: DataTable, place: int, rows: Sequence[Sequence[str]], foot: int) -> list[float]:
    """Returns the lengths of the bars in the main column: shares of the greatest value, none for what is a sum."""
    values = [row[place] for row in table.rows[: len(rows) - foot]]
    numbers: list[int | float] = [one if isinstance(one, int | float) else 0 for one in values]
    top = max(map(abs, numbers), default=0) or 1
    return [abs(one) / top for one in numbers] + [0.0] * foot


def _cell(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _more(rows: int, of: int, shown: Formatting) -> str:
    if rows >= of:
        return ""
    words = shown.texts
    return f"{words.more_rows.format(shown.number(rows, 0), shown.number(of, 0))} {words.files_hold_all}"


def plain(value: Value) -> object:
    """Returns a value as JSON has it, at full precision."""
    return value.isoformat() if isinstance(value, datetime | date) else value


def context_told(context: DataContext) -> Laid:
    """Returns the context of an answer as JSON has it."""
    return {
        "revision": context.revision,
        "epoch": context.epoch,
        "as_of": plain(context.as_of),
        "start": plain(context.start),
        "end": plain(context.end),
        "time_zone": context.zone.key,
        "still_running": context.still_running,
        "currency": context.currency,
        "approximate": list(context.approximate),
        "max_relative_error": context.max_relative_error,
        "lagging": dict(context.lagging),
        "restriction": {one: list(values) for one, values in context.restriction.items()},
    }
