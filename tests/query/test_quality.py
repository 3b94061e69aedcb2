"""GetQuality: reviews by two versions of a rubric, worked out by hand."""

from typing import Any

import pytest

from server import histogram
from server.catalog import cells, registry
from server.catalog.cells import Cell
from server.query import quality
from server.rollups import fold
from server.store.database import Database
from tallywire.v1 import answer_pb2, event_pb2, quality_pb2, time_pb2
from tests.support import refusals, worlds
from tests.support.serving import Caller
from tests.support.tiny_worlds import THE_DAY, closing, e

_NO_VALUE = {"agent_id": "", "channel": "", "team_id": ""}


def scored(minute: float, rubric: str, overall: int, agent_id: str = "", **fields: Any) -> event_pb2.Event:
    detail = event_pb2.QualityDetail(rubric_version=rubric, overall=overall, **fields)
    return e("quality.scored", minute, **{**_NO_VALUE, "agent_id": agent_id}, quality=detail)


WORLD = [
    *(e for number in range(5) for e in closing(f"c{number}", "started", "resolved")),
    e("agent.created", -1, **{**_NO_VALUE, "agent_id": "a"}, agent=event_pb2.AgentDetail(name="Ada")),
    scored(0, "v2", 9000, "a", accuracy=10000, scorer="judge", topic="returns"),
    scored(1, "v2", 5000, "a", accuracy=0, scorer="judge"),
    scored(70, "v2", 1000, "b", scorer="human", topic="returns"),
    scored(2, "v1", 10000, "a"),
    e("quality.scored", 3, **_NO_VALUE, quality=event_pb2.QualityDetail(overall=1)),
]


async def ask(caller: Caller, **fields: Any) -> quality_pb2.GetQualityResponse:
    return await caller.ask("GetQuality", quality_pb2.GetQualityRequest(time_range=THE_DAY, **fields))


def test_a_score_that_is_the_threshold_is_not_below_it() -> None:
    for score in (1700, 3400, 6800, 8100):  # as floats, these shares times 10,000 are more than that
        cell = Cell()
        histogram.count([score], cell.bins, cells.first_bin_key(registry.MEASURES["quality_overall"].number))
        assert quality.of(cell, score / 10_000).scores["overall"].poor_share == 0


async def test_reviews_by_two_rubrics(caller: Caller, database: Database) -> None:
    await worlds.keep_every_width(database, caller.organization_id)
    await caller.track_all(WORLD)
    for _ in range(2):  # from deltas, then folded
        answer = await ask(caller)
        assert (answer.quality_reviews, answer.conversations_closed, answer.coverage) == (5, 5, 1)
        assert answer.threshold == 0.7
        newer, unspecified, older = answer.rubrics
        assert [one.rubric_version for one in answer.rubrics] == ["v2", "unspecified", "v1"]
        assert (answer.distinct_rubrics, unspecified.figures.overall.mean) == (3, 0.0001)
        overall = newer.figures.overall
        assert (newer.figures.quality_reviews, overall.reviews) == (3, 3)
        assert overall.mean == pytest.approx(0.5)
        assert overall.median == pytest.approx(0.5, rel=0.01)
        assert overall.poor_share == pytest.approx(2 / 3)
        assert list(overall.tenths) == [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
        accuracy = newer.figures.accuracy
        assert (accuracy.reviews, accuracy.mean, list(accuracy.tenths)) == (2, 0.5, [1, *[0] * 8, 1])
        assert (newer.figures.politeness.reviews, newer.figures.politeness.HasField("mean")) == (0, False)
        first, second = newer.by_agent.rows
        assert (first.value, first.display_name, first.figures.quality_reviews) == ("a", "Ada", 2)
        assert (second.value, second.figures.overall.mean) == ("b", 0.1)
        (topic,) = newer.by_topic.rows
        assert (topic.value, topic.figures.overall.mean) == ("returns", 0.5)
        assert newer.by_topic.rest.quality_reviews == 1
        assert [row.value for row in newer.by_scorer.rows] == ["judge", "human"]
        assert [row.value for row in older.by_agent.rows] == ["a"]
        assert [point.quality_reviews for point in newer.series][12:14] == [2, 1]
        assert newer.series[13].avg_quality_overall == 0.1
        cut = (await ask(caller, top=1)).rubrics
        assert [([row.value for row in one.by_agent.rows], one.by_agent.distinct_values) for one in cut] == [
            (["a"], 2),
            ([], 0),
            (["a"], 1),
        ]
        assert cut[0].by_agent.rest.quality_reviews == 1
        await fold.fold_all(database, caller.organization_id)


async def test_a_part_of_them(caller: Caller) -> None:
    before = [scored(-1440, "v2", 7000, "a"), e("agent.created", -40 * 60, **_NO_VALUE)]
    await caller.track_all([*WORLD, *before])
    answer = await ask(caller, filter=answer_pb2.Filter(agent_id="a"), rubric_version="v2", threshold=0.95)
    (only,) = answer.rubrics
    assert (only.figures.quality_reviews, only.figures.overall.poor_share) == (2, 1)
    assert not only.HasField("by_agent")
    previous = time_pb2.Comparison(mode=time_pb2.COMPARISON_MODE_PREVIOUS_PERIOD)
    newer, _, older = (await ask(caller, comparison=previous)).rubrics
    assert (newer.earlier.overall.mean, older.earlier.quality_reviews) == (0.7, 0)
    nothing = await ask(caller, rubric_version="v9")
    (unknown,), number = nothing.rubrics, nothing.distinct_rubrics
    assert number == 0
    assert unknown.figures.quality_reviews == 0
    for fields, expected in (
        ({"threshold": 1.5}, "VALUE_OUT_OF_RANGE threshold"),
        ({"threshold": float("nan")}, "VALUE_OUT_OF_RANGE threshold"),
        ({"filter": answer_pb2.Filter(channel="web")}, "PAIR_NOT_KEPT filter"),
    ):
        assert await refusals.reason(ask(caller, **fields)) == expected
    # Versions beyond the ten that are answered are there when they are named.
    await caller.track_all([scored(4, f"x{number}", 1, "c") for number in range(10) for _ in range(2)])
    assert (await ask(caller, rubric_version="v1")).distinct_rubrics == 1


async def test_a_version_within_a_part(caller: Caller) -> None:
    await caller.track_all(WORLD)

    def by(**values: str) -> answer_pb2.Filter:
        dimensions = [answer_pb2.DimensionFilter(dimension=name, value=value) for name, value in values.items()]
        return answer_pb2.Filter(dimensions=dimensions)

    both = by(agent="b", rubric="v2")
    for rubric_version in ("", "v2"):
        (only,) = (await ask(caller, filter=both, rubric_version=rubric_version)).rubrics
        assert (only.rubric_version, only.figures.quality_reviews) == ("v2", 1)
    for part, rubric_version, expected in (
        (both, "v1", "INVALID_VALUE rubric_version"),
        (by(rubric="v2"), "v1", "INVALID_VALUE rubric_version"),
        (by(agent="a", team="t"), "", "PAIR_NOT_KEPT filter"),
    ):
        asked = ask(caller, filter=part, rubric_version=rubric_version)
        assert await refusals.reason(asked) == expected
