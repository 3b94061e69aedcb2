"""Values of delivery: where an organization has things sent, what is sent, and what became of it."""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MOST_DESTINATIONS: Final = 100  # of an organization
MOST_RECIPIENTS: Final = 50  # of a destination
MOST_ATTACHMENTS: Final = 10  # of a message
MOST_BYTES: Final = 256 * 1024  # of a message's text, and of its HTML
KEPT_ANSWER: Final = 1024  # bytes of what a receiver said


class Channel(enum.StrEnum):
    """The way that something takes."""

    MAIL = "mail"
    WEBHOOK = "webhook"
    STORE = "store"  # a place in an object store


class Topic(enum.StrEnum):
    """What a message is about."""

    REPORT = "report"
    ALERT = "alert"
    ERASURE = "erasure"
    TASK = "task"
    TEST = "test"  # somebody asked for it
    NOTICE = "notice"  # about deliveries themselves: a destination was paused
    THRESHOLD = "threshold"  # so much of a quota is used


# What a destination can ask for. Tests and notices are sent whatever it asks for.
TOPICS: Final = (Topic.REPORT, Topic.ALERT, Topic.ERASURE, Topic.TASK, Topic.THRESHOLD)


class WebhookFormat(enum.StrEnum):
    """What a webhook is sent."""

    STANDARD = "standard"  # signed JSON for programs
    SLACK = "slack"  # a message for people, as chats take it


class Pause(enum.StrEnum):
    """Why nothing is sent to a destination."""

    ASKED = "asked"
    FAILING = "failing"  # nothing has arrived for days
    GONE = "gone"  # the receiver has said so (HTTP 410)


class DeliveryState(enum.StrEnum):
    """What has become of a delivery."""

    QUEUED = "queued"  # to be tried, for the first time or again
    HELD = "held"  # until its destination is not paused any more
    DELIVERED = "delivered"
    DEAD = "dead"  # given up
    CANCELLED = "cancelled"  # its destination was deleted, its recipient does not want it, or its subject is gone


class Outcome(enum.StrEnum):
    """What a try came to."""

    UNKNOWN = "unknown"  # under way, or its worker died before it could say
    DELIVERED = "delivered"
    FAILED = "failed"  # tried again
    REFUSED = "refused"  # for good: another try cannot help


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a message, by its key in the object store of reports. sha256 is in small hexadecimal digits."""

    name: str
    media_type: str
    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is to be sent. kind is its type for receivers of webhooks, as "report.finished"; subject_id names what it is
    about, as the run of a report; data is what webhooks carry beside the texts. page is the path of the page that shows
    it, as "/reports/r-1".
    """

    topic: Topic
    kind: str
    subject_id: str
    title: str
    text: str
    html: str = ""
    attachments: Sequence[Attachment] = ()
    data: Mapping[str, object] = field(default_factory=dict)
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMessage:
    """A message as it is stored."""

    message_id: str
    created_at: datetime
    message: Message
    is_revoked: bool  # its links open nothing any more


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationDraft:
    """A destination as somebody wants it. addresses are of mail; url and format are of a webhook; store and folder are
    of an object store. contact is the mail address that is told when it is paused because nothing arrives.
    """

    name: str
    channel: Channel
    addresses: tuple[str, ...] = ()
    url: str = ""
    format: WebhookFormat = WebhookFormat.STANDARD
    store: str = ""
    folder: str = ""
    topics: tuple[Topic, ...] = ()
    contact: str = ""
    is_paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDestination:
    """A destination as it is stored. secret and old_secret are sealed."""

    destination_id: str
    draft: DestinationDraft
    owner: str
    version: int
    created_at: datetime
    updated_at: datetime
    pause: Pause | None
    paused_at: datetime | None
    failing_since: datetime | None
    delivered_at: datetime | None
    secret: bytes = field(repr=False)
    old_secret: bytes = field(repr=False)
    old_secret_until: datetime | None

    @property
    def etag(self) -> str:
        """Returns what is different after each change, also where a restored database counts the same numbers again."""
        text = f"{self.destination_id} {self.version} {self.updated_at.isoformat()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDelivery:
    """A message on its way to one recipient. tries counts since it was queued, or queued again by somebody; sends is
    how often somebody had it sent again.
    """

    delivery_id: str
    destination_id: str
    channel: Channel
    recipient: str
    message_id: str
    state: DeliveryState
    tries: int
    sends: int
    created_at: datetime
    next_try_at: datetime | None
    ended_at: datetime | None
    error: str
    topic: Topic
    kind: str
    subject_id: str
    title: str

    @property
    def receipt_id(self) -> str:
        """Returns what receivers know it by: the same in each try, another one where somebody has it sent again."""
        return self.delivery_id if not self.sends else f"{self.delivery_id}-{self.sends + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A try of a delivery. status is an HTTP or SMTP code, 0 without an answer."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome
    status: int
    answer: str
    error: str
