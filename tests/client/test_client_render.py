"""Answers as tables and as JSON."""

import io
import json
from typing import Any

import answers
import pytest
from rich.console import Console

from agentmetrics.cli import figures, jsonout, render
from agentmetrics.v1 import metrics_service_pb2


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
    assert row(text, "Cost (currency units)") == ["1.23"]
    assert row(text, "Storage in use") == ["5.0", "GiB"]
    assert row(text, "4 others") == ["960"]


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
    text = printed(render.usage, answers.usage())
    assert row(text, "a_metric_number_0") == ["▁▂▃▅▆▇█", "0", "6,000", "6,000"]
    assert row(text, "a_metric_number_1") == ["–––––––", "–", "–", "–"]
    assert row(text, "a_metric_number_2")[0] == "▁–▃▅▆▇█"
    assert "█" * 40 not in text


@pytest.mark.parametrize("points", [1, 40, 2_000])
def test_large_figures_are_shown_whole(points: int) -> None:
    text = printed(render.usage, answers.usage(points=points, metrics=1, factor=100_000))
    assert row(text, "a_metric_number_0")[2:] == [f"{(points - 1) * 100_000_000:,}"] * 2
    assert "…" not in text


def test_a_single_metric_is_a_bar_chart() -> None:
    text = printed(render.usage, answers.usage(metrics=1))
    assert row(text, "2026-01-05  ") == ["0"]
    assert row(text, "2026-01-11") == ["6,000", "█" * 40]


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
    assert figures.short(value) == text


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
    assert figures.milliseconds(value) == text


def test_json_has_every_key_and_null_for_what_is_absent() -> None:
    document = json.loads(json.dumps(jsonout.of(answers.overview())))
    fields = metrics_service_pb2.Overview.DESCRIPTOR.fields_by_name
    assert set(document["overview"]) == set(fields)
    assert document["overview"]["satisfaction_score"] is None
    assert document["overview"]["total_messages"] == 1_234_567
    assert document["overview"]["total_conversations"] == 0
    assert document["overview"]["users_change"] == {"percent": None, "absence_reason": "ABSENCE_REASON_NO_BASELINE"}
    assert document["overview"]["conversations_change"] is None
    assert document["context"]["start"] == "2026-01-04T18:15:00Z"
    usage = json.loads(json.dumps(jsonout.of(answers.usage())))
    assert usage["granularity"] == "GRANULARITY_DAY"
    assert usage["series"][2]["values"][:2] == [{"integer": 0, "number": None}, {"integer": None, "number": None}]
    assert usage["storage_by_kind"] == []
