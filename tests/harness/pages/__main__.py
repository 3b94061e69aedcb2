"""python -m tests.harness.pages: measures the web pages in Chromium and by many panels, against the real service with
the demo's data and with made-up events, and prints a table. Exit code 1 where a figure is beyond its bar.
"""

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
from tests.harness.pages import chromium, panels, site
from tests.harness.pages.site import Organization, Site
from tests.harness.pages.table import Table

_KB = 1000
_MB = 1_000_000


async def weights(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """What comes over the wire."""
    found = await chromium.measure("weights", await here.link(one), token=await here.token(one))
    overview = found["overview"]
    table.add("scripts of a cold overview, compressed", 90, overview["script"] / _KB, " kB", 1)
    page, most = max(found["pages"].items(), key=lambda item: item[1])
    table.add(f"scripts that a further page adds, at most ({page})", 15, most / _KB, " kB", 1)
    table.add("scripts of the panel, compressed", 65, found["panel"] / _KB, " kB", 1)
    table.add("styles, compressed", 10, overview["style"] / _KB, " kB", 1)
    table.add(f"all bytes of a cold overview, {one.name}", 130, overview["all"] / _KB, " kB", 1)


async def slow(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """A slow line and a slow machine."""
    found = await chromium.measure("slow", await here.link(one), rounds=rounds)
    where = f"slow 4G, processor ÷ 4, {one.name}"
    table.add(f"{where}: first content", 1.5, found["first"] / 1000, " s", 2)
    table.add(f"{where}: largest content", 2.5, found["largest"] / 1000, " s", 2)
    table.add(f"{where}: blocking", 300, found["blocking"], " ms")
    table.add(f"{where}: layout shift", 0.05, found["shift"], "", 4)
    found = await chromium.measure("work", await here.link(one), rounds=rounds)
    table.add(f"blocking at processor ÷ 4, by processor time, {one.name}", 300, found["blocking"], " ms")


async def complete(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """How soon everything is there."""
    found = await chromium.measure("complete", await here.link(one), rounds=2 * rounds)
    table.add(f"overview complete, {one.name}, {one.events:,} events: median", 1, found["median"] / 1000, " s", 2)


async def periods(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """Another period."""
    found = await chromium.measure("periods", await here.link(one), rounds=rounds)
    table.add(f"change of period until painted, {one.name}, p95", 500, found["p95"], " ms")


async def live(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """The live page while messages come in."""
    async with panels.events(here, [one]):
        found = await chromium.measure("live", await here.link(one), seconds=60 * minutes)
    table.add("live page: script, style and layout of a core", 2, 100 * found["share"], " %", 2)
    table.add(f"live page: growth of the heap in {minutes:g} minutes", 0.3, found["heap"] / _MB, " MB", 2)
    table.add(f"live page: nodes more after {minutes:g} minutes", 100, found["nodes"])


async def tabs(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """Several tabs of one browser."""
    async with panels.events(here, [one]):
        found = await chromium.measure("tabs", await here.link(one))
    table.add("streams of eight tabs", 1, found["streams"])
    table.add("newer figures after the tab that watches was closed", 2, found["taken"] / 1000, " s", 2)


async def restart(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """The service goes and comes back under an open page."""
    async with panels.events(here, [one]):
        found = await chromium.measure("restart", await here.link(one), here.restart)
    table.add("figures lost while the service was restarted", 0, 0 if found["kept"] else 1)
    table.add("live again after the service serves", 10, found["taken"] / 1000, " s", 2)


async def many(table: Table, here: Site, one: Organization, rounds: int, minutes: float) -> None:
    """Panels of many browsers."""
    ten = [await site.small(here, number) for number in range(1, 11)]
    for name, organizations, count in (
        ("100 panels of one organization", [one], 100),
        ("500 panels of ten, one in 20 never reads", ten, 500),
    ):
        found = await panels.measure(here, organizations, count, some_never_read=count > 100)
        table.add(f"{name}: streams of the service", len(organizations), found.upstreams)
        table.add(f"{name}: first state", 1, found.first, " s", 2)
        table.add(f"{name}: seconds from state to state", 1 / 0.95, 1 / max(found.states, 0.001), " s", 2)
        table.add(f"{name}: others' p95", 50, 1000 * found.others, " ms", 1)
        table.add(f"{name}: of a core", 10, 100 * found.share, " %", 1)
        table.add(f"{name}: memory of the process", 250, found.memory, " MiB")


MEASURED = {one.__name__: one for one in (weights, slow, complete, periods, live, tabs, restart, many)}
TWICE = (slow, complete, periods)  # of which made-up events make more


async def main(names: list[str], events: int, rounds: int, minutes: float) -> bool:
    """Measures, and returns whether all bars hold."""
    if missing := chromium.missing():
        raise SystemExit(missing)
    table = Table()
    with tempfile.TemporaryDirectory(prefix="tallywire-pages-") as folder, embedded.start(Path(folder)) as engines:
        async with World.on(engines, "pages") as world, site.site(world) as here:
            needs_data = set(names) & {one.__name__ for one in (weights, *TWICE)}
            organizations = [await (site.demo(here) if needs_data else site.small(here, 0))]
            if events and needs_data:
                organizations.append(await site.made(here, events))
            await site.settled(here)
            for name in names:
                for one in organizations if MEASURED[name] in TWICE else organizations[:1]:
                    await MEASURED[name](table, here, one, rounds, minutes)
    print(f"\nload average {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors")
    return table.missed == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.harness.pages", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(MEASURED)}; all by default")
    parser.add_argument("--events", type=int, default=1_000_000, help="made-up events; 0 for the demo's data alone")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is done")
    parser.add_argument("--minutes", type=float, default=5, help="how long the live page is watched")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MEASURED):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(MEASURED)}")
    wanted = arguments.names or list(MEASURED)
    sys.exit(not asyncio.run(main(wanted, arguments.events, arguments.rounds, arguments.minutes)))
