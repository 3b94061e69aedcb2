"""Answers as data frames of pandas and polars, in whatever environment has them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import answers
import pytest
import scripted

from tallywire import frames
from tallywire.v1 import metrics_service_pb2

WHOLE = 2**53 + 1  # a float would lose the one
NEPAL = ZoneInfo("Asia/Kathmandu")


def table(*, series: bool = False, compared: bool = False) -> metrics_service_pb2.QueryMetricsResponse:
    """Returns a table of two agents: a count, a mean that one of them does not have, and a figure that nobody has."""
    made = metrics_service_pb2.QueryMetricsResponse(context=answers.context(), group_by=["agent"])
    for name in ("events", "avg_response_time_ms", "unique_users"):
        made.metrics.add(metric=name)
    made.rows.add(values=["a"], display_name="Mia")
    made.rows.add(values=["b"])
    for row, figures in (
        (made.rows[0], (WHOLE, 12.5)),
        (made.rows[1], (0, None)),
        (made.total, (WHOLE + 3, 12.5)),
        (made.rest, (3, None)),
    ):
        row.figures.add(integer=figures[0])
        row.figures.add(number=figures[1])
        row.figures.add()
    if compared:
        made.compared.end.FromDatetime(answers.START)
        for number in (1, 2, 3):
            made.rows[0].earlier_figures.add(integer=number)
    if series:
        made.buckets.extend(answers.usage(points=2).buckets)
        for row in (*made.rows, made.total):
            for _ in made.metrics:
                points = row.series.add()
                points.values.add(integer=1)
                points.values.add()
    return made


def test_tables_in_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = frames.to_pandas(table())
    assert list(frame.columns) == ["agent", "display_name", "events", "avg_response_time_ms", "unique_users"]
    assert [str(dtype) for dtype in frame.dtypes] == ["string", "string", "Int64", "float64", "float64"]
    assert frame["events"].tolist() == [WHOLE, 0]
    assert frame["display_name"].isna().tolist() == [False, True]
    assert frame["avg_response_time_ms"].isna().tolist() == [False, True]
    assert frame["unique_users"].isna().all()
    assert frame.sort_values("events").set_index("agent")["events"].sum() == WHOLE

    whole = frames.to_pandas(table(compared=True), totals=True)
    assert whole["row"].tolist() == ["value", "value", "total", "rest"]
    assert whole["agent"].isna().tolist() == [False, False, True, True]
    assert whole["earlier_events"].isna().tolist() == [False, True, True, True]
    assert str(whole["earlier_events"].dtype) == "Int64"

    series = frames.to_pandas(table(series=True), series=True)
    assert str(series.index.dtype).endswith("Asia/Kathmandu]")
    assert series.index[:2].tolist() == [datetime(2026, 1, day, tzinfo=NEPAL) for day in (5, 6)]
    assert series["agent"].tolist() == ["a", "a", "b", "b"]
    wide = series.pivot(columns="agent", values="events")
    assert wide["b"].isna().tolist() == [False, True]

    empty = frames.to_pandas(metrics_service_pb2.QueryMetricsResponse(group_by=["agent"]))
    assert (list(empty.columns), len(empty)) == (["agent", "display_name"], 0)
    alone = frames.to_pandas(metrics_service_pb2.QueryMetricsResponse(total=table().total, metrics=table().metrics))
    assert alone["events"].tolist() == [WHOLE + 3]
    assert isinstance(alone, pandas.DataFrame)


def test_series_in_pandas() -> None:
    pytest.importorskip("pandas")
    answer = answers.usage(points=3, metrics=3)
    answer.compared.absence_reason = 5
    frame = frames.to_pandas(answer)
    names = [f"a_metric_number_{number}" for number in range(3)]
    assert list(frame.columns) == [*names, *(f"earlier_{name}" for name in names)]
    assert frame.index.name == "start"
    assert frame.index.tolist() == [datetime(2026, 1, day, tzinfo=NEPAL) for day in (5, 6, 7)]
    assert frame[names[0]].tolist() == [0, 1_000, 2_000]
    assert frame[names[2]].isna().tolist() == [False, True, False]
    assert frame[f"earlier_{names[0]}"].isna().all()
    day = frame.resample("7D").sum(min_count=1)
    assert day[names[0]].tolist() == [3_000]
    # A day on which the clocks go back has 25 hours.
    answer = metrics_service_pb2.GetUsageTrendsResponse()
    answer.context.time_zone = "Europe/Paris"
    for hour in range(25):
        answer.buckets.add().start.FromDatetime(datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(hours=hour))
    hours = frames.to_pandas(answer)
    assert hours.index.is_unique
    assert set(hours.index.date) == {datetime(2026, 10, 25, tzinfo=UTC).date()}
    answer.context.time_zone = "Mars/Base"
    assert str(frames.to_pandas(answer).index.tz) == "UTC"


def test_both_in_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = frames.to_polars(table())
    assert frame.schema == {
        "agent": polars.String,
        "display_name": polars.String,
        "events": polars.Int64,
        "avg_response_time_ms": polars.Float64,
        "unique_users": polars.Float64,
    }
    assert frame.rows() == [("a", "Mia", WHOLE, 12.5, None), ("b", None, 0, None, None)]
    assert frames.to_polars(table(), totals=True)["row"].to_list() == ["value", "value", "total", "rest"]
    series = frames.to_polars(table(series=True), series=True)
    assert series.schema["start"] == polars.Datetime("us", "Asia/Kathmandu")
    assert series["start"].to_list()[:2] == [datetime(2026, 1, day, tzinfo=NEPAL) for day in (5, 6)]
    usage = frames.to_polars(answers.usage(points=3, metrics=2))
    assert usage.columns == ["start", "a_metric_number_0", "a_metric_number_1"]
    assert usage["a_metric_number_0"].to_list() == [0, 1_000, 2_000]


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_what_an_answer_does_not_have_is_refused(name: str) -> None:
    pytest.importorskip(name)
    make = getattr(frames, f"to_{name}")
    with pytest.raises(ValueError, match="has no series"):
        make(table(), series=True)
    with pytest.raises(ValueError, match="totals and series are for tables"):
        make(answers.usage(), totals=True)


def test_without_the_extras_there_is_a_clear_message() -> None:
    """The client itself imports neither of them."""
    program = """
import sys
sys.modules.update(pandas=None, polars=None)
import tallywire
from tallywire import frames
from tallywire.v1 import metrics_service_pb2
for make in (frames.to_pandas, frames.to_polars):
    try:
        make(metrics_service_pb2.QueryMetricsResponse())
    except ModuleNotFoundError as error:
        print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=scripted.environment()
    )
    assert ran.stdout.splitlines() == [
        "to_pandas() needs the extra pandas: pip install pandas",
        "to_polars() needs the extra polars: pip install polars",
    ], ran.stderr
