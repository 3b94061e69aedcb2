"""Leads in order, a page at a time: by their keys, or, of few of them, by anything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from server.catalog import cells
from server.catalog.lead_lists import LeadFilter, LeadList, LeadOrder, LeadPlace
from server.events import lead, rules
from server.events.lead import Lead
from server.store import instants, leads, projections, statements
from server.store.database import Driver

MOST = 20_000  # leads that are put in order, or looked at for a page
_VERSION = projections.VERSION.format("leads").replace("$1", ":organization_id")
_LAST = chr(0x10FFFF) * 64  # behind every text of 256 bytes that it is appended to the beginning of
_NO_VALUE = {True: -1, False: 2**62}  # in the place of a value that is not there, descending and ascending: the last
_SORTS = {
    LeadOrder.CREATED: instants.selected("began_at"),
    LeadOrder.LAST_SEEN: instants.selected("last_at"),
    LeadOrder.VALUE: "coalesce(value_micros, {no_value})",
    LeadOrder.LEAD_ID: "0::bigint",
}


def place_of(asked: LeadList, one: Lead) -> LeadPlace:
    """Returns the place of a lead in a list."""
    match asked.order:
        case LeadOrder.CREATED:
            value = one.began_at
        case LeadOrder.LAST_SEEN:
            value = one.last_at
        case LeadOrder.VALUE:
            value = _NO_VALUE[asked.descending] if one.value_micros is None else one.value_micros
        case _:
            value = 0
    return LeadPlace(value=value, lead_id=one.lead_id)


async def too_many(driver: Driver, organization_id: int, asked: LeadList, own_currency: str) -> bool:
    """Returns whether there are more leads than can be put in order."""
    if asked.has_index:
        return False
    one = _Statement.of(organization_id, asked, own_currency)
    count = f"SELECT count(*) FROM ({one.candidates}) AS c"  # noqa: S608 - constants of this file
    text, arguments = one.numbered(count, None, looked_at=MOST + 1)
    found: int = await driver.fetchval(text, *arguments)
    return found > MOST


async def changed_since(driver: Driver, organization_id: int, revision: int) -> bool:
    """Returns whether leads may have changed since a revision: events of leads have come in, or were corrected or
    retracted, or too many events have come in to look at.
    """
    row = await driver.fetchrow(_SINCE, organization_id, revision, _LOOKED_AT + 1)
    return row is None or row["of_leads"] > 0 or row["events"] > _LOOKED_AT or row["is_replaced"]


_LOOKED_AT = 100_000  # events
_OF_LEADS = f"event_type IN ({', '.join(map(repr, lead.EVENT_TYPES))})"
_SINCE = (
    f"SELECT count(*) FILTER (WHERE {_OF_LEADS}) AS of_leads, count(*) AS events, EXISTS ("  # noqa: S608
    f"SELECT FROM replaced_events WHERE organization_id = $1 AND revision > $2 AND {_OF_LEADS}) AS is_replaced FROM ("
    "SELECT event_type FROM events WHERE organization_id = $1 AND revision > $2 ORDER BY revision LIMIT $3) AS e"
)


async def page(
    driver: Driver, organization_id: int, asked: LeadList, own_currency: str, after: LeadPlace | None, limit: int
) -> list[Lead]:
    """Returns leads in order, those after a place, as many as a limit allows, among those that may be looked at."""
    one = _Statement.of(organization_id, asked, own_currency)
    looked_at = limit if asked.has_index and not asked.filter.looks_into_rows else MOST
    text, arguments = one.numbered(one.page, after, limit=limit, looked_at=looked_at)
    return list(map(leads.read, await driver.fetch(text, *arguments)))


async def reached(
    driver: Driver, organization_id: int, asked: LeadList, own_currency: str, after: LeadPlace | None
) -> LeadPlace | None:
    """Returns the place of the last lead that may be looked at for a page after another place; None where there are no
    others.
    """
    if not asked.has_index:
        return None
    one = _Statement.of(organization_id, asked, own_currency)
    last = f"SELECT {one.sort} AS value, lead_id FROM ({one.candidates}) AS c OFFSET :looked_at - 1"  # noqa: S608
    text, arguments = one.numbered(last, after, looked_at=MOST)
    row = await driver.fetchrow(text, *arguments)
    return None if row is None else LeadPlace(value=row[0], lead_id=row[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The parts of the statements of a list. candidates is SQL that reads the leads that are put in order, or, with an
    index, the next ones in it; sort is what orders them.
    """

    asked: LeadList
    candidates: str
    conditions: str
    sort: str
    values: Mapping[str, object]

    @classmethod
    def of(cls, organization_id: int, asked: LeadList, own_currency: str) -> "_Statement":
        """Returns the statements of a list."""
        values: dict[str, object] = {"organization_id": organization_id, "last": _LAST}
        within = " AND ".join(_ranges(asked.filter, values))
        conditions = " AND ".join(_conditions(asked.filter, own_currency, values)) or "true"
        of = f"SELECT * FROM leads WHERE organization_id = :organization_id AND version = {_VERSION}"  # noqa: S608
        if asked.has_index:
            than, direction = ("<", "DESC") if asked.descending else (">", "ASC")
            if asked.order is LeadOrder.CREATED:
                place = f"(began_at, lead_id) {than} ({instants.stored(':value::bigint')}, :after::text)"
                order = f"began_at {direction}, lead_id {direction}"
            else:
                place, order = f"lead_id {than} :after::text", f"lead_id {direction}"
            candidates = f"{of} AND {within} AND {place} ORDER BY {order} LIMIT :looked_at"
        else:
            candidates = f"{of} AND {within} AND {conditions} LIMIT :looked_at"
            conditions = "true"
        sort = _SORTS[asked.order].format(no_value=_NO_VALUE[asked.descending])
        return cls(asked=asked, candidates=candidates, conditions=conditions, sort=sort, values=values)

    @property
    def page(self) -> str:
        """Returns the statement of a page."""
        than, direction = ("<", "DESC") if self.asked.descending else (">", "ASC")
        beyond = "" if self.asked.has_index else f" AND ({self.sort}, lead_id) {than} (:value::bigint, :after::text)"
        return (
            f"SELECT {leads.SELECTED} FROM ({self.candidates}) AS l WHERE {self.conditions}{beyond}"  # noqa: S608
            f" ORDER BY {self.sort} {direction}, lead_id {direction} LIMIT :limit"
        )

    def numbered(self, named: str, after: LeadPlace | None, **more: int) -> tuple[str, list[object]]:
        """Returns the text of a statement and its arguments."""
        statement = statements.numbered(named)
        if after is None:
            after = LeadPlace(value=rules.LAST_INSTANT, lead_id=_LAST) if self.asked.descending else _FIRST
        known = {**self.values, "value": after.value, "after": after.lead_id, **more}
        return statement.text, list(map(known.__getitem__, statement.parameters))


_FIRST = LeadPlace(value=-2, lead_id="")


def _ranges(chosen: LeadFilter, values: dict[str, object]) -> Iterator[str]:
    """Yields the conditions that are ranges of indexes."""
    yield "began_at > '-infinity'"
    if chosen.prefix:
        values["prefix"] = chosen.prefix
        yield "lead_id >= :prefix::text AND lead_id <= :prefix::text || :last::text"
    for name, sign, at in (("from", ">=", chosen.created_from), ("before", "<", chosen.created_before)):
        if at is not None:
            values[f"created_{name}"] = at
            yield f"began_at {sign} {instants.stored(f':created_{name}::bigint')}"


def _conditions(chosen: LeadFilter, own_currency: str, values: dict[str, object]) -> Iterator[str]:
    """Yields the other conditions."""
    for name in ("agent_id", "channel", "team_id", "campaign_id"):
        if value := getattr(chosen, name):
            values[name] = value
            yield f"{leads.named(name)} = :{name}::text"
    if chosen.reached_stage:
        values["reached"] = lead.STAGE + chosen.reached_stage
        yield ":reached::text = ANY(steps)"
    if chosen.stage:
        values["stage"] = chosen.stage
        yield "stage = :stage::text"
    if chosen.outcome is not None:
        values["outcome"] = int(chosen.outcome)
        yield f"({leads.OUTCOME}) = :outcome::integer"
    for name, sign, amount in (("least", ">=", chosen.min_value), ("most", "<=", chosen.max_value)):
        if amount is not None:
            values[f"{name}_value"] = amount
            yield f"value_micros {sign} :{name}_value::bigint"
    for column, value in chosen.counted:
        values[f"counted_{column}"] = value
        yield f"{column} = :counted_{column}::text"
    if chosen.is_contacted:
        yield "contacted_at IS NOT NULL"
    if chosen.is_valued:
        yield "value_micros IS NOT NULL"
    if chosen.is_other_amount:
        values["other"] = cells.OTHER
        yield "campaign_id <> '' AND currency <> '' AND :other::text IN (campaign_id, currency)"
    if chosen.currency:
        values["currencies"] = [chosen.currency, *([lead.NO_CURRENCY] if chosen.currency == own_currency else [])]
        yield f"{leads.named('currency')} = ANY(:currencies::text[])"
