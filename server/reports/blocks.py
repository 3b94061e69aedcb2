"""Blocks of a report, made of the tables of an answer: key figures, a chart, a ranking, a funnel or a table."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from server.catalog import registry
from server.catalog.metrics import Better
from server.exports.tables import DataColumn, DataContext, DataTable, Row, Value, ValueKind
from server.reports import document
from server.reports.document import (
    EARLIER,
    BarRanking,
    ChartBucket,
    ChartLine,
    KeyFigure,
    ReachedStage,
    ReportBlock,
    ReportChart,
)
from server.reports.periods import RunPeriod
from server.tenancy.principal import Principal
from server.timerange import Interval

KINDS: Final = ("figures", "series", "table", "ranking", "funnel", "text")
_MOST_FIGURES: Final = 16  # that a block shows where it does not choose
_BETTER: Final = {Better.HIGHER: 1, Better.LOWER: -1, Better.NEITHER: 0}
_PARTIAL: Final = {"running": "running", "cut": "cut", "before_first_event": "before"}
_ROW: Final = DataColumn(name="row", title="Row", kind=ValueKind.TEXT)
_PARTS: Final = ("rest", "other", "total")
_BEFORE: Final = frozenset({"period", "start", "end", "row", "partial", "rank", "stage"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """What a report says of its runs beside its blocks. Empty texts stand for the defaults."""

    description: str
    range: str
    comparison: str
    time_zone: str
    formats: tuple[str, ...]
    locale: str
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAnswer:
    """A block as it is stored, with the tables of its answer. refusal says why there are none, if so; granularity is
    that of a series; is_passing, that another try may be answered.
    """

    kind: str
    title: str
    note: str
    metrics: tuple[str, ...] = ()  # that it chooses, in its order
    part: str = ""  # the table that it shows
    page_break: bool = False
    tables: Sequence[DataTable] = ()
    granularity: str = ""
    refusal: str = ""
    is_passing: bool = False


class ReportAnswers(Protocol):
    """Answers the questions of reports. What they are is known to whoever knows the contract."""

    def plan(self, content: bytes) -> RunPlan:
        """Returns what a stored report says of its runs."""

    async def answer(self, principal: Principal, content: bytes, place: int, asked: RunPeriod) -> BlockAnswer:
        """Answers the question of a block, for a period."""


class NotThere(ValueError):
    """An answer has no such table or figures; says which there are."""


def block(answer: BlockAnswer, asked: RunPeriod) -> ReportBlock:
    """Returns an answer as a block of a document. One that does not fit its kind is refused."""
    made = ReportBlock(kind=answer.kind, title=answer.title, note=answer.note, page_break=answer.page_break)
    if answer.refusal or answer.kind == "text":
        return dataclasses.replace(made, refusal=answer.refusal)
    try:
        context = answer.tables[0].context
        filled = dataclasses.replace(made, context=context)
        match answer.kind:
            case "figures":
                return _figures(filled, answer, context)
            case "series":
                return _series(filled, answer, context, asked)
            case "funnel":
                return _funnel(filled, answer)
            case "ranking":
                return _ranking(filled, answer)
        return dataclasses.replace(filled, tables=(_chosen(_main(answer), answer.metrics),))
    except (NotThere, IndexError) as error:
        return dataclasses.replace(made, refusal=str(error) or "the answer has no figures")


def definitions(blocks: Sequence[ReportBlock]) -> Mapping[str, tuple[str, str]]:
    """Returns the title and the definition of each metric of the catalogue that blocks show."""
    found = {}
    for one in blocks:
        for table in one.tables:
            for column in table.columns:
                name = column.name.removeprefix(EARLIER)
                known = registry.ALL.get(name)
                if known is not None:
                    found[name] = (known.title, known.description)
    return found


def better(name: str) -> int:
    """Returns +1 where more of a metric is good news, -1 where less is, else 0."""
    known = registry.ALL.get(name)
    return 0 if known is None else _BETTER[known.better]


def _table(answer: BlockAnswer, *names: str) -> DataTable:
    found = next((one for name in names for one in answer.tables if one.name == name), None)
    if found is None:
        raise NotThere(f"the answer has no {' or '.join(names)}; it has {', '.join(one.name for one in answer.tables)}")
    return found


def _main(answer: BlockAnswer) -> DataTable:
    """Returns the table that a block shows: the one that it names, or the first that has rows of a list. Rows of a
    table by a dimension come with what they leave of the whole.
    """
    if answer.part:
        return _table(answer, answer.part)
    lists = [one for one in answer.tables if one.name not in ("figures", "totals")]
    main = lists[0] if lists else answer.tables[0]
    totals = next((one for one in answer.tables if one.name == "totals"), None)
    return main if main.name != "rows" or totals is None else _with_totals(main, totals)


def _with_totals(main: DataTable, totals: DataTable) -> DataTable:
    """Returns rows with the rest, the others and the total of their metrics below."""
    names = [one.name for one in totals.columns]
    metrics = [place for place, one in enumerate(main.columns) if one.name in names]
    rows: list[Row] = [["value", *row] for row in main.rows]
    for part in _PARTS:
        for row in totals.rows:
            if row[0] == part and any(value not in (None, 0) for value in row[1:]):
                cells: list[Value] = [None] * len(main.columns)
                for place in metrics:
                    cells[place] = row[names.index(main.columns[place].name)]
                rows.append([part, *cells])
    return dataclasses.replace(main, columns=[_ROW, *main.columns], rows=rows, estimated_rows=len(rows))


def _chosen(table: DataTable, metrics: Sequence[str]) -> DataTable:
    """Returns a table with what names its rows, and of its figures those that are chosen, in that order."""
    if not metrics:
        return table
    places = {one.name: place for place, one in enumerate(table.columns)}
    missing = [name for name in metrics if name not in places]
    if missing:
        raise NotThere(f"the answer has no {', '.join(missing)}; it has {', '.join(places)}")
    about = [place for place, one in enumerate(table.columns) if not one.is_number or one.name in _BEFORE]
    kept = list(dict.fromkeys([*about, *(places[name] for name in metrics)]))
    return dataclasses.replace(
        table,
        columns=[table.columns[place] for place in kept],
        rows=[[row[place] for place in kept] for row in table.rows],
    )


def _figures(made: ReportBlock, answer: BlockAnswer, context: DataContext) -> ReportBlock:
    table = _table(answer, answer.part) if answer.part else _table(answer, "figures", "totals")
    if table.name == "totals":
        now = next((row for row in table.rows if row[0] == "total"), None)
        before = None
    else:
        now, before = table.rows[0], table.rows[1] if len(table.rows) > 1 else None
    if now is None:
        raise NotThere("the answer has no total")
    places = {one.name: place for place, one in enumerate(table.columns)}
    figures = []
    for name in answer.metrics or _told(table, now):
        if name not in places:
            raise NotThere(f"the answer has no {name}; it has {', '.join(_told(table, None))}")
        place = places[name]
        earlier_at = places.get(EARLIER + name)
        earlier = before[place] if before is not None else None if earlier_at is None else now[earlier_at]
        figures.append(KeyFigure(column=table.columns[place], value=now[place], earlier=earlier, better=better(name)))
    return dataclasses.replace(made, figures=figures, tables=(document.table_of_figures(figures, context),))


def _told(table: DataTable, row: Row | None) -> list[str]:
    """Returns the figures of a row that are there."""
    names = [
        one.name
        for place, one in enumerate(table.columns)
        if one.is_number
        and one.name not in _BEFORE
        and not one.name.startswith(EARLIER)
        and (row is None or row[place] is not None)
    ]
    return names if row is None else names[:_MOST_FIGURES]


def _series(made: ReportBlock, answer: BlockAnswer, context: DataContext, asked: RunPeriod) -> ReportBlock:
    table = _table(answer, "series")
    places = {one.name: place for place, one in enumerate(table.columns)}
    names = answer.metrics or tuple(
        one.name for one in table.columns if one.is_number and not one.name.startswith(EARLIER)
    )
    missing = [name for name in names if name not in places]
    if missing:
        raise NotThere(f"the answer has no {', '.join(missing)}")

    def along(name: str) -> list[Value]:
        return [row[places[name]] for row in table.rows]

    has_earlier = "earlier_start" in places
    chart = ReportChart(
        granularity=answer.granularity,
        buckets=list(_buckets(along("start"), along("end"), along("partial"))),
        lines=[
            ChartLine(
                column=table.columns[places[name]],
                values=along(name),
                earlier=along(EARLIER + name) if has_earlier and EARLIER + name in places else (),
            )
            for name in names
        ],
        earlier=_earlier(asked, has_earlier=has_earlier),
        earlier_buckets=list(_buckets(along("earlier_start"), along("earlier_end"), ())) if has_earlier else (),
    )
    return dataclasses.replace(made, chart=chart, tables=(document.table_of_chart(chart, context),))


def _earlier(asked: RunPeriod, *, has_earlier: bool) -> Interval | None:
    return asked.earlier if has_earlier else None


def _buckets(starts: Sequence[Value], ends: Sequence[Value], partial: Sequence[Value]) -> Iterator[ChartBucket]:
    """Yields the buckets of a series, up to the first that is not there: an earlier period may have fewer."""
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not isinstance(start, datetime) or not isinstance(end, datetime):
            return
        told = partial[place] if place < len(partial) else None
        yield ChartBucket(start=start, end=end, partial=_PARTIAL.get(str(told), ""))


def _ranking(made: ReportBlock, answer: BlockAnswer) -> ReportBlock:
    table = _chosen(_main(answer), answer.metrics)
    numbers = [place for place, one in enumerate(table.columns) if one.is_number and one.name not in _BEFORE]
    labels = [place for place, one in enumerate(table.columns) if one.kind is ValueKind.TEXT and one.name != "row"]
    if not numbers or not labels:
        raise NotThere("the answer has no rows with a name and a figure")
    part = next((place for place, one in enumerate(table.columns) if one.name == "row"), None)
    shown = next((place for place in labels if table.columns[place].name == "display_name"), None)
    bars = [
        (str((shown is not None and row[shown]) or row[labels[0]] or ""), row[numbers[0]])
        for row in table.rows
        if part is None or row[part] == "value"
    ]
    return dataclasses.replace(made, ranking=BarRanking(column=table.columns[numbers[0]], bars=bars), tables=(table,))


def _funnel(made: ReportBlock, answer: BlockAnswer) -> ReportBlock:
    table = _table(answer, "stages")
    places = {one.name: place for place, one in enumerate(table.columns)}
    stages: list[ReachedStage] = []
    for row in table.rows:
        if row[places["row"]] != "total":
            continue
        reached = _whole(row[places["reached"]])
        first = stages[0].reached if stages else reached
        before = stages[-1].reached if stages else None
        stages.append(
            ReachedStage(
                name=str(row[places["name"]]),
                reached=reached,
                of_first=reached / first if first else None,
                of_previous=reached / before if before else None,
                median_ms=_optional(row[places["median_time_ms"]]),
            )
        )
    return dataclasses.replace(made, stages=stages, tables=(table,))


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _optional(value: Value) -> int | None:
    return value if isinstance(value, int) else None
