"""One run: everything is started, harmed for some seconds while clients work, and judged."""

import asyncio
import contextlib
from pathlib import Path

from server import errors
from tallywire import NotFound, TallywireError
from tests.harness.faults import audience as audiences
from tests.harness.faults import (
    checker,
    clients,
    figures,
    load,
    periods,
    resources,
    stream_checks,
    stream_figures,
    supervisor,
    tables,
)
from tests.harness.faults import world as worlds
from tests.harness.faults.audience import Audience
from tests.harness.faults.checker import Violation
from tests.harness.faults.history import History
from tests.harness.faults.kills import KILLS
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.verdict import Hang, Verdict
from tests.harness.faults.workload import PLANTED_MAIL
from tests.harness.faults.world import World


async def run(seed: int, seconds: float, folder: Path, *, mistake: str = "", scenario: Scenario = KILLS) -> Verdict:
    """Runs the service, or the mutant of it that is named, under faults that the seed chooses. History and logs stay in
    the folder.
    """
    verdict = Verdict(seed=seed, seconds=seconds, folder=folder, option=scenario.option)
    history = History(folder / "history.jsonl")
    try:
        with verdict.complaints():
            await _run(verdict, history, mistake, scenario)
    except Hang as hang:
        verdict.violations.append(hang.violation)
    except TallywireError as error:  # of a question that was asked once no fault came any more
        verdict.violations.append(Violation(check="unanswered", text=str(error)))
    finally:
        history.close()
    verdict.counts.update(
        {
            "events": sum(len(set(call.event_ids)) for call in history.calls),
            "calls": len(history.calls),
            "calls of unknown outcome": sum(1 for call in history.calls if call.error),
            "reads": len(history.reads),
            "audits": len(history.audits),
            "updates told": len(history.delivered),
            "resumptions": len(history.resumed),
            "states shown": len(history.shown),
        }
    )
    verdict.counts.update(f"{fault.what} {fault.victim.partition('-')[0]}" for fault in history.faults)
    return verdict


async def _run(verdict: Verdict, history: History, mistake: str, scenario: Scenario) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with verdict.phase("start"):
            data = stack.enter_context(worlds.data_folder(verdict.logs, scenario.data))
            world = await stack.enter_async_context(
                worlds.opened(
                    verdict.seed,
                    data,
                    verdict.logs,
                    history,
                    mistake=mistake,
                    start=scenario.start,
                    urls=scenario.urls,
                    targets=scenario.targets,
                    failpoints=scenario.failpoints(verdict.seed),
                    settings=scenario.settings,
                )
            )
            audience = await stack.enter_async_context(
                audiences.subscribed(world, world.tenants if scenario.watched else ())
            )
        complete = True
        try:
            async with verdict.phase("faults", extra=4 * verdict.seconds):
                await scenario.harm(world, verdict.seconds)
            verdict.violations += await _recover(verdict, world, audience)
        except Hang as hang:
            verdict.violations.append(hang.violation)  # what follows may show why
            complete = False
        await audience.leave()
        verdict.violations += await _rest(verdict, world)
        async with verdict.phase("stop"):
            await asyncio.gather(*(program.stop() for program in world.cluster.programs))
        async with verdict.phase("judgement"):
            await _judge(verdict, world, audience, complete=complete)
        verdict.violations += scenario.judge(world)
        if not scenario.quiet:
            verdict.violations += load.idle(history, watched=scenario.watched)


async def _rest(verdict: Verdict, world: World) -> list[Violation]:
    """Waits until the service, which nobody uses any more, holds no more than an idle one."""
    try:
        async with verdict.phase("rest"):
            await resources.until_idle(world.cluster, world.database)
    except Hang as hang:
        found = await resources.excess(world.cluster, world.database)
        return [Violation(check="resources", text=f"{hang}: {'; '.join(map(str, found))}")]
    except errors.StorageUnavailable as error:
        return [Violation(check="lost disk", text=f"nobody can use the database any more: {error}")]
    return []


async def _judge(verdict: Verdict, world: World, audience: Audience, *, complete: bool) -> None:
    """Everything that the history, the tables, the logs and the ends of the processes tell."""
    history, secrets = world.history, (*(tenant.key for tenant in world.tenants), PLANTED_MAIL.partition("{")[0])
    try:
        stored = await world.stored()
        verdict.violations += await periods.judge(world.database)
    except errors.StorageUnavailable as error:
        verdict.violations.append(Violation(check="lost disk", text=f"the tables cannot be read: {error}"))
    else:
        found = checker.judge(history, stored, world.facts)
        # A run that was cut short has not sent again what was never acknowledged.
        verdict.violations += [one for one in found if complete or one.check != "never stored"]
        verdict.violations += stream_checks.judge(
            history, audience.subscriptions, stored, world.facts, complete=complete
        )
    verdict.violations += supervisor.judge_lives(world.cluster.programs)
    verdict.violations += supervisor.judge_logs(world.cluster, secrets)
    verdict.violations += supervisor.judge_failures(history, (*world.cluster.secrets, *secrets))
    lives = [life for program in world.cluster.programs for life in program.lives]
    verdict.counts["starts of processes"] = len(lives)
    verdict.counts.update(f"failpoint {name}" for life in lives if (name := life.failpoint()))
    verdict.counts["different events"] = sum(len(tenant.all_facts) for tenant in world.tenants)


async def _recover(verdict: Verdict, world: World, audience: Audience) -> list[Violation]:
    """Waits, now that no fault comes any more, until all is well, and compares every figure twice."""
    async with verdict.phase("recovery"):
        await world.cluster.serving()
        await periods.make_due(world.database)
        await asyncio.gather(*(clients.reach(server) for tenant in world.tenants for server in tenant.servers))
    async with verdict.phase("retries", extra=verdict.seconds):
        await asyncio.gather(
            *(
                clients.send_unknown(client)
                for client in (*world.clients("last"), *world.clients("last stray", world.strays))
            )
        )
    audience.calm.set()
    async with verdict.phase("projections"):
        await tables.until_projected(world.database)
    found = await _settle(verdict, world, audience)
    async with verdict.phase("figures"):
        found += await _compare(world)
        found += await _compare_streams(world, audience)
    async with verdict.phase("fold"):
        await tables.until_folded(world.database)
    async with verdict.phase("figures"):
        return found + await _compare(world)


async def _settle(verdict: Verdict, world: World, audience: Audience) -> list[Violation]:
    """Waits until every subscriber has what there is; says who has not."""
    newest = {
        tenant.organization: await tables.revision(world.database, tenant.organization) for tenant in world.tenants
    }
    try:
        async with verdict.phase("streams"):
            await stream_figures.until_at_head(audience.readers, newest)
            for tenant in world.tenants:
                mine = [one for one in audience.watchers if one.organization == tenant.organization]
                await stream_figures.until_true(tenant.servers[0].client, tenant, mine)
    except Hang as hang:
        who = "; ".join(stream_figures.behind(audience.readers, newest)) or "states do not tell today's figures"
        return [Violation(check="behind", text=f"{hang}: {who}")]
    return []


async def _compare(world: World) -> list[Violation]:
    """Every figure, from a server each in turn, and a recount."""
    found: list[Violation] = []
    start, end = world.period
    for number, tenant in enumerate(world.tenants):
        server = tenant.servers[number % len(tenant.servers)]
        facts = list(tenant.all_facts.values())
        try:
            found += await figures.compare(server.client, tenant.organization, facts, start, end)
        except NotFound as error:  # an agent of whom everything was lost
            found.append(Violation(check="figures", text=f"organization {tenant.organization}: {error}"))
        await world.audit(tenant)
    return found


async def _compare_streams(world: World, audience: Audience) -> list[Violation]:
    """The tables that readers have made, and the figures of now, from both servers."""
    found: list[Violation] = []
    start, end = world.period
    for tenant in world.tenants:
        one, other = (server.client for server in tenant.servers)
        for reader in audience.readers:
            if reader.organization == tenant.organization:
                found += await stream_figures.compare_table(one, tenant.organization, reader, start, end)
        for client in (one, other):
            interests = [one.interest for one in audience.watchers if one.organization == tenant.organization]
            found += await stream_figures.compare_states(client, tenant, interests)
    return found
