"""What is recorded of agents, users and content gaps, held against the raw events of a window.

Where a window has not every raw event, its events may only confirm what is recorded: taking them in must change
nothing.
"""

import copy
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from server.events import event_types
from server.events.agent_profile import AgentEvent, AgentKind, AgentProfile
from server.events.event import Event
from server.events.user_activity import Activity, DayActivity, UserDay, UserEvent, UserProfile
from server.quarters import QUARTERS_PER_DAY
from server.rollups.checks import Fault, Findings, Mismatch
from server.rollups.gap_checks import RawGaps
from server.rollups.raw_counts import Portion
from server.rollups.windows import Snapshot
from server.store import agents, projections, users
from server.store.replaced_events import ReplacedLately
from server.timerange import Span

AGENTS, USERS = "agents", "users"
_DAY_FIGURES = tuple(one.name for one in fields(DayActivity))
_OF_EVENTS = tuple(name for name in _DAY_FIGURES if name != "conversations")
_of_events = operator.attrgetter(*_OF_EVENTS)


@dataclass(slots=True, kw_only=True)
class Profiles:
    """What the events of a window say of agents, users and content gaps, as far as projections have seen them. It takes
    portions of events in, and keeps none of them.
    """

    seen_agents: int
    seen_users: int
    gaps: RawGaps
    agents: dict[str, AgentProfile] = field(default_factory=dict)
    users: Activity = field(default_factory=Activity)

    @classmethod
    async def of(cls, view: Snapshot) -> "Profiles":
        """Returns none yet, with how far the projections are."""
        seen = [await projections.seen(view.driver, view.organization_id, name) for name in (AGENTS, USERS)]
        return cls(seen_agents=seen[0], seen_users=seen[1], gaps=await RawGaps.of(view))

    def take(self, portion: Portion) -> None:
        """Takes in events, each with its revision."""
        self.gaps.take(portion)
        self._take_agents(one for one in portion if one[0] <= self.seen_agents)
        self._take_users(one for one in portion if one[0] <= self.seen_users)

    def take_replaced(self, replaced: Sequence[ReplacedLately]) -> None:
        """Takes in what events were that these projections have seen before they were replaced."""
        self.gaps.take_replaced(replaced)
        self._take_agents((was, event) for by, was, event in replaced if was <= self.seen_agents < by)
        self._take_users((was, event) for by, was, event in replaced if was <= self.seen_users < by)

    def _take_agents(self, some: Iterable[tuple[int, Event]]) -> None:
        for revision, event in some:
            if not event.agent_id:
                continue
            told, known = _agent_event(revision, event), self.agents.get(event.agent_id)
            if known is None:
                self.agents[event.agent_id] = AgentProfile.of(told)
            else:
                known.take(told)

    def _take_users(self, some: Iterable[tuple[int, Event]]) -> None:
        self.users.add(_user_event(revision, event) for revision, event in some if event.user_id)

    async def check(self, view: Snapshot, window: Span, findings: Findings, *, complete: bool) -> None:
        """Adds what does not agree to the findings. complete: the window has every raw event."""
        findings.add(Mismatch(fault=Fault.AGENT, bucket=window.start), await self._agents(view, complete=complete))
        findings.add(
            Mismatch(fault=Fault.USER, bucket=window.start), await self._users(view, window, complete=complete)
        )
        await self.gaps.check(view, window, findings, complete=complete)

    async def _agents(self, view: Snapshot, *, complete: bool) -> int:
        rows = await agents.TABLE.read(view.driver, view.organization_id, self.agents)
        differing = 0
        for agent_id, raw in self.agents.items():
            row = rows.get(agent_id)
            recorded = AgentProfile(**{**row, "kind": AgentKind(row["kind"])}) if row is not None else None
            told = raw if complete or recorded is None else copy.copy(recorded)
            told.merge(raw)
            differing += told != recorded
        return differing

    async def _users(self, view: Snapshot, window: Span, *, complete: bool) -> int:
        activity = self.users
        if complete:
            for begins in activity.beginnings.values():
                activity.begin(begins, None)
        rows = await users.PROFILES.read(view.driver, view.organization_id, activity.profiles)
        differing = 0
        for user_id, raw in activity.profiles.items():
            recorded = UserProfile(**rows[user_id]) if user_id in rows else None
            told = raw if complete or recorded is None else copy.copy(recorded)
            told.merge(raw)
            differing += told != recorded
        days = await users.recorded_days(view.driver, view.organization_id, activity.days)
        return differing + _differing_days(days, activity.days, window, complete=complete)


def _differing_days(
    recorded: Mapping[UserDay, DayActivity], raw: Mapping[UserDay, DayActivity], window: Span, *, complete: bool
) -> int:
    """Returns how many days do not have what raw events come to, or more than that where the window is not all of the
    day. With which event a conversation begins is known only where every raw event is.
    """
    differing = 0
    for key, told in raw.items():
        found = recorded.get(key, DayActivity())
        start = key.day * QUARTERS_PER_DAY
        if complete:
            differing += found != told
        elif window.start <= start and start + QUARTERS_PER_DAY <= window.end:
            differing += _of_events(found) != _of_events(told)
        else:
            differing += found.events < told.events or found.messages_sent < told.messages_sent
    return differing


def _agent_event(revision: int, event: Event) -> AgentEvent:
    describes = event.event_type.startswith("agent.")
    return AgentEvent(
        revision=revision,
        received_at=0,
        occurred_at=event.occurred_at,
        event_key=event.event_key,
        event_type=event.event_type,
        agent_id=event.agent_id,
        team_id=event.team_id,
        name=str(event.detail.get("name", "")) if describes else "",
        kind=_number(event, "kind") if describes else 0,
        agent_version=str(event.detail.get("version", "")) if describes else "",
    )


def _user_event(revision: int, event: Event) -> UserEvent:
    uses_model = event.event_type in event_types.MODEL_USES
    names = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros")
    prompt, cached, completion, cost = (_number(event, name) if uses_model else 0 for name in names)
    return UserEvent(
        revision=revision,
        received_at=0,
        occurred_at=event.occurred_at,
        event_key=event.event_key,
        event_type=event.event_type,
        user_id=event.user_id,
        conversation_id=event.conversation_id,
        name=str(event.detail.get("name", "")) if event.event_type in event_types.USERS else "",
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        cost_micros=cost,
        rating=_number(event, "rating") if event.event_type == "feedback.submitted" else 0,
    )


def _number(event: Event, name: str) -> int:
    return int(event.detail.get(name, 0))
