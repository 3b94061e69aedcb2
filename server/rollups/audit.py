"""The audit: recounts what is stored, window by window and organization by organization, and publishes what differs.

A run does a bounded amount of work and goes on where the last one ended; when all organizations have had their turn a
round is complete and the next one begins. What is published tells how old the last full round is, too.
"""

import functools
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeGuard, TypeVar

import structlog

from server import errors, telemetry
from server.quarters import Width
from server.rollups import checks, windows
from server.rollups.checks import Findings, Mismatch
from server.rollups.raw_counts import Told
from server.store import organizations
from server.store.database import Database, Purpose
from server.store.isolation import EVERY
from server.timerange import Span

Result = Mapping[str, object]
GiveWay = Callable[[], Awaitable[None]]
_T = TypeVar("_T")

SCHEDULE = "audit"
_RUN_SECONDS = 20.0
_BUSY_SECONDS = 0.1  # of work, after which it gives way
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an organization's recount came to: how much was compared, how much of it differs, and examples of that."""

    organization_id: int
    events: int
    cells: int
    mismatches: int
    examples: tuple[Mismatch, ...]


async def check(database: Database, organization_id: int, *, window_events: int = windows.WINDOW_EVENTS) -> Report:
    """Recounts all of an organization in one snapshot; ValueError where there is no such organization."""
    findings = Findings()
    raw = Told()
    async with database.snapshot(Purpose.OTHER, of=organization_id) as driver:
        view = await windows.snapshot(driver, organization_id)
        if view is None:
            raise ValueError(f"there is no organization {organization_id}")
        for span in windows.cut(view, view.first, window_events):
            raw.add(await checks.check_window(view, span, findings))
        everything = Span(start=view.first, end=view.last)
        complete = view.kept.raw_from_bucket == 0
        await checks.check_told(view, everything, raw, findings, complete=complete)
    return Report(
        organization_id=organization_id,
        events=findings.events,
        cells=findings.cells,
        mismatches=findings.mismatches,
        examples=tuple(findings.examples),
    )


async def check_span(database: Database, organization_id: int, span: Span) -> Report | None:
    """Recounts some time of an organization, window by window, each in a snapshot of its own, and logs what differs;
    None where there is no such organization.
    """
    total, start = Findings(), Width.HOUR.floor(span.start)
    while start < span.end:
        findings = Findings()
        async with database.snapshot(Purpose.OTHER, of=organization_id) as driver:
            view = await windows.snapshot(driver, organization_id)
            if view is None:
                return None
            if (start := max(start, view.first)) >= span.end:
                break
            window = next(windows.cut(view, start, windows.WINDOW_EVENTS))
            end = min(window.end, -Width.HOUR.floor(-span.end))
            window = Span(start=start, end=end)
            raw = await checks.check_window(view, window, findings)
            await checks.check_told(view, window, raw, findings, complete=False)
        for mismatch in findings.examples:
            _tell(organization_id, mismatch)
        total.events += findings.events
        total.cells += findings.cells
        total.mismatches += findings.mismatches
        total.examples += findings.examples
        start = end
    return Report(
        organization_id=organization_id,
        events=total.events,
        cells=total.cells,
        mismatches=total.mismatches,
        examples=tuple(total.examples),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round in which every organization had its turn. skipped: those of them that could not be read in time."""

    began_at: datetime
    ended_at: datetime
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """What the audit has found, and how much that says. covered is the share of organizations that the round under way
    has looked at, one of which it has seen half by half; 0 where none is under way.
    """

    mismatches: int
    full: Round | None  # the last one; None: there was none yet
    covered: float

    @classmethod
    def of(cls, result: Result) -> "AuditState | None":
        """What the job has kept; None where it has not run yet."""
        if "mismatches" not in result:
            return None
        full, covered = result.get("full"), result.get("covered", 0.0)
        return cls(
            mismatches=_number(result, "mismatches"),
            full=Round(began_at=_at(full[0]), ended_at=_at(full[1]), skipped=full[2]) if _is_full(full) else None,
            covered=covered if isinstance(covered, float) and result.get("cursor") is not None else 0.0,
        )


@dataclass(slots=True, kw_only=True)
class _Rotation:
    """How far a round has got; kept in the job's result. before: the mismatches of the round before. full: when the
    last full round began and ended, in seconds since 1970, and how many organizations it skipped.
    """

    began: int
    organization_id: int = 0
    bucket: int = 0
    seen: float = 0.0  # the share of this organization's events that were looked at
    organizations: int = 0
    cells: int = 0
    skipped: int = 0
    found: int = 0
    before: int = 0
    full: list[int] | None = None

    @classmethod
    def begun(cls, last: Result, now: datetime) -> "_Rotation":
        """A new round, whatever the last run has left over."""
        full = last.get("full")
        return cls(
            began=int(now.timestamp()), before=_number(last, "mismatches"), full=full if _is_full(full) else None
        )

    @classmethod
    def resumed(cls, last: Result, now: datetime) -> "_Rotation":
        """The round that the last run began, or the one after it."""
        rotation, cursor = cls.begun(last, now), last.get("cursor")
        if _is_cursor(cursor):
            rotation.organization_id, rotation.bucket = cursor
            for name in ("began", "organizations", "cells", "skipped", "found", "before"):
                setattr(rotation, name, _number(last, name))
        return rotation

    def result(self, *, covered: float, ended: datetime | None = None) -> Result:
        """What the job keeps; ended is when the round was complete. A mismatch stays published until a whole round has
        not met it again.
        """
        complete = ended is not None
        return {
            "mismatches": self.found if complete else max(self.found, self.before),
            "cells": self.cells,
            "skipped": self.skipped,
            "organizations": self.organizations,
            "cursor": None if complete else [self.organization_id, self.bucket],
            "found": self.found,
            "before": self.before,
            "began": self.began,
            "covered": covered,
            "full": self.full if ended is None else [self.began, int(ended.timestamp()), self.skipped],
        }


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _is_cursor(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) == 2


def _is_full(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) == 3


def _number(result: Result, name: str) -> int:
    value = result.get(name, 0)
    return value if isinstance(value, int) else 0


class _Backoff:
    """Gives way before some work, and again once enough of it has been done."""

    def __init__(self, give_way: GiveWay) -> None:
        self._give_way = give_way
        self._busy = math.inf

    async def before(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Does some work, once it has given way if it has to."""
        if self._busy >= _BUSY_SECONDS:
            await self._give_way()
            self._busy = 0.0
        begun = time.monotonic()
        try:
            return await work()
        finally:
            self._busy += time.monotonic() - begun


async def at_once() -> None:
    """Gives way to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a full round has got. covered is the share of the organizations."""

    covered: float
    cells: int
    mismatches: int


async def run(database: Database, now: datetime, last: Result, *, give_way: GiveWay = at_once) -> Result:
    """Goes on with the round for a limited time. give_way is awaited before the first window, and before others once
    some work has been done: a large window takes the worker's processor for some tenths of a second.
    """
    return await _go_on(database, now, _Rotation.resumed(last, now), seconds=_RUN_SECONDS, give_way=give_way)


async def run_round(database: Database, now: datetime, last: Result, report: Callable[[Progress], None]) -> Result:
    """Does a whole round from its beginning, however long it takes; report is called for every window."""
    return await _go_on(database, now, _Rotation.begun(last, now), seconds=math.inf, report=report)


async def _go_on(
    database: Database,
    now: datetime,
    rotation: _Rotation,
    *,
    seconds: float,
    give_way: GiveWay = at_once,
    report: Callable[[Progress], None] | None = None,
) -> Result:
    begun, covered = time.monotonic(), 0.0
    backoff = _Backoff(give_way)
    async with database.transaction(of=EVERY) as driver:
        ids = [one.organization_id for one in await organizations.listed(driver)]
    for before, organization_id in enumerate(ids):
        if organization_id < rotation.organization_id:
            continue
        if organization_id > rotation.organization_id:
            rotation.organization_id, rotation.bucket = organization_id, 0
        more = True
        while more:
            more = await backoff.before(functools.partial(_check_next_or_skip, database, rotation))
            covered = (before + (rotation.seen if more else 1)) / len(ids)
            if report is not None:
                report(Progress(covered=covered, cells=rotation.cells, mismatches=rotation.found))
            if more and time.monotonic() - begun > seconds:
                return rotation.result(covered=covered)
        rotation.organizations += 1
        rotation.organization_id, rotation.bucket = organization_id + 1, 0
        if time.monotonic() - begun > seconds and organization_id != ids[-1]:
            return rotation.result(covered=covered)
    return rotation.result(covered=1.0, ended=now + timedelta(seconds=time.monotonic() - begun))


async def _check_next_or_skip(database: Database, rotation: _Rotation) -> bool:
    """Leaves an organization out, and says so, that cannot be read in time, so that the others get their turn."""
    if database.looks.leaves_out(rotation.organization_id):
        rotation.skipped += 1
        return False
    try:
        return await _check_next(database, rotation)
    except errors.StorageUnavailable as error:
        # Where the database is away altogether the run fails, and goes on later.
        async with database.transaction(of=EVERY):
            pass
        rotation.skipped += 1
        _log.warning("audit skipped", organization_id=rotation.organization_id, error=str(error))
        return False


async def _check_next(database: Database, rotation: _Rotation) -> bool:
    """Checks the organization's next window in a snapshot of its own; False when that was the last one."""
    findings = Findings()
    async with database.snapshot(Purpose.OTHER, of=rotation.organization_id) as driver:
        view = await windows.snapshot(driver, rotation.organization_id)
        if view is None:
            return False
        ahead: Iterator[Span] = windows.cut(view, max(rotation.bucket, view.first), windows.WINDOW_EVENTS)
        span = next(ahead)
        raw = await checks.check_window(view, span, findings)
        await checks.check_told(view, span, raw, findings, complete=False)
    for mismatch in findings.examples:
        _tell(rotation.organization_id, mismatch)
    rotation.bucket = span.end
    rotation.seen = view.covered(span.end)
    rotation.cells += findings.cells
    rotation.found += findings.mismatches
    return next(ahead, None) is not None


def _tell(organization_id: int, mismatch: Mismatch) -> None:
    """Logs where something differs; never what, which is the tenant's."""
    _log.error(
        "audit mismatch",
        organization_id=organization_id,
        fault=mismatch.fault.value,
        granularity=mismatch.granularity,
        dimension=mismatch.dimension,
        bucket=mismatch.bucket,
        measures=mismatch.measures,
    )


def publish(result: Result) -> None:
    """Shows Prometheus the last audit's count of mismatches, and how old the last full round is."""
    state = AuditState.of(result)
    telemetry.MISMATCHES.set(0 if state is None else state.mismatches)
    telemetry.AUDIT_COVERED.set(0 if state is None else state.covered)
    if state is not None and state.full is not None:
        telemetry.AUDIT_ROUND_BEGAN.set(state.full.began_at.timestamp())
        telemetry.AUDIT_ROUND_ENDED.set(state.full.ended_at.timestamp())
        telemetry.AUDIT_SKIPPED.set(state.full.skipped)
