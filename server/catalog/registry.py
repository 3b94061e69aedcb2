"""The metric catalogue: every number that the service knows, defined once.

The entries are in server/catalog/families, a module per family. Their names, descriptions and units are the
documentation: ListMetrics and the table of metrics are made of them. To add a metric on known events, add an entry to
its family and a row to the test of metrics; a new family is one more line in FAMILIES.
"""

from collections.abc import Mapping

from server.catalog.families import (
    activity,
    api,
    calls,
    changes,
    closing_events,
    conversations,
    feedback,
    leads,
    messages,
    models,
    presence,
    started_conversations,
    storage,
    tasks,
    workflows,
)
from server.catalog.metrics import Definition, Derived, Measure, Metric

FAMILIES: Mapping[str, tuple[Definition, ...]] = {
    "activity": activity.METRICS,
    "conversations": conversations.METRICS,
    "started_conversations": started_conversations.METRICS,
    "closing_events": closing_events.METRICS,
    "messages": messages.METRICS,
    "models": models.METRICS,
    "feedback": feedback.METRICS,
    "calls": calls.METRICS,
    "leads": leads.METRICS,
    "tasks": tasks.METRICS,
    "api": api.METRICS,
    "workflows": workflows.METRICS,
    "storage": storage.METRICS,
    "presence": presence.METRICS,
    "changes": changes.METRICS,
}

ALL: Mapping[str, Definition] = {one.name: one for family in FAMILIES.values() for one in family}
METRICS: Mapping[str, Metric] = {name: one for name, one in ALL.items() if not isinstance(one, Derived)}
MEASURES: Mapping[str, Measure] = {name: one for name, one in METRICS.items() if isinstance(one, Measure)}
CHANGES: Mapping[str, str] = {
    name: one.change_of for name, one in ALL.items() if isinstance(one, Derived) and one.change_of
}
