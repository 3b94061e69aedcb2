"""python -m tests.harness.load NAME …: runs load tests on embedded engines; exit code 1 where one of them fails."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

# Before gRPC is imported: its handlers of fork can end a child of ours before it has become PostgreSQL.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

from server.local import embedded
from tests.harness.bench.world import World
from tests.harness.load import agents, backlog, bombs, hour, late, noisy, resuming, step, subscriptions
from tests.harness.load.running import Verdict

_LONGEST = 900.0  # seconds for one of them, whatever happens
_TESTS = {
    one.__name__.rpartition(".")[2]: one.run for one in (backlog, bombs, late, noisy, resuming, step, subscriptions)
}
_TESTS |= {"flood": step.flood, "noisy-flood": noisy.flood}


async def _main(names: list[str], count: int, seconds: float, events: int) -> bool:
    verdict = Verdict()
    with tempfile.TemporaryDirectory(prefix="tallywire-load-") as folder, embedded.start(Path(folder)) as engines:
        for name in names:
            print(f"\n## {name}", flush=True)
            async with asyncio.timeout(_LONGEST), World.on(engines, name) as world:
                if name == "agents":
                    verdict.failed |= not await agents.run(world, agents=count, seconds=seconds)
                elif name == "hour":
                    await hour.run(world, verdict, events=events)
                else:
                    await _TESTS[name](world, verdict)
    print("\nFAILED" if verdict.failed else "\npassed")
    return not verdict.failed


names = sorted({*_TESTS, "agents", "hour"})
parser = argparse.ArgumentParser(prog="python -m tests.harness.load", description=__doc__)
parser.add_argument("names", nargs="+", metavar="NAME", choices=names, help=f"which of {', '.join(names)}")
parser.add_argument("--agents", type=int, default=1_000_000, help="distinct agents that `agents` makes")
parser.add_argument("--seconds", type=float, default=600, help="how long `agents` takes for them")
parser.add_argument("--events", type=int, default=1_000_000, help="events in the hour of `hour`")
arguments = parser.parse_args()
sys.exit(not asyncio.run(_main(arguments.names, arguments.agents, arguments.seconds, arguments.events)))
