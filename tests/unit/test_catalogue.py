"""The metric catalogue is consistent: names and numbers mean one thing, and what figures are computed from exists."""

from collections import Counter

from google.protobuf.descriptor import FieldDescriptor

from server import histogram
from server.catalog import dimensions, realtime_figures, registry
from server.catalog.metrics import Aggregation, Derived, Measure, Quantile, Ratio
from server.catalog.realtime_figures import Window
from server.events import rules
from server.query import agent, overview, trends
from tallywire.v1 import event_pb2


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
                assert set(one.only_by) <= dimensions.TABLE.by_name.keys(), one.name
                # A count is of one condition, and a value of a field has the condition beside it.
                assert one.aggregation is not Aggregation.COUNT or not (one.field and one.where), one.name
                assert not one.without or one.aggregation in (Aggregation.SUM, Aggregation.HISTOGRAM), one.name


def test_every_known_event_type_has_a_measure_of_its_own() -> None:
    counted = {event_type for one in registry.MEASURES.values() for event_type in one.event_types}
    assert counted == rules.FAMILIES.keys()
    assert [one.name for one in registry.MEASURES.values() if one.of_unknown_types] == ["custom_events"]


def test_measures_take_numbers_that_their_events_carry() -> None:
    """No text; and none that is negative, or too large with the others that are added to it, in a histogram."""
    for one in registry.MEASURES.values():
        if one.projection or one.aggregation is Aggregation.UNIQUE:
            continue
        families = {rules.FAMILIES[event_type] for event_type in one.event_types}
        for name in (*one.fields, *([one.where.field] if one.where else []), *([one.without] if one.without else [])):
            for family in families:
                fields = event_pb2.Event.DESCRIPTOR.fields_by_name[family].message_type.fields_by_name
                assert fields[name].type != FieldDescriptor.TYPE_STRING, one.name
        if one.aggregation is Aggregation.HISTOGRAM:
            (family,) = families
            limits = [rules.detail_limits(family, name) for name in one.fields]
            assert min(low for low, _ in limits) >= 0, one.name
            assert sum(high for _, high in limits) <= histogram.MAXIMUM, one.name


def test_titles_are_short_and_tell_the_metrics_of_a_group_apart() -> None:
    assert all(len(one.title) <= 40 for one in registry.ALL.values())
    for family in registry.FAMILIES.values():
        titles = Counter(one.title for one in family)
        assert {title for title, times in titles.items() if times > 1} <= {"Conversations", "Messages"}


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
