"""ListAgents and GetAgent: who the agents are, when they were seen, and what their status is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.catalog.agent_lists import AgentList, AgentPlace
from server.errors import Reason, Refused
from server.events.agent_profile import AgentProfile
from server.projections.agents import Agents
from server.query import page_tokens, presence
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import agent_directory as stored
from server.store.agent_directory import ListedAgent
from server.store.database import Driver
from server.store.statuses import StatusChange
from server.tenancy.principal import Principal

MAX_PAGE_SIZE = 1_000
_LOOKED_AT = 1_000  # agents whose status is worked out for a page
_PROJECTIONS = (Agents.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentsQuestion:
    """A question for agents; status keeps those that have it now, None all."""

    asked: AgentList
    status: int | None
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("agents", self.asked, self.status))


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryAgent:
    """An agent as it is known, and its status now; None where none was ever told."""

    agent_id: str
    profile: AgentProfile
    status: StatusChange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPage:
    """A page of agents."""

    known: ReadState
    agents: Sequence[DirectoryAgent]
    next_page_token: str


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: AgentsQuestion) -> AgentPage:
    """Answers the question; refuses more agents than can be put in order."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    asked = question.asked
    async with queries.knowing(principal, _PROJECTIONS) as (driver, known):
        as_of = known.as_of
        if place is not None and place.epoch != as_of.epoch:
            raise page_tokens.restored(place, as_of.epoch)
        if await stored.too_many(driver, organization_id, asked):
            raise _too_many()
        after = _place(place) if place is not None else None
        limit = question.page_size + 1 if question.status is None else _LOOKED_AT
        looked = await stored.page(driver, organization_id, asked, after, as_of.at, limit)
        agents = await _with_status(driver, principal, looked, as_of.at)
        found = [one for one in agents if question.status is None or _status(one) == question.status]
        reached: AgentPlace | None
        if len(found) > question.page_size:
            found = found[: question.page_size]
            reached = next(one.place for one in looked if one.agent_id == found[-1].agent_id)
        elif len(looked) == limit:
            reached = looked[-1].place
        else:
            reached = await stored.reached(driver, organization_id, asked, after)
    return AgentPage(
        known=known,
        agents=found,
        next_page_token=""
        if reached is None
        else tokens.token_after(
            organization_id,
            question.key,
            ListPlace(
                epoch=as_of.epoch,
                revision=place.revision if place is not None else as_of.revision,
                after=(reached.value, reached.agent_id),
            ),
        ),
    )


def _place(place: ListPlace) -> AgentPlace:
    value, agent_id = place.after
    return AgentPlace(value=None if value is None else str(value), agent_id=str(agent_id))


def _status(agent: DirectoryAgent) -> int | None:
    return None if agent.status is None else agent.status.status


def _too_many() -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"there are more than {stored.MOST} agents to be put in order: ask for a longer prefix, or for the order by"
        " agent_id without a prefix",
        field="order_by",
        metadata={"limit": str(stored.MOST)},
    )


async def one(queries: Queries, principal: Principal, agent_id: str) -> tuple[ReadState, DirectoryAgent]:
    """Returns an agent; refuses one that no event has ever carried."""
    async with queries.knowing(principal, _PROJECTIONS) as (driver, known):
        found = await stored.one(driver, principal.organization_id, agent_id, known.as_of.at)
        if found is None:
            raise Refused(Reason.AGENT_NOT_FOUND, "no event has ever carried this agent_id", field="agent_id")
        (agent,) = await _with_status(driver, principal, [found], known.as_of.at)
    return known, agent


async def _with_status(
    driver: Driver, principal: Principal, agents: Sequence[ListedAgent], now: datetime
) -> list[DirectoryAgent]:
    """Returns agents with their status at an instant. A silence is looked for where there may be one: after a status
    that was told longer ago than it lasts.
    """
    timeout = timedelta(hours=principal.settings.presence_timeout)
    told = {one.agent_id: one.told for one in agents if one.told is not None}
    since = {agent_id: change.occurred_at for agent_id, change in told.items() if change.occurred_at <= now - timeout}
    heard = await stored.last_heard(driver, principal.organization_id, since, now, timeout) if since else {}
    return [
        DirectoryAgent(
            agent_id=one.agent_id,
            profile=one.profile,
            status=None if one.told is None else presence.now(one.told, heard.get(one.agent_id), now, timeout),
        )
        for one in agents
    ]
