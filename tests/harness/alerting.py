"""python -m tests.harness.alerting: how soon rules of alerts are looked at, at what cost; and how long backtests take.

It runs on embedded engines of its own: many rules of many organizations and one worker, first without any events, then
with bursts of them; and backtests over 90 days of an organization with many events.
"""

import argparse
import asyncio
import math
import os
import random
import resource
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.alerts import windows
from server.catalog.catalogue import BUILT_IN
from server.local import embedded
from server.organizations.alerts import AlertCondition, AlertDirection, ConditionKind, RuleDraft
from server.organizations.settings import OrganizationSettings
from server.store import alert_rules, migrate, partitions
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import administration
from tests.alerts.looking import HOUR, MINUTE, above, event, looking
from tests.support import memory, worlds

_ROOT = Path(__file__).parents[2]
_PORT = 19_464
_TICKS = os.sysconf("SC_CLK_TCK")
DRAFTS = (
    RuleDraft(name="many", metric="messages_sent", condition=above(5)),
    RuleDraft(name="errors", metric="error_rate", condition=above(0.2, warning=0.1), minimum_samples=5),
    RuleDraft(name="slow", metric="p95_response_time_ms", condition=above(5_000), window=15 * MINUTE),
    RuleDraft(name="silence", condition=AlertCondition(kind=ConditionKind.ABSENCE), window=HOUR, step=5 * MINUTE),
    RuleDraft(name="users", metric="unique_users", condition=above(1_000), window=HOUR, step=15 * MINUTE),
    RuleDraft(name="cost", metric="cost_micros", condition=above(1_000_000), window=24 * HOUR, step=15 * MINUTE),
    RuleDraft(name="agents", metric="messages_sent", group_by="agent", condition=above(5)),
    RuleDraft(name="handed over", metric="escalation_rate", condition=above(0.5), window=HOUR, step=5 * MINUTE),
    RuleDraft(
        name="few",
        metric="messages_received",
        condition=AlertCondition(kind=ConditionKind.VALUE, direction=AlertDirection.BELOW, critical=-1),
        window=15 * MINUTE,
        step=MINUTE,
    ),
    RuleDraft(name="calls", metric="api_calls", condition=above(1_000)),
)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _lags(before: Sequence[tuple[float, float]] = ()) -> list[tuple[float, float]]:
    """Returns the buckets of the worker's histogram of lags, less those of before."""
    with urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = [
        (float(line.partition('le="')[2].partition('"')[0]), float(line.rpartition(" ")[2]))
        for line in lines
        if line.startswith("tallywire_alert_lag_seconds_bucket")
    ]
    return [(bound, count - (before[place][1] if before else 0)) for place, (bound, count) in enumerate(found)]


def _quantile(buckets: Sequence[tuple[float, float]], share: float) -> str:
    total = buckets[-1][1]
    bound = next((bound for bound, count in buckets if total and count >= share * total), math.inf)
    return f"at most {bound:g} s of {total:,.0f} looks" if total else "no looks"


async def _rules(database: Database, organizations: Sequence[int], number: int) -> None:
    now = datetime.now(UTC)
    for place in range(number):
        organization = organizations[place % len(organizations)]
        draft = DRAFTS[place // len(organizations) % len(DRAFTS)]
        draft = replace(draft, name=f"{draft.name} {place}")
        async with database.transaction(of=EVERY) as driver:
            is_early = windows.is_early(draft, BUILT_IN)
            await alert_rules.add(
                driver, organization, f"r{place}", "bench", draft, is_early=is_early, restriction=None
            )
    print(
        f"{number:,} rules of {len(organizations)} organizations in {(datetime.now(UTC) - now).total_seconds():.0f} s"
    )


async def _loaded(database: Database, organizations: Sequence[int], seconds: float) -> list[float]:
    """Sends bursts of eight messages, and returns after how many seconds the incident of each was there."""
    dice, delays, end = random.Random(1), list[float](), time.monotonic() + seconds

    async def burst(organization: int) -> None:
        some = [event(datetime.now(UTC), agent_id=f"bot-{dice.randrange(3)}") for _ in range(8)]
        await worlds.store(database, organization, some)
        begun = time.monotonic()
        asked = (
            "SELECT count(*) FROM incidents JOIN alert_rules USING (organization_id, rule_id)"
            " WHERE organization_id = $1 AND name LIKE 'many%'"
        )
        while not await worlds.value(database, asked, organization):
            if time.monotonic() - begun > 60:
                delays.append(math.inf)
                return
            await asyncio.sleep(0.05)
        delays.append(time.monotonic() - begun)

    bursts = []
    for organization in dice.sample(list(organizations), len(organizations)):
        if time.monotonic() > end:
            break
        bursts.append(asyncio.create_task(burst(organization)))
        await asyncio.sleep(seconds / len(organizations))
    await asyncio.gather(*bursts)
    return sorted(delays)


async def _worker(url: str, redis_url: str, log: Path) -> asyncio.subprocess.Process:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers", "--metrics-port", str(_PORT)),
            cwd=_ROOT,
            env=kept | {"DATABASE_URL": url, "REDIS_URL": redis_url, "TALLYWIRE_KEY_PEPPER": "p" * 40},
            stderr=output,
        )


async def lag(engines: embedded.Engines, database: Database, rules: int, organizations: int, minutes: float) -> None:
    """Prints how soon rules are looked at, and what that costs."""
    settings = OrganizationSettings(time_zone="UTC")
    made = [await administration.create_organization(database, f"o{one}", settings) for one in range(organizations)]
    old = datetime.now(UTC) - timedelta(days=1)
    for organization in made:
        await worlds.store(database, organization, [event(old + one * MINUTE) for one in range(20)])
    with tempfile.TemporaryDirectory() as folder:
        worker = await _worker(engines.database_url, engines.redis_url, Path(folder) / "log")
        await asyncio.sleep(75)  # until it has nothing to do
        spent, begun = _cpu_seconds(worker.pid), time.monotonic()
        await asyncio.sleep(60)
        share = (_cpu_seconds(worker.pid) - spent) / (time.monotonic() - begun)
        print(f"a worker without rules: {share:.1%} of a core")
        await _rules(database, made, rules)
        await asyncio.sleep(75)  # until everything has been looked at once
        seen, spent, begun = await asyncio.to_thread(_lags), _cpu_seconds(worker.pid), time.monotonic()
        await asyncio.sleep(60 * minutes)
        share = (_cpu_seconds(worker.pid) - spent) / (time.monotonic() - begun)
        print(f"without events: {share:.1%} of a core, {_resident_mib(worker.pid):,.0f} MiB;", end=" ")
        print(f"lag p99 {_quantile(await asyncio.to_thread(_lags, seen), 0.99)}")
        seen = await asyncio.to_thread(_lags)
        spent, begun = _cpu_seconds(worker.pid), time.monotonic()
        delays = await _loaded(database, made, 60 * minutes)
        share = (_cpu_seconds(worker.pid) - spent) / (time.monotonic() - begun)
        middle, late = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
        found = _quantile(await asyncio.to_thread(_lags, seen), 0.99)
        print(f"with bursts of events: {share:.1%} of a core; lag p99 {found};")
        print(
            f"  from the deciding event to the incident: median {middle:.2f} s, p99 {late:.2f}, most {delays[-1]:.2f}"
        )
        worker.send_signal(signal.SIGTERM)
        await worker.wait()


async def backtests(database: Database, events: int) -> None:
    """Prints how long backtests over 90 days take."""
    organization = await administration.create_organization(
        database, "many events", OrganizationSettings(time_zone="UTC")
    )
    here, now = looking(database, organization), datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = now - timedelta(days=90)
    await _fill(database, organization, start, now, events)
    for step in (5, 15):
        for metric, limit in (
            ("messages_sent", 40),
            ("error_rate", 0.3),
            ("p95_response_time_ms", 4_000),
            ("unique_users", 60),
        ):
            draft = RuleDraft(
                name=metric, metric=metric, window=HOUR, step=timedelta(minutes=step), condition=above(limit)
            )
            begun = time.perf_counter()
            try:
                found = await here.backtest(draft, start, now)
            except Exception as error:  # noqa: BLE001 - it is told
                print(f"  {metric}, steps of {step} minutes: refused: {error}")
                continue
            seconds = time.perf_counter() - begun
            told = f"{found.windows:,} windows, {found.total} incidents"
            print(f"  {metric}, steps of {step} minutes: {told}, {seconds:.2f} s")


async def _fill(database: Database, organization: int, start: datetime, end: datetime, events: int) -> None:
    dice = random.Random(2)
    span = (end - start).total_seconds()
    some = []
    for _ in range(events):
        detail = {"response_time_ms": dice.randrange(100, 5_000), "failed": int(dice.random() < 0.1)}
        at = start + timedelta(seconds=dice.random() * span)
        some.append(event(at, agent_id=f"bot-{dice.randrange(5)}", user_id=f"u{dice.randrange(900)}", detail=detail))
    await worlds.store(database, organization, some, batch=1_000)
    print(f"backtests over 90 days with {events:,} events:")


async def measured(rules: int, organizations: int, minutes: float, events: int) -> None:
    """Measures everything."""
    with memory.folder("alerting", room=memory.OF_A_SESSION) as folder, embedded.start(folder) as engines:
        database = Database(engines.database_url, ingest_connections=4, other_connections=8)
        await migrate.upgrade(database)
        condition = await database.condition()
        async with database.transaction(of=EVERY) as driver:
            await partitions.ensure(driver, condition.now.date())
        if events:
            await backtests(database, events)
        if rules:
            await lag(engines, database, rules, organizations, minutes)
        await database.close()


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.alerting", description=__doc__)
    parser.add_argument("--rules", type=int, default=1_000, help="0: backtests alone")
    parser.add_argument("--organizations", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=3, help="without events, and again with them")
    parser.add_argument("--events", type=int, default=50_000, help="of backtests; 0: none of these")
    chosen = parser.parse_args()
    asyncio.run(measured(chosen.rules, chosen.organizations, chosen.minutes, chosen.events))


if __name__ == "__main__":
    main()
