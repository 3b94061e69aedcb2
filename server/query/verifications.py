"""VerifyMetrics and RepairMetrics: one of an organization at a time, which give way to questions."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from server import timerange
from server.admission.query_slots import QuerySlots
from server.catalog import dimensions, pairs
from server.catalog.cells import Cell
from server.catalog.custom_metrics import KeptMetric
from server.catalog.dimension import is_custom
from server.catalog.registry import MEASURES
from server.catalog.selections import AsOf
from server.errors import Reason, Refused
from server.organizations.audit_trail import Actor, Entry
from server.quarters import Width
from server.query.answers import Context, Period
from server.query.queries import Queries
from server.rollups import differences, verification
from server.rollups.checks import Fault
from server.rollups.differences import Difference
from server.rollups.member_numbers import Limits
from server.rollups.repair import Mended, Repair
from server.rollups.verification import Asked, Verification
from server.store import custom_metrics, rollups
from server.store.database import Database, Driver
from server.tenancy import audit_trail
from server.tenancy.principal import Principal

_MOST_RUNNING = 10
_ASK_AGAIN_SECONDS = 5.0
_LOOKS, _LOOK_SECONDS = 25, 0.02  # at most half a second, before a window
_TOLD = 20  # figures of a window that the audit trail tells
_NAMES = {one.number: name for name, one in MEASURES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureNames:
    """The names of dimensions and measures by their numbers, those of custom metrics included."""

    custom: Mapping[int, KeptMetric]

    @classmethod
    def of(cls, custom: Iterable[KeptMetric]) -> "FigureNames":
        """Returns the names with those of custom metrics."""
        return cls(custom={one.number: one for one in custom})

    def dimension(self, number: int) -> str:
        """Returns the name of a dimension or pair of them."""
        if is_custom(number):
            own = [one.name for one in self.custom.values() if one.dimension_number == number]
            return own[0] if own else ""
        return dimensions.TABLE.by_number[number].name

    def measure(self, number: int) -> str:
        """Returns the name of a measure."""
        own = self.custom.get(number)
        return own.name if own is not None else _NAMES.get(number, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationAnswer:
    """A verification with what it takes to tell it."""

    done: Verification
    names: FigureNames
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """A repair, the revisions in which it has mended figures, and the entries of the audit trail about it. context is
    there at its end.
    """

    repair: Repair
    revisions: Sequence[int]
    entries: Sequence[int]
    context: Context | None = None


class Verifications:
    """Verifies and repairs figures. questions are the slots of the questions that it gives way to; on_commit is called
    with an organization whose figures have changed.
    """

    def __init__(
        self,
        database: Database,
        queries: Queries,
        questions: QuerySlots,
        limits: Limits,
        on_commit: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._queries = queries
        self._questions = questions
        self._limits = limits
        self._on_commit = on_commit
        self._running: set[int] = set()
        self._turn = asyncio.Lock()  # first come, first served: window by window, organizations take turns

    async def verify(
        self, principal: Principal, period: Period, dimension: str, most: int
    ) -> AsyncGenerator[VerificationAnswer, None]:
        """Verifies a period, and yields how far it is; the last one is the answer."""
        with self._run(principal):
            names = await self._names(principal)
            resolved = period.resolved(principal, self._queries.now())
            asked = Asked.of(principal.organization_id, resolved.span, _numbered(dimension, names), most)
            async with contextlib.aclosing(verification.verify(self._database, asked, self._give_way)) as windows:
                while (done := await self._in_turn(windows)) is not None:
                    assert done.as_of is not None  # noqa: S101 - a period has a window
                    context = _context(principal, period, asked, done.as_of, done.lagging)
                    yield VerificationAnswer(done=done, names=names, context=context)

    async def repair(
        self, principal: Principal, period: Period, dimension: str, by: Actor
    ) -> AsyncGenerator[Repaired, None]:
        """Repairs a period, and yields how far it is; the last one is the answer, which has a context."""
        with self._run(principal):
            names = await self._names(principal)
            resolved = period.resolved(principal, self._queries.now())
            asked = Asked.of(principal.organization_id, resolved.span, _numbered(dimension, names))
            revisions: list[int] = []
            entries: list[int] = []

            async def record(driver: Driver, mended: Mended) -> None:
                entry = await audit_trail.record(driver, principal.organization_id, _entry(by, mended, names))
                entries.append(entry.number)
                if mended.revision is not None:
                    revisions.append(mended.revision)

            repair = Repair(
                database=self._database, asked=asked, limits=self._limits, record=record, until=asked.span.start
            )
            while await self._next(principal, repair, entries):
                yield Repaired(repair=repair, revisions=revisions, entries=entries)
            async with self._queries.looking(principal) as driver:
                as_of = await rollups.as_of(driver, principal.organization_id)
                lagging = await verification.stopped(driver, principal.organization_id)
            context = _context(principal, period, asked, as_of, lagging)
            yield Repaired(repair=repair, revisions=revisions, entries=entries, context=context)

    async def _next(self, principal: Principal, repair: Repair, entries: Sequence[int]) -> bool:
        recorded = len(entries)
        async with self._turn:
            more = await repair.next(self._give_way)
        if len(entries) > recorded:
            self._on_commit(principal.organization_id)
        return more

    @contextlib.contextmanager
    def _run(self, principal: Principal) -> Iterator[None]:
        """Refuses a second verification or repair of an organization, and more than a server does at once."""
        organization_id = principal.organization_id
        if organization_id in self._running or len(self._running) >= _MOST_RUNNING:
            whose = "of the organization" if organization_id in self._running else "of other organizations"
            raise Refused(
                Reason.QUERY_CONCURRENCY,
                f"a verification or repair {whose} is under way: ask again when it has ended",
                retry_after=_ASK_AGAIN_SECONDS,
            )
        self._running.add(organization_id)
        try:
            yield
        finally:
            self._running.remove(organization_id)

    async def _in_turn(self, windows: AsyncIterator[Verification]) -> Verification | None:
        """Verifies the next window; None after the last one."""
        async with self._turn:
            return await anext(windows, None)

    async def _names(self, principal: Principal) -> FigureNames:
        async with self._queries.looking(principal) as driver:
            return FigureNames.of(await custom_metrics.listed(driver, principal.organization_id))

    async def _give_way(self) -> None:
        """Lets questions go first, for a limited time."""
        await asyncio.sleep(0)
        for _ in range(_LOOKS):
            if not self._questions.asked:
                break
            await asyncio.sleep(_LOOK_SECONDS)


def _numbered(name: str, names: FigureNames) -> int | None:
    """Returns the number of the dimension, or pair of them, of that name; None for all. Refuses an unknown one."""
    if not name:
        return None
    found = dimensions.TABLE.by_name.get(name) or (pairs.named(name) if "," in name else None)
    if found is not None:
        return found.number
    for one in names.custom.values():
        if one.name == name and one.dimension() is not None:
            return one.dimension_number
    raise Refused(
        Reason.UNKNOWN_DIMENSION,
        f"{name[:64]!r} is no dimension and no pair of dimensions that figures are kept by",
        field="dimension",
        metadata={"dimension": name[:64]},
    )


def _context(principal: Principal, period: Period, asked: Asked, as_of: AsOf, lagging: Mapping[str, int]) -> Context:
    resolved = period.resolved(principal, as_of.at)
    return Context(
        period=dataclasses.replace(resolved, span=asked.span, asked=asked.span.interval),
        as_of=as_of,
        approximate=(),
        lagging=lagging,
        currency=principal.settings.currency,
        first_event=None,
    )


def _entry(by: Actor, mended: Mended, names: FigureNames) -> Entry:
    """Returns what the audit trail says of a window: how much was mended, and the first figures before and after."""
    found: list[Difference] = []
    for key in mended.compensated:
        stored, expected = mended.stored.get(key, Cell()), mended.expected.get(key, Cell())
        found += differences.of_cell(Fault.CELL, Width.QUARTER, key, stored, expected)
    shown = found[:_TOLD]
    start, end = (timerange.instant(one).isoformat() for one in (mended.window.start, mended.window.end))
    told = {
        "revision": mended.revision,
        "cells": len(mended.compensated),
        "figures": len(found),
        "rewritten_rollups": mended.rewritten,
        "realtime_minutes": len(mended.minutes),
    }
    return Entry(
        actor=by,
        action="metrics.repaired",
        subject=f"{start}/{end}",
        before={"figures": [[*_place(one, names), one.stored] for one in shown]},
        after={**told, "figures_after": [[*_place(one, names), one.expected] for one in shown]},
    )


def _place(one: Difference, names: FigureNames) -> tuple[str, ...]:
    start = datetime.fromtimestamp(one.start, UTC).isoformat()
    part = one.part.name.lower() if one.part is not None else ""
    return start, names.dimension(one.dimension), one.value, names.measure(one.measure), part
