"""The service's own numbers and logs, for its operators. No value of a tenant's event ever gets into either."""

import logging
import sys
import traceback
from enum import StrEnum

import structlog
from prometheus_client import Counter, Gauge, Histogram

from server import log_throttle

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

EVENTS = Counter("tallywire_events", "Events by their result: accepted, duplicate or rejected.", ["status"])
OVERFLOWED_EVENTS = Counter(
    "tallywire_overflowed_events",
    "Accepted events with a value of a dimension over its limit, which is counted under _other.",
)
PENDING_EVENTS = Gauge("tallywire_pending_events", "Events that are queued for a transaction or are in one.")
BATCH_EVENTS = Histogram(
    "tallywire_batch_events", "Events per ingest transaction.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
)
COMMIT_SECONDS = Histogram("tallywire_commit_seconds", "Duration of ingest transactions.", buckets=_SECONDS)
COMMIT_RETRIES = Counter("tallywire_commit_retries", "Ingest transactions that were tried again.")
RPC_SECONDS = Histogram("tallywire_rpc_seconds", "Duration of RPCs.", ["method", "code"], buckets=_SECONDS)
OPEN_STREAMS = Gauge("tallywire_open_streams", "Streams of events that are open.")
SUBSCRIPTIONS = Gauge("tallywire_subscriptions", "Subscriptions that are open.")
REFUSALS = Counter("tallywire_refusals", "Calls that were refused, by reason.", ["reason"])
AUDIT_NOTES_LOST = Counter(
    "tallywire_audit_notes_lost", "Reads and refusals that did not come to the audit trail because of a fault."
)
INFLIGHT_BYTES = Gauge("tallywire_inflight_bytes", "Bytes of calls that send events and have no answer yet.")
LOOP_LAG = Gauge("tallywire_loop_lag_seconds", "Delay of the event loop when it was last measured.")
MEMORY_SHORT = Gauge(
    "tallywire_memory_short", "1 while the server is above its memory limit and leaves less room for calls."
)
SERVING = Gauge("tallywire_serving", "1 while the service reports itself as serving.")
FOLDED_DELTAS = Counter("tallywire_folded_deltas", "Deltas folded into rollups.")
FOLD_SECONDS = Histogram("tallywire_fold_seconds", "Duration of fold transactions.", buckets=_SECONDS)
TASKS = Gauge(
    "tallywire_tasks",
    "Tasks by kind and state: queued, running or dead. Every worker shows all tasks.",
    ["kind", "state"],
)
TASK_LAG = Gauge(
    "tallywire_task_lag_seconds",
    "For how long the oldest due task of a kind has been due. 0: none is due. Every worker shows all tasks.",
    ["kind"],
)
TASK_RUNS = Counter(
    "tallywire_task_runs",
    "Tries of tasks by their outcome: done, unfinished (goes on later), failed (tried again), dead, cancelled,"
    " handed_back (the worker stopped), lost (another worker has it) or unrecorded (see the log).",
    ["kind", "outcome"],
)
TASK_SECONDS = Histogram(
    "tallywire_task_seconds",
    "Duration of tries of tasks.",
    ["kind"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600),
)
DELIVERY_TRIES = Counter(
    "tallywire_delivery_tries",
    "Tries of deliveries by channel (mail, webhook, store) and outcome: delivered, failed (tried again) or refused.",
    ["channel", "outcome"],
)
DELIVERY_SECONDS = Histogram(
    "tallywire_delivery_seconds",
    "Duration of tries of deliveries, until the receiver has answered.",
    ["channel"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30),
)
DELIVERIES_ENDED = Counter(
    "tallywire_deliveries_ended", "Deliveries by channel and how they ended: delivered or dead.", ["channel", "state"]
)
DESTINATIONS_PAUSED = Counter(
    "tallywire_destinations_paused", "Destinations that were paused since nothing arrived there.", ["channel"]
)
DOWNLOADS = Counter(
    "tallywire_downloads", "Reads of files by links, by what came of them: served or refused.", ["result"]
)
ALERT_RULES = Counter(
    "tallywire_alert_rules",
    "Looks at rules of alerts by outcome: looked, failed (it cannot be looked at, or not now) or lost (another worker"
    " was there before).",
    ["outcome"],
)
ALERT_LAG_SECONDS = Histogram(
    "tallywire_alert_lag_seconds",
    "Seconds between the time at which a rule of alerts was due and the commit of what was found.",
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 30, 60, 300),
)
INCIDENTS = Counter("tallywire_incidents", "Incidents of alerts by what became of them: opened or closed.", ["what"])
PROJECTED_EVENTS = Counter("tallywire_projected_events", "Events that projections have taken in.", ["projection"])
PROJECTION_SECONDS = Histogram(
    "tallywire_projection_step_seconds", "Duration of steps of projections.", ["projection"], buckets=_SECONDS
)
PROJECTION_LAG_REVISIONS = Gauge(
    "tallywire_projection_lag_revisions",
    "Revisions that a projection has not seen, over all organizations.",
    ["projection"],
)
PROJECTION_LAG_SECONDS = Gauge(
    "tallywire_projection_lag_seconds",
    "Seconds between the time up to which a projection has seen everything and the newest revision, at most.",
    ["projection"],
)
PROJECTIONS_STOPPED = Gauge(
    "tallywire_projections_stopped", "Projections of an organization that have stopped at a revision. Must be 0."
)
MISMATCHES = Gauge(
    "tallywire_audit_mismatches",
    "Cells that differed from raw events in the last or the present round of the audit. Must be 0.",
)
AUDIT_ROUND_BEGAN = Gauge(
    "tallywire_audit_full_round_began_timestamp_seconds",
    "Unix time at which the last full round of the audit began. What the audit says is this old. 0: no round yet.",
)
AUDIT_ROUND_ENDED = Gauge(
    "tallywire_audit_full_round_ended_timestamp_seconds", "Unix time at which that round ended. 0: no round yet."
)
AUDIT_SKIPPED = Gauge(
    "tallywire_audit_full_round_skipped",
    "Organizations that the last full round left out because they could not be read. Must be 0.",
)
AUDIT_COVERED = Gauge(
    "tallywire_audit_covered_ratio", "Share of the organizations that the present round of the audit has looked at."
)

WEB_READERS = Gauge("tallywire_web_readers", "Browsers' streams of live figures that are open.")
WEB_UPSTREAMS = Gauge("tallywire_web_upstreams", "Streams of the service that feed them.")
WEB_CALLS = Counter(
    "tallywire_web_calls", "Calls of pages by method and code, as the page was answered.", ["method", "code"]
)
WEB_SIGN_INS_REFUSED = Counter(
    "tallywire_web_sign_ins_refused",
    "Sign-ins that were refused: wrong, or throttled after too many of these.",
    ["why"],
)
WEB_FORGED = Counter("tallywire_web_forged", "Requests that were refused since they did not come from our own pages.")
WEB_SENT_BYTES = Counter("tallywire_web_sent_bytes", "Bytes of answers, without headers.")


class LogFormat(StrEnum):
    """How a log line looks."""

    CONSOLE = "console"
    JSON = "json"


def _frames(exc_info: structlog.typing.ExcInfo) -> str:
    """Returns an exception and its causes by type and place. Messages of drivers are left out: they hold values."""
    lines: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        lines += [line.rstrip() for line in traceback.format_tb(error.__traceback__)]
        lines.append(type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(lines)


class _NobodyWaits(logging.Filter):
    """A filter that logs gRPC's report of an answer without a receiver as information: the caller was gone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets all else through."""
        error = record.exc_info[1] if record.exc_info else None
        if type(error).__name__ != "ExecuteBatchError":
            return True
        log_throttle.write(
            "info", "nobody waited for an answer any more", record.getMessage(), report=record.getMessage()
        )
        return False


_NOBODY_WAITS = _NobodyWaits()


def configure_logs(level: str, form: LogFormat, *, process: int | None = None) -> None:
    """Sends structured logs to stderr; those of libraries too, from WARNING on.

    Where several server processes write to one place, each names its number in its lines.
    """

    def name(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return line if process is None else {**line, "process": process}

    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_frames),
    ]
    if form is LogFormat.JSON:
        processors.append(structlog.processors.JSONRenderer())
    else:
        processors.append(
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        )
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("grpc._cython.cygrpc").addFilter(_NOBODY_WAITS)
