"""What a funnel comes to, worked out one by one in the plainest way, from events in order of time and revision."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from server.catalog.funnels import (
    FunnelBreakdown,
    FunnelCohort,
    FunnelEntity,
    FunnelFilter,
    FunnelOrder,
    FunnelPath,
    FunnelStage,
    StageCounts,
)
from server.events import rules
from server.events.event import Event

LEAD_OUTCOMES = ("lead.converted", "lead.lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way of one through a funnel: when it entered each stage, as far as it came; and which it reached."""

    label: str
    is_lost: bool
    times: Sequence[int]
    reached: frozenset[int]


def expected(events: Sequence[Event], cohort: FunnelCohort, top: int) -> FunnelBreakdown:
    """The counts of a cohort; events are those of all, in the order in which they were stored."""
    ordered = sorted(events, key=lambda event: event.occurred_at)  # which keeps the order of those at one time
    by_entity: dict[str, list[Event]] = {}
    for event in ordered:
        if entity := entity_of(cohort.definition.entity, event):
            by_entity.setdefault(entity, []).append(event)
    ways = [way for mine in by_entity.values() if (way := _way(mine, cohort)) is not None]
    sizes: dict[str, int] = {}
    for way in ways:
        if way.label:
            sizes[way.label] = sizes.get(way.label, 0) + 1
    shown = sorted(sizes, key=lambda label: (-sizes[label], label))[:top]
    other = [way for way in ways if way.label and way.label not in shown]
    without = [way for way in ways if not way.label]
    is_broken = cohort.breakdown is not None
    return FunnelBreakdown(
        total=_counts(ways, cohort),
        rows={label: _counts([way for way in ways if way.label == label], cohort) for label in shown},
        other=_counts(other, cohort) if other else None,
        without=_counts(without, cohort) if without and is_broken else None,
        number=len(sizes),
    )


def entity_of(entity: FunnelEntity, event: Event) -> str:
    """Who goes through the stages by an event."""
    match entity:
        case FunnelEntity.USER:
            return event.user_id
        case FunnelEntity.CONVERSATION:
            return event.conversation_id
        case _:
            is_lead = event.event_type.startswith("lead.")
            named = str(event.detail.get("lead_id", "")) if is_lead else ""
            return named or (event.resource_id if is_lead or event.resource_type == "lead" else "")


def value_of(event: Event, path: FunnelPath) -> object:
    """What an event carries at a path."""
    if path.field is not None:
        return getattr(event, path.field) or None
    found = event.detail if path.path.is_detail else json.loads(event.properties or "{}")
    for key in path.path.keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _holds(event: Event, one: FunnelFilter) -> bool:
    value = value_of(event, one.path)
    return value == one.equals and isinstance(value, bool) == isinstance(one.equals, bool)


def _fits(event: Event, stage: FunnelStage) -> bool:
    return (
        event.event_type == stage.event_type
        and (not stage.lead_stage or event.detail.get("stage") == stage.lead_stage)
        and (stage.filter is None or _holds(event, stage.filter))
    )


def _way(mine: Sequence[Event], cohort: FunnelCohort) -> Way | None:
    """The way of one whose events these are; None where it is not of the cohort."""
    stages = cohort.definition.stages
    in_order = cohort.definition.order is FunnelOrder.IN_ORDER
    first, last = (rules.microseconds(at) for at in (cohort.interval.start, cohort.interval.end))
    window = round(cohort.definition.window.total_seconds() * 1_000_000)
    is_lead_row, attributes = cohort.has_lead_rows, _lead(mine)
    begins = [
        event
        for event in mine
        if first <= event.occurred_at < last
        and any(_fits(event, stage) for stage in (stages[:1] if in_order else stages))
        and all(_holds(attributes if is_lead_row else event, one) for one in cohort.filters)
    ]
    if not begins:
        return None
    entry = begins[0].occurred_at
    later = [event for event in mine if entry <= event.occurred_at <= entry + window]
    label = "" if cohort.breakdown is None else _label(attributes if is_lead_row else begins[0], cohort.breakdown)
    times, reached = list[int](), frozenset[int]()
    if in_order:
        times.append(entry)
        for place in range(1, len(stages)):
            alike = cohort.definition.alike(place)
            fitting = [
                event.occurred_at
                for event in later
                if _fits(event, stages[place])
                and event.occurred_at >= times[-1]
                and (alike is None or event.occurred_at > times[alike])
            ]
            if not fitting:
                break
            times.append(min(fitting))
        reached = frozenset(range(len(times)))
    else:
        found = {
            place: min(event.occurred_at for event in later if _fits(event, stage))
            for place, stage in enumerate(stages)
            if any(_fits(event, stage) for event in later)
        }
        times, reached = sorted(found.values()), frozenset(found)
    return Way(label=label, is_lost=is_lead_row and _is_lost(mine), times=times, reached=reached)


def _lead(mine: Sequence[Event]) -> Event:
    """The event that says for whom and by which way a lead began."""
    created = [event for event in mine if event.event_type == "lead.created"]
    beginnings = created or [event for event in mine if event.event_type.startswith("lead.")] or list(mine)
    return min(beginnings, key=lambda event: (event.occurred_at, event.event_key))


def _is_lost(mine: Sequence[Event]) -> bool:
    latest = {event.event_type: event.occurred_at for event in mine}
    lost, converted = latest.get("lead.lost"), latest.get("lead.converted")
    if lost is None or (converted is not None and converted >= lost):
        return False
    return max(latest.get(one, lost) for one in ("lead.created", "lead.stage_entered")) <= lost


def _label(event: Event, path: FunnelPath) -> str:
    value = value_of(event, path)
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)[:256]
        case _:
            return ""


def _counts(ways: Sequence[Way], cohort: FunnelCohort) -> list[StageCounts]:
    window = round(cohort.definition.window.total_seconds() * 1_000_000)
    number = len(cohort.definition.stages)
    counts = []
    for place in range(number):
        there = [way for way in ways if len(way.times) > place]
        stayed = [way for way in there if len(way.times) == place + 1]
        inside = [way for way in stayed if not way.is_lost and way.times[0] + window >= cohort.now]
        took = sorted(way.times[place] - way.times[place - 1] for way in there) if place else []
        counts.append(
            StageCounts(
                entered=len(there),
                still_inside=len(inside) if place + 1 < number else 0,
                median=_nearest(took, 50),
                p95=_nearest(took, 95),
                reached=sum(place in way.reached for way in ways),
            )
        )
    return counts


def _nearest(took: Sequence[int], percent: int) -> int | None:
    return took[-(-len(took) * percent // 100) - 1] if took else None
