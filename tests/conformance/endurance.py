"""What takes minutes: clients that track while their servers are stopped and killed, and how fast each of them is."""

import asyncio
import contextlib
import os
import pathlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from tests.conformance.journeys import Refused, counted, done, event
from tests.conformance.languages import Testee
from tests.conformance.server_process import ServerProcess

_AT_ONCE = 300
# Seconds in which both servers are up, so that clients come back to the one that was away.
_CALM = 3.0
_ATTEMPT_MS = 60_000
_LOADS = ((500, 8), (1, 32))  # events of a call, calls under way
_ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What became of one client's events."""

    language: str
    tracked: int  # by its tracker
    called: int  # by calls of their own, many at once
    stats: dict[str, int]
    counted: int
    problem: str

    @property
    def wrong(self) -> str:
        """Returns what is wrong; empty if nothing is."""
        told = self.stats.get("sent", 0) + self.stats.get("duplicates", 0)
        lost = {name: n for name, n in self.stats.items() if n and name not in ("sent", "duplicates")}
        if self.problem:
            return self.problem
        if lost or told != self.tracked:
            return f"of {self.tracked} events {told} have an outcome, {lost}"
        if self.counted != self.tracked + self.called:
            return f"{self.counted} events are counted and not {self.tracked + self.called}"
        return ""

    def row(self) -> tuple[str, ...]:
        """Returns the row of a table."""
        figures = (self.tracked, self.stats.get("sent", 0), self.stats.get("duplicates", 0), self.called, self.counted)
        return (self.language, *(f"{figure:,}" for figure in figures), self.wrong or "ok")


_SOAKED = ("client", "tracked", "sent", "duplicates", "by calls", "counted", "outcome")


class _Disturbance:
    """Stops and kills one server or the other, and starts it again: never both at once."""

    def __init__(self, servers: Sequence[ServerProcess], seconds: float) -> None:
        self._servers = servers
        self._end = time.monotonic() + seconds
        self._turns = 0
        self._changed = asyncio.Condition()
        self.stopped = self.killed = 0
        self.is_over = False

    async def run(self) -> None:
        """Goes on for as long as it was told, and at least until each server was stopped and killed."""
        try:
            while time.monotonic() < self._end or self._turns < 4:
                server, kills = self._servers[self._turns % 2], self._turns % 4 in (1, 2)
                async with self._changed:
                    self._turns += 1
                    self._changed.notify_all()
                await (server.kill() if kills else server.stop())
                self.killed, self.stopped = self.killed + kills, self.stopped + (not kills)
                await server.start()
                await asyncio.sleep(_CALM)
        finally:
            async with self._changed:
                self.is_over = True
                self._changed.notify_all()

    async def turns(self) -> AsyncIterator[int]:
        """Yields as each second server begins to go away."""
        next_turn = 2
        while not self.is_over:
            async with self._changed:
                while self._turns < next_turn and not self.is_over:
                    await self._changed.wait()
                if self.is_over:
                    return
                next_turn = self._turns + 2
            yield next_turn


async def soak(
    testees: Sequence[Testee],
    servers: Sequence[ServerProcess],
    keys: dict[str, str],
    seconds: float,
    say: Callable[[str], None],
) -> list[str]:
    """Tracks for so long while of two servers one is stopped or killed and started again; returns what is wrong.

    In the end every tracker's sent + duplicates are the events that are counted, and nothing is lost. Meanwhile each
    client makes many calls at once, of which none may fail.
    """
    disturbance = _Disturbance(servers, seconds)
    disturbing = asyncio.create_task(disturbance.run())
    found = await asyncio.gather(*[_soaked(one, servers, keys[one.language.name], disturbance) for one in testees])
    await disturbing
    say(table(_SOAKED, [one.row() for one in found]))
    say(f"of two servers one was stopped {disturbance.stopped} times and one killed {disturbance.killed} times")
    return [f"{one.language}: {one.wrong}" for one in found if one.wrong]


async def _soaked(testee: Testee, servers: Sequence[ServerProcess], key: str, disturbance: _Disturbance) -> Soaked:
    where = {"addresses": [one.address for one in servers], "key": key}
    tracked, called, stored, stats, problem = 0, 0, 0, {}, ""
    try:
        await done(testee, "tracker_open", tracker="soak", max_events=100_000, **where)
        await done(testee, "open", client="soak", **where)
        calling = asyncio.create_task(_call(testee, disturbance))
        while not disturbance.is_over:
            batch = [event() for _ in range(20)]
            tracked += sum((await done(testee, "tracker_track", tracker="soak", events=batch))["taken"])
            await asyncio.sleep(0.1)
        called = await calling
        settled = (await done(testee, "tracker_flush", tracker="soak", timeout_ms=120_000))["settled"]
        problem = "" if settled else "the tracker did not settle"
        stats = await done(testee, "tracker_stats", tracker="soak")
        stored = await counted(testee, "soak")
    except (Refused, RuntimeError) as error:
        problem = str(error)
    return Soaked(
        language=testee.language.name, tracked=tracked, called=called, stats=stats, counted=stored, problem=problem
    )


async def _call(testee: Testee, disturbance: _Disturbance) -> int:
    """Makes many calls at once, again and again; returns how many. Raises Refused if one of them fails."""
    called = 0
    async for _ in disturbance.turns():
        calls = [
            done(testee, "track", client="soak", single=True, events=[event()], timeout_ms=_ATTEMPT_MS)
            for _ in range(_AT_ONCE)
        ]
        statuses = {found["results"][0]["status"] for found in await asyncio.gather(*calls)}
        if not statuses <= {"EVENT_STATUS_ACCEPTED", "EVENT_STATUS_DUPLICATE"}:
            raise Refused(f"of {_AT_ONCE} calls at once some are {statuses}")
        called += _AT_ONCE
    return called


@dataclass(kw_only=True)
class Measured:
    """The figures of one client, a list by rounds each."""

    language: str
    events: list[float]  # a second, in batches
    calls: list[float]  # a second, with one event each
    event_cpu: list[float]  # microseconds of the client's CPU for an event in a batch
    call_cpu: list[float]  # and for a call with one event
    problem: str = ""

    def row(self) -> tuple[str, ...]:
        """Returns the row of a table."""
        if self.problem:
            return (self.language, self.problem)
        figures = ((self.events, 0), (self.calls, 0), (self.event_cpu, 1), (self.call_cpu, 0))
        return (self.language, *(" · ".join(f"{one:,.{digits}f}" for one in many) for many, digits in figures))


_MEASURED = ("client", "events/s", "calls/s", "CPU µs an event", "CPU µs a call")


async def throughput(
    testees: Sequence[Testee], server: ServerProcess, keys: dict[str, str], seconds: float, say: Callable[[str], None]
) -> list[str]:
    """Sends as much as each client can, in batches and then one by one, one client after the other, in two rounds."""
    load = os.getloadavg()[0]
    found = {
        one.language.name: Measured(language=one.language.name, events=[], calls=[], event_cpu=[], call_cpu=[])
        for one in testees
    }
    for testee in testees:
        await done(testee, "open", client="load", addresses=[server.address], key=keys[testee.language.name])
        await testee.ask(_load(1.0, 500, 8))  # so that a virtual machine has compiled what counts
    for _ in range(_ROUNDS):
        for testee in testees:
            await _measure(testee, found[testee.language.name], seconds)
    say(table(_MEASURED, [one.row() for one in found.values()]))
    say(f"{os.cpu_count()} cores, load average {load:.1f} before; {seconds:g} s for each figure, {_ROUNDS} rounds")
    return [f"{one.language}: {one.problem}" for one in found.values() if one.problem]


def _load(seconds: float, batch: int, under_way: int) -> dict[str, object]:
    return {"do": "load", "client": "load", "seconds": seconds, "batch": batch, "under_way": under_way}


async def _measure(testee: Testee, into: Measured, seconds: float) -> None:
    for (batch, under_way), rate, cpu in zip(
        _LOADS, (into.events, into.calls), (into.event_cpu, into.call_cpu), strict=True
    ):
        before, begun = cpu_seconds(testee.pid), time.monotonic()
        reply = await testee.ask(_load(seconds, batch, under_way))
        took, spent = time.monotonic() - begun, cpu_seconds(testee.pid) - before
        sent = reply.get("ok", {"events": 0, "failed": 0})
        if sent["failed"] or not sent["events"]:
            into.problem = f"{reply}"
            return
        rate.append(sent["events"] / took)
        cpu.append(spent * 1e6 / sent["events"])


def cpu_seconds(pid: int) -> float:
    """Returns the CPU seconds that a process and its children have used; 0 where there is no /proc."""
    spent = 0.0
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(folder.name) == pid or int(fields[1]) == pid:
                spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a table in Markdown."""
    lines = [head, ["---"] * len(head), *[[*row, *[""] * (len(head) - len(row))] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
