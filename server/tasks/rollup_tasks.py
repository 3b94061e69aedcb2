"""The rollups of an organization, after each of its hours and days: folded, widened, and held against raw events."""

from datetime import timedelta

from server import timerange
from server.quarters import Width
from server.rollups import audit, fold, sweep
from server.store import organizations
from server.tasks.kinds import Result, TaskError, Work
from server.timerange import Span

_DAY = timedelta(days=1)


async def hourly(work: Work) -> Result:
    """Folds, widens and verifies the last full hour before the task's period."""
    end = Width.HOUR.floor(timerange.floor_bucket(work.period or work.now))
    return await _check(work, Span(start=end - Width.HOUR, end=end))


async def daily(work: Work) -> Result:
    """Folds, widens and verifies the last full day, in the organization's time zone, before the task's period."""
    async with work.database.transaction(of=work.organization_id) as driver:
        name = await organizations.time_zone(driver, work.organization_id)
    if name is None:
        raise TaskError(f"there is no organization {work.organization_id}")
    zone = timerange.zone(name)
    today = timerange.day_at(work.period or work.now, zone)
    start, end = (timerange.floor_bucket(timerange.midnight(day, zone)) for day in (today - _DAY, today))
    return await _check(work, Span(start=start, end=end))


async def _check(work: Work, span: Span) -> Result:
    folded = await fold.fold_all(work.database, work.organization_id)
    await sweep.widen_all(work.database, work.organization_id)
    work.report(0.5, "comparing with raw events")
    report = await audit.check_span(work.database, work.organization_id, span)
    if report is None:
        raise TaskError(f"there is no organization {work.organization_id}")
    if report.mismatches:
        raise TaskError(f"{report.mismatches} cells differ from raw events: see the worker's log")
    return {"folded": folded, "events": report.events, "cells": report.cells}
