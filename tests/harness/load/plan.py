"""What a generator is told and what it tells: plain values that travel between processes as JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """For so many seconds each tenant makes so many calls per second, evenly; 0: none."""

    seconds: float
    rates: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one generator does."""

    address: str
    keys: Sequence[str]  # one per tenant
    first_tenant: int  # tenants are numbered through all generators, calls within a tenant
    batch: int  # events per call
    phases: Sequence[Phase]
    shift: float = 0.0  # by which part of the time between a tenant's calls they come later
    closed_loop: int = 0  # instead of the rates: so many calls under way at any time
    obedient: bool = False  # a tenant's calls wait where the server asks for it, and are sent again, as a client's
    days: float = 0.007  # how far back events occurred

    def to_json(self) -> str:
        """As text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Of such text."""
        values = json.loads(text)
        return cls(**{**values, "phases": [Phase(**phase) for phase in values["phases"]]})


@dataclass(frozen=True, slots=True)
class Call:
    """What became of one call. due is in seconds from the start; latency and late, by how much the generator itself was
    late to send it, in seconds from when it was due. refusals: how often it was refused, though it may be stored.
    """

    tenant: int
    number: int
    due: float
    latency: float
    late: float
    code: str
    refusals: int

    @property
    def ended(self) -> float:
        """When it ended, in seconds from the start."""
        return self.due + self.latency


def key_text(tenant: int, call: int, index: int, milliseconds: int) -> str:
    """The id of an event: a UUIDv7 of which tenant, call and index can be told."""
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8{tenant:03x}-{call:08x}{index:04x}"
