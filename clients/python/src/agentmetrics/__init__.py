"""The client of agentmetrics: track what AI agents, chatbots and call-centre agents do, and read exact figures."""

from agentmetrics.aio import AsyncClient
from agentmetrics.aio_subscription import AsyncSubscription
from agentmetrics.buffer import Stats
from agentmetrics.client import Client
from agentmetrics.errors import (
    AgentMetricsError,
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
    Unauthenticated,
    Unavailable,
)
from agentmetrics.events import event, fields_of
from agentmetrics.ids import ensure_id, uuid7
from agentmetrics.subscription import Subscription
from agentmetrics.tracker import Tracker
from agentmetrics.version import VERSION

__version__ = VERSION

__all__ = [
    "AgentMetricsError",
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
    "Tracker",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "ensure_id",
    "event",
    "fields_of",
    "uuid7",
]
