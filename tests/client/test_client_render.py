"""Answers as tables and as JSON."""

import io
import json
from datetime import timedelta
from typing import Any

import answers
import pytest
from rich.console import Console

from tallywire.cli import (
    anomalies,
    api,
    breakdowns,
    csv_output,
    formatting,
    hours_of_week,
    json_output,
    options,
    points,
    render,
)
from tallywire.v1 import anomaly_service_pb2, answer_pb2, api_usage_pb2, metrics_service_pb2, time_pb2


def printed(what: Any, answer: Any) -> str:
    """Returns what a function of render prints at 80 columns."""
    console = Console(file=io.StringIO(), width=80, color_system=None)
    what(console, answer)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    return text


def row(text: str, label: str) -> list[str]:
    """Returns the cells of the line that begins with a label."""
    lines = [line for line in text.splitlines() if line.startswith(label)]
    return lines[0].removeprefix(label).split() if lines else []


def test_overview() -> None:
    text = printed(render.overview, answers.overview())
    assert "2026-01-05 00:00 to 2026-01-12 00:00 Asia/Kathmandu" in text
    assert "revision 12,345 · still running · percentiles within 1 %" in text
    assert row(text, "Messages") == ["1,234,567", "-12.5", "%"]
    assert row(text, "Conversations ") == ["0", "–"]
    assert row(text, "Unique users") == ["42", "–"]
    assert row(text, "Satisfaction (1–5)") == ["–"]
    assert row(text, "Response time, p95") == ["12.3", "s"]
    assert row(text, "Cost") == ["1.23", "EUR"]
    assert row(text, "Storage in use") == ["5.0", "GiB"]
    assert row(text, "4 others") == ["960"]
    assert not row(text, "Calls offered")


def test_an_overview_of_nothing_says_when_there_is_something() -> None:
    answer = metrics_service_pb2.GetOverviewResponse(context=answers.context())
    assert "`tallywire track` stores one" in printed(render.overview, answer)
    answer.context.first_event_at.FromDatetime(answers.START)
    assert "The first event of all is of 2026-01-05: ask --from then." in printed(render.overview, answer)


def test_an_overview_has_the_families_of_which_something_was_counted() -> None:
    answer = answers.overview()
    answer.overview.calls_abandoned, answer.overview.call_abandonment_rate = 3, 1
    answer.overview.leads_created = 0
    answer.earlier.tasks_completed = 2
    text = printed(render.overview, answer)
    assert row(text, "· abandoned 3") == []
    assert row(text, "Call abandonment rate") == ["100.0", "%", "–"]
    assert row(text, "Tasks completed") == ["–", "2"]
    assert not row(text, "Leads created")


def test_agents() -> None:
    text = printed(render.agents, [answers.agent(), answers.agent("b"), metrics_service_pb2.GetAgentMetricsResponse()])
    assert row(text, "b ") == ["1,234", "258k", "1,315", "91.2", "%", "16.6", "min", "–", "▁▂▃▅▆▇█"]
    assert "support-bot-wit…" in text
    assert text.splitlines()[-1].split() == ["–"] * 6
    assert printed(render.agents, [])


def test_agent() -> None:
    text = printed(render.agent, answers.agent())
    assert "Agent support-bot-with-a-long-name?[31m" in text
    assert row(text, "Resolution rate") == ["91.2", "%"]
    assert row(text, "2026-01-06") == ["1", "100", "–", "–", "–"]
    assert "Calls handled" not in text
    human = answers.agent("h")
    human.agent.calls_handled = 3
    assert row(printed(render.agent, human), "Calls handled") == ["3"]


def test_usage() -> None:
    answer = answers.usage()
    answer.series[0].title = "Mean response time"
    text = printed(render.usage, answer)
    assert row(text, "Mean response time") == ["▁▂▃▅▆▇█", "0", "6,000", "6,000"]
    assert row(text, "a_metric_number_1") == ["–––––––", "–", "–", "–"]
    assert row(text, "a_metric_number_2")[0] == "▁–▃▅▆▇█"
    assert "█" * 40 not in text


@pytest.mark.parametrize("number", [1, 40, 2_000])
def test_large_figures_are_shown_whole(number: int) -> None:
    text = printed(render.usage, answers.usage(points=number, metrics=1, factor=100_000))
    assert row(text, "a_metric_number_0")[2:] == [f"{(number - 1) * 100_000_000:,}"] * 2
    assert "…" not in text


def test_a_single_metric_is_a_bar_chart() -> None:
    text = printed(render.usage, answers.usage(metrics=1))
    assert row(text, "2026-01-05  ") == ["0"]
    assert row(text, "2026-01-11") == ["6,000", "█" * 32]


def test_points_that_are_not_whole_are_marked() -> None:
    answer = answers.usage(metrics=1)
    answer.buckets[0].start.FromDatetime(answers.START)
    answer.series[0].values[0].integer = 3_000
    answer.context.as_of_time.FromDatetime(answers.START + timedelta(days=5))
    text = printed(render.usage, answer)
    assert "first point cut · last point running · 1 not begun" in text
    assert row(text, "a_metric_number_0") == ["▅▂▄▅▇█", "1,000", "4,000", "4,000"]
    assert row(text, "2026-01-05  ") == ["3,000", "░" * 16, "cut"]
    assert row(text, "2026-01-09") == ["4,000", "█" * 21 + "▍"]
    assert row(text, "2026-01-10") == ["5,000", "░" * 27, "running"]
    assert row(text, "2026-01-11") == ["–", "not", "begun"]
    agent = answers.agent()
    agent.context.as_of_time.FromDatetime(answers.START + timedelta(days=5))
    text = printed(render.agent, agent)
    assert row(text, "2026-01-10") == ["5", "500", "–", "–", "–", "running"]
    assert row(text, "2026-01-11") == ["–", "–", "–", "–", "–", "not", "begun"]


HOUR, DAY, WEEK, MONTH = (
    time_pb2.GRANULARITY_HOUR,
    time_pb2.GRANULARITY_DAY,
    time_pb2.GRANULARITY_WEEK,
    time_pb2.GRANULARITY_MONTH,
)


@pytest.mark.parametrize(
    ("granularity", "zone", "start", "end", "now", "state"),
    [
        (HOUR, "Asia/Kathmandu", "2026-01-05T00:15", "2026-01-05T01:15", "2026-01-06T00:00", "whole"),
        (HOUR, "UTC", "2026-01-05T00:15", "2026-01-05T01:00", "2026-01-06T00:00", "cut"),
        (HOUR, "UTC", "2026-01-05T00:00", "2026-01-05T00:45", "2026-01-05T00:50", "running"),
        (HOUR, "UTC", "2026-01-05T00:00", "2026-01-05T00:45", "2026-01-05T01:00", "cut"),
        (HOUR, "UTC", "2026-01-05T01:00", "2026-01-05T02:00", "2026-01-05T01:00", "not_begun"),
        (HOUR, "America/New_York", "2025-11-02T06:00", "2025-11-02T07:00", "2026-01-01T00:00", "whole"),  # 1:00 again
        (DAY, "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00", "2026-01-01T00:00", "whole"),
        (DAY, "America/New_York", "2026-01-05T00:00", "2026-01-05T05:00", "2026-01-06T00:00", "cut"),
        (DAY, "America/New_York", "2026-01-05T05:00", "2026-01-05T14:15", "2026-01-05T14:10", "running"),
        (WEEK, "UTC", "2026-01-05T00:00", "2026-01-12T00:00", "2026-01-12T00:00", "whole"),
        (WEEK, "UTC", "2026-01-01T00:00", "2026-01-05T00:00", "2026-01-12T00:00", "cut"),
        (MONTH, "UTC", "2026-02-01T00:00", "2026-03-01T00:00", "2026-03-01T00:00", "whole"),
        (MONTH, "UTC", "2026-02-01T00:00", "2026-02-14T00:00", "2026-02-14T01:00", "running"),
        (MONTH, "UTC", "2026-02-01T00:00", "2026-02-14T00:00", "2026-03-01T00:00", "cut"),
    ],
)
def test_states_of_points(
    granularity: "time_pb2.Granularity.ValueType", zone: str, start: str, end: str, now: str, state: str
) -> None:
    bucket, context = metrics_service_pb2.Bucket(), answer_pb2.AnswerContext(time_zone=zone)
    for stamp, text in ((bucket.start, start), (bucket.end, end), (context.as_of_time, now)):
        stamp.FromJsonString(text + ":00Z")
    assert points.states([bucket], granularity, context) == [points.PointState(state)]


def test_an_empty_answer_renders() -> None:
    printed(render.usage, metrics_service_pb2.GetUsageTrendsResponse())
    printed(render.agent, metrics_service_pb2.GetAgentMetricsResponse())
    assert row(printed(render.overview, metrics_service_pb2.GetOverviewResponse()), "Events") == ["–"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999.94, "999.9"),
        (9_999, "9,999"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (4_500_000, "4.5M"),
        (2e9, "2.0G"),
    ],
)
def test_short_counts(value: float, text: str) -> None:
    assert formatting.short(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ms"),
        (9_999, "9,999 ms"),
        (10_000, "10.0 s"),
        (119_000, "119.0 s"),
        (120_000, "2.0 min"),
        (7_200_000, "2.0 h"),
    ],
)
def test_durations(value: float, text: str) -> None:
    assert formatting.milliseconds(value) == text


def test_json_has_every_key_and_null_for_what_is_absent() -> None:
    document = json.loads(json.dumps(json_output.of(answers.overview())))
    fields = metrics_service_pb2.Overview.DESCRIPTOR.fields_by_name
    assert set(document["overview"]) == set(fields)
    assert document["overview"]["satisfaction_score"] is None
    assert document["overview"]["total_messages"] == 1_234_567
    assert document["overview"]["total_conversations"] == 0
    assert document["overview"]["users_change"] == {"percent": None, "absence_reason": "ABSENCE_REASON_NO_BASELINE"}
    assert document["overview"]["conversations_change"] is None
    assert document["context"]["start"] == "2026-01-04T18:15:00Z"
    usage = json.loads(json.dumps(json_output.of(answers.usage())))
    assert usage["granularity"] == "GRANULARITY_DAY"
    assert usage["series"][2]["values"][:2] == [{"integer": 0, "number": None}, {"integer": None, "number": None}]
    assert usage["storage_by_kind"] == []


def test_texts_of_people_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    column = metrics_service_pb2.MetricColumn(metric="custom.calls", title="Calls [bold] and [/done]")
    changed = anomaly_service_pb2.ListChangesResponse(metrics=[anomaly_service_pb2.MetricChange(metric=column)])
    options.OutputOptions().emit(
        document=dict,
        sheet=lambda: csv_output.Sheet(header=(), rows=()),
        terminal=lambda console: anomalies.show_changes(console, changed),
    )
    assert "Calls [bold] and [/done]: " in capsys.readouterr().out


def test_what_is_not_kept_together_says_why() -> None:
    pair = metrics_service_pb2.DimensionPair
    later = pair(name="agent,topic", complete=True)
    later.complete_from.FromDatetime(answers.START)
    kept = [pair(name="rubric,scorer", complete=True, standing=True), pair(name="agent,queue"), later]
    assert breakdowns.explained(["agent,queue", "agent,topic", "agent,team"], kept).splitlines() == [
        "Figures by agent,queue are still being counted: ask again later.",
        "Figures by agent,topic are kept since 2026-01-05T00:00:00Z: --from 2026-01-05T00:00:00Z",
        "Not kept: figures by agent,team.",
        "The operator declares it by",
        "  python -m server organizations set NAME --pair agent,queue \\",
        "    --pair agent,topic --pair agent,team",
    ]


def test_a_breakdown_has_what_stands_apart_below_it() -> None:
    answer = api_usage_pb2.GetApiUsageResponse(context=answers.context(), granularity=time_pb2.GRANULARITY_DAY)
    found = answer.by_endpoint
    found.rows.add(value="GET /a\x1b[31m").figures.api_calls = 12_345
    found.rest.api_calls, found.other.api_calls, found.other.api_errors = 0, 7, 1
    lines = [line.split() for line in printed(api.render, answer).splitlines()]
    assert ["GET", "/a?[31m", "12.3k", "–", "–", "–", "–", "–"] in lines
    assert ["_other", "7", "1", "–", "–", "–", "–"] in lines
    assert "rest" not in printed(api.render, answer)  # of nothing


def test_a_heat_map_begins_on_the_first_day_of_the_week() -> None:
    def show(console: Console, counts: dict[tuple[int, int], int]) -> None:
        hours_of_week.show(console, [("Offered", counts), ("Abandoned", {(7, 0): 0})], time_pb2.WEEKDAY_SUNDAY)

    lines = printed(show, {(7, 0): 1, (7, 1): 80, (1, 23): 40}).splitlines()
    assert lines[2].split() == ["Offered", "(█", "=", "80)"]
    assert [line.split() for line in lines[4:6]] == [["Sun", "▁█" + "·" * 22, "81"], ["Mon", "·" * 23 + "▄", "40"]]
    assert [line.split()[0] for line in lines[6:]] == ["Tue", "Wed", "Thu", "Fri", "Sat"]
