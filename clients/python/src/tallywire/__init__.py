"""The client of tallywire: track what AI agents, chatbots and call-centre agents do, and read exact figures."""

from tallywire import frames
from tallywire.aio import AsyncClient
from tallywire.aio_subscription import AsyncSubscription
from tallywire.buffer import Stats
from tallywire.client import Client
from tallywire.contexts import context
from tallywire.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    OutOfSequence,
    PermissionDenied,
    ResourceExhausted,
    Restored,
    TallywireError,
    Unauthenticated,
    Unavailable,
)
from tallywire.events import event, fields_of
from tallywire.ids import ensure_id, uuid7
from tallywire.subscription import Subscription
from tallywire.tracker import Tracker
from tallywire.version import VERSION

__version__ = VERSION

__all__ = [
    "AlreadyExists",
    "AsyncClient",
    "AsyncSubscription",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "OutOfRange",
    "OutOfSequence",
    "PermissionDenied",
    "ResourceExhausted",
    "Restored",
    "Stats",
    "Subscription",
    "TallywireError",
    "Tracker",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "context",
    "ensure_id",
    "event",
    "fields_of",
    "frames",
    "uuid7",
]
