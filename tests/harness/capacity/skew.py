"""How events are spread over organizations, and organizations over the nodes of a database."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

SHARDS_A_NODE = 4  # at least, so that nodes can be added without splitting shards


def zipf(organizations: int, exponent: float) -> list[float]:
    """The share of each organization in all events, the largest first: the n-th has 1 / n^exponent of the first."""
    weights = [number**-exponent for number in range(1, organizations + 1)]
    whole = sum(weights)
    return [weight / whole for weight in weights]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which organizations are on which node."""

    nodes: Sequence[Sequence[int]]  # organizations by node, numbered by size from 0

    def loads(self, shares: Sequence[float]) -> list[float]:
        """The part of all events that each node gets."""
        return [sum(shares[one] for one in node) for node in self.nodes]

    def imbalance(self, shares: Sequence[float]) -> float:
        """How many times the mean the busiest node gets."""
        return max(self.loads(shares)) * len(self.nodes) / sum(shares)


def placed(organizations: int, nodes: int, *, seed: int = 0, isolated: int = 0) -> Placement:
    """Places organizations in shards by a hash of their number and the seed, and shards on nodes by turns.

    The largest ones that are isolated are not hashed: each has a shard of its own, which is put, one after the other,
    on a node of its own where there are as many, and the other shards share the nodes that are left.
    """
    if isolated >= nodes:
        raise ValueError(f"{isolated} isolated organizations leave none of {nodes} nodes to the others")
    shared = nodes - isolated
    shards = SHARDS_A_NODE * shared
    found: list[list[int]] = [[] for _ in range(shared)]
    for organization in range(isolated, organizations):
        found[_shard(organization, seed, shards) % shared].append(organization)
    return Placement(nodes=[*([one] for one in range(isolated)), *found])


def _shard(organization: int, seed: int, shards: int) -> int:
    digest = hashlib.blake2b(f"{seed}:{organization}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards


def needed_isolations(shares: Sequence[float], nodes: int) -> int:
    """How many of the largest organizations get more than the mean of the nodes that would be left to the others."""
    rest, most = sum(shares), min(nodes - 1, len(shares))
    for number, share in enumerate(shares[:most]):
        if share <= rest / (nodes - number):
            return number
        rest -= share
    return most
