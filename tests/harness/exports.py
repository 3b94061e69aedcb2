"""python -m tests.harness.exports [--rows N] [--format NAME]: exports all events of an organization to a file.

It runs on embedded engines of its own, and tells the memory of the server meanwhile. The file is checked against the
server's SHA-256, and its rows are counted.
"""

import argparse
import asyncio
import math
import os
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tallywire
from server.local import embedded
from tallywire import export_parts
from tallywire.v1 import list_events_pb2
from tests.harness.bench import event_pages
from tests.harness.bench.world import World
from tests.support import memory

_EACH = 111_112  # events of a day, of which nine of ten are exported
_LOOK_SECONDS = 0.2
_MIB = 2**20


def resident(pid: int) -> float:
    """The memory of a process, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / _MIB


async def watched(pid: int, peak: list[float]) -> None:
    """Keeps the greatest memory of a process."""
    while True:
        peak[0] = max(peak[0], resident(pid))
        await asyncio.sleep(_LOOK_SECONDS)


async def measured(rows: int, form: export_parts.FormatName) -> str:
    """Fills a database, exports it, and returns what there is to tell."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = max(1, math.ceil(rows / (_EACH * 0.9)))
    with memory.folder("exports", room=memory.OF_A_SESSION) as folder, embedded.start(folder) as engines:
        async with World.on(engines, "exports") as world:
            organization_id, key = await world.tenant("many events")
            await event_pages.fill(world, organization_id, today, days, math.ceil(rows / 0.9 / days))
            async with world.server() as served:
                return await _exported(served.address, served.pid, key, today, days, form)


async def _exported(address: str, pid: int, key: str, today: datetime, days: int, form: export_parts.FormatName) -> str:
    request = list_events_pb2.ListEventsRequest()
    request.time_range.start.FromDatetime(today - timedelta(days=days + 1))
    request.time_range.end.FromDatetime(today + timedelta(days=1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events.{form}"
        async with tallywire.AsyncClient(address, api_key=key) as client:
            small = list_events_pb2.ListEventsRequest()
            small.CopyFrom(request)
            small.time_range.end.FromDatetime(today - timedelta(days=days) + timedelta(minutes=30))
            await client.exports.to_file(small, path, format=form)  # so that what is loaded once is loaded
            peak = [before := resident(pid)]
            watching = asyncio.create_task(watched(pid, peak))
            begun = time.perf_counter()
            done = await client.exports.to_file(request, path, format=form)
            seconds = time.perf_counter() - begun
            watching.cancel()
        count, size = done.trailer.rows, os.path.getsize(path)  # noqa: ASYNC240, PTH202 - nothing else runs
    return (
        f"{count:,} events as {form}, {size / 1e6:,.1f} MB in {seconds:,.1f} s: {count / seconds:,.0f} rows/s;"
        f" server {before:,.0f} MiB before, {peak[0]:,.0f} MiB at most; SHA-256 as the server's, complete:"
        f" {done.trailer.complete}"
    )


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.exports", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="about how many events; 10,000,000 unless given")
    parser.add_argument("--format", choices=export_parts.FORMATS, default="csv")
    chosen = parser.parse_args()
    print(asyncio.run(measured(chosen.rows, chosen.format)))


if __name__ == "__main__":
    # Before gRPC is used: its handlers of fork can end a child of ours before it has become PostgreSQL.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    main()
