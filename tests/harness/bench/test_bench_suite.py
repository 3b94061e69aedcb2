"""The benchmarks run, agree with their yardsticks, and their figures can be read; how fast is for full runs to say."""

import json

from server.local import embedded
from tests.harness.bench import command, render
from tests.harness.bench.report import Figure, at_least, at_most, of_rounds, percentile
from tests.support import citus

# Between them they use batches, streams and single calls, COPY, echo and commits, a worker and a long history.
NAMES = ("stream", "latency", "uniques")


@citus.one_node
async def test_quick_benchmarks_give_figures(engines: embedded.Engines) -> None:
    run = await command.run_on(engines, NAMES, quick=True)
    figures = run["figures"]
    assert [one["name"] for one in figures] == list(NAMES)
    for figure in figures:
        assert min(*figure["measured"], *figure["yardstick"], figure["result"]) > 0
        assert figure["verdict"] in ("aim reached", "reached", "**missed**")
    assert run["settings"]["fsync"] == "on"
    assert run["versions"]["postgresql"] != "absent"
    table = render.markdown(json.loads(json.dumps({**run, "command": "test"}))).splitlines()
    assert sum(line.startswith("| `") for line in table) == len(figures)


def test_a_result_is_held_against_its_goals() -> None:
    def verdict(result: float | None) -> str:
        return Figure(name="x", what="x", against="y", result=result, must=at_least(0.3), aim=at_least(0.5)).verdict

    assert [verdict(one) for one in (0.6, 0.5, 0.4, 0.2)] == ["aim reached", "aim reached", "reached", "**missed**"]
    assert verdict(None) == "not available"
    assert at_most(20).holds(20)
    assert not at_most(20).holds(20.1)


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    assert of_rounds([1, 10, 3], [2, 10, 4]) == 0.75


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)
