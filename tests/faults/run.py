"""One run: everything is started, harmed for some seconds while clients work, and judged."""

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentmetrics import AsyncClient, NotFound
from server import accounts, audit, errors
from server.accounts import Scope, Secrets
from server.store import migrate, organizations, partitions
from server.store.database import Database
from tests.faults import checker, clients, figures, supervisor, tables
from tests.faults.checker import Violation
from tests.faults.clients import Server, Tenant
from tests.faults.history import Audit, History, now
from tests.faults.nemesis import Nemesis
from tests.faults.scenario import Scenario
from tests.faults.supervisor import PEPPER, ROOT
from tests.faults.workload import PLANTED_MAIL, Business
from tests.faults.world import World

# Seconds after which a phase hangs; that of the faults comes on top of their own.
_LIMITS = {"start": 90, "faults": 60, "recovery": 30, "retries": 30, "fold": 30, "figures": 60, "stop": 60}
_LEAST = {"reads": 3, "audits": 4, "faults": 3, "acknowledged events": 100}
_AUDIT_SECONDS = 2.0  # between two recounts
_MEMORY, _ROOM = Path("/dev/shm"), 1 << 30
_SHOWN = 8  # violations


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How a run went."""

    seed: int
    seconds: float
    folder: Path
    option: str = ""  # of the command line
    violations: list[Violation] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def logs(self) -> Path:
        """Where the logs of all processes are kept."""
        return self.folder / "logs"

    @property
    def good(self) -> bool:
        """True where every promise was kept."""
        return not self.violations

    def examples(self) -> list[Violation]:
        """The violation of each check that takes the least to show it."""
        least: dict[str, Violation] = {}
        for violation in self.violations:
            known = least.setdefault(violation.check, violation)
            if violation.size < known.size:
                least[violation.check] = violation
        return sorted(least.values(), key=lambda violation: violation.size)[:_SHOWN]

    def __str__(self) -> str:
        """Figures in two lines; then what is wrong, the smallest counter-example first, and how to see it again."""
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.phases.items())
        lines = [f"seed {self.seed}: {'good' if self.good else 'BROKEN'}; {counts}", f"    {phases}"]
        if not self.good:
            lines += map(str, self.examples())
            kinds = Counter(violation.check for violation in self.violations)
            lines.append("all that is broken: " + ", ".join(f"{name} × {count}" for name, count in kinds.items()))
            lines.append(f"history and logs: {self.folder}")
            again = f"python -m tests.faults {self.option} --seed {self.seed} --seeds 1 --seconds {self.seconds:g}"
            lines.append(f"again: {' '.join(again.split())}")
        return "\n".join(lines)


@contextlib.contextmanager
def _in_memory() -> Iterator[Path]:
    """A folder in memory if there is room.

    No kill of a process can tell, and a slow disk would only make for fewer faults.
    """
    roomy = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="agentmetrics-faults-", dir=_MEMORY if roomy else None) as name:
        yield Path(name)


@contextlib.contextmanager
def _data_folder(verdict: Verdict, scenario: Scenario) -> Iterator[Path]:
    """A folder for the engines, removed at the end; their logs stay with the others."""
    with (scenario.data or _in_memory)() as data:
        verdict.logs.mkdir()
        try:
            yield data
        finally:
            for log in data.glob("*.log"):
                with contextlib.suppress(OSError):  # its disk may have been lost
                    shutil.copy(log, verdict.logs / f"engine-{log.name}")


class Hang(Exception):
    """A phase took longer than it may."""

    @property
    def violation(self) -> Violation:
        """It as what it is: a promise that was not kept."""
        return Violation(check="hang", text=str(self))


async def _kill(world: World, seconds: float) -> None:
    await under_load(world, Nemesis(str(world.seed), world.cluster, world.history).run(seconds))


KILLS = Scenario(harm=_kill)


async def run(seed: int, seconds: float, folder: Path, *, tree: Path = ROOT, scenario: Scenario = KILLS) -> Verdict:
    """Runs the code in a folder under faults that the seed chooses. History and logs stay in the run's folder."""
    verdict = Verdict(seed=seed, seconds=seconds, folder=folder, option=scenario.option)
    history = History(folder / "history.jsonl")
    try:
        with _complaints(verdict):
            await _run(verdict, history, tree, scenario)
    except Hang as hang:
        verdict.violations.append(hang.violation)
    finally:
        history.close()
    verdict.counts.update(
        {
            "events": sum(len(set(call.event_ids)) for call in history.calls),
            "calls": len(history.calls),
            "calls of unknown outcome": sum(1 for call in history.calls if call.error),
            "reads": len(history.reads),
            "audits": len(history.audits),
        }
    )
    verdict.counts.update(f"{fault.what} {fault.victim.partition('-')[0]}" for fault in history.faults)
    return verdict


async def _run(verdict: Verdict, history: History, tree: Path, scenario: Scenario) -> None:
    dice = random.Random(f"{verdict.seed}/run")
    async with contextlib.AsyncExitStack() as stack:
        async with _phase(verdict, "start"):
            data = stack.enter_context(_data_folder(verdict, scenario))
            engines = stack.enter_context(scenario.start(data))
            database = Database(engines.database_url)
            stack.push_async_callback(database.close)
            await _migrate(database)
            urls = await stack.enter_async_context(scenario.urls(engines))
            cluster = await stack.enter_async_context(
                supervisor.cluster(
                    engines, data, verdict.logs, servers=2, workers=dice.choice((1, 2)), tree=tree, urls=urls
                )
            )
            targets = await stack.enter_async_context(scenario.targets(cluster.addresses))
            tenants, keys = await _tenants(stack, verdict.seed, database, targets, dice.choice((2, 3)))
            await cluster.serving()
        world = World(seed=verdict.seed, database=database, cluster=cluster, tenants=tenants, history=history)
        try:
            async with _phase(verdict, "faults", extra=verdict.seconds):
                await scenario.harm(world, verdict.seconds)
            verdict.violations += await _recover(verdict, world)
        except Hang as hang:
            verdict.violations.append(hang.violation)  # what follows may show why
        async with _phase(verdict, "stop"):
            await asyncio.gather(*(program.stop() for program in cluster.programs))
        mails = (PLANTED_MAIL.partition("{")[0],)
        try:
            verdict.violations += checker.judge(history, await _stored(world))
        except errors.StorageUnavailable as error:
            verdict.violations.append(Violation(check="lost disk", text=f"the tables cannot be read: {error}"))
        verdict.violations += supervisor.judge_lives(cluster.programs)
        verdict.violations += supervisor.judge_logs(cluster, (*keys, *mails))
        verdict.violations += [*(() if scenario.quiet else _idle(history)), *scenario.judge(world)]
        verdict.counts["starts of processes"] = sum(len(program.lives) for program in cluster.programs)
        verdict.counts["different events"] = sum(len(tenant.facts) for tenant in tenants)


async def _migrate(database: Database) -> None:
    await migrate.upgrade(database)
    condition = await database.condition()
    async with database.transaction() as connection:
        await partitions.ensure(connection, condition.now.date())


async def _tenants(
    stack: contextlib.AsyncExitStack, seed: int, database: Database, targets: Sequence[str], count: int
) -> tuple[list[Tenant], list[str]]:
    """Organizations with their clients, and their keys."""
    tenants, keys = [], []
    for number in range(count):
        name = f"organization {number}"
        organization = await accounts.create_organization(database, name, organizations.Settings(time_zone="UTC"))
        key = await accounts.create_key(
            database, Secrets(PEPPER), name, name="faults", scopes=(Scope.INGEST, Scope.READ)
        )
        servers = [
            Server(
                address=target,
                client=await stack.enter_async_context(AsyncClient(target, api_key=key.secret)),
            )
            for target in targets
        ]
        business = Business(f"{seed}/{number}", datetime.now(UTC))
        tenants.append(Tenant(organization=organization, key=key.secret, servers=servers, business=business))
        keys.append(key.secret)
    return tenants, keys


async def under_load(world: World, harm: Awaitable[None]) -> None:
    """Lets clients work while harm is done, and returns when both are done."""
    stop = asyncio.Event()
    start, end = world.period
    work = [
        *(clients.send_calls(client, 1, stop) for client in world.clients("single")),
        *(clients.send_calls(client, 200, stop) for client in world.clients("batch")),
        *(clients.send_streams(client, stop) for client in world.clients("stream")),
        *(clients.read(client, start, end, stop) for client in world.clients("reader")),
        _audit_now_and_then(world, stop),
    ]
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(one)
        try:
            await harm
        finally:
            stop.set()


async def _audit_now_and_then(world: World, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=_AUDIT_SECONDS)
        for tenant in world.tenants:
            with contextlib.suppress(errors.StorageUnavailable):
                await recount(world, tenant.organization)


async def recount(world: World, organization: int) -> None:
    """Holds an organization's figures against its raw events, in one snapshot, for the history."""
    report = await audit.check(world.database, organization)
    world.history.add(
        Audit(
            organization=organization,
            at=now(),
            events=report.events,
            mismatches=report.mismatches,
            examples="; ".join(map(str, report.examples[:5])),
        )
    )


async def _recover(verdict: Verdict, world: World) -> list[Violation]:
    """Waits, now that no fault comes any more, until all is well, and compares every figure twice."""
    async with _phase(verdict, "recovery"):
        await world.cluster.serving()
    async with _phase(verdict, "retries"):
        await asyncio.gather(*(clients.send_unknown(client) for client in world.clients("last")))
    async with _phase(verdict, "figures"):
        found = await _compare(world)
    async with _phase(verdict, "fold"):
        await tables.until_folded(world.database)
    async with _phase(verdict, "figures"):
        return found + await _compare(world)


async def _compare(world: World) -> list[Violation]:
    """Every figure, from a server each in turn, and a recount."""
    found: list[Violation] = []
    start, end = world.period
    for number, tenant in enumerate(world.tenants):
        server = tenant.servers[number % len(tenant.servers)]
        facts = list(tenant.facts.values())
        try:
            found += await figures.compare(server.client, tenant.organization, facts, start, end)
        except NotFound as error:  # an agent of whom everything was lost
            found.append(Violation(check="figures", text=f"organization {tenant.organization}: {error}"))
        await recount(world, tenant.organization)
    return found


def _idle(history: History) -> Iterator[Violation]:
    """A run in which nothing happened has shown nothing."""
    told = {"reads": len(history.reads), "audits": len(history.audits), "faults": len(history.faults)}
    told["acknowledged events"] = sum(len(call.results) for call in history.calls)
    for what, count in told.items():
        if count < _LEAST[what]:
            yield Violation(check="idle", text=f"only {count} {what}, a run needs {_LEAST[what]}")


async def _stored(world: World) -> dict[int, checker.Stored]:
    return {
        tenant.organization: await tables.stored(world.database, tenant.organization, tenant.facts)
        for tenant in world.tenants
    }


@contextlib.asynccontextmanager
async def _phase(verdict: Verdict, name: str, *, extra: float = 0) -> AsyncIterator[None]:
    """A part of a run that has a time limit of its own."""
    limit, began = _LIMITS[name] + extra, time.monotonic()
    timeout = asyncio.timeout(limit)
    try:
        async with timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise Hang(f"{name} took longer than {limit:g} s") from None
    finally:
        verdict.phases[name] = verdict.phases.get(name, 0) + time.monotonic() - began


@contextlib.contextmanager
def _complaints(verdict: Verdict) -> Iterator[None]:
    """Takes errors that nobody waited for, in this very process, as what they are: faults of the client."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        text = f"{context.get('message')}: {context.get('exception')!r}"
        verdict.violations.append(Violation(check="client", text=text))

    loop.set_exception_handler(complain)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
