"""What is known of a conversation: it depends on which events it has, and not on the order in which they arrive.

Times are microseconds since 1970.
"""

import bisect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from server.events import event_types, outcomes
from server.events.event import is_made, made_key
from server.events.outcomes import Closing, ClosingKind

# Of each conversation. They tell when a human answered first after a hand-over, which may be told late.
MOST_HUMAN_MESSAGES = 100
_SENT = "message.sent"
_STARTED = "conversation.started"
_REOPENED = "conversation.reopened"
_ESCALATED = "conversation.escalated"
_RATED, _GAP_FOUND = "feedback.submitted", "content_gap.found"
_REVIEWS = frozenset((_RATED, "quality.scored", _GAP_FOUND))
_SHOW_ACTIVITY = frozenset((*event_types.MESSAGES, _STARTED, *outcomes.KIND_OF_EVENT_TYPE))


class ConversationEvent(NamedTuple):
    """An event of a conversation, as far as the conversation depends on it. Unset texts are empty."""

    revision: int
    received_at: int
    occurred_at: int
    event_key: bytes
    event_type: str
    conversation_id: str
    agent_id: str
    user_id: str
    channel: str
    team_id: str
    topic: str
    by_human: bool | None  # None: not said
    handoff_reason: str = ""
    tokens: int = 0
    cost_micros: int = 0
    score: int | None = None  # the rating of a feedback.submitted, the overall score of a quality.scored
    rubric: str = ""  # by which the score was given


class Attribution(NamedTuple):
    """To whom and what something is attributed: values under which it is counted. Agent, channel and team are those of
    the event that decides; topic and reason are those of the conversation, and the same for all that it adds.
    """

    agent_id: str
    channel: str
    team_id: str
    topic: str
    handoff_reason: str


# Returns to whom and what something is attributed that an event says. Topic and reason are those that the event tells.
Attribute = Callable[[ConversationEvent], Attribution]


@dataclass(slots=True, kw_only=True)
class Conversation:
    """A conversation as its events make it. None stands for what no event has told.

    It begins with its earliest start event, or where no start was told with its first event. A hand-over to a human
    closes it for its agent, and leaves it open until somebody closes it, or until the service does since it is idle.
    """

    conversation_id: str
    first_at: int  # of any event
    began_at: int
    began_key: bytes
    is_start_told: bool = False
    began_agent_id: str = ""
    began_channel: str = ""
    began_team_id: str = ""
    messages: int = 0
    tokens: int = 0  # read and written by models
    cost_micros: int = 0
    first_sent_at: int | None = None
    human_messages: list[int] = field(default_factory=list)  # the times of the first MOST_HUMAN_MESSAGES, in order
    escalated_at: int | None = None  # the first time
    reopenings: int = 0
    outcome: ClosingKind | None = None  # how it went for its agent
    closed_at: int | None = None
    agent_id: str = ""
    channel: str = ""
    team_id: str = ""
    handoff_reason: str = ""  # the value under which the reason is counted, of one that was handed over
    is_open: bool = True
    human_resolved_at: int | None = None
    human_resolved_agent_id: str = ""
    human_resolved_channel: str = ""
    human_resolved_team_id: str = ""
    topic: str = ""  # told last; of several at one time the greatest
    topic_at: int | None = None
    counted_topic: str = ""  # the value under which the topic is counted
    last_at: int | None = None  # of any event that was sent
    last_received_at: int | None = None
    last_sent_at: int | None = None
    idle_ended_at: int | None = None  # by an event that the service made, as long as nobody goes on
    idle_agent_id: str = ""
    idle_channel: str = ""
    idle_team_id: str = ""
    latest_at: int | None = None  # when somebody spoke last, or started, closed or reopened it
    latest_agent_id: str = ""
    latest_agent_at: int | None = None
    latest_user_id: str = ""
    latest_user_at: int | None = None
    latest_channel: str = ""
    latest_channel_at: int | None = None
    latest_team_id: str = ""
    latest_team_at: int | None = None
    events: int = 0  # of any type
    last_event_at: int | None = None  # of any event, also one that the service made
    rating: int | None = None  # told last; of several at one time the greatest, as for the score and its rubric
    rating_at: int | None = None
    quality: int | None = None  # overall, in ten-thousandths
    quality_at: int | None = None
    quality_rubric: str = ""
    content_gaps: int = 0  # how many were found

    @classmethod
    def of(cls, event: ConversationEvent, attribute: Attribute) -> "Conversation":
        """Returns the conversation that begins with its first event that arrives, before anything else of it."""
        at = event.occurred_at
        new = cls(conversation_id=event.conversation_id, first_at=at, began_at=at, began_key=event.event_key)
        new._begin(event, attribute)
        return new

    def take(self, event: ConversationEvent, attribute: Attribute) -> None:
        """Takes an event in. How the conversation went is left to close()."""
        at, event_type = event.occurred_at, event.event_type
        is_start = event_type == _STARTED
        self.events += 1
        self.first_at = min(self.first_at, at)
        self.last_event_at = _later(self.last_event_at, at)
        if (not is_start, at, event.event_key) < (not self.is_start_told, self.began_at, self.began_key):
            self._begin(event, attribute)
        if is_made(event.event_key):
            if event.event_key == self.idle_end_key:
                self.idle_ended_at = at
                self.idle_agent_id, self.idle_channel, self.idle_team_id, *_ = attribute(event)
            return
        self.last_at = _later(self.last_at, at)
        if event_type in event_types.MODEL_USES:
            self.tokens += event.tokens
            self.cost_micros += event.cost_micros
        if event_type in _SHOW_ACTIVITY:
            idle_end = self.idle_end_key if self.idle_ended_at is not None else None
            self._take_activity(event, attribute)
            if idle_end is not None and idle_end != self.idle_end_key:
                self.idle_ended_at, self.idle_agent_id, self.idle_channel, self.idle_team_id = None, "", "", ""
        elif event_type in _REVIEWS:
            self._take_review(event)

    def _take_review(self, event: ConversationEvent) -> None:
        at, score = event.occurred_at, event.score
        if event.event_type == _GAP_FOUND:
            self.content_gaps += 1
        elif score is None:
            return
        elif event.event_type == _RATED:
            if (self.rating_at or 0, self.rating or 0) < (at, score):
                self.rating_at, self.rating = at, score
        elif (self.quality_at or 0, -1 if self.quality is None else self.quality, self.quality_rubric) < (
            at,
            score,
            event.rubric,
        ):
            self.quality_at, self.quality, self.quality_rubric = at, score, event.rubric

    def _take_activity(self, event: ConversationEvent, attribute: Attribute) -> None:
        at, event_type = event.occurred_at, event.event_type
        self.latest_at = _later(self.latest_at, at)
        self._take_latest(event)
        if event.topic and (self.topic_at or 0, self.topic) < (at, event.topic):
            self.topic_at, self.topic, self.counted_topic = at, event.topic, attribute(event).topic
        if event_type in event_types.MESSAGES:
            self.messages += 1
            if event_type == _SENT:
                self._take_sent(event)
            else:
                self.last_received_at = _later(self.last_received_at, at)
        elif event_type == _REOPENED:
            self.reopenings += 1
        elif event_type == _ESCALATED and (self.escalated_at is None or at < self.escalated_at):
            self.escalated_at = at

    def _begin(self, event: ConversationEvent, attribute: Attribute) -> None:
        self.began_at, self.began_key = event.occurred_at, event.event_key
        self.is_start_told = event.event_type == _STARTED
        self.began_agent_id, self.began_channel, self.began_team_id, *_ = attribute(event)

    def _take_sent(self, event: ConversationEvent) -> None:
        at = event.occurred_at
        if self.first_sent_at is None or at < self.first_sent_at:
            self.first_sent_at = at
        self.last_sent_at = _later(self.last_sent_at, at)
        if event.by_human:
            bisect.insort(self.human_messages, at)
            del self.human_messages[MOST_HUMAN_MESSAGES:]

    def _take_latest(self, event: ConversationEvent) -> None:
        """Takes those texts over that are later than those known; of several at one time the greatest."""
        at = event.occurred_at
        if event.agent_id and (self.latest_agent_at or 0, self.latest_agent_id) < (at, event.agent_id):
            self.latest_agent_at, self.latest_agent_id = at, event.agent_id
        if event.user_id and (self.latest_user_at or 0, self.latest_user_id) < (at, event.user_id):
            self.latest_user_at, self.latest_user_id = at, event.user_id
        if event.channel and (self.latest_channel_at or 0, self.latest_channel) < (at, event.channel):
            self.latest_channel_at, self.latest_channel = at, event.channel
        if event.team_id and (self.latest_team_at or 0, self.latest_team_id) < (at, event.team_id):
            self.latest_team_at, self.latest_team_id = at, event.team_id

    def close(self, closings: Iterable[Closing]) -> None:
        """Takes over how it went by its closing and reopening events: by all of them, or by those that decide. They are
        those that were sent; whether the service has ended it is known.
        """
        events = [*closings, *self._idle_end()]
        closed = outcomes.since_reopening(events)
        outcome = outcomes.outcome(events)
        if outcome is None:
            self.outcome, self.closed_at = None, None
            self.agent_id, self.channel, self.team_id, self.handoff_reason = "", "", "", ""
        else:
            self.outcome, self.closed_at = outcome.kind, outcome.closed_at
            self.agent_id, self.channel, self.team_id = outcome.agent_id, outcome.channel, outcome.team_id
            self.handoff_reason = outcome.handoff_reason
        self.is_open = not closed or closed[-1].kind is ClosingKind.ESCALATED
        resolved = outcomes.human_resolution(closed)
        self.human_resolved_at = resolved.occurred_at if resolved else None
        self.human_resolved_agent_id = resolved.agent_id if resolved else ""
        self.human_resolved_channel = resolved.channel if resolved else ""
        self.human_resolved_team_id = resolved.team_id if resolved else ""

    def _idle_end(self) -> Iterator[Closing]:
        if self.idle_ended_at is not None:
            kind = outcomes.KIND_OF_EVENT_TYPE[self.idle_end_type]
            to = self.idle_agent_id, self.idle_channel, self.idle_team_id
            yield Closing(b"", self.idle_ended_at, self.idle_end_key, kind, *to)

    @property
    def idle_end_type(self) -> str:
        """The type of the event that ends it where it stays idle: abandoned where the user spoke last."""
        received, sent = self.last_received_at, self.last_sent_at
        is_unanswered = received is not None and (sent is None or received > sent)
        return "conversation.abandoned" if is_unanswered else "conversation.ended"

    @property
    def idle_end_key(self) -> bytes:
        """The key of the event that ends it where it stays idle. Once anybody goes on it is another one for ever, since
        these times only grow.
        """
        times = (self.latest_at, self.last_received_at, self.last_sent_at)
        return made_key(self.conversation_id, *map(str, times))

    @property
    def has_closings(self) -> bool:
        """Whether it has any closing or reopening event."""
        return self.closed_at is not None or self.reopenings > 0

    @property
    def human_wait_ends_at(self) -> int | None:
        """When a human answered first after the first hand-over, as far as that is known; None without either."""
        if self.escalated_at is None:
            return None
        place = bisect.bisect_left(self.human_messages, self.escalated_at)
        return self.human_messages[place] if place < len(self.human_messages) else None


def _later(known: int | None, at: int) -> int:
    return at if known is None or at > known else known


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A conversation as it stands, and who took part in it last. The outcome is None while nobody has closed it."""

    conversation_id: str
    agent_id: str
    user_id: str
    channel: str
    last_activity: int
    messages: int
    outcome: int | None
