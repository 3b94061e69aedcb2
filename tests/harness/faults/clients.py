"""The clients of a run: senders that retry everything whose outcome is unknown, and readers."""

import asyncio
import contextlib
import random
from collections import ChainMap
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tallywire import AsyncClient, TallywireError
from tallywire.v1 import event_pb2, event_service_pb2
from tests.harness.faults import patience
from tests.harness.faults.history import ACCEPTED, DUPLICATE, REJECTED, Call, Failure, History, Read, now
from tests.harness.faults.plain import PlainClient
from tests.harness.faults.workload import Business, Fact, message

MAX_FACTS = 5_000  # per organization; what is sent after that was sent before
_RESEND, _CANCEL, _HURRY, _BOTH, _AT_ONCE = 0.1, 0.12, 0.12, 0.06, 0.04  # how often
_PATIENCE = 2.0 * patience.FACTOR  # seconds for an ordinary call
_LAST_PATIENCE = 10.0 * patience.FACTOR  # once no fault comes any more
_LARGEST_BATCH = 200
_STATUSES = {
    event_service_pb2.EVENT_STATUS_ACCEPTED: ACCEPTED,
    event_service_pb2.EVENT_STATUS_DUPLICATE: DUPLICATE,
    event_service_pb2.EVENT_STATUS_REJECTED: REJECTED,
}
Results = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server, and an organization's connection to it."""

    address: str
    client: AsyncClient | PlainClient


@dataclass(slots=True, kw_only=True)
class Tenant:
    """An organization, its servers, and what its clients know of its facts."""

    organization: int
    key: str
    time_zone: str
    servers: Sequence[Server]
    business: Business
    facts: dict[str, Fact] = field(default_factory=dict)  # all that were ever sent
    unknown: dict[str, Fact] = field(default_factory=dict)  # not settled, and not on their way
    settled: set[str] = field(default_factory=set)  # acknowledged, or refused
    stray: "Tenant | None" = None  # the same organization, as clients with a wrong clock know it

    @property
    def all_facts(self) -> Mapping[str, Fact]:
        """All that were ever sent, by event id, whatever the sender's clock. What is sent later comes to it: whoever
        looks at what is stored then must know of it.
        """
        return self.facts if self.stray is None else ChainMap(self.stray.facts, self.facts)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """That of a call without the help of the client."""
        return (("authorization", f"Bearer {self.key}"),)

    def take(self, count: int, dice: random.Random) -> list[Fact]:
        """The facts for a call: some that were sent before, on purpose, or what is unknown, or new ones."""
        if self.facts and (dice.random() < _RESEND or (not self.unknown and len(self.facts) >= MAX_FACTS)):
            return dice.choices(list(self.facts.values()), k=count)  # also twice in one call
        if self.unknown and (dice.random() < 0.5 or len(self.facts) >= MAX_FACTS):
            ids = dice.sample(sorted(self.unknown), min(count, len(self.unknown)))
            return [self.unknown.pop(event_id) for event_id in ids]
        fresh = self.business.facts(count)
        self.facts.update((fact.event_id, fact) for fact in fresh)
        return fresh

    def settle(self, facts: Iterable[Fact], results: Results) -> None:
        """Takes note of what came of a call."""
        self.settled.update(event_id for event_id, _ in results)
        for fact in facts:
            if fact.event_id in self.settled:
                self.unknown.pop(fact.event_id, None)
            else:
                self.unknown[fact.event_id] = fact


class Client:
    """A client with a name and dice of its own, which keeps the history."""

    def __init__(self, seed: str, name: str, tenant: Tenant, history: History) -> None:
        self.name = name
        self.dice = random.Random(f"{seed}/{name}")
        self.tenant = tenant
        self.history = history

    def server(self) -> Server:
        """One of the servers."""
        return self.dice.choice(self.tenant.servers)

    def failed(self, server: Server, error: TallywireError) -> str:
        """Records an error of a call, and returns its status."""
        code = error.code.name
        self.history.add(
            Failure(at=now(), client=self.name, server=server.address, code=code, message=error.message[:200])
        )
        return code

    def sent(
        self,
        server: Server,
        facts: Sequence[Fact],
        began: float,
        results: Results,
        *,
        revision: int = 0,
        error: str = "",
    ) -> None:
        """Records a call."""
        self.history.add(
            Call(
                organization=self.tenant.organization,
                client=self.name,
                server=server.address,
                began=began,
                ended=now(),
                event_ids=tuple(fact.event_id for fact in facts),
                results=results,
                revision=revision,
                error=error,
            )
        )
        self.tenant.settle(facts, results)

    async def track(self, server: Server, facts: Sequence[Fact], timeout: float) -> None:
        """Sends facts in one call, a single one by itself; whatever ends the call is recorded."""
        began, error = now(), "CANCELLED"
        results: Results = ()
        try:
            results = await _track(server.client, [message(fact) for fact in facts], timeout)
            error = ""
        except TallywireError as failure:
            error = self.failed(server, failure)
            if not failure.outcome_unknown:
                results = tuple((fact.event_id, f"{REJECTED} {failure}") for fact in facts)
        finally:
            self.sent(server, facts, began, results, error=error)


async def _track(client: AsyncClient, messages: Sequence[event_pb2.Event], timeout: float) -> Results:
    if len(messages) == 1:
        return results_of([await client.track(messages[0], timeout=timeout)])
    return results_of(await client.track_batch(messages, timeout=timeout))


def results_of(results: Iterable[event_service_pb2.EventResult]) -> Results:
    """Results as the history keeps them."""
    return tuple(
        (one.event_id, _STATUSES[one.status] + (f" {one.rejection.message}" if one.HasField("rejection") else ""))
        for one in results
    )


async def _cut_short(work: asyncio.Task[None], seconds: float) -> None:
    """Lets a task run for some time, then cancels it."""
    await asyncio.wait((work,), timeout=seconds)
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def send_calls(client: Client, largest: int, stop: asyncio.Event) -> None:
    """Sends calls of up to that many events until told to stop."""
    dice = client.dice
    while not stop.is_set():
        facts = client.tenant.take(int(largest ** dice.random()), dice)
        server, draw = client.server(), dice.random()
        if draw < _CANCEL:
            await _cut_short(asyncio.create_task(client.track(server, facts, _PATIENCE)), dice.uniform(0, 0.020))
        elif draw < _CANCEL + _HURRY:
            await client.track(server, facts, dice.uniform(0.001, 0.020))
        elif draw < _CANCEL + _HURRY + _BOTH:
            await asyncio.gather(*(client.track(each, facts, _PATIENCE) for each in client.tenant.servers))
        elif draw < _CANCEL + _HURRY + _BOTH + _AT_ONCE:
            for each in (server, server, client.server()):
                await client.track(each, facts, _PATIENCE)
        else:
            await client.track(server, facts, _PATIENCE)
        await asyncio.sleep(dice.uniform(0.005, 0.03 if largest == 1 else 0.1))


async def send_streams(client: Client, stop: asyncio.Event) -> None:
    """Sends streams of a few batches until told to stop."""
    dice = client.dice
    while not stop.is_set():
        work = asyncio.create_task(_stream(client, dice.randrange(1, 8)))
        if dice.random() < _CANCEL:
            await _cut_short(work, dice.uniform(0, 0.020))
        else:
            await work
        await asyncio.sleep(dice.uniform(0.01, 0.1))


async def _stream(client: Client, count: int) -> None:
    """Sends batches over one stream; whatever ends it is recorded for each batch that was handed over."""
    server, error = client.server(), "CANCELLED"
    waiting: list[tuple[list[Fact], float]] = []

    async def batches() -> AsyncIterator[list[event_pb2.Event]]:
        for _ in range(count):
            facts = client.tenant.take(int((_LARGEST_BATCH / 2) ** client.dice.random()), client.dice)
            waiting.append((facts, now()))
            yield [message(fact) for fact in facts]

    try:
        stream = server.client.stream(batches(), max_unacked=client.dice.randrange(1, 5), retry_for=_PATIENCE)
        async with contextlib.aclosing(stream) as acks:
            async for ack in acks:
                facts, began = waiting.pop(0)
                client.sent(server, facts, began, results_of(ack.results), revision=ack.revision)
    except TallywireError as failure:
        error = client.failed(server, failure)
    finally:
        for facts, began in waiting:
            client.sent(server, facts, began, (), error=error)


async def read(
    client: Client, start: datetime, end: datetime, stop: asyncio.Event, *, timeout: float = _PATIENCE
) -> None:
    """Asks for the figures of a period that holds everything, until told to stop."""
    while not stop.is_set():
        server, began = client.server(), now()
        try:
            answer = await server.client.overview(start, end, timeout=timeout)
        except TallywireError as error:
            client.failed(server, error)
            await asyncio.sleep(0.05)
            continue
        figures = answer.overview
        outcomes = ("resolved", "escalated", "abandoned", "ended")
        client.history.add(
            Read(
                organization=client.tenant.organization,
                client=client.name,
                server=server.address,
                began=began,
                ended=now(),
                events=figures.events,
                conversations=figures.total_conversations,
                revision=answer.context.as_of_revision,
                sums={
                    "events by type": (figures.events, sum(one.events for one in figures.events_by_type)),
                    "messages": (figures.total_messages, figures.messages_received + figures.messages_sent),
                    "outcomes": (
                        figures.conversations_closed,
                        sum(getattr(figures, f"conversations_{outcome}") for outcome in outcomes),
                    ),
                },
            )
        )
        await asyncio.sleep(client.dice.uniform(0.02, 0.12))


async def reach(server: Server) -> None:
    """Returns once a server answers over a connection that may still be waiting to be tried again."""
    while True:
        with contextlib.suppress(TallywireError):
            await server.client.metrics(timeout=_PATIENCE)
            return
        await asyncio.sleep(0.05)


async def send_unknown(client: Client) -> None:
    """Sends again what was never acknowledged, until all of it is."""
    tenant = client.tenant
    while tenant.unknown:
        ids = list(tenant.unknown)[:_LARGEST_BATCH]
        facts = [tenant.unknown.pop(event_id) for event_id in ids]
        await client.track(client.server(), facts, _LAST_PATIENCE)
