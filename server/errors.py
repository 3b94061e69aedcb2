"""Every way in which the service refuses, and the status that belongs to each reason."""

import dataclasses
import datetime
import enum
import traceback
from collections.abc import Mapping


class Status(enum.Enum):
    """The canonical RPC statuses; the value is the number in google.rpc.Code."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    OUT_OF_RANGE = 11
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class Reason(enum.Enum):
    """The causes of refusals, named as in ErrorReason of error_reason.proto, each with its status."""

    # Many reasons share a status, and an Enum merges equal values into aliases: the value is a running number instead.
    def __new__(cls, status: Status) -> "Reason":
        member = object.__new__(cls)
        member._value_ = len(cls.__members__)
        member.status = status
        return member

    status: Status

    MALFORMED_MESSAGE = Status.INVALID_ARGUMENT
    REQUIRED_FIELD = Status.INVALID_ARGUMENT
    FIELD_TOO_LONG = Status.INVALID_ARGUMENT
    NUL_CHARACTER = Status.INVALID_ARGUMENT
    INVALID_CHARACTER = Status.INVALID_ARGUMENT
    PLACEHOLDER_ID = Status.INVALID_ARGUMENT
    INVALID_EVENT_TYPE = Status.INVALID_ARGUMENT
    INVALID_TIMESTAMP = Status.INVALID_ARGUMENT
    INVALID_ENUM = Status.INVALID_ARGUMENT
    INVALID_VALUE = Status.INVALID_ARGUMENT
    VALUE_OUT_OF_RANGE = Status.OUT_OF_RANGE
    NOT_A_NUMBER = Status.INVALID_ARGUMENT
    DETAIL_MISMATCH = Status.INVALID_ARGUMENT
    TOO_MANY_PROPERTIES = Status.INVALID_ARGUMENT
    PROPERTIES_TOO_DEEP = Status.INVALID_ARGUMENT
    PROPERTIES_TOO_LARGE = Status.INVALID_ARGUMENT
    EVENT_TOO_LARGE = Status.INVALID_ARGUMENT
    TOO_MANY_EVENTS = Status.INVALID_ARGUMENT
    EVENT_TOO_OLD = Status.OUT_OF_RANGE
    EVENT_IN_FUTURE = Status.OUT_OF_RANGE
    EVENT_ID_CONFLICT = Status.ALREADY_EXISTS
    USER_ERASED = Status.FAILED_PRECONDITION
    INVALID_DURATION = Status.INVALID_ARGUMENT
    REQUEST_TOO_LARGE = Status.INVALID_ARGUMENT

    CREDENTIALS_MISSING = Status.UNAUTHENTICATED
    CREDENTIALS_INVALID = Status.UNAUTHENTICATED
    AMBIGUOUS_CREDENTIALS = Status.UNAUTHENTICATED
    AUTH_RATE_LIMIT = Status.RESOURCE_EXHAUSTED
    SCOPE_MISSING = Status.PERMISSION_DENIED
    TENANT_SUSPENDED = Status.FAILED_PRECONDITION
    RESTRICTED = Status.PERMISSION_DENIED
    NETWORK_NOT_ALLOWED = Status.PERMISSION_DENIED
    NO_ROLE = Status.PERMISSION_DENIED
    IDENTITY_PROVIDER_UNAVAILABLE = Status.UNAVAILABLE

    INVALID_TIME_RANGE = Status.INVALID_ARGUMENT
    TIME_RANGE_TOO_LARGE = Status.INVALID_ARGUMENT
    TIME_BEFORE_FLOOR = Status.OUT_OF_RANGE
    INVALID_TIME_ZONE = Status.INVALID_ARGUMENT
    TOO_MANY_POINTS = Status.INVALID_ARGUMENT
    UNKNOWN_METRIC = Status.INVALID_ARGUMENT
    UNKNOWN_DIMENSION = Status.INVALID_ARGUMENT
    TOO_MANY_METRICS = Status.INVALID_ARGUMENT
    TOO_MANY_FILTERS = Status.INVALID_ARGUMENT
    AGENT_NOT_FOUND = Status.NOT_FOUND
    ERASURE_NOT_FOUND = Status.NOT_FOUND
    CARDINALITY_OVERFLOW = Status.FAILED_PRECONDITION
    PAIR_NOT_KEPT = Status.FAILED_PRECONDITION
    PAIR_INCOMPLETE = Status.FAILED_PRECONDITION
    UNKNOWN_FIELD = Status.INVALID_ARGUMENT
    PAGE_TOKEN_INVALID = Status.INVALID_ARGUMENT
    PAGE_TOKEN_MISMATCH = Status.INVALID_ARGUMENT
    PAGE_TOKEN_EXPIRED = Status.FAILED_PRECONDITION
    ROWS_TOKEN_INVALID = Status.INVALID_ARGUMENT
    ROWS_TOKEN_EXPIRED = Status.FAILED_PRECONDITION
    TOO_MANY_VALUES = Status.FAILED_PRECONDITION
    CHANGES_NOT_KEPT = Status.OUT_OF_RANGE
    TOO_MANY_RAW_EVENTS = Status.FAILED_PRECONDITION
    RAW_EVENTS_GONE = Status.FAILED_PRECONDITION
    TEAM_NOT_FOUND = Status.NOT_FOUND
    DIMENSION_REQUIRED = Status.INVALID_ARGUMENT
    CAMPAIGN_NOT_FOUND = Status.NOT_FOUND
    CONTENT_GAP_NOT_FOUND = Status.NOT_FOUND
    CONTENT_GAP_MERGED = Status.FAILED_PRECONDITION
    CONTENT_GAP_NOT_MERGED = Status.FAILED_PRECONDITION
    ETAG_MISMATCH = Status.FAILED_PRECONDITION
    KEY_REQUIRED = Status.PERMISSION_DENIED
    EMBED_NOT_ALLOWED = Status.PERMISSION_DENIED
    DASHBOARD_NOT_FOUND = Status.NOT_FOUND
    DASHBOARD_LIMIT = Status.RESOURCE_EXHAUSTED
    DASHBOARD_OWNER = Status.PERMISSION_DENIED
    DESTINATION_NOT_FOUND = Status.NOT_FOUND
    DESTINATION_LIMIT = Status.RESOURCE_EXHAUSTED
    CHANNEL_NOT_SET_UP = Status.FAILED_PRECONDITION
    DELIVERY_NOT_FOUND = Status.NOT_FOUND
    DELIVERY_UNDER_WAY = Status.FAILED_PRECONDITION
    LINK_INVALID = Status.NOT_FOUND
    TEST_RATE = Status.RESOURCE_EXHAUSTED
    FORECAST_NOT_INSTALLED = Status.FAILED_PRECONDITION
    HISTORY_TOO_SHORT = Status.FAILED_PRECONDITION
    METRIC_NOT_ADDITIVE = Status.INVALID_ARGUMENT
    REPORT_NOT_FOUND = Status.NOT_FOUND
    REPORT_LIMIT = Status.RESOURCE_EXHAUSTED
    REPORT_OWNER = Status.PERMISSION_DENIED
    REPORT_RUN_NOT_FOUND = Status.NOT_FOUND
    REPORT_FILE_NOT_FOUND = Status.NOT_FOUND
    REPORT_SCHEDULE_NOT_FOUND = Status.NOT_FOUND
    ALERT_RULE_NOT_FOUND = Status.NOT_FOUND
    ALERT_RULE_LIMIT = Status.RESOURCE_EXHAUSTED
    INCIDENT_NOT_FOUND = Status.NOT_FOUND
    TIME_IN_FUTURE = Status.OUT_OF_RANGE
    EVENT_NOT_FOUND = Status.NOT_FOUND
    EVENT_NOT_CORRECTABLE = Status.FAILED_PRECONDITION
    CONVERSATION_NOT_FOUND = Status.NOT_FOUND
    LEAD_NOT_FOUND = Status.NOT_FOUND
    USER_NOT_FOUND = Status.NOT_FOUND

    STREAM_HEADER_DUPLICATE = Status.INVALID_ARGUMENT
    SEQUENCE_GAP = Status.INVALID_ARGUMENT
    ACK_BACKLOG = Status.RESOURCE_EXHAUSTED
    STREAM_LIMIT = Status.RESOURCE_EXHAUSTED
    DRAINING = Status.UNAVAILABLE
    STREAM_AGE = Status.UNAVAILABLE
    STREAM_IDLE = Status.UNAVAILABLE

    RESUME_TOKEN_INVALID = Status.INVALID_ARGUMENT
    FUTURE_REVISION = Status.OUT_OF_RANGE
    COMPACTED = Status.OUT_OF_RANGE
    INTERVAL_OUT_OF_RANGE = Status.INVALID_ARGUMENT
    SUBSCRIPTION_LIMIT = Status.RESOURCE_EXHAUSTED
    SLOW_CONSUMER = Status.RESOURCE_EXHAUSTED
    RESTORED = Status.OUT_OF_RANGE

    EVENT_QUOTA = Status.RESOURCE_EXHAUSTED
    EVENT_RATE = Status.RESOURCE_EXHAUSTED

    CUSTOM_METRIC_EXISTS = Status.ALREADY_EXISTS
    CUSTOM_METRIC_NOT_FOUND = Status.NOT_FOUND
    CUSTOM_METRIC_LIMIT = Status.RESOURCE_EXHAUSTED
    INVALID_PATH = Status.INVALID_ARGUMENT
    CUSTOM_METRIC_INCOMPLETE = Status.FAILED_PRECONDITION

    FUNNEL_EXISTS = Status.ALREADY_EXISTS
    FUNNEL_NOT_FOUND = Status.NOT_FOUND
    FUNNEL_LIMIT = Status.RESOURCE_EXHAUSTED

    FORMAT_NOT_INSTALLED = Status.FAILED_PRECONDITION

    OPERATOR_REQUIRED = Status.PERMISSION_DENIED
    NOT_FOR_OPERATORS = Status.PERMISSION_DENIED
    ORGANIZATION_NOT_FOUND = Status.NOT_FOUND
    ORGANIZATION_EXISTS = Status.ALREADY_EXISTS
    ORGANIZATION_REVOKED = Status.FAILED_PRECONDITION
    ORGANIZATION_DELETING = Status.FAILED_PRECONDITION
    KEY_NOT_FOUND = Status.NOT_FOUND
    KEY_EXISTS = Status.ALREADY_EXISTS
    KEY_LIMIT = Status.RESOURCE_EXHAUSTED
    LAST_ADMIN_KEY = Status.FAILED_PRECONDITION
    SESSION_NOT_FOUND = Status.NOT_FOUND
    KEY_OUTLIVES_MAKER = Status.PERMISSION_DENIED
    ROLE_NOT_FOUND = Status.NOT_FOUND
    ROLE_LIMIT = Status.RESOURCE_EXHAUSTED
    ROLE_IN_USE = Status.FAILED_PRECONDITION
    MEMBER_NOT_FOUND = Status.NOT_FOUND
    MEMBER_LIMIT = Status.RESOURCE_EXHAUSTED
    TASK_NOT_FOUND = Status.NOT_FOUND
    TASK_STATE = Status.FAILED_PRECONDITION
    SCHEDULE_NOT_FOUND = Status.NOT_FOUND

    STORAGE_UNAVAILABLE = Status.UNAVAILABLE
    STORAGE_BUSY = Status.UNAVAILABLE
    DURABILITY_WEAK = Status.UNAVAILABLE
    OVERLOADED = Status.UNAVAILABLE
    QUERY_CONCURRENCY = Status.RESOURCE_EXHAUSTED
    DEADLINE = Status.DEADLINE_EXCEEDED
    INTERNAL = Status.INTERNAL


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """The reason why one event was not stored, in words that are safe to show to its sender."""

    reason: Reason
    message: str
    field: str = ""
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Refused(Exception):
    """The end of a call for a reason that the caller can act on; callers see nothing else of any exception."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        quota: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata: Mapping[str, str] = metadata or {}
        self.retry_after = retry_after  # seconds; None: waiting does not help
        self.quota = quota  # whose quota is used up, where that is why

    def again(self) -> "Refused":
        """Returns the same refusal for another caller; an exception raised twice would carry both callers' frames."""
        return Refused(
            self.reason,
            self.message,
            field=self.field,
            metadata=self.metadata,
            retry_after=self.retry_after,
            quota=self.quota,
        )

    @property
    def rejection(self) -> Rejection:
        """Returns the same refusal as the result of one event of a batch."""
        return Rejection(reason=self.reason, message=self.message, field=self.field, metadata=self.metadata)


class ForOperators(Exception):
    """An error whose text is for operators: it holds no value of a tenant and no password."""


def describe(error: BaseException) -> str:
    """Returns what an operator needs to know of an error; not its text, which may hold values, SQL or a password."""
    if isinstance(error, ForOperators | StorageUnavailable | StorageRejected):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {one.name}, line {one.lineno}" for one in frame)
    return f"{type(error).__name__}{place}"


class StorageUnavailable(Exception):
    """The database cannot be reached or is busy; trying the same again is safe and may work."""


class StorageBusy(StorageUnavailable):
    """No connection to the database became free in time."""


class FilesUnavailable(StorageUnavailable):
    """A folder or a store of files has no room or does not answer; trying the same again is safe and may work."""


class QuotaExceeded(Exception):
    """Storing the events would take the organization over its events per month. Nothing of them is stored."""

    def __init__(self, *, used: int, limit: int, at: datetime.datetime) -> None:
        super().__init__("the events of this month are used up")
        self.used = used  # in this month, before these events
        self.limit = limit
        self.at = at  # the database's time


class StorageRejected(Exception):
    """The database refused a value; trying the same again cannot work."""


class SetupError(Exception):
    """The service cannot start as it is set up; the message is one line that the operator can act on."""
