"""python -m tests.faults [--seeds N] [--seconds S] [--seed K]: kills the service while it is used, and judges."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import mutants, run
from tests.faults.rolling import Rolling
from tests.faults.supervisor import ROOT
from tests.faults.world import Scenario


async def _main(seeds: range, seconds: float, folder: Path, mutant: str | None, scenario: Scenario) -> bool:
    tree = ROOT if mutant is None else mutants.make(mutants.MUTANTS[mutant], folder / "tree")
    good = True
    for seed in seeds:
        place = folder / f"seed-{seed}"
        place.mkdir(parents=True)
        began = time.monotonic()
        verdict = await run.run(seed, seconds, place, tree=tree, scenario=scenario)
        print(f"{verdict}\n    {time.monotonic() - began:.1f} s in all", flush=True)
        good = good and verdict.good
    return good


parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
parser.add_argument("--seeds", type=int, default=3, help="how many runs (3)")
parser.add_argument("--seconds", type=float, default=8, help="of faults in each (8)")
parser.add_argument("--seed", type=int, default=1, help="that of the first run (1)")
parser.add_argument("--rolling", choices=("servers", "postgres"), help="restart them in order; no call may fail")
parser.add_argument("--folder", type=Path, help="where history and logs go; a new one by default")
parser.add_argument("--mutant", choices=mutants.MUTANTS, help="run code with this mistake, which must be found")
arguments = parser.parse_args()
place = arguments.folder or Path(tempfile.mkdtemp(prefix="agentmetrics-faults-"))
seeds = range(arguments.seed, arguments.seed + arguments.seeds)
scenario = run.KILLS
if arguments.rolling:
    scenario = Rolling(servers=arguments.rolling == "servers").scenario
all_good = asyncio.run(_main(seeds, arguments.seconds, place, arguments.mutant, scenario))
sys.exit(0 if all_good else 1)
