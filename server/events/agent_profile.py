"""What is known of an agent: it depends on which events it has, and not on the order in which they arrive.

Times are microseconds since 1970.
"""

import bisect
import enum
import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

_CREATED, _DELETED = "agent.created", "agent.deleted"
_DESCRIBE = frozenset((_CREATED, "agent.updated", "agent.deployed"))


class AgentKind(enum.IntEnum):
    """What does the work under an agent_id. The numbers are those of the contract; they are stored and never change."""

    UNKNOWN = 0
    AI = 1
    HUMAN = 2


class AgentEvent(NamedTuple):
    """An event of an agent, as far as what is known of the agent depends on it. Unset texts are empty.

    One without a type stands for some events that say no more than that the agent was seen, or for none.
    """

    revision: int
    received_at: int
    occurred_at: int
    event_key: bytes
    event_type: str
    agent_id: str
    team_id: str
    name: str
    kind: int
    agent_version: str
    events: int = 1


@dataclass(slots=True, kw_only=True)
class AgentProfile:
    """An agent as its events describe it. Beside each thing stands when it was said last; None: never.

    An agent that was deleted exists again once it is created later.
    """

    first_seen_at: int  # in any event
    last_seen_at: int
    name: str = ""
    name_at: int | None = None
    kind: AgentKind = AgentKind.UNKNOWN
    kind_at: int | None = None
    agent_version: str = ""
    agent_version_at: int | None = None
    team_id: str = ""
    team_id_at: int | None = None
    created_at: int | None = None
    deleted_at: int | None = None

    @classmethod
    def of(cls, event: AgentEvent) -> "AgentProfile":
        """Returns what is known of an agent from one event alone."""
        new = cls(first_seen_at=event.occurred_at, last_seen_at=event.occurred_at)
        new.take(event)
        return new

    @property
    def is_deleted(self) -> bool:
        """Returns whether it was deleted, and not created again after that."""
        return self.deleted_at is not None and (self.created_at is None or self.created_at <= self.deleted_at)

    def take(self, event: AgentEvent) -> None:
        """Takes an event in. Of several things that were said at one time the greatest holds."""
        at, event_type = event.occurred_at, event.event_type
        if at < self.first_seen_at:
            self.first_seen_at = at
        if at > self.last_seen_at:
            self.last_seen_at = at
        if event_type in _DESCRIBE:
            self._describe(event)
            if event_type == _CREATED and (self.created_at is None or at > self.created_at):
                self.created_at = at
        elif event_type == _DELETED and (self.deleted_at is None or at > self.deleted_at):
            self.deleted_at = at

    def merge(self, other: "AgentProfile") -> None:
        """Takes over what other events say of the agent."""
        self.first_seen_at = min(self.first_seen_at, other.first_seen_at)
        self.last_seen_at = max(self.last_seen_at, other.last_seen_at)
        if other.name_at is not None and _is_newer(other.name_at, other.name, self.name_at, self.name):
            self.name, self.name_at = other.name, other.name_at
        if other.kind_at is not None and _is_newer(other.kind_at, other.kind, self.kind_at, self.kind):
            self.kind, self.kind_at = other.kind, other.kind_at
        version, version_at = other.agent_version, other.agent_version_at
        if version_at is not None and _is_newer(version_at, version, self.agent_version_at, self.agent_version):
            self.agent_version, self.agent_version_at = version, version_at
        if other.team_id_at is not None and _is_newer(other.team_id_at, other.team_id, self.team_id_at, self.team_id):
            self.team_id, self.team_id_at = other.team_id, other.team_id_at
        self.created_at = _latest(self.created_at, other.created_at)
        self.deleted_at = _latest(self.deleted_at, other.deleted_at)

    def _describe(self, event: AgentEvent) -> None:
        at = event.occurred_at
        if event.name and _is_newer(at, event.name, self.name_at, self.name):
            self.name, self.name_at = event.name, at
        if event.kind and _is_newer(at, event.kind, self.kind_at, self.kind):
            self.kind, self.kind_at = AgentKind(event.kind), at
        version = event.agent_version
        if version and _is_newer(at, version, self.agent_version_at, self.agent_version):
            self.agent_version, self.agent_version_at = version, at
        if event.team_id and _is_newer(at, event.team_id, self.team_id_at, self.team_id):
            self.team_id, self.team_id_at = event.team_id, at


class KindChange(NamedTuple):
    """From which revision on an agent is known to be of a kind."""

    agent_id: str
    revision: int
    kind: AgentKind


Told = tuple[int | None, AgentKind]  # when a kind was said last, and which; (None, UNKNOWN): never


def kind_changes(before: Mapping[str, Told], events: Iterable[AgentEvent]) -> Iterator[KindChange]:
    """Yields which kinds become known by events in the order of revisions, after what was told before them. An agent
    has one kind in a revision: the one that is known once all events of the revision are.
    """
    told = dict(before)
    for revision, some in itertools.groupby(events, key=operator.attrgetter("revision")):
        changed: dict[str, AgentKind] = {}
        for event in some:
            at, kind = told.get(event.agent_id, _NEVER)
            if tells_kind(event) and _is_newer(event.occurred_at, event.kind, at, kind):
                changed.setdefault(event.agent_id, kind)
                told[event.agent_id] = event.occurred_at, AgentKind(event.kind)
        for agent_id, known in changed.items():
            if told[agent_id][1] is not known:
                yield KindChange(agent_id, revision, told[agent_id][1])


_NEVER: Told = (None, AgentKind.UNKNOWN)


def tells_kind(event: AgentEvent) -> bool:
    """Returns whether an event says of which kind its agent is."""
    return bool(event.kind) and event.event_type in _DESCRIBE


@dataclass(frozen=True, slots=True)
class KnownKinds:
    """Of which kinds agents were known to be in some revisions: the changes of each, in the order of revisions."""

    changes: Mapping[str, Sequence[tuple[int, AgentKind]]]

    def is_human(self, agent_id: str, revision: int) -> bool:
        """Returns whether an agent was known to be a human once everything up to a revision was told."""
        mine = self.changes.get(agent_id, ())
        place = bisect.bisect_right(mine, revision, key=operator.itemgetter(0))
        return place > 0 and mine[place - 1][1] is AgentKind.HUMAN


_Said = TypeVar("_Said", str, int)


def _is_newer(at: int, said: _Said, known_at: int | None, known: _Said) -> bool:
    return known_at is None or (at, said) > (known_at, known)


def _latest(known: int | None, at: int | None) -> int | None:
    return at if known is None else known if at is None else max(known, at)
