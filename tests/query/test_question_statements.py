"""What each question reads: its statement's files and parameters, as a table.

A plan's selections are numbered in order. Each is cut into segments of the widths that rollups have, and is one span of
deltas.
"""

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from server import timerange
from server.catalog import dimensions, figures
from server.catalog.filters import Filter
from server.query import agent, overview, trends
from server.query.queries import Plan
from server.store import reading, statements
from server.timerange import Granularity, TimeRange

WANTED = figures.wanted(["total_messages", "p50_response_time_ms", "unique_users"])
SAME = {"organization_id": 7, "counters": [24576, 32768], "histograms": [8], "sets": [32], "projections": []}
TOTAL, STORAGE = dimensions.TOTAL.number, dimensions.STORAGE_KIND.number


def days(start: str, end: str) -> TimeRange:
    """A period in UTC, asked for at twenty past twelve of 11 March 2026."""
    first, last = (datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC) for text in (start, end))
    return timerange.resolve(first, last, ZoneInfo("UTC"), datetime(2026, 3, 11, 12, 20, tzinfo=UTC))


class Row(NamedTuple):
    """A question's plan, the files of its statement, and the statement's parameters besides SAME."""

    plan: Plan
    files: tuple[str, ...]
    parameters: dict[str, object]


QUESTIONS = {
    "the overview of a day and the day before, with storage from the beginning and event types": Row(
        overview.plan(Filter(), None, days("09", "10")),
        ("read_figures", "read_event_types"),
        {
            "dimensions": [TOTAL, TOTAL, STORAGE, STORAGE, STORAGE, STORAGE],
            "names": ["", "", "unspecified", "document", "upload", "backup"],
            "with_bins": [True, False, False, False, False, False],
            "with_sets": [True, True, True, True, True, True],
            "segment_points": "{0,1,2,2,2,2,2,3,3,3,3,3,4,4,4,4,4,5,5,5,5,5}",
            "segment_parts": "{1,2,3,3,3,3,3,4,4,4,4,4,5,5,5,5,5,6,6,6,6,6}",
            "segment_firsts": "{1970016,1969920," + ",".join(4 * ["350592,350976,353280,1969152,1969920"]) + "}",
            "segment_lasts": "{1970112,1970016," + ",".join(4 * ["350976,353280,1969152,1969920,1970112"]) + "}",
            "segment_widths": "{96,96," + ",".join(4 * ["96,768,3072,768,96"]) + "}",
            "span_points": "{0,1,2,3,4,5}",
            "span_parts": "{1,2,3,4,5,6}",
            "span_firsts": "{1970016,1969920,350592,350592,350592,350592}",
            "span_lasts": "{1970112,1970016,1970112,1970112,1970112,1970112}",
            "type_limit": 2000,
            "type_firsts": [1970016, 1970016],
            "type_lasts": [1970112, 1970112],
            "type_widths": [96, 0],
            "type_counter": 8192,
        },
    ),
    "the overview of a channel on a day that is running: what has passed, the rest, as much before": Row(
        overview.plan(Filter(dimension=dimensions.CHANNEL, value="web"), None, days("11", "12")),
        ("read_figures",),
        {
            "dimensions": [dimensions.CHANNEL.number, dimensions.CHANNEL.number],
            "names": ["web", "web"],
            "with_bins": [True, False],
            "with_sets": [True, True],
            "segment_points": "{0,0,1,2,2,2,2,2}",
            "segment_parts": "{1,1,1,2,2,2,2,2}",
            "segment_firsts": "{1970208,1970256,1970257,1970154,1970156,1970160,1970184,1970200}",
            "segment_lasts": "{1970256,1970257,1970262,1970156,1970160,1970184,1970200,1970203}",
            "segment_widths": "{24,1,1,1,4,24,4,1}",
            "span_points": "{0,1,2}",
            "span_parts": "{1,1,2}",
            "span_firsts": "{1970208,1970257,1970154}",
            "span_lasts": "{1970257,1970262,1970203}",
        },
    ),
    "an agent over eight days, and its last two": Row(
        agent.plan(Filter(dimension=dimensions.AGENT, value="ada"), 2, Granularity.DAY, None, days("01", "09")),
        ("read_figures",),
        {
            "dimensions": [dimensions.AGENT.number],
            "names": ["ada"],
            "with_bins": [True],
            "with_sets": [True],
            "segment_points": "{0,1,2}",
            "segment_parts": "{1,1,1}",
            "segment_firsts": "{1969248,1969824,1969920}",
            "segment_lasts": "{1970016,1969920,1970016}",
            "segment_widths": "{96,96,96}",
            "span_points": "{0,1,2}",
            "span_parts": "{1,1,1}",
            "span_firsts": "{1969248,1969824,1969920}",
            "span_lasts": "{1970016,1969920,1970016}",
        },
    ),
    "two hours of a team": Row(
        trends.plan(Filter(dimension=dimensions.TEAM, value="north"), Granularity.HOUR, None, days("09T06", "09T08")),
        ("read_figures",),
        {
            "dimensions": [dimensions.TEAM.number],
            "names": ["north"],
            "with_bins": [True],
            "with_sets": [True],
            "segment_points": "{0,1}",
            "segment_parts": "{1,1}",
            "segment_firsts": "{1970040,1970044}",
            "segment_lasts": "{1970044,1970048}",
            "segment_widths": "{4,4}",
            "span_points": "{0,1}",
            "span_parts": "{1,1}",
            "span_firsts": "{1970040,1970044}",
            "span_lasts": "{1970044,1970048}",
        },
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_reads_what_the_table_says(question: str) -> None:
    plan, files, parameters = QUESTIONS[question]
    chosen = reading.statement(
        len(WANTED.counters), len(WANTED.histograms), len(WANTED.sets), with_event_types=plan.event_types is not None
    )
    given = reading.arguments(7, list(plan.selections()), WANTED, plan.event_types)
    assert given == {**SAME, **parameters}
    assert [given[name] for name in chosen.parameters] == chosen.arguments(**given)
    assert numbers_as_names(chosen.text, chosen.parameters) == filled(files)


def numbers_as_names(text: str, parameters: tuple[str, ...]) -> str:
    """The text of a statement with the names of its parameters."""
    for number, name in reversed(list(enumerate(parameters, 1))):
        text = text.replace(f"${number}", f":{name}")
    return text


def filled(files: tuple[str, ...]) -> str:
    """The files' text with what is stamped out for two counters, one histogram and one set."""
    counter = "sum(r.counter_amounts[array_position(r.counter_keys, {})])"
    bounded = "greatest(least({0}, 9223372036854775807), -9223372036854775807)::bigint"
    of_type = counter.format(":type_counter")
    first, second = (
        bounded.format(f"coalesce({counter.format(f'(:counters::integer[])[{position}]')}, 0)") for position in (1, 2)
    )
    text = "\n".join(map(statements.text, files)).replace(":DELTAS", statements.text("sum_few_counters"))
    for name, value in {
        ":DELTA_COUNTERS": f"{first}, {second}",
        ":TYPE_COUNTER": f"CASE WHEN {of_type} IS NOT NULL THEN {bounded.format(of_type)} END",
        ":ROLLUP_HISTOGRAMS": "o.histograms[array_position(r.histogram_keys, (:histograms::integer[])[1])]",
        ":ROLLUP_SETS": "o.sets[array_position(r.set_keys, (:sets::integer[])[1])]",
        ":DELTA_SETS": "r.sets[array_position(r.set_keys, (:sets::integer[])[1])]",
        ":LARGEST": "9223372036854775807",
        ":KEY_SPAN": "8192",
        ":DAY": "96",
        ":HOUR": "4",
        ":TOTAL": "0",
        ":EVENT_TYPE_DIMENSION": "4",
        ":EVENT_TYPE_KIND": "3",
    }.items():
        text = text.replace(name, value)
    return text
