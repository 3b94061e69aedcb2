"""python -m tests.harness.faults: harms the service while it is used, and judges it; with --mutant, a wrong one."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

# Before gRPC is imported: its handlers of fork can end a child of ours before it has become Redis.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

from server import failpoints
from tests.harness.faults import disks, fullness, mutants, power, run
from tests.harness.faults.fullness import Fullness
from tests.harness.faults.kills import KILLS
from tests.harness.faults.mistake import Mistake
from tests.harness.faults.network import Network
from tests.harness.faults.power import PowerCuts
from tests.harness.faults.rolling import Rolling
from tests.harness.faults.scenario import Scenario
from tests.harness.faults.silence import Silence
from tests.harness.faults.supervisor import NO_FAILPOINTS

_MUTANT_SEEDS = 4  # a mutant that none of them finds is one that is not found
Scenarios: TypeAlias = Callable[[int], Scenario]  # by seed


async def _all(seeds: range, seconds: float, folder: Path, scenarios: Scenarios) -> bool:
    """Runs every seed, says how each went and what was done in all, and keeps the folders of bad ones."""
    broken, counts, reachable = [], Counter[str](), False
    for seed in seeds:
        began, scenario = time.monotonic(), scenarios(seed)
        reachable = scenario.failpoints(seed) is not NO_FAILPOINTS
        verdict = await run.run(seed, seconds, _made(folder / f"seed-{seed}"), scenario=scenario)
        print(f"{verdict}\n    {time.monotonic() - began:.1f} s in all", flush=True)
        counts.update(verdict.counts)
        if verdict.good:
            shutil.rmtree(verdict.folder)
        else:
            broken.append(seed)
    totals = ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items()))
    print(f"{len(seeds) - len(broken)} of {len(seeds)} seeds good; {totals}")
    for name in failpoints.NAMES if reachable else ():
        if not counts[f"failpoint {name}"]:
            print(f"failpoint {name} was never reached")
    if broken:
        print(f"broken: {', '.join(map(str, broken))}")
    return not broken


async def _mutants(
    mistakes: Mapping[str, Mistake], first: int, seconds: float, folder: Path, scenarios: Scenarios
) -> bool:
    """Runs the service with each of the mistakes until one of its checks finds it, and prints a table."""
    found = True
    print(f"{'mistake':30} {'seed':>4}  found by")
    for name, mistake in mistakes.items():
        place = folder / name
        others: set[str] = set()
        for seed in range(first, first + _MUTANT_SEEDS):
            verdict = await run.run(
                seed, seconds, _made(place / f"seed-{seed}"), mistake=name, scenario=scenarios(seed)
            )
            by = [check for check in verdict.checks if check in mistake.checks]
            others |= set(verdict.checks) - mistake.checks
            if by:
                print(f"{name:30} {seed:4}  {', '.join(by)}", flush=True)
                break
        else:
            print(f"{name:30}    –  NOT FOUND; other checks: {', '.join(sorted(others)) or 'none'}", flush=True)
            found = False
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _mistakes(arguments: argparse.Namespace) -> Mapping[str, Mistake]:
    """The mistakes that the code is to have, one at a time."""
    if arguments.without_fsync:
        return mutants.UNFLUSHED
    if arguments.mutant == "all":
        return mutants.MUTANTS
    return {arguments.mutant: mutants.MUTANTS[arguments.mutant]} if arguments.mutant else {}


def _scenarios(arguments: argparse.Namespace) -> Scenarios:
    """The kind of run that was asked for."""
    if arguments.rolling:
        return lambda _: Rolling(servers=arguments.rolling == "servers").scenario
    if arguments.network:
        return lambda seed: Network(seed).scenario
    if arguments.silence:
        return lambda seed: Silence(seed).scenario
    if arguments.power_cut:
        durable = not arguments.without_fsync
        return lambda seed: PowerCuts(seed, arguments.power_cut, durable=durable).scenario
    if arguments.disk_full:
        return lambda _: Fullness(arguments.disk_full).scenario
    return lambda _: KILLS


parser = argparse.ArgumentParser(prog="python -m tests.harness.faults", description=__doc__)
parser.add_argument("--seeds", type=int, default=3, help="how many runs (3)")
parser.add_argument("--seconds", type=float, default=8, help="of faults in each (8); from 90 on Redis is away for long")
parser.add_argument("--seed", type=int, default=1, help="that of the first run (1)")
parser.add_argument("--rolling", choices=("servers", "postgres"), help="restart them in order; no call may fail")
parser.add_argument("--network", action="store_true", help="harm the links between clients, servers and engines")
parser.add_argument("--silence", action="store_true", help="measure how long a silent link stays unnoticed")
parser.add_argument("--power-cut", type=int, metavar="N", help="cut the power of PostgreSQL's disk N times (root)")
parser.add_argument("--without-fsync", action="store_true", help="with that: a database that must be found to lose")
parser.add_argument("--disk-full", choices=("data", "wal"), help="fill PostgreSQL's disk of data or of WAL (root)")
parser.add_argument("--folder", type=Path, help="where history and logs go; a new one by default")
parser.add_argument("--mutant", choices=("all", *mutants.MUTANTS), help="find this mistake, or every one")
arguments = parser.parse_args()
if arguments.without_fsync and not arguments.power_cut:
    parser.error("--without-fsync goes with --power-cut")
if arguments.power_cut or arguments.disk_full:
    arguments.seconds = power.SECONDS_EACH * arguments.power_cut if arguments.power_cut else fullness.SECONDS
    try:
        disks.own_mounts()
    except disks.Unavailable as error:
        sys.exit(f"skipped: {error}")
place = arguments.folder or Path(tempfile.mkdtemp(prefix="tallywire-faults-"))
scenarios = _scenarios(arguments)
if mistakes := _mistakes(arguments):
    good = asyncio.run(_mutants(mistakes, arguments.seed, arguments.seconds, place, scenarios))
else:
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    good = asyncio.run(_all(seeds, arguments.seconds, place, scenarios))
sys.exit(0 if good else 1)
