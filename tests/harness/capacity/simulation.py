"""A simulation of a database of many nodes that get batches at random times, to hold the model against.

Each node has some cores and one queue. A batch comes from an organization with the probability of its share; it waits
for its organization's revision, which one batch at a time can hold, and for a core. Times between arrivals and times of
work are exponential. The same seed gives the same run.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.harness.capacity import model
from tests.harness.capacity.skew import Placement

_ARRIVAL, _DONE, _RELEASED = range(3)
_WARM = 0.1  # the part of the time whose waits are not counted, while queues fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is simulated."""

    placement: Placement
    shares: Sequence[float]
    rate: float  # batches/s of all organizations together
    cores: int  # of each node
    service: float  # seconds of a core for a batch
    held: float  # seconds for which a batch keeps the revision of its organization

    def scaled_to(self, utilization: float) -> "Setup":
        """The same at the rate at which the cores of the busiest node or the revision of the largest organization are
        that busy, whichever comes first.
        """
        of_cores = self.cores / self.service / max(self.placement.loads(self.shares))
        of_revision = 1 / (self.shares[0] * self.held)
        return replace(self, rate=utilization * min(of_cores, of_revision))

    @property
    def turn(self) -> float:
        """How busy the model says that the revision of the largest organization is."""
        return self.rate * self.shares[0] * self.held

    def told(self) -> list[float]:
        """How busy the model says that the cores of each node are."""
        return [self.rate * part * self.service / self.cores for part in self.placement.loads(self.shares)]

    def told_wait(self, node: int) -> float:
        """The wait, in seconds, that the model says one batch in a hundred of a node exceeds."""
        organizations = self.placement.nodes[node]
        whole = sum(self.shares[one] for one in organizations)
        own = [self.shares[one] / whole for one in organizations]
        return model.p99_wait(self.cores, self.told()[node], self.service, self.held, own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one node."""

    utilization: float  # of its cores
    p99_wait: float  # seconds from arrival to the start of the work
    done: dict[int, int]  # batches, by organization
    left: int  # batches that still wait at the end


def run(setup: Setup, *, seconds: float, seed: int) -> list[Seen]:
    """Simulates every node for that long."""
    return [
        _Node(setup, organizations, random.Random(f"{seed}:{number}")).run(seconds)
        for number, organizations in enumerate(setup.placement.nodes)
    ]


class _Node:
    """One node, with the queue of its cores and those of revisions."""

    def __init__(self, setup: Setup, organizations: Sequence[int], rng: random.Random) -> None:
        self._setup, self._organizations, self._rng = setup, organizations, rng
        self._cumulative = list(itertools.accumulate(setup.shares[one] for one in organizations))
        self._free = setup.cores
        self._ready: deque[tuple[float, int]] = deque()  # when each batch came, and of whom
        self._held: set[int] = set()  # organizations whose revision a batch has
        self._behind: dict[int, deque[tuple[float, int]]] = {}  # who waits for such a revision
        self._events: list[tuple[float, int, int]] = []
        self._waits: list[tuple[float, float]] = []  # when each began, and how long it had waited
        self._busy = 0.0
        self._done: dict[int, int] = {}

    def run(self, seconds: float) -> Seen:
        if self._cumulative:
            self._come(0.0)
        while self._events and self._events[0][0] < seconds:
            at, kind, organization = heapq.heappop(self._events)
            if kind == _ARRIVAL:
                self._ready.append((at, organization))
                self._come(at)
            elif kind == _DONE:
                self._free += 1
                self._done[organization] = self._done.get(organization, 0) + 1
            else:
                self._held.discard(organization)
                if waiting := self._behind.get(organization):
                    self._ready.appendleft(waiting.popleft())
            self._begin(at, seconds)
        waits = sorted(wait for began, wait in self._waits if began >= _WARM * seconds)
        return Seen(
            utilization=self._busy / seconds / self._setup.cores,
            p99_wait=waits[int(0.99 * len(waits))] if waits else 0.0,
            done=self._done,
            left=len(self._ready) + sum(map(len, self._behind.values())),
        )

    def _come(self, at: float) -> None:
        """The next batch of this node, and whose it is."""
        rate = self._setup.rate * self._cumulative[-1]
        (organization,) = self._rng.choices(self._organizations, cum_weights=self._cumulative)
        heapq.heappush(self._events, (at + self._rng.expovariate(rate), _ARRIVAL, organization))

    def _begin(self, at: float, end: float) -> None:
        """Begins with what waits, as long as a core is free."""
        while self._free and self._ready:
            came, organization = self._ready.popleft()
            if organization in self._held:
                self._behind.setdefault(organization, deque()).append((came, organization))
                continue
            work = self._rng.expovariate(1 / self._setup.service)
            self._free -= 1
            self._busy += min(work, end - at)
            self._held.add(organization)
            self._waits.append((at, at - came))
            heapq.heappush(self._events, (at + work, _DONE, organization))
            held = work * self._setup.held / self._setup.service
            heapq.heappush(self._events, (at + held, _RELEASED, organization))
