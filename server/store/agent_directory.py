"""Agents one by one: lists of them in any order, and each with its status."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from server import timerange
from server.catalog import dimensions
from server.catalog.agent_lists import AgentList, AgentOrder, AgentPlace
from server.events.agent_profile import AgentKind, AgentProfile
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.statements import Statement
from server.store.statuses import StatusChange

MOST = 20_000  # agents that are put in order, or looked at for a page
_MICROSECOND = timedelta(microseconds=1)
_VERSION = projections.VERSION.format("agents").replace("$1", ":organization_id")
_OF = f"SELECT * FROM agents WHERE organization_id = :organization_id AND version = {_VERSION}"  # noqa: S608
_LOWER = 'lower({} COLLATE "default") COLLATE "C"'
_NAME = _LOWER.format("name")
_LAST = chr(0x10FFFF) * 64  # behind every text of 256 bytes that it is appended to the beginning of
_TELLING = statements.text("list_agents")


# What orders agents in SQL, and its type.
_SORTS = {
    AgentOrder.AGENT_ID: ("agent_id", "text"),
    AgentOrder.NAME: (f"nullif({_NAME}, '')", "text"),
    AgentOrder.LAST_SEEN: (instants.selected("last_seen_at"), "bigint"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAgent:
    """An agent as it is known, its place in the list, and the status that was told last; None: none ever was."""

    profile: AgentProfile
    place: AgentPlace
    told: StatusChange | None

    @property
    def agent_id(self) -> str:
        """Returns which agent it is."""
        return self.place.agent_id


_BY_ID = {
    False: f"{_OF} AND agent_id > :beyond::text ORDER BY agent_id LIMIT :most",
    True: f"{_OF} AND agent_id < :beyond::text ORDER BY agent_id DESC LIMIT :most",
}
_ALL = f"{_OF} LIMIT :most"
_BEGINNING = (
    f"({_OF} AND agent_id >= :prefix::text AND agent_id <= :prefix::text || :last::text LIMIT :most)"
    f" UNION ({_OF} AND name <> '' AND {_NAME} >= {_LOWER.format(':prefix::text')}"
    f" AND {_NAME} <= {_LOWER.format(':prefix::text')} || :last::text LIMIT :most)"
)


def _statement(candidates: str, order: AgentOrder, *, descending: bool) -> Statement:
    sort, kind = _SORTS[order]
    direction, than = ("DESC", "<") if descending else ("ASC", ">")
    return statements.numbered(_TELLING, CANDIDATES=candidates, SORT=sort, TYPE=kind, THAN=than, DIRECTION=direction)


_PAGES = {
    (candidates, order, descending): _statement(candidates, order, descending=descending)
    for descending, by_id in _BY_ID.items()
    for order in AgentOrder
    for candidates in (_ALL, _BEGINNING, *([by_id] if order is AgentOrder.AGENT_ID else []))
}
_COUNTS = {
    one: statements.numbered(f"SELECT count(*) FROM ({one}) AS c")  # noqa: S608 - constants of this file
    for one in (_ALL, _BEGINNING)
}
_REACHED = {
    one: statements.numbered(f"SELECT agent_id FROM ({one}) AS c OFFSET :most - 1")  # noqa: S608 - as above
    for one in _BY_ID.values()
}
_ONE = statements.numbered(
    _TELLING,
    CANDIDATES=f"{_OF} AND agent_id = :agent_id",
    SORT="agent_id",
    TYPE="text",
    THAN=">",
    DIRECTION="ASC",
)


def _candidates(asked: AgentList) -> str:
    """Returns SQL that reads the agents that are put in order."""
    if asked.filter.prefix:
        return _BEGINNING
    return _BY_ID[asked.descending] if asked.order is AgentOrder.AGENT_ID else _ALL


def _arguments(statement: Statement, organization_id: int, asked: AgentList, **values: object) -> list[object]:
    """Returns the values of those parameters that a statement has."""
    chosen = asked.filter
    known: dict[str, object] = {
        "organization_id": organization_id,
        "most": MOST,
        "prefix": chosen.prefix,
        "last": _LAST,
        "kind": chosen.kind,
        "team_id": chosen.team_id or None,
        "is_deleted": chosen.is_deleted,
        **values,
    }
    return statement.arguments(**{name: known[name] for name in statement.parameters})


def _beyond(asked: AgentList, after: AgentPlace | None) -> str:
    """Returns the agent_id before the first candidate by agent_id."""
    return after.agent_id if after is not None else _LAST if asked.descending else ""


async def too_many(driver: Driver, organization_id: int, asked: AgentList) -> bool:
    """Returns whether there are more agents than can be put in order."""
    statement = _COUNTS.get(_candidates(asked))
    if statement is None:
        return False
    arguments = _arguments(statement, organization_id, asked, most=MOST + 1)
    return bool(await driver.fetchval(statement.text, *arguments) > MOST)


async def page(
    driver: Driver, organization_id: int, asked: AgentList, after: AgentPlace | None, now: datetime, limit: int
) -> list[ListedAgent]:
    """Returns agents in order, those after a place, as many as a limit allows, among those that may be looked at."""
    statement = _PAGES[_candidates(asked), asked.order, asked.descending]
    arguments = _arguments(
        statement,
        organization_id,
        asked,
        beyond=_beyond(asked, after),
        after=after.agent_id if after else "",
        value=after.value if after else None,
        now=now,
        limit=limit,
    )
    return list(map(_listed, await driver.fetch(statement.text, *arguments)))


async def reached(
    driver: Driver, organization_id: int, asked: AgentList, after: AgentPlace | None
) -> AgentPlace | None:
    """Returns the place after all agents that may be looked at for a page after another place; None where there are no
    others.
    """
    statement = _REACHED.get(_candidates(asked))
    if statement is None:
        return None
    arguments = _arguments(statement, organization_id, asked, beyond=_beyond(asked, after))
    agent_id: str | None = await driver.fetchval(statement.text, *arguments)
    return None if agent_id is None else AgentPlace(value=agent_id, agent_id=agent_id)


async def one(driver: Driver, organization_id: int, agent_id: str, now: datetime) -> ListedAgent | None:
    """Returns an agent; None where nothing is known of it."""
    nothing = {"after": "", "value": None, "kind": None, "team_id": None, "is_deleted": None}
    arguments = _ONE.arguments(organization_id=organization_id, agent_id=agent_id, now=now, limit=1, **nothing)
    rows = await driver.fetch(_ONE.text, *arguments)
    return _listed(rows[0]) if rows else None


def _listed(row: asyncpg.Record) -> ListedAgent:
    agent_id, first, last, created, deleted, kind, name, version, team_id, sort, status, told_at = row
    return ListedAgent(
        profile=AgentProfile(
            first_seen_at=_microseconds(first),
            last_seen_at=_microseconds(last),
            created_at=None if created is None else _microseconds(created),
            deleted_at=None if deleted is None else _microseconds(deleted),
            kind=AgentKind(kind),
            name=name,
            agent_version=version,
            team_id=team_id,
        ),
        place=AgentPlace(value=sort, agent_id=agent_id),
        told=None if status is None else StatusChange(occurred_at=told_at, status=status),
    )


def _microseconds(at: datetime) -> int:
    return (at - timerange.EPOCH) // _MICROSECOND


_LAST_HEARD = statements.load("read_last_heard", AGENT=dimensions.AGENT.number)


async def last_heard(
    driver: Driver, organization_id: int, since: Mapping[str, datetime], now: datetime, silence: timedelta
) -> dict[str, int]:
    """Returns the quarter hour in which agents were heard last before the first time without any event, after an
    instant of each at which they were heard, that is longer than a silence.
    """
    arguments = _LAST_HEARD.arguments(
        organization_id=organization_id,
        agent_ids=list(since),
        firsts=[timerange.floor_bucket(at) for at in since.values()],
        last=timerange.ceil_bucket(now),
        silence=silence // timerange.QUARTER,
    )
    return {row[0]: row[1] for row in await driver.fetch(_LAST_HEARD.text, *arguments)}
