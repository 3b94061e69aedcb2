"""The limits of one request: its length, and the members of each repeated field. All checks read this table."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.catalog import funnels
from server.errors import Reason, Refused
from server.events import rules
from server.organizations import alerts, networks, restriction

MAX_QUESTION_BYTES = 64 * 1024  # the longest that make sense are realtime filters of 100 values
MAX_BYTES_BESIDE_EVENTS = 4 * 1024
_MAX_SIGN_IN_BYTES = 12 * 1024  # of a credential and the scopes that are wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """The most members that a repeated field may have, and how more of them are refused."""

    count: int
    reason: Reason
    message: str
    field: str

    def check(self, count: int) -> None:
        """Refuses more members than there may be."""
        if count > self.count:
            raise self.refusal()

    def refusal(self) -> Refused:
        """Returns the refusal of more members."""
        return Refused(self.reason, self.message, field=self.field, metadata={"limit": str(self.count)})


EVENTS = Most(
    count=rules.MAX_BATCH_EVENTS,
    reason=Reason.TOO_MANY_EVENTS,
    message=f"a batch holds at most {rules.MAX_BATCH_EVENTS} events",
    field="events",
)
SPANS = Most(
    count=10_000,
    reason=Reason.TOO_MANY_EVENTS,
    message="an export holds at most 10000 spans",
    field="resource_spans",
)
SPAN_FIELDS = Most(
    count=60_000,  # spans, and some fields of the resources and scopes that each of them may have for itself
    reason=Reason.TOO_MANY_EVENTS,
    message="an export holds at most 60000 spans, resources, scopes and other fields",
    field="resource_spans",
)
CORRECTIONS = Most(
    count=100,
    reason=Reason.TOO_MANY_EVENTS,
    message="at most 100 events are corrected or retracted at once",
    field="events",
)
METRICS = Most(count=20, reason=Reason.TOO_MANY_METRICS, message="more than 20 metrics", field="metrics")
REALTIME_VALUES = Most(
    count=100,
    reason=Reason.TOO_MANY_FILTERS,
    message="a realtime filter names at most 100 values",
    field="filter",
)
FILTERS = Most(
    count=2,
    reason=Reason.TOO_MANY_FILTERS,
    message="figures are kept by single dimensions and by pairs of them: filter by at most two values, each of another"
    " dimension",
    field="filter",
)
GROUPS = Most(
    count=2,
    reason=Reason.TOO_MANY_FILTERS,
    message="figures are kept by single dimensions and by pairs of them: group by at most two dimensions",
    field="group_by",
)
ACCOUNTS = Most(
    count=5,
    reason=Reason.TOO_MANY_FILTERS,
    message="a change is told by at most five dimensions at once",
    field="group_by",
)
SERVICE_LEVELS = Most(
    count=5, reason=Reason.VALUE_OUT_OF_RANGE, message="more than 5 thresholds", field="service_level_seconds"
)
EVENT_TYPES = Most(
    count=20,
    reason=Reason.VALUE_OUT_OF_RANGE,
    message="a custom metric names at most 20 event types",
    field="metric.event_types",
)
LISTED_TYPES = Most(
    count=20,
    reason=Reason.VALUE_OUT_OF_RANGE,
    message="a list names at most 20 event types",
    field="filter.event_types",
)
LISTED_VALUES = Most(
    count=10, reason=Reason.TOO_MANY_FILTERS, message="a list names at most ten dimensions", field="filter.dimensions"
)
BLOCKS = Most(count=40, reason=Reason.TOO_MANY_VALUES, message="a report has at most 40 blocks", field="report.blocks")
PEOPLE = Most(
    count=100, reason=Reason.TOO_MANY_VALUES, message="a report names at most 100 people", field="report.people"
)
FORMATS = Most(count=10, reason=Reason.TOO_MANY_VALUES, message="more formats than there are", field="formats")
TOPICS = Most(count=10, reason=Reason.TOO_MANY_VALUES, message="more topics than there are", field="destination.topics")
ADDRESSES = Most(
    count=100, reason=Reason.TOO_MANY_VALUES, message="more than 100 addresses", field="destination.mail.addresses"
)
NEXT_RUNS = Most(
    count=5, reason=Reason.TOO_MANY_VALUES, message="a schedule tells five runs", field="schedule.next_runs"
)
DESTINATIONS = Most(
    count=20,
    reason=Reason.TOO_MANY_VALUES,
    message="a schedule names at most 20 destinations",
    field="schedule.destination_ids",
)
RULE_DESTINATIONS = Most(
    count=alerts.MOST_DESTINATIONS,
    reason=Reason.TOO_MANY_VALUES,
    message=f"a rule names at most {alerts.MOST_DESTINATIONS} destinations",
    field="rule.destination_ids",
)
MUTE_WINDOWS = Most(
    count=alerts.MOST_MUTES,
    reason=Reason.TOO_MANY_VALUES,
    message=f"a rule has at most {alerts.MOST_MUTES} mute windows",
    field="rule.mute_windows",
)
LISTED_PROPERTIES = Most(
    count=10, reason=Reason.TOO_MANY_FILTERS, message="a list names at most ten properties", field="filter.properties"
)
FUNNEL_STAGES = Most(
    count=funnels.MOST_STAGES,
    reason=Reason.VALUE_OUT_OF_RANGE,
    message=f"a funnel has {funnels.LEAST_STAGES} to {funnels.MOST_STAGES} stages",
    field="definition.stages",
)
FUNNEL_FILTERS = Most(
    count=funnels.MOST_FILTERS,
    reason=Reason.TOO_MANY_FILTERS,
    message=f"a cohort is narrowed by at most {funnels.MOST_FILTERS} filters",
    field="filters",
)
HOLIDAYS = Most(count=100, reason=Reason.TOO_MANY_VALUES, message="more than 100 holidays", field="holidays")
HOLIDAY_DATES = Most(
    count=1_000, reason=Reason.TOO_MANY_VALUES, message="holidays have more than 1,000 dates", field="holidays.dates"
)
SCOPES = Most(count=10, reason=Reason.TOO_MANY_VALUES, message="more than 10 scopes", field="scopes")
RPCS = Most(count=20, reason=Reason.TOO_MANY_VALUES, message="more than 20 RPCs", field="rpcs")
ORIGINS = Most(count=10, reason=Reason.TOO_MANY_VALUES, message="more than 10 origins", field="origins")
NETWORKS = Most(
    count=networks.MOST,
    reason=Reason.TOO_MANY_VALUES,
    message=f"more than {networks.MOST} networks",
    field="key.networks",
)
RESTRICTED_VALUES = Most(
    count=restriction.MOST_VALUES,
    reason=Reason.TOO_MANY_VALUES,
    message=f"a restriction names at most {restriction.MOST_VALUES} values",
    field="restriction.values",
)
SECRET_KEYS = Most(
    count=100, reason=Reason.TOO_MANY_VALUES, message="more than 100 names", field="organization.settings.secret_keys"
)
KEPT_PAIRS = Most(
    count=100, reason=Reason.TOO_MANY_VALUES, message="more than 100 pairs", field="organization.settings.pairs"
)
UPDATE_MASK = Most(
    count=20, reason=Reason.TOO_MANY_VALUES, message="a mask names at most 20 fields", field="update_mask"
)
TILES = Most(
    count=60, reason=Reason.TOO_MANY_VALUES, message="a dashboard has at most 60 tiles", field="dashboard.tiles"
)
PROPERTIES = Most(
    count=rules.MAX_PROPERTIES,
    reason=Reason.TOO_MANY_PROPERTIES,
    message=f"more than {rules.MAX_PROPERTIES} properties",
    field="properties",
)
# No value takes less than two bytes of JSON.
PROPERTY_VALUES = Most(
    count=rules.MAX_PROPERTIES_BYTES // 2,
    reason=Reason.PROPERTIES_TOO_LARGE,
    message="properties are larger than 16 KiB as JSON",
    field="properties",
)

# Every repeated field that a request can hold, by its full name. A test fails for one that is missing here.
REPEATED: Mapping[str, Most] = {
    "tallywire.v1.TrackEventsRequest.events": EVENTS,
    "tallywire.v1.StreamBatch.events": EVENTS,
    "tallywire.v1.CorrectEventsRequest.events": CORRECTIONS,
    "tallywire.v1.RetractEventsRequest.event_ids": CORRECTIONS,
    "tallywire.v1.GetUsageTrendsRequest.metrics": METRICS,
    "tallywire.v1.QueryMetricsRequest.group_by": GROUPS,
    "tallywire.v1.QueryMetricsRequest.metrics": METRICS,
    "tallywire.v1.ListAnomaliesRequest.metrics": METRICS,
    "tallywire.v1.ListChangesRequest.metrics": METRICS,
    "tallywire.v1.ListChangesRequest.group_by": ACCOUNTS,
    "tallywire.v1.GetCallMetricsRequest.service_level_seconds": SERVICE_LEVELS,
    "tallywire.v1.CustomMetric.event_types": EVENT_TYPES,
    "tallywire.v1.FunnelDefinition.stages": FUNNEL_STAGES,
    "tallywire.v1.QueryFunnelRequest.filters": FUNNEL_FILTERS,
    "tallywire.v1.RealtimeFilter.agent_ids": REALTIME_VALUES,
    "tallywire.v1.RealtimeFilter.dimensions": REALTIME_VALUES,
    "tallywire.v1.Filter.dimensions": FILTERS,
    "tallywire.v1.EventFilter.event_types": LISTED_TYPES,
    "tallywire.v1.EventFilter.dimensions": LISTED_VALUES,
    "tallywire.v1.EventFilter.properties": LISTED_PROPERTIES,
    "tallywire.v1.GetForecastRequest.holidays": HOLIDAYS,
    "tallywire.v1.Holiday.dates": HOLIDAY_DATES,
    "tallywire.v1.SignInRequest.scopes": SCOPES,
    "tallywire.v1.CreateSignInCodeRequest.scopes": SCOPES,
    "tallywire.v1.CreateEmbedTokenRequest.rpcs": RPCS,
    "tallywire.v1.CreateEmbedTokenRequest.origins": ORIGINS,
    "tallywire.v1.ApiKey.scopes": SCOPES,
    "tallywire.v1.ApiKey.networks": NETWORKS,
    "tallywire.v1.Role.scopes": SCOPES,
    "tallywire.v1.Restriction.values": RESTRICTED_VALUES,
    "tallywire.v1.OrganizationSettings.secret_keys": SECRET_KEYS,
    "tallywire.v1.OrganizationSettings.pairs": KEPT_PAIRS,
    "tallywire.v1.Dashboard.tiles": TILES,
    "tallywire.v1.Report.blocks": BLOCKS,
    "tallywire.v1.Report.people": PEOPLE,
    "tallywire.v1.Report.formats": FORMATS,
    "tallywire.v1.RunReportRequest.formats": FORMATS,
    "tallywire.v1.ReportSchedule.formats": FORMATS,
    "tallywire.v1.ReportSchedule.destination_ids": DESTINATIONS,
    "tallywire.v1.ReportSchedule.next_runs": NEXT_RUNS,
    "tallywire.v1.AlertRule.destination_ids": RULE_DESTINATIONS,
    "tallywire.v1.AlertRule.mute_windows": MUTE_WINDOWS,
    "tallywire.v1.Destination.topics": TOPICS,
    "tallywire.v1.Destination.unsubscribed": ADDRESSES,
    "tallywire.v1.MailTarget.addresses": ADDRESSES,
    "google.protobuf.FieldMask.paths": UPDATE_MASK,
    "google.protobuf.Struct.fields": PROPERTIES,
    "google.protobuf.ListValue.values": PROPERTY_VALUES,
}


def check_question(size: int) -> None:
    """Refuses a question with more bytes than any question needs."""
    if size > MAX_QUESTION_BYTES:
        raise _too_large(MAX_QUESTION_BYTES)


def check_sign_in(size: int) -> None:
    """Refuses a sign-in, which anybody can send, with more bytes than any needs."""
    if size > _MAX_SIGN_IN_BYTES:
        raise _too_large(_MAX_SIGN_IN_BYTES)


def span_too_large() -> Refused:
    """Returns the refusal of a span that has too much in it that must be looked at."""
    return Refused(Reason.EVENT_TOO_LARGE, "a span with too many attributes, or names of too many bytes")


def check_beside_events(size: int) -> None:
    """Refuses a request whose bytes beside its events are too many."""
    if size > MAX_BYTES_BESIDE_EVENTS:
        raise _too_large(MAX_BYTES_BESIDE_EVENTS)


def _too_large(limit: int) -> Refused:
    return Refused(
        Reason.REQUEST_TOO_LARGE,
        f"the request has more than {limit // 1024} KiB, events not counted",
        metadata={"limit": str(limit)},
    )
