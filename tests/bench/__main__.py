"""python -m tests.bench [NAME …] [--events N]: runs benchmarks on embedded engines and prints them beside their
yardsticks.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from server import embedded
from tests.bench import ingest, overview, updates, watch
from tests.bench.world import World

BENCHMARKS = {"ingest": ingest.run, "overview": overview.run, "watch": watch.run, "updates": updates.run}


async def _main(names: list[str], events: int | None) -> None:
    with tempfile.TemporaryDirectory(prefix="agentmetrics-bench-") as folder, embedded.start(Path(folder)) as engines:
        for name in names:
            print(f"\n## {name}")
            async with World.on(engines, name) as world:
                await BENCHMARKS[name](world, events)


parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)}; all if none is named")
parser.add_argument("--events", type=int, help="how many events; each benchmark has its own default")
arguments = parser.parse_args()
unknown = set(arguments.names) - set(BENCHMARKS)
if unknown:
    parser.error(f"no benchmark named {', '.join(sorted(unknown))}")
asyncio.run(_main(arguments.names or list(BENCHMARKS), arguments.events))
