"""The metric catalogue: every number that the service knows, defined once.

The entries are in server/catalog/families, a module per family. Their names, titles, descriptions and units are the
documentation: ListMetrics and the table of metrics are made of them. To add a metric on known events, add an entry to
its family and a row to the test of metrics; a new family is one more line in FAMILIES.
"""

from collections.abc import Mapping

from server.catalog.families import (
    activity,
    agents,
    api,
    billing,
    calls,
    campaigns,
    changes,
    content_gaps,
    conversation_events,
    conversations,
    feedback,
    generated_leads,
    knowledge,
    leads,
    messages,
    models,
    presence,
    quality,
    started_conversations,
    storage,
    tasks,
    users,
    workflows,
)
from server.catalog.metrics import Definition, Derived, Measure, Metric

FAMILIES: Mapping[str, tuple[Definition, ...]] = {  # by their titles
    "Activity": activity.METRICS,
    "Conversations": conversations.METRICS,
    "Conversations by their beginning": started_conversations.METRICS,
    "Events of conversations": conversation_events.METRICS,
    "Messages": messages.METRICS,
    "Models and cost": models.METRICS,
    "Feedback": feedback.METRICS,
    "Quality": quality.METRICS,
    "Content gaps": content_gaps.METRICS,
    "Knowledge": knowledge.METRICS,
    "Calls": calls.METRICS,
    "Leads": leads.METRICS,
    "Leads by their creation": generated_leads.METRICS,
    "Campaigns": campaigns.METRICS,
    "Billing": billing.METRICS,
    "Tasks and games": tasks.METRICS,
    "APIs and tools": api.METRICS,
    "Workflows": workflows.METRICS,
    "Agents": agents.METRICS,
    "Users": users.METRICS,
    "Storage": storage.METRICS,
    "Presence": presence.METRICS,
    "Changes": changes.METRICS,
}

ALL: Mapping[str, Definition] = {one.name: one for family in FAMILIES.values() for one in family}
GROUPS: Mapping[str, str] = {one.name: title for title, family in FAMILIES.items() for one in family}  # by metric
METRICS: Mapping[str, Metric] = {name: one for name, one in ALL.items() if not isinstance(one, Derived)}
MEASURES: Mapping[str, Measure] = {name: one for name, one in METRICS.items() if isinstance(one, Measure)}
CHANGES: Mapping[str, str] = {
    name: one.change_of for name, one in ALL.items() if isinstance(one, Derived) and one.change_of
}
