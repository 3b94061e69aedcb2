"""Content gaps: questions that the knowledge did not answer, by topics that are spelt alike."""

import functools
import hashlib
import itertools
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from server.events.event import Event

EVENT_TYPE = "content_gap.found"
QUARTER_MICROSECONDS = 900_000_000
MOST_QUESTIONS = 5
# As many of the smallest digests of users are kept of a topic. Fewer than that are all there are.
MOST_USERS = 256
_DIGEST_BYTES = 8
_DIGESTS = 2 ** (8 * _DIGEST_BYTES)
_BETWEEN_WORDS = frozenset("PZC")  # categories of characters: punctuation, spaces, and what nobody sees


@functools.lru_cache(maxsize=4096)  # topics come again and again, and one takes 14 µs
def normalized(topic: str) -> str:
    """Returns what is equal for all spellings of a topic: small letters, with one space for each run of spaces and
    punctuation, and none at its ends. A topic of nothing else stays as it is, in small letters.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", topic).casefold())
    words = "".join(" " if unicodedata.category(one)[0] in _BETWEEN_WORDS else one for one in folded)
    return " ".join(words.split()) or folded


def digest(user_id: str) -> bytes:
    """Returns what stands for a user; nothing for nobody."""
    return hashlib.sha256(user_id.encode()).digest()[:_DIGEST_BYTES] if user_id else b""


class GapEvent(NamedTuple):
    """What is known of content gaps by an event, in the order of the columns that the store reads."""

    revision: int
    received_at: int
    occurred_at: int
    event_key: bytes
    event_type: str
    topic: str
    question: str
    user_id: str
    confidence: int | None

    @property
    def key(self) -> str:
        """Returns the topic as it is normalized."""
        return normalized(self.topic)

    @classmethod
    def of(cls, revision: int, event: Event) -> "GapEvent | None":
        """Returns what an event says of content gaps; None where that is nothing."""
        topic = str(event.detail.get("topic", ""))
        if event.event_type != EVENT_TYPE or not topic:
            return None
        confidence = event.detail.get("confidence")
        return cls(
            revision=revision,
            received_at=0,
            occurred_at=event.occurred_at,
            event_key=event.event_key,
            event_type=event.event_type,
            topic=topic,
            question=str(event.detail.get("question", "")),
            user_id=event.user_id,
            confidence=None if confidence is None else int(confidence),
        )


@dataclass(slots=True)
class Occurrences:
    """How often a topic was found within some time, with the confidence in it, and when first and last."""

    frequency: int = 0
    confidence_sum: int = 0
    confidence_count: int = 0
    first_at: int = 2**62
    last_at: int = -(2**62)

    def add(self, other: "Occurrences") -> None:
        """Adds what was found otherwise."""
        self.frequency += other.frequency
        self.confidence_sum += other.confidence_sum
        self.confidence_count += other.confidence_count
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)


class AskedLast(NamedTuple):
    """When a question was asked last, and the digest of who asked it then, the greatest of those at one time."""

    at: int
    user: bytes


@dataclass(slots=True)
class GapExamples:
    """What is kept of a topic beside its numbers: how it was spelt last, the newest questions, each once, and digests
    of users. Whatever the order in which it is told, it comes to the same.
    """

    name: str = ""
    name_at: int = -(2**62)
    questions: dict[str, AskedLast] = field(default_factory=dict)
    users: frozenset[bytes] = frozenset()

    def take(self, event: GapEvent) -> None:
        """Takes in an event."""
        self.name_at, self.name = max((self.name_at, self.name), (event.occurred_at, event.topic))
        user = digest(event.user_id)
        if event.question:
            told = AskedLast(event.occurred_at, user)
            self.questions[event.question] = max(told, self.questions.get(event.question, told))
            if len(self.questions) > MOST_QUESTIONS:
                self.questions = newest(self.questions)
        if user and user not in self.users and (len(self.users) < MOST_USERS or user < max(self.users)):
            self.users = smallest(self.users | {user})

    def merge(self, other: "GapExamples") -> None:
        """Takes in what was told otherwise."""
        self.name_at, self.name = max((self.name_at, self.name), (other.name_at, other.name))
        for question, told in other.questions.items():
            self.questions[question] = max(told, self.questions.get(question, told))
        self.questions = newest(self.questions)
        self.users = smallest(self.users | other.users)

    def before(self, at: int) -> "GapExamples":
        """Returns what was told before a time. With which events users came is not known: they all stay."""
        known = self.name_at < at
        return GapExamples(
            name=self.name if known else "",
            name_at=self.name_at if known else -(2**62),
            questions={question: told for question, told in self.questions.items() if told.at < at},
            users=self.users,
        )


def newest(questions: Mapping[str, AskedLast]) -> dict[str, AskedLast]:
    """Returns the newest questions, the newest first, of those at one time the greatest."""
    ordered = sorted(questions.items(), key=lambda one: (one[1].at, one[0]), reverse=True)
    return dict(itertools.islice(ordered, MOST_QUESTIONS))


def smallest(users: frozenset[bytes]) -> frozenset[bytes]:
    """Returns as many digests as are kept."""
    return users if len(users) <= MOST_USERS else frozenset(sorted(users)[:MOST_USERS])


def distinct(users: frozenset[bytes]) -> tuple[int, bool]:
    """Returns how many users digests stand for, and whether that is an estimate: it is where not all are kept."""
    if len(users) < MOST_USERS:
        return len(users), False
    greatest = int.from_bytes(max(users), "big")
    return max(MOST_USERS, round((MOST_USERS - 1) * _DIGESTS / greatest)), True


class GapQuarter(NamedTuple):
    """A topic in a quarter hour."""

    topic: str
    bucket: int


@dataclass(slots=True)
class FoundGaps:
    """What events say of topics, by their normalized form."""

    quarters: dict[GapQuarter, Occurrences] = field(default_factory=dict)
    examples: dict[str, GapExamples] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[GapEvent]) -> "FoundGaps":
        """Returns what events say."""
        found = cls()
        found.take(events)
        return found

    def take(self, events: Iterable[GapEvent]) -> None:
        """Takes in events."""
        for event in events:
            topic, at = event.key, event.occurred_at
            quarter = GapQuarter(topic, at // QUARTER_MICROSECONDS)
            has_confidence = event.confidence is not None
            self.quarters.setdefault(quarter, Occurrences()).add(
                Occurrences(1, event.confidence or 0, int(has_confidence), at, at)
            )
            self.examples.setdefault(topic, GapExamples()).take(event)

    def totals(self) -> dict[str, Occurrences]:
        """Returns how often each topic was found."""
        found: dict[str, Occurrences] = {}
        for quarter, one in self.quarters.items():
            found.setdefault(quarter.topic, Occurrences()).add(one)
        return found
