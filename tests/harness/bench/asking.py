"""How a question is put to the service and to its yardsticks, by turns, once all have given the same figures."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import grpc

from tallywire.v1 import time_pb2
from tests.harness.bench import clickhouse, raw, sending
from tests.harness.bench.histories import History
from tests.harness.bench.processes import Aside
from tests.harness.bench.raw import Dialect
from tests.harness.bench.report import percentile
from tests.harness.bench.suite import Bench
from tests.harness.bench.world import World

_SERVICE = "/tallywire.v1.MetricsService/"

Row = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Asked:
    """A question about a history and what asking it has given. Times are in milliseconds, one list per round. Periods
    differ by up to so many steps at either end.
    """

    history: History
    method: str
    request: Callable[[time_pb2.TimeRange], bytes]
    start: datetime
    end: datetime
    zone: str = "UTC"
    step: timedelta = timedelta(minutes=15)
    steps: int = 40
    statements: Callable[[Dialect, datetime, datetime], Sequence[str]]  # what raw events are asked
    same: Callable[[bytes, Sequence[Sequence[Row]]], None]  # fails where the answers differ
    latencies: list[Sequence[float]] = field(default_factory=list)
    postgresql: list[float] = field(default_factory=list)
    clickhouse: list[float] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The RPC."""
        return f"{_SERVICE}{self.method}"

    def requests(self, first: int, count: int) -> list[bytes]:
        """Requests of which no two ask about the same period, so that no answer that was kept helps: up to ten hours
        are cut off at either end, in quarter hours, where nothing else is said.
        """
        return [
            self._request(number % self.steps, number // self.steps % self.steps)
            for number in range(first, first + count)
        ]

    def exact(self) -> bytes:
        """The request about the whole period."""
        return self._request(0, 0)

    def _request(self, later: int, earlier: int) -> bytes:
        time_range = time_pb2.TimeRange(time_zone=self.zone)
        time_range.start.FromDatetime(self.start + later * self.step)
        time_range.end.FromDatetime(self.end - earlier * self.step)
        return self.request(time_range)

    def p50(self) -> float:
        """The median of all calls."""
        return statistics.median(one for each in self.latencies for one in each)

    def p99(self) -> float:
        """The 99th percentile of all calls."""
        return percentile([one for each in self.latencies for one in each], 0.99)

    def medians(self) -> list[float]:
        """The median of each round."""
        return [statistics.median(each) for each in self.latencies]


async def compare(bench: Bench, questions: Sequence[Asked], *, calls: int, rounds: int) -> None:
    """Asks everybody, checks that the answers are the same, and then takes the times by turns."""
    world = bench.histories.world
    async with world.server() as served:
        with Aside() as engine:
            for one in questions:
                await _check(world, served.address, one, engine)
            for number in range(rounds):
                for one in questions:
                    requests = one.requests(number * calls, calls)
                    one.latencies.append(
                        await bench.asker.run(sending.ask, served.address, one.path, one.history.key, requests)
                    )
                    await _ask_others(world, one, engine)


async def _check(world: World, address: str, one: Asked, engine: Aside) -> None:
    """Fails unless everybody gives the same figures; afterwards all caches are warm."""
    async with grpc.aio.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {one.history.key}"),)
        answer = await channel.unary_unary(one.path)(one.exact(), metadata=metadata, timeout=60)
    plan = one.history.plan
    if not plan.raw_days:
        one.same(answer, [])
        return
    statements = one.statements(raw.postgresql(plan.table), one.start, one.end)
    one.same(answer, (await _sql(world, statements))[0])
    if clickhouse.is_installed():
        await clickhouse.fill(world, one.history, engine)
        statements = one.statements(raw.clickhouse(plan.table), one.start, one.end)
        one.same(answer, [(await engine.run(clickhouse.ask, each))[0] for each in statements])


async def _ask_others(world: World, one: Asked, engine: Aside) -> None:
    plan = one.history.plan
    if not plan.raw_days:
        return
    statements = one.statements(raw.postgresql(plan.table), one.start, one.end)
    one.postgresql.append((await _sql(world, statements))[1])
    if clickhouse.is_installed():
        statements = one.statements(raw.clickhouse(plan.table), one.start, one.end)
        one.clickhouse.append(sum([(await engine.run(clickhouse.ask, each))[1] for each in statements]))


async def _sql(world: World, statements: Sequence[str]) -> tuple[list[list[Row]], float]:
    async with world.connected() as connection:
        await connection.execute(f"SET work_mem = '{raw.WORK_MEM}'")
        started = time.perf_counter()
        rows = [await connection.fetch(one) for one in statements]
        return [[dict(row) for row in each] for each in rows], (time.perf_counter() - started) * 1000
