"""How much a deployment needs, by arithmetic: pure functions of what is asked of it and of what an event costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.harness.capacity import skew
from tests.harness.capacity.costs import BATCH, Costs

DAY = 86_400
# Of a process, at most (docs/operations/sizing.md).
SERVER_CONNECTIONS, WORKER_CONNECTIONS = 27, 30
SPARE_CONNECTIONS = 10  # for migrations, commands and the superuser
_ONE_IN_A_HUNDRED = 0.01
_NEGLIGIBLE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """How many times as dear work is on a distributed database; these are of Citus 13 on one machine."""

    single: float = 4.5
    batch: float = 1.6
    question: float = 5.0


NONE = Overhead(single=1.0, batch=1.0, question=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of the service."""

    events_per_day: float
    organizations: int = 1_000
    exponent: float = 1.0  # of Zipf's law
    peak: float = 3.0  # the busiest hour against the mean of the day
    singly: float = 0.1  # the part of events that are sent alone, not in batches
    questions_per_second: float = 10.0
    event_days: int = 30  # how long raw events are kept
    key_days: int = 90  # how long their ids are
    years: float = 1.0  # of rollups

    @property
    def peak_rate(self) -> float:
        """Events/s in the busiest hour."""
        return self.events_per_day / DAY * self.peak


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What there is."""

    nodes: int = 1
    cores: int = 8  # of each node of the database
    servers: int = 1  # processes, one core each
    workers: int = 1
    isolated: int = 0  # organizations with a node of their own
    seed: int = 0  # of the placement

    @property
    def max_connections(self) -> int:
        """What each node must allow: every session at the coordinator has one to each node."""
        return self.servers * SERVER_CONNECTIONS + self.workers * WORKER_CONNECTIONS + SPARE_CONNECTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy each part is in the busiest hour: 1 is all that it can do."""

    servers: float
    workers: float
    nodes: Sequence[float]
    organization: float  # the revision of the largest one

    @property
    def hot_node(self) -> float:
        """The busiest node."""
        return max(self.nodes)

    @property
    def imbalance(self) -> float:
        """How many times the mean of all nodes that is."""
        return self.hot_node * len(self.nodes) / sum(self.nodes)

    @property
    def first(self) -> str:
        """What saturates first as everything grows alike."""
        parts = {
            "servers": self.servers,
            "workers": self.workers,
            "busiest node": self.hot_node,
            "largest organization": self.organization,
        }
        return max(parts, key=lambda name: parts[name])

    @property
    def headroom(self) -> float:
        """How many times as much could come before that."""
        return 1 / max(self.servers, self.workers, self.hot_node, self.organization)


def overhead(plant: Plant, distributed: Overhead) -> Overhead:
    """What work costs on this many nodes: one is plain PostgreSQL."""
    return distributed if plant.nodes > 1 else NONE


def event_seconds(costs: Costs, demand: Demand, times: Overhead) -> float:
    """The processor time of the database for an event, folding and projecting included."""
    batch = (1 - demand.singly) * costs.batch.postgresql_us * times.batch
    single = demand.singly * costs.single.postgresql_us * times.single
    return (batch + single + costs.work_postgresql_us * times.batch) / 1e6


def held_seconds(costs: Costs, demand: Demand, times: Overhead) -> float:
    """How long an event keeps its organization's revision from the others of that organization."""
    batch = (1 - demand.singly) / costs.batch.one_organization * times.batch
    return batch + demand.singly / costs.single.one_organization * times.single


def load(costs: Costs, demand: Demand, plant: Plant, distributed: Overhead) -> Load:
    """How busy a plant is."""
    times = overhead(plant, distributed)
    shares = skew.zipf(demand.organizations, demand.exponent)
    placement = skew.placed(demand.organizations, plant.nodes, seed=plant.seed, isolated=plant.isolated)
    rate = demand.peak_rate
    of_server = ((1 - demand.singly) * costs.batch.server_us + demand.singly * costs.single.server_us) / 1e6
    busy = rate * event_seconds(costs, demand, times)
    busy += demand.questions_per_second * costs.question_postgresql_us * times.question / 1e6
    asked = demand.questions_per_second * costs.question_server_us / 1e6
    return Load(
        servers=(rate * of_server + asked) / plant.servers,
        workers=rate * costs.worker_us / 1e6 / plant.workers,
        nodes=[busy * part / plant.cores for part in placement.loads(shares)],
        organization=rate * shares[0] * held_seconds(costs, demand, times),
    )


def needed(
    costs: Costs,
    demand: Demand,
    *,
    distributed: Overhead,
    cores: int = 8,
    target: float = 0.6,
    may_isolate: bool = True,
    most: int = 200,
) -> Plant | None:
    """The smallest plant in which nothing is busier than the target; None if no number of nodes is enough.

    A node holds whole organizations, so the largest one bounds what nodes can do.
    """
    alone = load(costs, demand, Plant(cores=cores), distributed)
    if max(alone.hot_node, alone.organization) <= target:
        return _manned(Plant(cores=cores), alone, target)
    shares = skew.zipf(demand.organizations, demand.exponent)
    spread = load(costs, demand, Plant(cores=cores, nodes=2), distributed)
    if max(sum(spread.nodes) * shares[0], spread.organization) > target:
        return None
    for nodes in range(max(2, math.ceil(sum(spread.nodes) / target)), most + 1):
        isolated = skew.needed_isolations(shares, nodes) if may_isolate else 0
        plant = Plant(nodes=nodes, cores=cores, isolated=isolated)
        found = load(costs, demand, plant, distributed)
        if found.hot_node <= target:
            return _manned(plant, found, target)
    return None


def _manned(plant: Plant, found: Load, target: float) -> Plant:
    """The same with as many servers and workers as that takes, of a load of one each."""
    return replace(
        plant,
        servers=max(1, math.ceil(found.servers / target)),
        workers=max(1, math.ceil(found.workers / target)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Bytes."""

    disk: float  # at the end of the years, of all nodes together
    wal_per_day: float


def room(costs: Costs, demand: Demand) -> Room:
    """What the events take up."""
    days = demand.years * 365
    disk = (
        min(days, demand.event_days) * costs.event_bytes
        + min(days, demand.key_days) * costs.key_bytes
        + days * costs.lasting_bytes
    )
    wal = (1 - demand.singly) * costs.batch.wal_bytes + demand.singly * costs.single.wal_bytes + costs.work_wal_bytes
    return Room(disk=disk * demand.events_per_day, wal_per_day=wal * demand.events_per_day)


def erlang_c(servers: int, offered: float) -> float:
    """The probability that a job waits for one of several cores, in M/M/c (Erlang, 1917)."""
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def p99_wait(cores: int, utilization: float, service: float, held: float, shares: Sequence[float]) -> float:
    """The seconds that one batch in a hundred of a node waits at least: for a core or for its organization's revision.

    shares: of the organizations of the node, in the node's own batches. The tail of a wait for a core is taken as
    that of M/M/c, the tail of a wait for a revision as that of M/M/1, and the two are added. A batch that waits for
    both, one after the other, waits longer than this says.
    """
    rate = utilization * cores / service
    turns = [(share, share * rate * held) for share in shares if share * rate * held > _NEGLIGIBLE]
    if utilization >= 1 or any(busy >= 1 for _, busy in turns):
        return math.inf
    waits = erlang_c(cores, utilization * cores)

    def later(than: float) -> float:
        of_cores = waits * math.exp(-cores * (1 - utilization) * than / service)
        return of_cores + sum(share * busy * math.exp(-(1 - busy) * than / held) for share, busy in turns)

    low, high = 0.0, service
    if later(low) <= _ONE_IN_A_HUNDRED:
        return 0.0
    while later(high) > _ONE_IN_A_HUNDRED:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if later(middle) > _ONE_IN_A_HUNDRED else (low, middle)
    return high


def batch_seconds(costs: Costs, times: Overhead) -> float:
    """The processor time of the database for a batch, with the work that follows it."""
    return BATCH * (costs.batch.postgresql_us + costs.work_postgresql_us) * times.batch / 1e6


def batch_held_seconds(costs: Costs, times: Overhead) -> float:
    """How long a batch keeps its organization's revision from the others of that organization."""
    return BATCH / costs.batch.one_organization * times.batch
