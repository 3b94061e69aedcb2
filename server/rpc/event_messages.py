"""Stored events as messages."""

import json

from google.protobuf import timestamp_pb2

from server.events import erased, rules
from server.events.event import Event
from tallywire.v1 import event_pb2

_USER = "user"  # the family of details about users


def message(event: Event, *, user_details: bool) -> event_pb2.Event:
    """Returns the event as it is stored. Details of custom event types are absent, since their family is not stored.
    user_details is whether the organization keeps what events say about users: what was stored before it stopped to is
    not shown any more.
    """
    made = event_pb2.Event(
        event_id=event.event_id,
        event_type=event.event_type,
        occurred_at=timestamp(event.occurred_at),
        agent_id=event.agent_id,
        user_id=erased.shown(event.user_id),
        conversation_id=event.conversation_id,
        channel=event.channel,
        team_id=event.team_id,
        campaign_id=event.campaign_id,
        resource_type=event.resource_type,
        resource_id=event.resource_id,
    )
    family = rules.FAMILIES.get(event.event_type)
    if family is not None and event.detail and (user_details or family != _USER):
        detail = getattr(made, family)
        known = detail.DESCRIPTOR.fields_by_name
        for name, value in event.detail.items():
            if name in known:  # not what a later release has stored
                setattr(detail, name, value)
    if event.properties:
        made.properties.update(json.loads(event.properties))
    return made


def timestamp(microseconds: int) -> timestamp_pb2.Timestamp:
    """Returns an instant, in microseconds since 1970, as a message."""
    return timestamp_pb2.Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)
