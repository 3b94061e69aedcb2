"""The composition root: every part of a server is made once and handed over here."""

import signal
from collections.abc import Callable

import grpc
import structlog
from grpc_health.v1 import health

from server import errors, kinds, prometheus, telemetry
from server.admin import setup as administration
from server.admission import query_slots
from server.admission.admission import Admission, Bounds
from server.admission.event_loop import Arrivals
from server.admission.memory_shortage import Shortage
from server.admission.pressure import Pressure
from server.admission.query_slots import QuerySlots
from server.admission.rates import Rates
from server.alerts.incidents import Incidents
from server.alerts.rules import AlertRules
from server.alerts.watching import AlertWatch
from server.clock import Clock
from server.delivery import http_get
from server.delivery import setup as delivery
from server.delivery.stores import Files, StoredFiles
from server.exports.exports import ExportRoom
from server.forecasts.churn import ReturnForecasts
from server.forecasts.metric_forecast import Forecasts
from server.ingest.corrections import Corrector
from server.ingest.pipeline import Ingest
from server.lifecycle import garbage_collection, preconditions
from server.lifecycle.database_watch import DatabaseState, DatabaseWatch
from server.lifecycle.stop import Stop
from server.privacy.erasures import Erasures
from server.privacy.export import UserExports
from server.projections.projector import Projector
from server.query.custom_definitions import CustomDefinitions
from server.query.event_list import EventListing
from server.query.funnel_definitions import FunnelDefinitions
from server.query.gap_changes import GapChanges
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.query.rows_tokens import RowsTokens
from server.query.verifications import Verifications
from server.realtime.hubs import Hubs
from server.realtime.notifications import Notifications
from server.reports import setup as reports
from server.rollups.member_numbers import Limits
from server.rpc import incident_conversion, realtime_conversion, transport
from server.rpc.account_service import AccountService
from server.rpc.admin_service import AdminService
from server.rpc.alert_service import AlertService
from server.rpc.anomaly_service import AnomalyService
from server.rpc.asking import Asking
from server.rpc.audit_service import AuditService
from server.rpc.campaign_service import CampaignService
from server.rpc.custom_metric_service import CustomMetricService
from server.rpc.dashboard_service import DashboardService
from server.rpc.delivery_service import DeliveryService
from server.rpc.directory_service import DirectoryService
from server.rpc.endings import StreamLimits
from server.rpc.event_service import EventService
from server.rpc.export_service import ExportService
from server.rpc.forecast_service import ForecastService
from server.rpc.funnel_service import FunnelService
from server.rpc.gate import Gate
from server.rpc.leaderboard_service import LeaderboardService
from server.rpc.metrics_service import MetricsService
from server.rpc.noting import Noting
from server.rpc.privacy_service import PrivacyService
from server.rpc.realtime_service import RealtimeService
from server.rpc.report_questions import ReportQuestions
from server.rpc.report_service import ReportService
from server.rpc.services import FIELD_SCOPES, OPEN, SCOPES, Services
from server.rpc.trace_service import TraceService
from server.settings import Settings
from server.slow_questions import SlowQuestions
from server.store import sessions
from server.store.database import STEP_PATIENCE, Database
from server.tasks.wakeups import Wakeups
from server.tenancy.access_notes import AccessNotes
from server.tenancy.authentication import Authenticator
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits
from server.tenancy.sign_ins import SignIns
from server.tenancy.trusted import Trusted
from server.workspace.dashboards import SavedDashboards
from server.workspace.preferences import PreferenceChoices

_PATIENCE_SECONDS = 5.0  # for looks at keys and at the database's condition
_TAKE_IN_SECONDS = 1.0  # at most, of a server that stops, in which calls that have reached it are let in
_log = structlog.get_logger(__name__)


async def serve(settings: Settings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; raises SetupError if it cannot start. ready gets the address once it serves."""
    database = Database(
        settings.required("database_url"),
        ingest_connections=settings.ingest_connections,
        query_connections=settings.query_connections,
        realtime_connections=settings.realtime_connections,
        query_patience=settings.max_call_seconds,
        patience=_PATIENCE_SECONDS,
        step_patience=STEP_PATIENCE,
        node_urls=settings.node_urls,
    )
    wakeups = Wakeups(settings.required("redis_url"))
    stop = Stop((signal.SIGTERM, signal.SIGINT))
    try:
        running = Running(settings, database, wakeups, on_misfit=stop.asked.set)
        await running.start()
        garbage_collection.spare_collector()
        if ready is not None:
            ready(running.address)
        await stop.asked.wait()
        await running.stop()
        if running.misfit:
            raise errors.SetupError(running.misfit)
    finally:
        await wakeups.close()
        await database.close()
        stop.release()


class Running:
    """A server with all its parts; those that others look at are attributes.

    on_misfit is called once this code cannot run on the database's schema any more; misfit says why. Whoever runs the
    server stops it then.
    """

    def __init__(
        self, settings: Settings, database: Database, wakeups: Wakeups, *, on_misfit: Callable[[], None] = lambda: None
    ) -> None:
        redis_url = settings.required("redis_url")
        self._settings = settings
        self.database = database
        self._wakeups = wakeups
        self._secrets = KeyedHashes.from_settings(settings)
        self._clock = Clock()
        self.notifications = Notifications(redis_url, self._clock)
        self.files: Files = StoredFiles(settings.reports_url)
        self._slow = SlowQuestions(settings.slow_query_seconds)
        self._arrivals = Arrivals()
        self._pressure = Pressure(Shortage(settings.max_memory_mib * 2**20))
        self._rates = Rates(redis_url, share=settings.rate_share)
        self._ingest = Ingest(
            database,
            self._arrivals,
            self._clock,
            on_commit=self._after_commit,
            concurrency=settings.ingest_connections,
            distinct=Limits.from_settings(settings),
            digest=self._secrets.erased_user,
        )
        self.projector = Projector(database, on_revision=self._after_commit)
        self._admission = Admission(
            Bounds.from_settings(settings),
            DefaultLimits.from_settings(settings),
            self._ingest,
            self._rates,
            self._pressure,
            self._arrivals,
        )
        self.hubs = Hubs(
            database,
            self.projector,
            self.notifications,
            realtime_conversion.CODEC,
            connections=settings.realtime_connections,
            limit=settings.max_subscriptions,
            limit_each=settings.max_subscriptions_per_organization,
        )
        self.notes = AccessNotes(database, self._clock)
        self._trusted = Trusted.of(settings, database, self._clock, http_get.get)
        self._authenticator = Authenticator(
            database, self._secrets, self._clock, self._trusted.identities, notes=self.notes
        )
        self.exports = ExportRoom(database, self.notes)
        self.services = self._make_services()
        self._server = self._make_server()
        self._watch = DatabaseWatch(database, self._clock, on_look=self._report_memory, on_state=self._follow)
        self._on_misfit = on_misfit
        self._serving = False
        self.misfit: str | None = None
        self.epoch = ""
        self.address = settings.listen

    def _make_services(self) -> Services:
        settings = self._settings
        limits = StreamLimits.from_settings(settings)
        slots = QuerySlots(
            settings.query_connections, limit=settings.max_queries, limit_each=settings.max_queries_per_organization
        )
        queries = Queries(self.database, self._clock, slots, self.projector)
        tokens, rows = PageTokens(self._secrets), RowsTokens(self._secrets)
        verifications = Verifications(
            self.database, queries, slots, Limits.from_settings(settings), on_commit=self._after_commit
        )
        limits_of, kept = DefaultLimits.from_settings(settings), query_slots.of_workspace()
        asking = self.asking = Asking(
            queries=queries, pages=tokens, rows=rows, limits=limits_of, secrets=self._secrets, slow=self._slow
        )
        administered = self._administer(queries, limits_of, kept)
        return Services(
            events=self._make_events(EventListing(queries, tokens, rows), queries, limits),
            metrics=MetricsService(asking),
            accounts=AccountService(
                self._authenticator,
                SignIns(self.database, self._secrets),
                administered.sessions,
                PreferenceChoices(self.database, kept),
                queries,
                limits_of,
                self._clock,
                kept,
            ),
            admin=AdminService(administered),
            dashboards=DashboardService(SavedDashboards(self.database, kept)),
            deliveries=self._make_deliveries(kept),
            leaderboards=LeaderboardService(asking),
            anomalies=AnomalyService(queries, query_slots.computing(query_slots.JUDGED_AT_ONCE)),
            campaigns=CampaignService(asking),
            directory=DirectoryService(asking, GapChanges(self.database, queries)),
            funnels=FunnelService(asking, FunnelDefinitions(self.database, queries)),
            reports=self._make_reports(ReportQuestions(asking), kept),
            alerts=self._make_alerts(queries, limits_of, kept, max_seconds=limits.age),
            custom_metrics=CustomMetricService(CustomDefinitions(self.database, queries)),
            audit=AuditService(asking, verifications, max_seconds=limits.age),
            privacy=PrivacyService(
                Erasures(self.database, self._secrets, self._wakeups.tasks),
                UserExports(self.database, self._secrets, self.projector),
            ),
            exports=ExportService(asking, self.exports, max_seconds=limits.age),
            forecasts=self._make_forecasts(queries, tokens),
            realtime=RealtimeService(self.hubs, self._secrets, max_seconds=limits.age),
            traces=(TraceService(self._ingest, self._admission, self._secrets, self._clock) if settings.otlp else None),
            health=health.aio.HealthServicer(),
        )

    def _administer(self, queries: Queries, limits: DefaultLimits, kept: QuerySlots) -> administration.Administration:
        known, wake = kinds.known(), self._wakeups.tasks
        return administration.of_servers(
            self.database, kept, self._secrets, self._clock, queries, limits=limits, kinds=known, on_task=wake
        )

    def _make_forecasts(self, queries: Queries, tokens: PageTokens) -> ForecastService:
        turns = query_slots.computing(query_slots.FORECASTS_AT_ONCE)
        return ForecastService(Forecasts(queries, turns), ReturnForecasts(queries, turns, tokens))

    def _make_events(self, listing: EventListing, queries: Queries, limits: StreamLimits) -> EventService:
        settings = self._settings
        return EventService(
            self._ingest,
            Corrector(
                self.database,
                self._clock,
                on_commit=self._after_commit,
                distinct=Limits.from_settings(settings),
                digest=self._secrets.erased_user,
            ),
            queries,
            self._admission,
            self._secrets,
            self._clock,
            listing,
            max_streams=settings.max_streams_per_organization,
            limits=limits,
        )

    def _make_deliveries(self, slots: QuerySlots) -> DeliveryService:
        known = delivery.of_servers(
            self._settings, self.database, self._secrets, slots, files=self.files, on_task=self._wakeups.tasks
        )
        return DeliveryService(*known, self._secrets)

    def _make_reports(self, questions: ReportQuestions, kept: QuerySlots) -> ReportService:
        known = reports.of_servers(
            self._settings, self.database, self._secrets, kept, self._clock, questions, on_task=self._wakeups.tasks
        )
        return ReportService(*known)

    def _make_alerts(
        self, queries: Queries, limits: DefaultLimits, kept: QuerySlots, *, max_seconds: float
    ) -> AlertService:
        settings = self._settings
        watch = AlertWatch(
            self.hubs.lookups,
            incident_conversion.watched,
            limit=settings.max_subscriptions,
            limit_each=settings.max_subscriptions_per_organization,
        )
        rules = AlertRules(self.database, kept, self._clock, limits, on_task=self._wakeups.tasks)
        incidents = Incidents(self.database, kept)
        turns = query_slots.computing(query_slots.JUDGED_AT_ONCE)
        return AlertService(queries, rules, incidents, watch, limits, self._secrets, turns, max_seconds=max_seconds)

    def _make_server(self) -> grpc.aio.Server:
        gate = Gate(
            self._authenticator,
            SCOPES,
            self._admission,
            Noting(self.notes, self._secrets),
            field_scopes=FIELD_SCOPES,
            open_methods=OPEN,
            certificates=self._trusted.certificates,
            slow=self._slow,
            max_call_seconds=self._settings.max_call_seconds,
        )
        server = grpc.aio.server(interceptors=(gate,), options=transport.options(self._settings))
        self.services.register(server)
        return server

    def _after_commit(self, organization_id: int) -> None:
        """Wakes workers and subscribers after a commit."""
        self._wakeups.fold(organization_id)
        self.notifications.committed(organization_id)

    async def start(self) -> None:
        """Checks the database, binds the port and serves."""
        sessions.forget_lost_answers()
        found = await preconditions.met(self.database, self._secrets)
        self._clock.set(found.condition.now)
        if found.condition.is_distributed:
            self._ingest.distribute()
        port = transport.bind(self._server, self._settings)
        prometheus.serve(self._settings.metrics_address, self._settings.metrics_port)
        self.epoch = self.notifications.epoch = found.deployment.epoch
        self.notifications.start(found.deployment.deployment_id)
        self._rates.start(found.deployment.deployment_id)
        self._pressure.start()
        self._trusted.looks.start()
        await self._server.start()
        self.address = f"{self._settings.listen.rpartition(':')[0]}:{port}"
        await self._report(serving=True)
        await self._report_memory()
        self._watch.start()
        self.notes.start()
        _log.info("serving", address=self.address, tls=self._settings.tls_certificate is not None)

    async def stop(self) -> None:
        """Refuses new calls, lets those under way finish, and returns when every event is written."""
        _log.info("draining")
        await self._watch.close()
        await self._report(serving=False)
        # gRPC cancels what has reached the server and is not taken in when it stops.
        await self._arrivals.let_calls_in(min(_TAKE_IN_SECONDS, self._settings.drain_seconds))
        self.services.events.drain()
        self.services.realtime.drain()
        self.services.alerts.drain()
        self.services.audit.drain()
        self.services.exports.drain()
        await self._server.stop(self._settings.drain_seconds)
        await self.notes.close()
        await self._ingest.drain()
        await self.projector.close()
        await self._trusted.looks.close()
        await self._pressure.close()
        await self._rates.close()
        await self.notifications.close()
        _log.info("stopped")

    async def _follow(self, found: DatabaseState) -> None:
        """Passes the state of the database on to the parts."""
        if found.epoch is not None and found.epoch != self.epoch:
            self._begin_epoch(found.epoch)
        stops = found.misfit is not None and self.misfit is None
        if stops:
            _log.error("this server stops", reason=found.misfit)
            self.misfit = found.misfit
        if found.epoch is not None and found.misfit is None:
            self._refuse_events(found.weak_settings)
        await self._report(serving=found.is_usable)
        if stops:
            self._on_misfit()

    def _begin_epoch(self, epoch: str) -> None:
        """Ends what belongs to an epoch that is over: subscriptions, and what is remembered of the database."""
        _log.warning("the database was restored to an earlier point; subscriptions end", epoch=epoch)
        self.epoch = self.notifications.epoch = epoch
        self._ingest.forget()
        self.hubs.set_epoch(epoch)

    def _refuse_events(self, weak_settings: tuple[str, ...]) -> None:
        """Makes ingest refuse events while the database could lose them."""
        if weak_settings and not self._ingest.weak:
            _log.error(
                "the database could lose acknowledged events; events are refused meanwhile", settings=weak_settings
            )
        self._ingest.weak = bool(weak_settings)

    async def _report(self, *, serving: bool) -> None:
        if serving != self._serving:
            self._serving = serving
            telemetry.SERVING.set(serving)
            await self.services.report(serving=serving)

    async def _report_memory(self) -> None:
        await self.services.report_memory(short=self._pressure.shortage.is_on)
