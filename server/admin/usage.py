"""What organizations use: events of the month, and the storage that their events tell of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server import timerange
from server.admin import whose
from server.admin.pages import AdminPage, AdminPages, AskedPage
from server.admission import quotas
from server.admission.query_slots import QuerySlots
from server.catalog import figures
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.organizations.organization import Organization
from server.query import storage
from server.query.answers import Period
from server.query.queries import Queries
from server.store import organizations as stored
from server.store.database import Database
from server.tenancy import principal as principals
from server.tenancy.limits import DefaultLimits
from server.tenancy.principal import Principal
from server.timerange import TimeRange

_WANTED = figures.wanted((), *storage.TERMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an organization uses. limit None: there is none. storage is in bytes, by kind."""

    organization: Organization
    events: int
    limit: int | None
    resets_at: datetime
    storage: Mapping[str, int] = field(default_factory=dict)

    @property
    def remaining(self) -> int | None:
        """Returns how many more events fit."""
        return None if self.limit is None else max(0, self.limit - self.events)

    @property
    def share(self) -> float | None:
        """Returns how much of the quota is used, as a fraction."""
        return None if self.limit is None else self.events / self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePlan:
    """What to read: changes of storage since the beginning, by kind."""

    by_kind: Mapping[str, Selection]
    event_types: None = None

    def selections(self) -> Iterable[Selection]:
        """Returns the plan's selections."""
        return self.by_kind.values()


class UsageAdmin:
    """Tells what organizations use. queries are those of everybody's questions; defaults are the operator's limits."""

    def __init__(
        self, database: Database, slots: QuerySlots, queries: Queries, defaults: DefaultLimits, pages: AdminPages
    ) -> None:
        self._database = database
        self._slots = slots
        self._queries = queries
        self._defaults = defaults
        self._pages = pages

    async def get(self, principal: Principal, name: str) -> Usage:
        """Returns what an organization uses."""
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            owner = await whose.organization(driver, principal, name)
            events = await stored.events_of_month(driver, [owner.organization_id])
        return self._usage(owner, events, await self._storage(owner))

    async def listed(self, principal: Principal, asked: AskedPage) -> AdminPage[Usage]:
        """Returns a page of what all organizations use, without storage."""
        whose.check_operator(principal)
        question = ("usage",)
        place = self._pages.place(principal, question, asked)
        after = int(place[0] or 0) if place else 0
        async with self._slots.slot(principal), self._database.query(of=whose.seen(principal)) as driver:
            found = await stored.page(driver, None, after, asked.size + 1)
            events = await stored.events_of_month(driver, [one.organization_id for one in found])
        page = self._pages.page(principal, question, asked, found, lambda one: [one.organization_id])
        return AdminPage(rows=[self._usage(one, events, {}) for one in page.rows], next_page_token=page.next_page_token)

    def _usage(self, one: Organization, events: Mapping[int, int], by_kind: Mapping[str, int]) -> Usage:
        return Usage(
            organization=one,
            events=events.get(one.organization_id, 0),
            limit=self._defaults.of(one.settings).monthly_events or None,
            resets_at=quotas.next_month(self._queries.now()),
            storage=by_kind,
        )

    async def _storage(self, one: Organization) -> Mapping[str, int]:
        """Returns the storage in use by kind, up to now."""
        now = self._queries.now()
        period = Period(start=now - timedelta(days=1), end=now, zone=timerange.zone("UTC"))
        asker = principals.of_service(one.organization_id, one.settings)
        async with self._queries.reading(asker, period, _WANTED, _plan) as (_, read):
            return storage.in_use(read.plan.by_kind, read.found.cells)


def _plan(period: TimeRange) -> StoragePlan:
    return StoragePlan(by_kind=storage.selections(Filter(), period.bounds.end))
