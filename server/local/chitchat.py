"""The real conversations of the package chitchat-dataset, as events.

People chatted with people (BYU, 2018; MIT licence). The one who wrote first stands for the user, the other one for the
agent. Times are taken as written, in UTC.
"""

import importlib.util
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from server import errors
from tallywire.v1 import event_pb2

PACKAGE = "chitchat_dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedConversation:
    """One conversation: its two sides, its messages, and how the people rated it.

    agent_id is empty if the other side never answered; messages are (sender, seconds since 1970); rating is from 1 to
    5.
    """

    conversation_id: str
    user_id: str
    agent_id: str
    messages: tuple[tuple[str, int], ...]
    rating: int | None

    @property
    def event_count(self) -> int:
        """Returns how many events events_of() makes of the conversation."""
        return len(self.messages) + 2 + (self.rating is not None)


def conversations(limit: int | None = None) -> Iterator[RecordedConversation]:
    """Yields the conversations in the order of the data set, at most `limit`. Raises SetupError without the data."""
    with dataset().open("rb") as file:
        recorded: dict[str, dict[str, Any]] = json.load(file)
    for conversation_id, record in itertools.islice(recorded.items(), limit):
        yield _conversation(conversation_id, record)


def events(limit: int | None = None) -> Iterator[event_pb2.Event]:
    """Yields the events of all conversations, or of the first `limit`."""
    return itertools.chain.from_iterable(map(events_of, conversations(limit)))


def events_of(conversation: RecordedConversation) -> Iterator[event_pb2.Event]:
    """Yields the events of one conversation, in the order in which they happened."""
    (_, first), (_, last) = conversation.messages[0], conversation.messages[-1]
    yield _event(conversation, "conversation.started", "start", first)
    before: tuple[str, int] | None = None
    for index, (sender, seconds) in enumerate(conversation.messages):
        yield _message(conversation, index, sender, seconds, before)
        before = (sender, seconds)
    if conversation.rating is not None:
        rated = _event(conversation, "feedback.submitted", "rating", last)
        rated.feedback.rating = conversation.rating
        yield rated
    closing = "conversation.ended" if conversation.agent_id else "conversation.abandoned"
    yield _event(conversation, closing, "end", last)


def _message(
    conversation: RecordedConversation, index: int, sender: str, seconds: int, before: tuple[str, int] | None
) -> event_pb2.Event:
    """Returns a message of either side; a message of the agent that answers the user has the user's waiting time."""
    if sender == conversation.user_id:
        return _event(conversation, "message.received", str(index), seconds)
    event = _event(conversation, "message.sent", str(index), seconds)
    if before is not None and before[0] == conversation.user_id:
        event.message.response_time_ms = (seconds - before[1]) * 1000
    return event


def _event(conversation: RecordedConversation, event_type: str, suffix: str, seconds: int) -> event_pb2.Event:
    event = event_pb2.Event(
        event_id=f"{conversation.conversation_id}:{suffix}",
        event_type=event_type,
        conversation_id=conversation.conversation_id,
        user_id=conversation.user_id,
        agent_id=conversation.agent_id,
    )
    event.occurred_at.seconds = seconds
    return event


def _conversation(conversation_id: str, record: dict[str, Any]) -> RecordedConversation:
    messages = tuple(
        (message["sender"], int(datetime.fromisoformat(message["timestamp"]).timestamp()))
        for turn in record["messages"]
        for message in turn
    )
    user_id = messages[0][0]
    return RecordedConversation(
        conversation_id=conversation_id,
        user_id=user_id,
        agent_id=next((sender for sender, _ in messages if sender != user_id), ""),
        messages=messages,
        rating=_rating(list(record.get("ratings", {}).values())),
    )


def _rating(scores: list[int]) -> int | None:
    """Returns three scores from 1 to 10 as one rating from 1 to 5: half their mean, rounded half up."""
    if not scores:
        return None
    return min(5, max(1, (sum(scores) + len(scores)) // (2 * len(scores))))


def dataset() -> Path:
    """Returns the folder of data in the installed package, which is not imported. Raises SetupError without the
    package.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "dataset.json"
        if path.is_file():
            return path
    raise errors.SetupError("the demo needs the package chitchat-dataset: pip install chitchat-dataset")
