"""python -m tests.load agents [--agents N] [--seconds S]: a load on embedded engines; exits with 1 where it fails."""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

# Before gRPC is imported: its handlers of fork can end a child of ours before it has become PostgreSQL.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

from server import embedded
from tests.bench.world import World
from tests.load import agents


async def _main(count: int, seconds: float) -> bool:
    with tempfile.TemporaryDirectory(prefix="agentmetrics-load-") as folder, embedded.start(Path(folder)) as engines:
        async with World.on(engines, "agents") as world:
            return await agents.run(world, agents=count, seconds=seconds)


parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
parser.add_argument("name", choices=["agents"])
parser.add_argument("--agents", type=int, default=1_000_000)
parser.add_argument("--seconds", type=float, default=600)
arguments = parser.parse_args()
sys.exit(not asyncio.run(_main(arguments.agents, arguments.seconds)))
