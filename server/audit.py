"""The audit: recounts what is stored, window by window and organization by organization, and publishes what differs.

A run does a bounded amount of work and goes on where the last one ended; when all organizations have had their turn a
rotation is complete and the next one begins.
"""

import functools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard, TypeVar

import structlog

from server import errors, recount, telemetry
from server.recount import Findings, Mismatch
from server.store import organizations
from server.store.database import Database
from server.timerange import Span

Result = Mapping[str, object]
GiveWay = Callable[[], Awaitable[None]]
_T = TypeVar("_T")

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


async def check(database: Database, organization_id: int, *, window_events: int = recount.WINDOW_EVENTS) -> Report:
    """Recounts all of an organization in one snapshot; ValueError where there is no such organization."""
    findings = Findings()
    messages: Counter[bytes] = Counter()
    async with database.frozen() as driver:
        view = await recount.snapshot(driver, organization_id)
        if view is None:
            raise ValueError(f"there is no organization {organization_id}")
        for span in recount.windows(view, view.first, window_events):
            messages += await recount.check_window(view, span, findings)
        everything = Span(start=view.first, end=view.last)
        complete = view.kept.raw_from_bucket == 0
        await recount.check_messages(view, everything, messages, findings, complete=complete)
    return Report(
        organization_id=organization_id,
        events=findings.events,
        cells=findings.cells,
        mismatches=findings.mismatches,
        examples=tuple(findings.examples),
    )


@dataclass(slots=True, kw_only=True)
class _Rotation:
    """How far the audit has got; kept in the job's result. before: the mismatches of the rotation before."""

    organization_id: int = 0
    bucket: int = 0
    organizations: int = 0
    cells: int = 0
    skipped: int = 0
    found: int = 0
    before: int = 0

    @classmethod
    def resumed(cls, last: Result) -> "_Rotation":
        """The rotation that the last run began, or the one after it."""
        cursor = last.get("cursor")
        if not _is_cursor(cursor):
            return cls(before=_number(last, "mismatches"))
        return cls(
            organization_id=cursor[0],
            bucket=cursor[1],
            organizations=_number(last, "organizations"),
            cells=_number(last, "cells"),
            skipped=_number(last, "skipped"),
            found=_number(last, "found"),
            before=_number(last, "before"),
        )

    def result(self, *, complete: bool) -> Result:
        """What the job keeps. A mismatch stays published until a whole rotation has not met it again."""
        return {
            "mismatches": self.found if complete else max(self.found, self.before),
            "cells": self.cells,
            "skipped": self.skipped,
            "organizations": self.organizations,
            "cursor": None if complete else [self.organization_id, self.bucket],
            "found": self.found,
            "before": self.before,
        }


def _is_cursor(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) == 2


def _number(result: Result, name: str) -> int:
    value = result.get(name, 0)
    return value if isinstance(value, int) else 0


class _Courtesy:
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


async def run(database: Database, now: datetime, last: Result, *, give_way: GiveWay = at_once) -> Result:
    """Goes on with the rotation for a limited time. give_way is awaited before the first window, and before others once
    some work has been done: a large window takes the worker's processor for some tenths of a second.
    """
    deadline = time.monotonic() + _RUN_SECONDS
    courtesy = _Courtesy(give_way)
    rotation = _Rotation.resumed(last)
    async with database.transaction() as connection:
        ids = [one.organization_id for one in await organizations.listed(connection)]
    for organization_id in ids:
        if organization_id < rotation.organization_id:
            continue
        if organization_id > rotation.organization_id:
            rotation.organization_id, rotation.bucket = organization_id, 0
        while await courtesy.before(functools.partial(_check_next_or_skip, database, rotation)):
            if time.monotonic() > deadline:
                return rotation.result(complete=False)
        rotation.organizations += 1
        rotation.organization_id, rotation.bucket = organization_id + 1, 0
        if time.monotonic() > deadline and organization_id != ids[-1]:
            return rotation.result(complete=False)
    return rotation.result(complete=True)


async def _check_next_or_skip(database: Database, rotation: _Rotation) -> bool:
    """Leaves an organization out, and says so, that cannot be read in time, so that the others get their turn."""
    try:
        return await _check_next(database, rotation)
    except errors.StorageUnavailable as error:
        async with database.transaction():  # where the database is away altogether the run fails, and goes on later
            pass
        rotation.skipped += 1
        _log.warning("audit skipped", organization_id=rotation.organization_id, error=str(error))
        return False


async def _check_next(database: Database, rotation: _Rotation) -> bool:
    """Checks the organization's next window in a snapshot of its own; False when that was the last one."""
    findings = Findings()
    async with database.frozen() as driver:
        view = await recount.snapshot(driver, rotation.organization_id)
        if view is None:
            return False
        ahead: Iterator[Span] = recount.windows(view, max(rotation.bucket, view.first), recount.WINDOW_EVENTS)
        span = next(ahead)
        messages = await recount.check_window(view, span, findings)
        await recount.check_messages(view, span, messages, findings, complete=False)
    for mismatch in findings.examples:
        _tell(rotation.organization_id, mismatch)
    rotation.bucket = span.end
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
    """Shows the last audit's count of mismatches to Prometheus."""
    telemetry.MISMATCHES.set(_number(result, "mismatches"))
