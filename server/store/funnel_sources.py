"""What funnels are worked out from: what is kept of leads, or raw events, each as SQL."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from server.catalog.funnels import (
    FunnelCohort,
    FunnelDefinition,
    FunnelEntity,
    FunnelFilter,
    FunnelOrder,
    FunnelPath,
)
from server.events.lead import LeadOutcome
from server.store import instants, leads

# Of no matter is that where the window of whatever entry is over.
_IS_LOST = f"CASE WHEN last_at >= :inside_from THEN ({leads.OUTCOME}) = {int(LeadOutcome.LOST)} ELSE false END"
_ENTITIES = {
    FunnelEntity.LEAD: f"CASE WHEN event_type LIKE 'lead.%' THEN {leads.LEAD_ID}"
    " WHEN resource_type = 'lead' THEN resource_id END",
    FunnelEntity.USER: "user_id",
    FunnelEntity.CONVERSATION: "conversation_id",
}
_ENTRY = "0"  # the mark of events that can begin the way through the stages
_MAX_LABEL = 256  # characters


def entered(step: str, begin: str) -> str:
    """Returns SQL for the time of the first step of a kind behind a number of others; step is a parameter."""
    return f"step_times[array_position(steps, :{step}::text, 1 + {begin})]"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelSource:
    """SQL with a row for each that may be of the cohort: its label, whether it is lost, its steps and their times.

    entry is the time of its first entry into the first stage, begin that from which on its steps count in any order.
    steps are the parameters with the step of each stage.
    """

    sql: str
    entry: str
    begin: str
    steps: Sequence[str]


def source(cohort: FunnelCohort, values: dict[str, object]) -> FunnelSource:
    """Returns what a cohort is worked out from, and adds to values what it has for parameters."""
    return (_lead_source if cohort.has_lead_rows else _event_source)(cohort, values)


def _parameters(name: str, given: Sequence[object], values: dict[str, object]) -> list[str]:
    """Returns the names of parameters, one for each value, and adds them to values."""
    names = [f"{name}_{place}" for place in range(len(given))]
    values |= zip(names, given, strict=True)
    return names


def _lead_source(cohort: FunnelCohort, values: dict[str, object]) -> FunnelSource:
    def named(path: FunnelPath) -> str:
        return leads.named(path.field or "")

    steps = _parameters("step", cohort.definition.steps or (), values)
    wanted = _parameters("filter", [one.equals for one in cohort.filters], values)
    kept = [f"{named(one.path)} = :{name}::text" for one, name in zip(cohort.filters, wanted, strict=True)]
    label = named(cohort.breakdown) if cohort.breakdown is not None else "NULL::text"
    return FunnelSource(
        sql=f"SELECT {label} AS label, {_IS_LOST} AS is_lost, step_times, steps, first_at FROM leads"  # noqa: S608
        f" WHERE organization_id = :organization_id AND version = :version"
        f" AND {' AND '.join(('first_at < :end_at', 'last_at >= :start_at', *kept))}",
        entry=f"CASE WHEN first_at >= :start_at THEN step_times[array_position(steps, :{steps[0]}::text)]"
        f" ELSE {entered(steps[0], 'width_bucket(:first::bigint - 1, step_times)')} END",
        begin=":first::bigint",
        steps=steps,
    )


def _event_source(cohort: FunnelCohort, values: dict[str, object]) -> FunnelSource:
    definition = cohort.definition
    values["event_types"] = sorted({one.event_type for one in definition.stages})
    conditions = [_fits(definition, place, values) for place in range(len(definition.stages))]
    marks = [str(1 + definition.first_alike(place)) for place in range(len(conditions))]
    begins = conditions[:1] if definition.order is FunnelOrder.IN_ORDER else conditions
    kept = [_holds(one, f"filter_{place}", values) for place, one in enumerate(cohort.filters)]
    entry = " AND ".join((f"({' OR '.join(begins)})", "occurred_at < :end_at", *kept))
    each = {_ENTRY: entry, **dict(zip(marks, conditions, strict=True))}
    fitting = ", ".join(f"CASE WHEN {condition} THEN '{mark}' END" for mark, condition in each.items())
    label = _label(cohort.breakdown, values) if cohort.breakdown is not None else "NULL::text"
    events = (
        f"SELECT {_ENTITIES[definition.entity]} AS entity, revision, event_key,"  # noqa: S608 - constants of this file
        f" {instants.selected('occurred_at')} AS at, {label} AS label,"
        f" unnest(array_remove(ARRAY[{fitting}], NULL)) AS mark FROM events"
        " WHERE organization_id = :organization_id AND occurred_at >= :start_at AND occurred_at <= :last_at"
        " AND occurred_at > '-infinity'"
        " AND received_at >= :received_from AND event_type = ANY(:event_types::text[])"
    )
    first = f"min(at) FILTER (WHERE mark = '{_ENTRY}')"
    return FunnelSource(
        sql=f"SELECT (array_agg(label ORDER BY at, revision, event_key) FILTER (WHERE mark = '{_ENTRY}'))[1] AS label,"  # noqa: S608
        " false AS is_lost, array_agg(at ORDER BY at, mark) AS step_times, array_agg(mark ORDER BY at, mark) AS steps,"
        f" {first} AS first_entry FROM ({events}) AS m WHERE entity <> '' GROUP BY entity HAVING {first} IS NOT NULL"
        " OFFSET 0",
        entry="first_entry",
        begin="first_entry",
        steps=_parameters("step", marks, values),
    )


def _fits(definition: FunnelDefinition, place: int, values: dict[str, object]) -> str:
    """Returns the condition that an event enters a stage."""
    stage = definition.stages[place]
    values[f"type_{place}"] = stage.event_type
    conditions = [f"event_type = :type_{place}::text"]
    if stage.lead_stage:
        values[f"stage_{place}"] = stage.lead_stage
        conditions.append(f"detail ->> 'stage' = :stage_{place}::text")
    if stage.filter is not None:
        conditions.append(_holds(stage.filter, f"value_{place}", values))
    return f"({' AND '.join(conditions)})"


def _holds(one: FunnelFilter, name: str, values: dict[str, object]) -> str:
    """Returns the condition that an event carries a value. Fields of details that are true or false are stored as 1 and
    0.
    """
    if one.path.field is not None:
        values[name] = one.equals
        return f"{one.path.field} = :{name}::text"
    equals = int(one.equals) if isinstance(one.equals, bool) and one.path.path.is_detail else one.equals
    values[name] = json.dumps(equals)
    return f"{_at(one.path, name, values)} = :{name}::text::jsonb"


def _at(path: FunnelPath, name: str, values: dict[str, object]) -> str:
    values[f"{name}_path"] = list(path.path.keys)
    return f"{'detail' if path.path.is_detail else 'properties'} #> :{name}_path::text[]"


def _label(path: FunnelPath, values: dict[str, object]) -> str:
    """Returns the value of an event by which it is broken down, as text."""
    if path.field is not None:
        return path.field
    value = _at(path, "label", values)
    return (
        f"CASE WHEN jsonb_typeof({value}) IN ('string', 'number', 'boolean')"
        f" THEN left({value.replace('#>', '#>>')}, {_MAX_LABEL}) END"
    )
