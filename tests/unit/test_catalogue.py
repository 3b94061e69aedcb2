"""The metric catalogue is consistent: names and numbers mean one thing, and what figures are computed from exists."""

from collections import Counter

from server.catalog import realtime_figures, registry
from server.catalog.metrics import Aggregation, Derived, Measure, Quantile, Ratio
from server.catalog.realtime_figures import Window
from server.query import agent, overview, trends


def test_no_name_and_no_number_means_two_things() -> None:
    entries = [one for family in registry.FAMILIES.values() for one in family]
    names = Counter(one.name for one in entries)
    numbers = Counter(one.number for one in entries if isinstance(one, Measure))
    assert {name for name, times in names.items() if times > 1} == set()
    assert {number for number, times in numbers.items() if times > 1} == set()


def test_what_a_figure_is_computed_from_is_a_measure() -> None:
    for one in registry.ALL.values():
        match one:
            case Ratio():
                assert {name.removesuffix(".count") for name in one.inputs} <= registry.MEASURES.keys(), one.name
            case Quantile():
                assert registry.MEASURES[one.measure].aggregation is Aggregation.HISTOGRAM, one.name
            case Derived():
                assert not one.change_of or one.change_of in registry.METRICS, one.name
            case Measure():
                assert one.event_types or one.projection or one.name == "unique_users" or not one.field, one.name
                assert not (one.event_types and one.projection), one.name


def test_what_answers_hold_is_in_the_catalogue() -> None:
    for figures in (overview.FIGURES, agent.FIGURES, agent.DAILY_FIGURES, trends.DEFAULT_METRICS):
        assert set(figures) <= registry.METRICS.keys()
        assert len(set(figures)) == len(figures)


def test_realtime_figures_are_metrics_that_their_windows_know() -> None:
    of_messages = {"messages_received", "messages_sent", "failed_messages", "response_time_sum_ms"}
    for one in realtime_figures.FIGURES:
        if one.window is Window.OPEN:
            assert not one.metric
            continue
        metric = registry.METRICS[one.metric]
        assert metric.unit == one.unit, one.name
        if one.window is Window.TODAY:
            continue
        assert isinstance(metric, Ratio) or (isinstance(metric, Quantile) and one.window is not Window.LAST_HOUR)
        used = metric.inputs if isinstance(metric, Ratio) else (metric.measure,)
        assert {name.removesuffix(".count") for name in used} <= of_messages, one.name
