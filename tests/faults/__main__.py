"""python -m tests.faults [--seeds N] [--seconds S] [--seed K]: kills the service while it is used, and judges."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import disks, fullness, mutants, power, run
from tests.faults.fullness import Fullness
from tests.faults.mutants import Mutant
from tests.faults.network import Network
from tests.faults.power import PowerCuts
from tests.faults.rolling import Rolling
from tests.faults.scenario import Scenario
from tests.faults.silence import Silence
from tests.faults.supervisor import ROOT


async def _main(
    seeds: range, seconds: float, folder: Path, mutant: Mutant | None, scenario: Callable[[int], Scenario]
) -> bool:
    tree = ROOT if mutant is None else mutants.make(mutant, folder / "tree")
    good = True
    for seed in seeds:
        place = folder / f"seed-{seed}"
        place.mkdir(parents=True)
        began = time.monotonic()
        verdict = await run.run(seed, seconds, place, tree=tree, scenario=scenario(seed))
        print(f"{verdict}\n    {time.monotonic() - began:.1f} s in all", flush=True)
        good = good and verdict.good
    return good


def _mutant(arguments: argparse.Namespace) -> Mutant | None:
    """The mistake that the code is to have."""
    if arguments.without_fsync:
        return power.BLIND
    return mutants.MUTANTS[arguments.mutant] if arguments.mutant else None


def _scenario(arguments: argparse.Namespace) -> Callable[[int], Scenario]:
    """The kind of run that was asked for, by seed."""
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
    return lambda _: run.KILLS


parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
parser.add_argument("--seeds", type=int, default=3, help="how many runs (3)")
parser.add_argument("--seconds", type=float, default=8, help="of faults in each (8)")
parser.add_argument("--seed", type=int, default=1, help="that of the first run (1)")
parser.add_argument("--rolling", choices=("servers", "postgres"), help="restart them in order; no call may fail")
parser.add_argument("--network", action="store_true", help="harm the links between clients, servers and engines")
parser.add_argument("--silence", action="store_true", help="measure how long a silent link stays unnoticed")
parser.add_argument("--power-cut", type=int, metavar="N", help="cut the power of PostgreSQL's disk N times (root)")
parser.add_argument("--without-fsync", action="store_true", help="with that: a database that must be found to lose")
parser.add_argument("--disk-full", choices=("data", "wal"), help="fill PostgreSQL's disk of data or of WAL (root)")
parser.add_argument("--folder", type=Path, help="where history and logs go; a new one by default")
parser.add_argument("--mutant", choices=mutants.MUTANTS, help="run code with this mistake, which must be found")
arguments = parser.parse_args()
if arguments.power_cut or arguments.disk_full:
    arguments.seconds = power.SECONDS_EACH * arguments.power_cut if arguments.power_cut else fullness.SECONDS
    try:
        disks.own_mounts()
    except disks.Unavailable as error:
        sys.exit(f"skipped: {error}")
place = arguments.folder or Path(tempfile.mkdtemp(prefix="agentmetrics-faults-"))
seeds = range(arguments.seed, arguments.seed + arguments.seeds)
all_good = asyncio.run(_main(seeds, arguments.seconds, place, _mutant(arguments), _scenario(arguments)))
sys.exit(0 if all_good else 1)
