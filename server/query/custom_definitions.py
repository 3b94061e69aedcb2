"""How organizations define custom metrics, look at them and delete them. Changes are in the audit trail."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from server.admission.query_slots import QuerySlots
from server.catalog.custom_metrics import LAST_NUMBER, MOST, CustomMetric, KeptMetric
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.query.queries import Queries
from server.store import custom_metrics as stored
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_AT_ONCE = 2  # changes in this process
_MOST_WAITING, _MOST_WAITING_EACH = 40, 10


class CustomDefinitions:
    """The custom metrics of organizations. Definitions, deletions, steps of the projection and history take turns.

    So a change may wait for some seconds. Few do at once, and the others wait for slots of their own: they never take
    the connections that others need.
    """

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database = database
        self._queries = queries
        self._slots = QuerySlots(_AT_ONCE, limit=_MOST_WAITING, limit_each=_MOST_WAITING_EACH)

    @contextlib.asynccontextmanager
    async def _changing(self, principal: Principal) -> AsyncIterator[Driver]:
        """Gives a transaction that changes definitions."""
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            yield driver

    async def define(self, principal: Principal, metric: CustomMetric, by: Actor) -> KeptMetric:
        """Defines a metric and returns it; refuses a name that is taken, and more metrics than there may be."""
        organization_id = principal.organization_id
        async with self._changing(principal) as driver:
            locked = await stored.begin(driver, organization_id)
            assert locked is not None  # noqa: S101 - the caller's organization has revisions
            others = await stored.listed(driver, organization_id)
            if any(one.definition.name == metric.name for one in others):
                raise Refused(
                    Reason.CUSTOM_METRIC_EXISTS,
                    f"the organization has a custom metric {metric.name!r}: choose another name, or delete that one",
                    field="metric.name",
                    metadata={"metric": metric.name},
                )
            number = await stored.last_number(driver, organization_id) + 1
            if len(others) >= MOST or number > LAST_NUMBER:
                raise _limit(LAST_NUMBER if number > LAST_NUMBER else MOST)
            await stored.add(driver, organization_id, number, metric, locked.position.revision)
            entry = Entry(actor=by, action="custom_metric.created", subject=metric.name, after=_told(metric))
            await audit_trail.record(driver, organization_id, entry)
            return await _found(driver, organization_id, metric.name)

    async def get(self, principal: Principal, name: str) -> KeptMetric:
        """Returns a metric by its name; refuses one that is not there."""
        async with self._queries.looking(principal) as driver:
            return await _found(driver, principal.organization_id, name)

    async def listed(self, principal: Principal) -> Sequence[KeptMetric]:
        """Returns all metrics of the caller's organization, by name."""
        async with self._queries.looking(principal) as driver:
            return await stored.listed(driver, principal.organization_id)

    async def delete(self, principal: Principal, name: str, by: Actor) -> None:
        """Deletes a metric; refuses one that is not there."""
        async with self._changing(principal) as driver:
            await stored.lock(driver, principal.organization_id)
            metric = await _found(driver, principal.organization_id, name)
            await stored.delete(driver, principal.organization_id, name)
            entry = Entry(actor=by, action="custom_metric.deleted", subject=name, before=_told(metric.definition))
            await audit_trail.record(driver, principal.organization_id, entry)


def _told(metric: CustomMetric) -> Mapping[str, object]:
    """Returns a definition as the audit trail tells it."""
    return {
        "event_types": list(metric.event_types),
        "aggregation": metric.aggregation.value,
        "value": metric.value.text if metric.value else "",
        "decimals": metric.decimals,
        "filter": f"{metric.filter.path.text} = {metric.filter.equals}" if metric.filter else "",
        "dimension": metric.dimension.text if metric.dimension else "",
        "unit": metric.unit,
    }


async def _found(driver: Driver, organization_id: int, name: str) -> KeptMetric:
    found = await stored.named(driver, organization_id, name)
    if found is None:
        raise _not_found(name)
    return found


def _not_found(name: str) -> Refused:
    return Refused(
        Reason.CUSTOM_METRIC_NOT_FOUND,
        f"the organization has no custom metric {name[:64]!r}",
        field="name",
        metadata={"metric": name[:64]},
    )


def _limit(limit: int) -> Refused:
    return Refused(
        Reason.CUSTOM_METRIC_LIMIT,
        f"the organization has {limit} custom metrics, which is the most: delete one that nobody needs",
        metadata={"limit": str(limit)},
    )
