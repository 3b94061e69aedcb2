"""Tables and values to choose from, asked for by both clients, and by commands when something is wrong."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import answers
import pytest
import scripted
from google.rpc import code_pb2
from scripted import Fail, Slow
from typer.testing import Result

import tallywire
from tallywire.v1 import metrics_service_pb2, time_pb2

Run = Callable[..., Result]
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
AGENTS = [f"agent {number}" for number in range(5)]
EXPIRED = Fail(code=code_pb2.FAILED_PRECONDITION, reason="PAGE_TOKEN_EXPIRED")
PLAYED = Slow(seconds=0)


def page(request: metrics_service_pb2.QueryMetricsRequest) -> metrics_service_pb2.QueryMetricsResponse:
    """Answers with the rows after the token, which says how many were shown."""
    skip = int(request.page_token or 0)
    shown = AGENTS[skip : skip + request.page_size]
    end = skip + len(shown)
    row = metrics_service_pb2.MetricRow
    answer = metrics_service_pb2.QueryMetricsResponse(
        rows=[row(values=[name]) for name in shown],
        distinct_values=len(AGENTS),
        next_page_token=str(end) if end < len(AGENTS) else "",
    )
    answer.rest.figures.add(integer=len(AGENTS) - end)
    return answer


def test_what_a_table_is_asked_for(client: tallywire.Client, script: scripted.Script) -> None:
    client.query_metrics(START, END, ["events"])
    client.query_metrics(
        START,
        END,
        ["messages_sent", "unique_users"],
        group_by=["agent", "channel"],
        order_by="unique_users",
        ascending=True,
        page_size=7,
        page_token="next",
        series="day",
        compare="week",
        time_zone="Asia/Kathmandu",
        team_id="north",
        dimensions={"model": "small"},
    )
    client.query_metrics(START, END, ["events"], group_by="agent", series="auto")
    plain, full, automatic = script.requests
    assert list(plain.metrics) == ["events"]
    assert (list(plain.group_by), plain.page_size, plain.HasField("series")) == ([], 0, False)
    assert (plain.HasField("filter"), plain.HasField("comparison")) == (False, False)
    assert (list(full.group_by), full.order_by) == (["agent", "channel"], "unique_users")
    assert full.direction == metrics_service_pb2.SORT_DIRECTION_ASCENDING
    assert (full.page_size, full.page_token) == (7, "next")
    assert full.series.granularity == time_pb2.GRANULARITY_DAY
    assert full.comparison.mode == time_pb2.COMPARISON_MODE_PREVIOUS_WEEK
    assert (full.time_range.time_zone, full.filter.team_id) == ("Asia/Kathmandu", "north")
    assert [one.value for one in full.filter.dimensions] == ["small"]
    assert list(automatic.group_by) == ["agent"]
    assert (automatic.HasField("series"), automatic.series.granularity) == (True, 0)
    wrong: Any = {"series": "second"}
    with pytest.raises(ValueError, match="series is one of minute, five_minutes, quarter_hour"):
        client.query_metrics(START, END, ["events"], **wrong)
    with pytest.raises(TypeError, match="metrics is a sequence"):
        client.query_metrics(START, END, "events")


async def test_all_pages_are_one_answer(running: scripted.Running, script: scripted.Script) -> None:
    script.answers["table"] = page
    with tallywire.Client(running.address, api_key="k") as client:
        # Figures change after the first page, and then after the second one.
        script.play(PLAYED, EXPIRED, PLAYED, PLAYED, EXPIRED)
        whole = client.query_all(START, END, ["events"], group_by="agent", page_size=2, attempts=3)
        tokens = [request.page_token for request in script.requests]
        assert tokens == ["", "2", "", "2", "4", "", "2", "4"]
        script.play(PLAYED, EXPIRED, PLAYED, EXPIRED)
        with pytest.raises(tallywire.FailedPrecondition) as raised:
            client.query_all(START, END, ["events"], group_by="agent", page_size=2, attempts=2)
        assert raised.value.reason == "PAGE_TOKEN_EXPIRED"
        assert len(script.requests) == 12
        script.play(PLAYED, Fail(code=code_pb2.FAILED_PRECONDITION, reason="PAIR_NOT_KEPT"))
        with pytest.raises(tallywire.FailedPrecondition):
            client.query_all(START, END, ["events"], group_by="agent", page_size=2)
        assert len(script.requests) == 14
        with pytest.raises(ValueError, match="attempts is at least 1"):
            client.query_all(START, END, ["events"], attempts=0)
    async with tallywire.AsyncClient(running.address, api_key="k") as aclient:
        script.play(PLAYED, EXPIRED)
        again = await aclient.query_all(START, END, ["events"], group_by="agent", page_size=2)
        first = await aclient.query_metrics(START, END, ["events"], page_size=2)
    assert again == whole
    assert [row.values[0] for row in whole.rows] == AGENTS
    assert (whole.next_page_token, whole.rest.figures[0].integer) == ("", 0)
    assert [row.values[0] for row in first.rows] == AGENTS[:2]


async def test_values_to_choose_from(running: scripted.Running, script: scripted.Script) -> None:
    with tallywire.Client(running.address, api_key="k") as client:
        client.dimension_values("agent", "su", start=START, end=END, page_size=3)
        with pytest.raises(ValueError, match="start and end go together"):
            client.dimension_values("agent", start=START)
    async with tallywire.AsyncClient(running.address, api_key="k") as aclient:
        await aclient.dimension_values("agent")
        script.play(Fail(code=code_pb2.INVALID_ARGUMENT, reason="UNKNOWN_DIMENSION"))
        with pytest.raises(tallywire.InvalidArgument) as raised:
            await aclient.dimension_values("planet")
    assert raised.value.reason == "UNKNOWN_DIMENSION"
    narrow, plain, _ = script.requests
    assert (narrow.dimension, narrow.prefix, narrow.page_size) == ("agent", "su", 3)
    assert narrow.time_range.end.ToDatetime(tzinfo=UTC) == END
    assert (plain.dimension, plain.HasField("time_range"), plain.page_size) == ("agent", False, 0)


def test_money_is_in_the_currency_that_a_filter_names(run: Run, script: scripted.Script) -> None:
    table = metrics_service_pb2.QueryMetricsResponse(
        metrics=[metrics_service_pb2.MetricColumn(metric="campaign_cost_micros", unit="micros")]
    )
    table.total.figures.add(integer=1_500_000)
    table.context.currency = "EUR"
    usage = answers.usage(points=2, metrics=3)
    script.answers.update(table=table, usage=usage)
    for arguments in (["query", "--metric", "campaign_cost_micros"], ["usage", "--metric", "campaign_cost_micros"]):
        assert "EUR" in run(*arguments).stdout
        narrowed = run(*arguments, "--where", "currency=USD").stdout
        assert "USD" in narrowed
        assert "EUR" not in narrowed


def catalogue(*_: Any) -> metrics_service_pb2.ListMetricsResponse:
    """Answers with a few metrics and dimensions."""
    series = ("messages_sent", "message_count", "human_messages_sent", "cost_micros")
    metric, dimension = metrics_service_pb2.MetricDescriptor, metrics_service_pb2.DimensionDescriptor
    return metrics_service_pb2.ListMetricsResponse(
        metrics=[*(metric(name=name, has_series=True) for name in series), metric(name="messages_change")],
        dimensions=[dimension(name=name) for name in ("agent", "badge", "channel", "stage")],
    )


@pytest.mark.parametrize(
    ("arguments", "refusal", "code", "said"),
    [
        (
            ["query", "--metric", "mesages_sent,cost_micros"],
            {"reason": "UNKNOWN_METRIC", "metadata": {"metric": "mesages_sent"}},
            2,
            "no metric 'mesages_sent'. Did you mean messages_sent? `tallywire metrics WORDS`",
        ),
        (
            ["usage", "--metric", "micros"],
            {"reason": "UNKNOWN_METRIC", "metadata": {"metric": "micros"}},
            2,
            "no metric 'micros'. Did you mean cost_micros? ",
        ),
        (
            ["top", "agent", "--metric", "messages_change"],
            {"reason": "UNKNOWN_METRIC", "metadata": {"metric": "messages_change"}},
            2,
            "the metric messages_change has no series and no place in tables",
        ),
        (
            ["values", "agnet"],
            {"reason": "UNKNOWN_DIMENSION", "metadata": {"dimension": "agnet"}, "message": "no dimension"},
            2,
            "no dimension. Did you mean agent? ",
        ),
        (
            ["overview", "--where", "chanel=web"],
            {"reason": "UNKNOWN_DIMENSION", "metadata": {"dimension": "chanel"}, "message": "no dimension"},
            2,
            "no dimension. Did you mean channel? ",
        ),
        (
            ["query", "--metric", "events", "--by", "agent", "--all"],
            {"code": code_pb2.FAILED_PRECONDITION, "reason": "PAGE_TOKEN_EXPIRED"},
            1,
            "--limit 1000 instead of --all",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    run: Run, script: scripted.Script, arguments: list[str], refusal: dict[str, Any], code: int, said: str
) -> None:
    script.answers["metrics"] = catalogue
    script.play(*[Fail(**{"code": code_pb2.INVALID_ARGUMENT, **refusal})] * (5 if code == 1 else 1))
    result = run(*arguments, "--from", "2026-01-01T00:00:00Z") if arguments[0] != "values" else run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (code, "", 1)
    assert said in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["query", "--by", "agent"], "--metric is missing"),
        (["query", "--metric", "events", "--order", "errors"], "--order is one of the metrics asked for (events), not"),
        (["query", "--metric", "events", "--series", "minute"], "--series is one of quarter_hour, "),
        (["top", "agent", "--compare", "decade"], "--compare is one of previous"),
    ],
)
def test_what_makes_no_sense_is_not_asked(run: Run, script: scripted.Script, arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, script.requests) == (2, [])
    assert said in result.stderr


def test_metrics_that_match_nothing_are_said_to(run: Run, script: scripted.Script) -> None:
    script.answers["metrics"] = catalogue
    result = run("metrics", "mesages", "sent", "--json")
    assert (result.exit_code, result.stderr) == (
        0,
        "no metric has all these words; nearest: messages_sent\n",
    )
    assert '"metrics": []' in result.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tallywire query --metric cost_micros,mess", ["cost_micros,messages_sent", "cost_micros,message_count"]),
        ("tallywire query --agent su", ["support", "sun"]),
        ("tallywire values channel,ag", ["channel,agent"]),
    ],
)
def test_the_shell_offers_what_the_server_knows(
    running: scripted.Running, script: scripted.Script, line: str, offered: list[str]
) -> None:
    script.answers["metrics"] = catalogue
    named = [
        metrics_service_pb2.DimensionValue(value=value) for value in ("support", "sun", "of a name that begins so")
    ]
    script.answers["values"] = metrics_service_pb2.ListDimensionValuesResponse(values=named)
    completing = {"_TALLYWIRE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    server = {"TALLYWIRE_ADDRESS": running.address, "TALLYWIRE_API_KEY": "k"}
    ran = subprocess.run(
        [sys.executable, "-m", "tallywire.cli"],
        capture_output=True,
        text=True,
        timeout=60,
        env=scripted.environment(**completing, **server),
    )
    assert (ran.stdout.split(), ran.stderr) == (offered, "")
