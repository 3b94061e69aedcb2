"""The server process: puts the parts together, watches the database, and stops without losing anything."""

import asyncio
import contextlib
import gc
import signal
from collections.abc import Callable, Iterator

import grpc
import structlog
from grpc_health.v1 import health

from server import errors, log_throttle, prometheus, telemetry
from server.admission.admission import Admission, Bounds
from server.admission.event_loop import Arrivals
from server.admission.memory_shortage import Shortage
from server.admission.pressure import Pressure
from server.admission.query_slots import QuerySlots
from server.admission.rates import Rates
from server.clock import Clock
from server.ingest.pipeline import Ingest
from server.organizations.errors import PseudonymKeyChanged
from server.query.queries import Queries
from server.realtime.hubs import Hubs
from server.realtime.notifications import Notifications
from server.rollups.member_numbers import Limits
from server.rpc import certificates, realtime_conversion, transport
from server.rpc.endings import StreamLimits
from server.rpc.event_service import EventService
from server.rpc.gate import Gate
from server.rpc.metrics_service import MetricsService
from server.rpc.realtime_service import RealtimeService
from server.rpc.services import FIELD_SCOPES, SCOPES, Services
from server.settings import Settings
from server.store import diagnosis, migrate, partitions, sessions
from server.store.database import Condition, Database
from server.store.deployment import Deployment
from server.tasks.wakeups import Wakeups
from server.tenancy import pseudonyms
from server.tenancy.authentication import Authenticator
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits

_WATCH_SECONDS = 2.0
_PARTITIONS_EVERY = 1800.0
_PATIENCE_SECONDS = 5.0  # for looks at keys and at the database's condition
_TAKE_IN_SECONDS = 1.0  # at most, of a server that stops, in which calls that have reached it are let in
_log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; SetupError where it cannot start. ready gets the address once it serves."""
    stop = asyncio.Event()
    with _signals(stop):
        database = Database(
            settings.required("database_url"),
            ingest_connections=settings.ingest_connections,
            query_connections=settings.query_connections,
            realtime_connections=settings.realtime_connections,
            query_patience=settings.max_call_seconds,
            patience=_PATIENCE_SECONDS,
        )
        wakeups = Wakeups(settings.required("redis_url"))
        try:
            running = Running(settings, database, wakeups, on_misfit=stop.set)
            await running.start()
            _spare_the_collector()
            if ready is not None:
                ready(running.address)
            await stop.wait()
            await running.stop()
            if running.misfit:
                raise errors.SetupError(running.misfit)
        finally:
            await wakeups.close()
            await database.close()


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for one in signals:
        loop.add_signal_handler(one, stop.set)
    try:
        yield
    finally:
        for one in signals:
            loop.remove_signal_handler(one)


class Running:
    """A server with all its parts.

    on_misfit is called once this code cannot run on the database's schema any more; misfit says why. Whoever runs the
    server stops it then.
    """

    def __init__(
        self, settings: Settings, database: Database, wakeups: Wakeups, *, on_misfit: Callable[[], None] = lambda: None
    ) -> None:
        pseudonym_key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key else None
        secrets = KeyedHashes(
            settings.required("key_pepper"), accepted=settings.accepted_peppers, pseudonym_key=pseudonym_key
        )
        self._settings = settings
        self._secrets = secrets
        self._database = database
        self._clock = Clock()
        self._wakeups = wakeups
        self._notifications = Notifications(settings.required("redis_url"), self._clock)
        self._arrivals = Arrivals()
        self._ingest = Ingest(
            database,
            self._arrivals,
            self._clock,
            on_commit=self._after_commit,
            concurrency=settings.ingest_connections,
            distinct=Limits(
                agents=settings.max_distinct_agents,
                channels=settings.max_distinct_channels,
                teams=settings.max_distinct_teams,
                event_types=settings.max_distinct_event_types,
            ),
        )
        self._pressure = Pressure(Shortage(settings.max_memory_mib * 2**20))
        self._rates = Rates(settings.required("redis_url"), share=settings.rate_share)
        admission = Admission(
            _bounds(settings), _defaults(settings), self._ingest, self._rates, self._pressure, self._arrivals
        )
        turns = QuerySlots(
            settings.query_connections, limit=settings.max_queries, limit_each=settings.max_queries_per_organization
        )
        self._hubs = Hubs(
            database,
            self._notifications,
            realtime_conversion.CODEC,
            connections=settings.realtime_connections,
            limit=settings.max_subscriptions,
            limit_each=settings.max_subscriptions_per_organization,
        )
        self._services = Services(
            events=EventService(
                self._ingest,
                admission,
                secrets,
                self._clock,
                max_streams=settings.max_streams_per_organization,
                limits=_stream_limits(settings),
            ),
            metrics=MetricsService(Queries(database, self._clock, turns)),
            realtime=RealtimeService(self._hubs, secrets, max_seconds=_stream_limits(settings).age),
            health=health.aio.HealthServicer(),
        )
        authenticator = Authenticator(database, secrets, self._clock)
        gate = Gate(
            authenticator,
            SCOPES,
            admission,
            field_scopes=FIELD_SCOPES,
            max_call_seconds=settings.max_call_seconds,
        )
        self._server = grpc.aio.server(interceptors=(gate,), options=transport.options(settings))
        self._services.register(self._server)
        self._watcher: asyncio.Task[None] | None = None
        self._serving = False
        self._on_misfit = on_misfit
        self.misfit: str | None = None
        self._epoch = ""
        self.address = settings.listen

    def _after_commit(self, organization_id: int) -> None:
        """Tells workers and subscribers of a commit."""
        self._wakeups.fold(organization_id)
        self._notifications.committed(organization_id)

    async def start(self) -> None:
        """Checks the database, binds the port and serves."""
        sessions.forget_lost_answers()
        found = await self._check_schema()
        condition = await self._check_condition()
        try:
            await pseudonyms.pin_pseudonyms(self._database, self._secrets)
        except PseudonymKeyChanged as error:
            raise errors.SetupError(
                f"{error}, so every such user would count as a new one: add that key, once the value of"
                " TALLYWIRE_KEY_PEPPER, to TALLYWIRE_KEY_PEPPERS_ACCEPTED, or set TALLYWIRE_PSEUDONYM_KEY to it; if it"
                " is lost, run `python -m server pseudonyms forget`"
            ) from None
        self._clock.set(condition.now)
        port = self._bind()
        prometheus.serve(self._settings.metrics_address, self._settings.metrics_port)
        self._epoch = self._notifications.epoch = found.epoch
        self._notifications.start(found.deployment_id)
        self._rates.start(found.deployment_id)
        self._pressure.start()
        await self._server.start()
        self.address = f"{self._settings.listen.rpartition(':')[0]}:{port}"
        await self._report(serving=True)
        await self._services.report_memory(short=self._pressure.shortage.is_on)
        self._watcher = asyncio.create_task(self._watch())
        _log.info("serving", address=self.address, tls=self._settings.tls_certificate is not None)

    async def stop(self) -> None:
        """Refuses new calls, lets those under way finish, and returns when every event is written."""
        _log.info("draining")
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        await self._report(serving=False)
        # gRPC cancels what has reached the server and is not taken in when it stops.
        await self._arrivals.let_calls_in(min(_TAKE_IN_SECONDS, self._settings.drain_seconds))
        self._services.events.drain()
        self._services.realtime.drain()
        await self._server.stop(self._settings.drain_seconds)
        await self._ingest.drain()
        await self._pressure.close()
        await self._rates.close()
        await self._notifications.close()
        _log.info("stopped")

    async def _check_schema(self) -> Deployment:
        return diagnosis.checked_schema(await migrate.current(self._database))

    async def _check_condition(self) -> Condition:
        condition = await self._database.condition()
        if condition.weak_settings:
            raise errors.SetupError(
                "the database could lose acknowledged events: set it to be durable, it says "
                + ", ".join(condition.weak_settings)
            )
        async with self._database.transaction() as connection:
            await partitions.ensure(connection, condition.now.date())
        return condition

    def _bind(self) -> int:
        listen = self._settings.listen
        try:
            credentials = certificates.credentials(self._settings)
            if credentials is None:
                return self._server.add_insecure_port(listen)
            return self._server.add_secure_port(listen, credentials)
        except RuntimeError as error:
            raise errors.SetupError(
                f"cannot listen on {listen}: the port is taken or the address is not this machine's;"
                " choose another with TALLYWIRE_LISTEN"
            ) from error

    async def _watch(self) -> None:
        """Follows the database's clock, settings and schema, and tells health checks and ingest what they mean."""
        loop = asyncio.get_running_loop()
        partitions_due = loop.time() + _PARTITIONS_EVERY
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            await self._services.report_memory(short=self._pressure.shortage.is_on)
            try:
                condition = await self._database.condition()
                self._clock.set(condition.now)
                if await self._fits():
                    await self._judge(condition)
                if loop.time() > partitions_due:
                    async with self._database.transaction() as connection:
                        await partitions.ensure(connection, condition.now.date())
                    partitions_due = loop.time() + _PARTITIONS_EVERY
            except errors.StorageUnavailable as error:
                log_throttle.write("warning", "storage unavailable", str(error), reason=str(error))
                await self._report(serving=False)
            except Exception as error:  # noqa: BLE001 - the watch outlives whatever happens
                log_throttle.write("error", "the watch on the database failed; it goes on", error=error)

    async def _fits(self) -> bool:
        """Whether this code can run on the database's schema, as it is now."""
        found = await migrate.current(self._database)
        if found is None:
            raise errors.StorageUnavailable("the database has no schema; is it being restored?")
        self._follow(found.epoch)
        fault = diagnosis.schema_fault(found)
        if fault and not self.misfit:
            _log.error("this server stops", reason=fault)
            self.misfit = fault
            await self._report(serving=False)
            self._on_misfit()
        return not fault

    def _follow(self, epoch: str) -> None:
        """Ends what belongs to an epoch that is over: subscriptions, and what is remembered of the database."""
        if epoch == self._epoch:
            return
        _log.warning("the database was restored to an earlier point; subscriptions end", epoch=epoch)
        self._epoch = self._notifications.epoch = epoch
        self._ingest.forget()
        self._hubs.set_epoch(epoch)

    async def _judge(self, condition: Condition) -> None:
        weak = condition.weak_settings
        if weak and not self._ingest.weak:
            _log.error("the database could lose acknowledged events; nothing is taken in", settings=weak)
        self._ingest.weak = bool(weak)
        await self._report(serving=not weak)

    async def _report(self, *, serving: bool) -> None:
        if serving != self._serving:
            self._serving = serving
            telemetry.SERVING.set(serving)
            await self._services.report(serving=serving)


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        inflight_bytes=settings.max_inflight_mib * 2**20,
        queue_seconds=settings.max_queue_seconds,
        lag_seconds=settings.max_lag_seconds,
    )


def _defaults(settings: Settings) -> DefaultLimits:
    return DefaultLimits(
        events_per_second=settings.events_per_second,
        burst_events=settings.burst_events,
        monthly_events=settings.monthly_events,
    )


def _stream_limits(settings: Settings) -> StreamLimits:
    # What is left of a connection that is to end is over before gRPC cuts it.
    age = settings.connection_grace_seconds if settings.max_connection_seconds else 0
    return StreamLimits(age=age, idle=settings.max_stream_idle_seconds)


def _spare_the_collector() -> None:
    """Lets the garbage collector look at fewer objects, less often: events come by the thousand and hold no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
