"""Tables of Markdown: of costs, of what is needed, of skew, and of simulations beside the model."""

import math
from collections.abc import Iterable, Iterator

from tests.harness.capacity import model, simulation, skew
from tests.harness.capacity.costs import Costs
from tests.harness.capacity.model import Demand, Overhead, Plant
from tests.harness.capacity.simulation import Setup

EXAMPLES = (
    Demand(events_per_day=1e6, organizations=100, questions_per_second=2),
    Demand(events_per_day=1e7, organizations=1_000, questions_per_second=10),
    Demand(events_per_day=1e8, organizations=1_000, questions_per_second=50),
    Demand(events_per_day=1e9, organizations=10_000, questions_per_second=200),
    Demand(events_per_day=5e9, organizations=100_000, questions_per_second=1_000),
)
NODES = (1, 10, 100)
EXPONENTS = (0.8, 1.0, 1.2, 1.4)
ORGANIZATIONS = 10_000
CORES = 8
BUSY = 0.7  # what is busiest in simulations


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _round(value: float) -> str:
    """Two digits that count."""
    if value == 0 or math.isinf(value):
        return str(value)
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(0, digits)}f}"


def _bytes(value: float) -> str:
    for unit in ("MB", "GB", "TB"):
        value /= 1_000
        if value < 1_000_000:
            return f"{_round(value / 1_000)} {unit}"
    return f"{_round(value / 1_000)} PB"


def costs(found: Costs) -> str:
    """What an event costs."""
    rows = [
        ("server, µs of processor", found.batch.server_us, found.single.server_us),
        ("PostgreSQL storing it, µs of processor", found.batch.postgresql_us, found.single.postgresql_us),
        ("worker folding and projecting it, µs", found.worker_us, found.worker_us),
        ("PostgreSQL meanwhile, µs", found.work_postgresql_us, found.work_postgresql_us),
        ("WAL of storing it, bytes", found.batch.wal_bytes, found.single.wal_bytes),
        ("WAL of folding and projecting it, bytes", found.work_wal_bytes, found.work_wal_bytes),
        ("raw event on disk, bytes", found.event_bytes, found.event_bytes),
        ("its id, bytes", found.key_bytes, found.key_bytes),
        ("rollups and projections, bytes", found.lasting_bytes, found.lasting_bytes),
        ("events/s of one organization at most", found.batch.one_organization, found.single.one_organization),
    ]
    return _table(
        ("An event", "in a batch of 500", "alone"), ((name, _round(one), _round(other)) for name, one, other in rows)
    )


def plans(found: Costs) -> str:
    """What the examples need."""
    head = (
        "Events a day",
        "Organizations",
        "Questions/s",
        "Servers",
        "Workers",
        "Database nodes",
        "`max_connections` of each",
        "Disk after a year",
        "WAL a day",
        "Saturates first",
    )
    return _table(head, (_planned(found, demand) for demand in EXAMPLES))


def _planned(found: Costs, demand: Demand) -> Iterator[str]:
    yield f"{demand.events_per_day / 1e6:,.0f} million"
    yield f"{demand.organizations:,}"
    yield f"{demand.questions_per_second:,.0f}"
    plant = model.needed(found, demand, distributed=Overhead(), cores=CORES)
    if plant is None:
        yield from ("–", "–", "no number", "–")
        first = "largest organization, alone"
    else:
        busy = model.load(found, demand, plant, Overhead())
        isolated = f", {plant.isolated} of them for one organization each" if plant.isolated else ""
        yield from (
            f"{plant.servers:,}",
            f"{plant.workers:,}",
            f"{plant.nodes:,}{isolated}",
            f"{plant.max_connections:,}",
        )
        first = f"{busy.first}, at {busy.headroom:.1f} times"
    space = model.room(found, demand)
    yield from (_bytes(space.disk), _bytes(space.wal_per_day), first)


def plan(found: Costs, demand: Demand, plant: Plant | None) -> str:
    """What one demand needs, line by line."""
    space = model.room(found, demand)
    lines = [f"peak: {demand.peak_rate:,.0f} events/s"]
    if plant is None:
        lines.append(
            "no number of nodes is enough: the largest organization alone is more than one node, or its revision"
        )
    else:
        busy = model.load(found, demand, plant, Overhead())
        lines += [
            f"server processes: {plant.servers} ({busy.servers:.0%} busy)",
            f"workers: {plant.workers} ({busy.workers:.0%} busy)",
            f"database nodes: {plant.nodes} of {plant.cores} cores, {plant.isolated} of them for one organization each",
            f"busiest node: {busy.hot_node:.0%} busy, {busy.imbalance:.2f} times the mean",
            f"largest organization: {busy.organization:.0%} of what its revision allows",
            f"connections to each node: {plant.max_connections}",
            f"saturates first: {busy.first}, at {busy.headroom:.1f} times as much",
        ]
    lines += [f"disk: {_bytes(space.disk)}", f"WAL: {_bytes(space.wal_per_day)} a day"]
    return "\n".join(lines)


def skewed() -> str:
    """How unevenly organizations load nodes, by hash alone and with the largest ones isolated."""
    rows = []
    for exponent in EXPONENTS:
        shares = skew.zipf(ORGANIZATIONS, exponent)
        row = [f"{exponent}", f"{shares[0]:.1%}"]
        for nodes in NODES[1:]:
            isolated = skew.needed_isolations(shares, nodes)
            hashed = skew.placed(ORGANIZATIONS, nodes).imbalance(shares)
            apart = skew.placed(ORGANIZATIONS, nodes, isolated=isolated).imbalance(shares)
            row += [f"{hashed:.1f}", f"{apart:.1f} ({isolated})"]
        rows.append(row)
    head = ["Exponent", "Largest organization"]
    for nodes in NODES[1:]:
        head += [f"{nodes} nodes, by hash", f"{nodes} nodes, largest isolated (how many)"]
    return _table(head, rows)


def simulated(found: Costs, *, batches: int, seed: int) -> str:
    """Simulations beside the model, at the rate at which what is busiest is BUSY by the model."""
    rows = []
    for nodes in NODES:
        for exponent in EXPONENTS:
            shares = skew.zipf(ORGANIZATIONS, exponent)
            for isolated in sorted({0, skew.needed_isolations(shares, nodes)}):
                setup = setup_of(found, nodes=nodes, exponent=exponent, isolated=isolated, seed=seed)
                seen = simulation.run(setup, seconds=batches / setup.rate, seed=seed)
                rows.append((str(nodes), str(exponent), str(isolated), *_compared(setup, seen)))
    head = ("Nodes", "Exponent", "Isolated", "Events/s", "Imbalance", "Busiest node: model", "simulated")
    return _table((*head, "Largest organization's revision", "p99 wait, ms: model", "simulated"), rows)


def setup_of(found: Costs, *, nodes: int, exponent: float, isolated: int = 0, seed: int = 0) -> Setup:
    """A simulation of batches at the rate at which what is busiest is BUSY by the model."""
    times = model.overhead(Plant(nodes=nodes), Overhead())
    setup = Setup(
        placement=skew.placed(ORGANIZATIONS, nodes, seed=seed, isolated=isolated),
        shares=skew.zipf(ORGANIZATIONS, exponent),
        rate=1.0,
        cores=CORES,
        service=model.batch_seconds(found, times),
        held=model.batch_held_seconds(found, times),
    )
    return setup.scaled_to(BUSY)


def _compared(setup: Setup, seen: list[simulation.Seen]) -> Iterator[str]:
    told = setup.told()
    hot = max(range(len(told)), key=told.__getitem__)
    yield f"{setup.rate * 500:,.0f}"
    yield f"{setup.placement.imbalance(setup.shares):.1f}"
    yield f"{told[hot]:.0%}"
    yield f"{seen[hot].utilization:.0%}"
    yield f"{setup.turn:.0%}"
    yield f"{setup.told_wait(hot) * 1000:.0f}"
    yield f"{seen[hot].p99_wait * 1000:.0f}"
