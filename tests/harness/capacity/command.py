"""The command.

measure    what an event costs on this machine, into costs.json, in less than two minutes
plan       what given demands need
skew       how unevenly organizations load nodes
simulate   the model beside simulations of 1, 10 and 100 nodes
render     the tables of docs/operations/sizing.md
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from tests.harness.capacity import model, tables
from tests.harness.capacity.costs import Costs
from tests.harness.capacity.model import Demand, Overhead


def main(arguments: Sequence[str]) -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.harness.capacity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("--scale", type=float, default=1.0, help="of the number of events")
    planning = commands.add_parser("plan")
    planning.add_argument("--events-per-day", type=float, required=True)
    planning.add_argument("--organizations", type=int, default=1_000)
    planning.add_argument("--exponent", type=float, default=1.0, help="of Zipf's law: 0.8 is mild, 1.4 is extreme")
    planning.add_argument("--peak", type=float, default=3.0, help="the busiest hour against the mean of the day")
    planning.add_argument("--singly", type=float, default=0.1, help="the part of events that are sent alone")
    planning.add_argument("--questions", type=float, default=10.0, help="a second")
    planning.add_argument("--event-days", type=int, default=30, help="how long raw events are kept")
    planning.add_argument("--key-days", type=int, default=90, help="how long their ids are kept")
    planning.add_argument("--years", type=float, default=1.0)
    planning.add_argument("--cores", type=int, default=8, help="of each node")
    planning.add_argument("--target", type=float, default=0.6, help="how busy anything may be in the busiest hour")
    commands.add_parser("skew")
    simulating = commands.add_parser("simulate")
    simulating.add_argument("--batches", type=int, default=100_000, help="of each simulation")
    simulating.add_argument("--seed", type=int, default=1)
    commands.add_parser("render")
    known = parser.parse_args(arguments)
    if known.command == "measure":
        _measure(known.scale)
    elif known.command == "plan":
        print(_plan(known))
    elif known.command == "skew":
        print(tables.skewed())
    elif known.command == "simulate":
        print(tables.simulated(Costs.read(), batches=known.batches, seed=known.seed))
    else:
        print("\n\n".join((tables.costs(Costs.read()), tables.plans(Costs.read()), tables.skewed())))
    sys.exit(0)


def _measure(scale: float) -> None:
    from tests.harness.capacity import measure

    found = asyncio.run(measure.measure(scale))
    found.write()
    print(tables.costs(found))


def _plan(known: argparse.Namespace) -> str:
    demand = Demand(
        events_per_day=known.events_per_day,
        organizations=known.organizations,
        exponent=known.exponent,
        peak=known.peak,
        singly=known.singly,
        questions_per_second=known.questions,
        event_days=known.event_days,
        key_days=known.key_days,
        years=known.years,
    )
    costs = Costs.read()
    plant = model.needed(costs, demand, distributed=Overhead(), cores=known.cores, target=known.target)
    return tables.plan(costs, demand, plant)
