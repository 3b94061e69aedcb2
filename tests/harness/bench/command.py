"""The command: which benchmarks there are, and how they are run, printed and written to a file."""

import argparse
import asyncio
import json
import shlex
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server.local import embedded
from tests.harness.bench import (
    event_pages,
    funnels,
    hosts,
    ingest,
    machine,
    mixed,
    nodes,
    questions,
    render,
    report,
    single,
    tables,
    updates,
    watch,
    workers,
)
from tests.harness.bench.suite import Bench, Run
from tests.support import citus

BENCHMARKS: dict[str, Run] = {
    "ingest": ingest.ingest,
    "stream": ingest.stream,
    "unary": single.unary,
    "latency": single.latency,
    "replay": ingest.replay,
    "fold": workers.fold,
    "first": workers.first,
    "overview": questions.overview,
    "agent": questions.agent,
    "trends": questions.trends,
    "uniques": questions.uniques,
    "query": tables.query,
    "costs": tables.costs,
    "conversations": tables.conversations,
    "events": event_pages.events,
    "funnel": funnels.funnel,
    "host": hosts.host,
    "mixed": mixed.mixed,
    "memory": ingest.memory,
    "storage": workers.storage,
    "processes": workers.processes,
    "nodes": nodes.nodes,
}
# These print what they find.
PRINTING = {"watch": watch.run, "updates": updates.run}
NAMES = (*BENCHMARKS, *PRINTING)
_DESCRIPTION = (
    "Runs benchmarks on embedded engines, each beside its yardstick in the same run; on a Citus cluster where"
    f" {citus.VARIABLE} names the programs of one."
)


def main(arguments: Sequence[str]) -> None:
    """Runs what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.harness.bench", description=_DESCRIPTION)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="a few seconds each: shows that it works, not how fast")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, and what they stand on")
    parser.add_argument("--render", type=Path, metavar="FILE", help="print such a file as Markdown and run nothing")
    known = parser.parse_args(arguments)
    unknown = set(known.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}")
    if known.render is not None:
        print(render.markdown(json.loads(known.render.read_text(encoding="utf-8"))))
        return
    found = asyncio.run(run(known.names or NAMES, quick=known.quick))
    if known.json is not None:
        found["command"] = shlex.join(["python", "-m", "tests.harness.bench", *arguments])
        known.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


async def run(names: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """Runs benchmarks on engines of their own."""
    with tempfile.TemporaryDirectory(prefix="tallywire-bench-") as folder, citus.start(Path(folder)) as engines:
        return await run_on(engines, names, quick=quick)


async def run_on(engines: embedded.Engines, names: Sequence[str], *, quick: bool) -> dict[str, Any]:
    """Runs benchmarks, prints their figures, and returns these with what they stand on."""
    began, started = datetime.now(UTC), time.monotonic()
    figures: list[dict[str, Any]] = []
    seconds = {}
    async with Bench.opened(engines, quick=quick) as bench:
        async with bench.world("facts") as world:
            facts = await machine.facts(world)
        for name in names:
            print(f"\n## {name}", flush=True)
            at = time.monotonic()
            figures += await _run_one(bench, name)
            seconds[name] = round(time.monotonic() - at, 1)
    return {
        "began_at": began.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
        "seconds_by_benchmark": seconds,
        "quick": quick,
        **facts,
        "figures": figures,
    }


async def _run_one(bench: Bench, name: str) -> list[dict[str, Any]]:
    if name in PRINTING:
        async with bench.world(name) as world:
            await PRINTING[name](world, 500 if bench.quick else None)
        return []
    found = await BENCHMARKS[name](bench)
    for figure in found:
        report.show(figure)
    return [figure.record() for figure in found]
