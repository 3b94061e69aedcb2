"""The model of capacity agrees with simulations within what it promises, and its page with what was measured."""

import dataclasses
import math
import pathlib

import pytest

from server.local import embedded
from tests import documentation
from tests.harness.capacity import measure, model, simulation, skew, tables
from tests.harness.capacity.costs import Costs, Sent
from tests.harness.capacity.model import NONE, Demand, Overhead, Plant
from tests.harness.capacity.simulation import Setup
from tests.support import citus

PAGE = documentation.PAGES["docs/operations/sizing.md"]
UTILIZATION = 0.06  # how far model and simulation may differ, of all cores
WAITS = 3.0  # how many times the one may be the other
COSTS = Costs(
    batch=Sent(server_us=20, postgresql_us=15, wal_bytes=700, one_organization=30_000),
    single=Sent(server_us=600, postgresql_us=200, wal_bytes=5_000, one_organization=4_000),
    worker_us=30,
    work_postgresql_us=15,
    work_wal_bytes=600,
    question_server_us=3_000,
    question_postgresql_us=4_000,
    event_bytes=230,
    key_bytes=140,
    lasting_bytes=300,
    machine={},
)


def setup(*, nodes: int, exponent: float, seed: int, held: float = 0.002, isolated: int = 0) -> Setup:
    """Batches of a thousand organizations, at a rate at which what is busiest is busy for 70 % of the time."""
    return Setup(
        placement=skew.placed(1_000, nodes, seed=seed, isolated=isolated),
        shares=skew.zipf(1_000, exponent),
        rate=1,
        cores=8,
        service=0.015,
        held=held,
    ).scaled_to(0.7)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("nodes", "exponent"), [(1, 0.8), (1, 1.4), (10, 0.8), (10, 1.2)])
def test_the_model_tells_what_simulations_show(nodes: int, exponent: float, seed: int) -> None:
    one = setup(nodes=nodes, exponent=exponent, seed=seed)
    seen = simulation.run(one, seconds=12_000 / one.rate, seed=seed)
    told = one.told()
    assert [node.utilization for node in seen] == pytest.approx(told, abs=UTILIZATION)
    hot = told.index(max(told))
    wait = one.told_wait(hot)
    assert wait / WAITS < seen[hot].p99_wait < wait * WAITS


def test_an_organization_takes_no_more_than_its_revision_allows_whatever_else_is_free() -> None:
    one = setup(nodes=4, exponent=1.2, seed=1, held=0.012)
    one = dataclasses.replace(one, rate=one.rate * 2)
    assert one.turn == pytest.approx(1.4)
    assert math.isinf(one.told_wait(next(n for n, node in enumerate(one.placement.nodes) if 0 in node)))
    seconds = 8_000 / one.rate
    seen = simulation.run(one, seconds=seconds, seed=1)
    done = sum(node.done.get(0, 0) for node in seen)
    assert done / seconds == pytest.approx(1 / one.held, rel=0.1)
    assert sum(node.left for node in seen) > 0.2 * one.rate * one.shares[0] * seconds
    assert max(node.utilization for node in seen) < 0.9


def test_isolating_the_largest_organization_frees_the_others_of_its_node() -> None:
    together = setup(nodes=5, exponent=1.2, seed=4)
    apart = dataclasses.replace(together, placement=skew.placed(1_000, 5, seed=4, isolated=1))
    assert together.placement.imbalance(together.shares) > apart.placement.imbalance(apart.shares)
    waits = []
    for one in (together, apart):
        seen = simulation.run(one, seconds=10_000 / one.rate, seed=4)
        assert [node.utilization for node in seen] == pytest.approx(one.told(), abs=UTILIZATION)
        waits.append(
            max(seen[n].p99_wait for n, node in enumerate(one.placement.nodes) if 0 not in node or len(node) > 1)
        )
    assert waits[1] < waits[0]


@citus.one_node
async def test_everything_is_measured_that_the_model_needs(engines: embedded.Engines, tmp_path: pathlib.Path) -> None:
    found = await measure.measure_on(engines, 0.05)
    found.write(tmp_path / "costs.json")
    assert Costs.read(tmp_path / "costs.json") == found
    assert min(found.event_bytes, found.key_bytes, found.lasting_bytes) > 0
    for sent in (found.batch, found.single):
        # Processor times are told in hundredths of a second, of which so little work may take none.
        assert min(sent.server_us, sent.postgresql_us) >= 0
        assert min(sent.wal_bytes, sent.one_organization) > 0


def test_placement_loses_and_doubles_nobody() -> None:
    for nodes, isolated in ((1, 0), (10, 0), (10, 3), (100, 30)):
        placement = skew.placed(500, nodes, seed=7, isolated=isolated)
        assert sorted(one for node in placement.nodes for one in node) == list(range(500))
        assert len(placement.nodes) == nodes
        assert [list(node) for node in placement.nodes[:isolated]] == [[one] for one in range(isolated)]
    with pytest.raises(ValueError, match="leave none"):
        skew.placed(500, 3, isolated=3)


def test_only_those_are_isolated_who_are_more_than_a_node() -> None:
    assert skew.needed_isolations([0.1] * 10, 5) == 0
    assert skew.needed_isolations([0.5, 0.3, 0.1, 0.1], 4) == 2
    assert skew.needed_isolations([1.0], 1) == 0


def test_waits_for_cores_are_those_of_erlang() -> None:
    assert model.erlang_c(1, 0.5) == pytest.approx(0.5)  # of one core, as it is busy
    assert model.erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert model.erlang_c(3, 5.0) == 1
    # Of one core and many small organizations: P(wait > t) = ρ exp(-(1 - ρ) t / service).
    assert model.p99_wait(1, 0.5, 1.0, 1e-9, [1e-3] * 1000) == pytest.approx(math.log(50) / 0.5, rel=1e-3)
    assert model.p99_wait(8, 0.01, 1.0, 1e-9, [1e-3] * 1000) == 0


def test_what_is_needed_is_no_busier_than_it_may_be_and_one_node_less_would_be() -> None:
    demand = Demand(events_per_day=4e9, organizations=10_000, exponent=0.8, singly=0.02, questions_per_second=100)
    plant = model.needed(COSTS, demand, distributed=Overhead())
    assert plant is not None
    assert plant.nodes > 1
    busy = model.load(COSTS, demand, plant, Overhead())
    assert max(busy.servers, busy.workers, busy.hot_node, busy.organization) <= 0.6
    assert busy.headroom >= 1 / 0.6
    shares = skew.zipf(demand.organizations, demand.exponent)
    fewer = Plant(nodes=plant.nodes - 1, isolated=skew.needed_isolations(shares, plant.nodes - 1))
    assert model.load(COSTS, demand, fewer, Overhead()).hot_node > 0.6
    # Every session has a connection to each node.
    assert plant.max_connections == plant.servers * 27 + plant.workers * 30 + 10


def test_no_number_of_nodes_helps_one_organization_that_is_too_large() -> None:
    demand = Demand(events_per_day=2e9, organizations=10, exponent=1.4)
    assert model.needed(COSTS, demand, distributed=Overhead()) is None
    alone = Demand(events_per_day=30_000 * model.DAY, organizations=1, peak=1, singly=0)
    assert model.load(COSTS, alone, Plant(cores=64, servers=9, workers=9), NONE).organization == pytest.approx(1)
    assert model.load(COSTS, alone, Plant(cores=64, servers=9, workers=9), NONE).first == "largest organization"


def test_disk_and_wal_follow_retention() -> None:
    kept = Demand(events_per_day=1e6, event_days=30, key_days=90, years=1, singly=0)
    assert model.room(COSTS, kept).disk == 1e6 * (30 * 230 + 90 * 140 + 365 * 300)
    assert model.room(COSTS, kept).wal_per_day == 1e6 * 1_300


def test_connections_are_those_of_the_page() -> None:
    told = {row[0]: row[1] for row in documentation.rows("docs/operations/sizing.md", "## Database connections")}
    assert told["a server process"].startswith(f"{model.SERVER_CONNECTIONS}:")
    assert told["a worker"].startswith(f"{model.WORKER_CONNECTIONS}:")


def test_the_page_has_the_tables_of_what_was_measured() -> None:
    """`python -m tests.harness.capacity render` prints them."""
    found = Costs.read()
    missing = [table for table in (tables.costs(found), tables.plans(found), tables.skewed()) if table not in PAGE]
    assert not missing, "refresh the page: python -m tests.harness.capacity render"
    assert found.machine["measured"][:10] in PAGE
