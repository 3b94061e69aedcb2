"""Conditions on raw events, as SQL: values of dimensions and properties, types, and what a measure counts."""

from collections.abc import Sequence
from typing import NamedTuple

from server.catalog import cells, counting, dimensions, registry
from server.catalog.dimensions import Dimension
from server.catalog.metrics import Aggregation, Measure, Where
from server.events import rules


class EventCondition(NamedTuple):
    """A condition on a row of events of the organization $1. Its text has {} in place of each of its values."""

    text: str
    values: Sequence[object] = ()


_KNOWN_TYPES = sorted({name for one in registry.MEASURES.values() for name in one.event_types})
_BETWEEN = "\x1f"  # stands between the values of a pair
_HAS_OVERFLOW = (
    "EXISTS (SELECT FROM members WHERE organization_id = $1 AND kind = {} AND external_id = VALUE AND overflow)"
)


def of_types(types: Sequence[str]) -> EventCondition:
    """Returns the condition that an event is of one of some types."""
    return EventCondition("event_type = ANY({}::text[])", (list(types),))


def of_field(name: str, value: str) -> EventCondition:
    """Returns the condition that a field of events, which is a column, has a value."""
    return EventCondition(f"{name} = {{}}", (value,))


def of_any_user() -> EventCondition:
    """Returns the condition that an event is one of a user."""
    return EventCondition("user_id IS NOT NULL")


def of_property(keys: Sequence[str], value: str) -> EventCondition:
    """Returns the condition that an event has a value, as text, at a path of its properties."""
    return EventCondition("properties #>> {}::text[] = {}", (list(keys), value))


def of_value(dimension: Dimension, value: str) -> EventCondition:
    """Returns the condition that an event counts under a value of a dimension. cells.OTHER stands for all that have no
    cells of their own.
    """
    if value == cells.OTHER:
        return _of_others(dimension)
    if dimension.sides is not None:
        parts = zip(dimension.sides, dimensions.parted(value), strict=True)
        return _all([of_value(side, part) for side, part in parts])
    text, values = _value(dimension)
    return EventCondition(f"{text} = {{}}", (*values, value))


def of_any_measure(measures: Sequence[Measure]) -> EventCondition:
    """Returns the condition that an event counts for one measure at least."""
    each = [_of_measure(one) for one in measures]
    return EventCondition(
        "(" + " OR ".join(one.text for one in each) + ")", [value for one in each for value in one.values]
    )


def _of_measure(measure: Measure) -> EventCondition:
    conditions = []
    if measure.event_types:
        conditions.append(of_types(measure.event_types))
    elif measure.of_unknown_types:
        conditions.append(EventCondition("event_type <> ALL({}::text[])", (_KNOWN_TYPES,)))
    if measure.field and measure.aggregation is Aggregation.COUNT:
        conditions.append(_where(Where(field=measure.field, least=1)))
    elif measure.field:
        conditions.append(EventCondition("detail ?| {}::text[]", (list(measure.fields),)))
    if measure.where is not None:
        conditions.append(_where(measure.where))
    if measure.without:
        conditions.append(EventCondition("NOT coalesce(detail ? {}, false)", (measure.without,)))
    return _all(conditions)


def _where(where: Where) -> EventCondition:
    number = f"coalesce((detail ->> '{where.field}')::bigint, 0)"
    return EventCondition(f"{number} BETWEEN {{}}::bigint AND {{}}::bigint", (where.least, where.most))


def _of_others(dimension: Dimension) -> EventCondition:
    """An event counts under cells.OTHER of a pair where one of its two values has no cells of its own, or both have and
    the pair of them has none.
    """
    if dimension.sides is None:
        text, values = _value(dimension)
        return EventCondition(_HAS_OVERFLOW.replace("VALUE", text), (dimension.member_kind, *values))
    first, second = map(_value, dimension.sides)
    both = EventCondition(f"{first.text} || {{}}::text || {second.text}", (*first.values, _BETWEEN, *second.values))
    carried = [EventCondition(f"coalesce({one.text}, '') <> ''", one.values) for one in (first, second)]
    over = [
        EventCondition(_HAS_OVERFLOW.replace("VALUE", one.text), (kind, *one.values))
        for one, kind in zip(
            (first, second, both), (*(side.member_kind for side in dimension.sides), dimension.member_kind), strict=True
        )
    ]
    any_over = EventCondition(
        "(" + " OR ".join(one.text for one in over) + ")", [value for one in over for value in one.values]
    )
    return _all([*carried, any_over])


def _value(dimension: Dimension) -> EventCondition:
    """Returns the value of a dimension that an event carries, as an expression; NULL or empty where there is none."""
    if dimension.field:
        return EventCondition(dimension.field)
    if dimension is dimensions.STORAGE_KIND:
        of_kind = (
            "CASE WHEN event_type = 'storage.changed' THEN ({}::text[])[coalesce((detail ->> 'kind')::int, 0) + 1] END"
        )
        return EventCondition(of_kind, (list(counting.STORAGE_KINDS),))
    name = dimension.details[-1]
    told = f"nullif(detail ->> '{name}', '')"
    values: list[object] = [[one for one, family in rules.FAMILIES.items() if family in dimension.families]]
    if dimension.classes:
        told = f"({{}}::text[])[(detail ->> '{name}')::int + 1]"
        values.append(list(dimension.classes))
    elif len(dimension.details) > 1:
        parts = ", ".join(f"nullif(detail ->> '{one}', '')" for one in dimension.details)
        told = f"CASE WHEN {told} IS NOT NULL THEN concat_ws(' ', {parts}) END"
    elif dimension.otherwise:
        told = f"coalesce({told}, CASE WHEN detail ?| {{}}::text[] THEN {{}}::text END)"
        values += [list(dimension.if_told), dimension.otherwise]
    return EventCondition(f"CASE WHEN event_type = ANY({{}}::text[]) THEN {told} END", values)


def _all(conditions: Sequence[EventCondition]) -> EventCondition:
    if not conditions:
        return EventCondition("true")
    text = " AND ".join(f"({one.text})" for one in conditions)
    return EventCondition(text, [value for one in conditions for value in one.values])
