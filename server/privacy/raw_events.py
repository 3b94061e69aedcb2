"""Raw events of a person who is erased: they stay as events of the alias, without ids and what is personal."""

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from server.catalog import custom_scrubbing
from server.catalog.custom_metrics import KeptMetric
from server.catalog.custom_scrubbing import Scrubbing, Text
from server.store import custom_metrics, organizations, rollups, rows_of_users
from server.store.database import Driver
from server.store.erased_users import Erasure
from server.store.rows_of_users import PlacedEvent, Renamed

PORTION = 500
_DAY = timedelta(days=1)
DAYS, KEPT, REPLACED = "days", "kept", "replaced"  # what is decided in the course of an erasure


class Busy(Exception):
    """Others hold what a step needs; it may be tried again."""


async def tell_apart(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Rewrites the person's events with values that custom metrics tell apart and nobody else has, all at once, and
    gives those values other names wherever they stand. There is no more of that part.

    Nobody counts meanwhile, and no event is being corrected: each of these values has one name for all of them. There
    are as many such events as the person has, and most people have few.
    """
    organization_id, user_id = erasure.organization_id, str(erasure.user_id)
    await custom_metrics.lock(driver, organization_id)
    scrubbing = Scrubbing(await custom_metrics.listed(driver, organization_id))
    types = sorted({one for _, some in scrubbing.paths().values() for one in some})
    if not types:
        return erasure, False
    await organizations.hold(driver, organization_id)
    texts: set[Text] = set()
    for table in rows_of_users.TABLES:
        async for some in rows_of_users.of_types(driver, organization_id, user_id, types, table):
            texts.update(text for one in some for text in scrubbing.texts(one.event))
    erasure = await _decide(driver, erasure, scrubbing, texts)
    names = replaced_texts(erasure)
    for table in rows_of_users.TABLES if names else ():
        async for some in rows_of_users.of_types(driver, organization_id, user_id, types, table):
            mine = [one for one in some if not names.keys().isdisjoint(scrubbing.texts(one.event))]
            if mine:
                erasure = await _rewritten(driver, erasure, scrubbing, mine, table)
    return erasure, False


async def _rewritten(
    driver: Driver, erasure: Erasure, scrubbing: Scrubbing, some: Sequence[PlacedEvent], table: str
) -> Erasure:
    """Rewrites events of a table, and returns the erasure with that."""
    organization_id, names = erasure.organization_id, replaced_texts(erasure)
    changed = [one._replace(event=scrubbing.scrubbed(one.event, erasure.alias, names)) for one in some]
    erasure = touched(erasure, table, len(some))
    if table != rows_of_users.EVENTS:
        await rows_of_users.rewrite_replaced(driver, organization_id, changed, str(erasure.user_id))
        return erasure
    start, last = (extreme(one.received_at for one in some) for extreme in (min, max))
    await rows_of_users.rewrite(driver, organization_id, changed, start, last)
    return _decided(erasure, DAYS, [(f"{one.received_at:%Y%m%d}", "") for one in some])


async def sweep(driver: Driver, erasure: Erasure) -> Erasure:
    """Rewrites a portion of the person's raw events that were received on the day that is next; returns how far the
    erasure is then, which is a day further where that were all of that day.
    """
    assert erasure.swept_until is not None  # noqa: S101 - its caller has set it
    assert erasure.user_id is not None  # noqa: S101 - an erasure that is not done has it
    start, end = erasure.swept_until, erasure.swept_until + _DAY
    organization_id = erasure.organization_id
    some = await rows_of_users.of_user(driver, organization_id, erasure.user_id, start, end, PORTION)
    if some:
        erasure, scrubbing = await _decided_about(driver, erasure, some)
        erasure = await _rewritten(driver, erasure, scrubbing, some, rows_of_users.EVENTS)
    return erasure if len(some) == PORTION else dataclasses.replace(erasure, swept_until=end)


async def sweep_replaced(driver: Driver, erasure: Erasure) -> tuple[Erasure, bool]:
    """Rewrites a portion of what events of the person were before they were corrected or retracted; returns how far the
    erasure is then, and whether there is more.
    """
    some = await rows_of_users.replaced_of_user(driver, erasure.organization_id, str(erasure.user_id), PORTION)
    if some:
        erasure, scrubbing = await _decided_about(driver, erasure, some)
        erasure = await _rewritten(driver, erasure, scrubbing, some, rows_of_users.REPLACED)
    has_more = len(some) == PORTION
    if not has_more:
        await rows_of_users.forget_notes(driver, erasure.organization_id, str(erasure.user_id))
    return erasure, has_more


def first_day(at: datetime) -> datetime:
    """Returns the beginning of a day of receipt."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def touched(erasure: Erasure, table: str, rows: int) -> Erasure:
    """Returns an erasure that has changed so many more rows of a table."""
    if not rows:
        return erasure
    return dataclasses.replace(erasure, touched={**erasure.touched, table: erasure.touched.get(table, 0) + rows})


def _decided(erasure: Erasure, name: str, more: Iterable[tuple[str, str]]) -> Erasure:
    known = [*map(tuple, erasure.decided.get(name, ()))]
    added = [one for one in dict.fromkeys(more) if one not in known]
    return dataclasses.replace(erasure, decided={**erasure.decided, name: [*known, *added]}) if added else erasure


def replaced_texts(erasure: Erasure) -> dict[Text, str]:
    """Returns the texts that were found to be the person's alone, and what takes their place."""
    assert erasure.value_key is not None  # noqa: S101 - an erasure that is not done has it
    found = [Text(path, text) for path, text in erasure.decided.get(REPLACED, ())]
    return {one: custom_scrubbing.replacement(erasure.value_key, one.text) for one in found}


async def _decided_about(driver: Driver, erasure: Erasure, some: Sequence[PlacedEvent]) -> tuple[Erasure, Scrubbing]:
    """Returns the erasure with what is decided about the texts of raw events, where a metric has been defined since
    others were; and what metrics need of them.
    """
    metrics: Sequence[KeptMetric] = ()
    if any(one.event.properties or one.event.detail for one in some):
        await custom_metrics.lock(driver, erasure.organization_id)  # nobody counts or defines meanwhile
        metrics = await custom_metrics.listed(driver, erasure.organization_id)
    scrubbing = Scrubbing(metrics)
    if metrics:
        texts = {text for one in some for text in scrubbing.texts(one.event)}
        erasure = await _decide(driver, erasure, scrubbing, texts)
    return erasure, scrubbing


async def _decide(driver: Driver, erasure: Erasure, scrubbing: Scrubbing, texts: set[Text]) -> Erasure:
    """Decides about texts for good: those that events of others tell, too, stay."""
    known = {Text(*one) for name in (KEPT, REPLACED) for one in erasure.decided.get(name, ())}
    new = sorted(texts - known)
    if not new:
        return erasure
    kept: set[Text] = set()
    for path, event_types in scrubbing.paths().values():
        asked = [one.text for one in new if one.path == path.text]
        if asked:
            told = await rows_of_users.told_by_others(
                driver, erasure.organization_id, path, event_types, asked, [str(erasure.user_id), erasure.alias]
            )
            kept |= {Text(path.text, text) for text in told}
    erasure = _decided(_decided(erasure, KEPT, sorted(kept)), REPLACED, [one for one in new if one not in kept])
    return await _rename(driver, erasure, scrubbing, [one for one in new if one not in kept])


async def _rename(driver: Driver, erasure: Erasure, scrubbing: Scrubbing, some: Sequence[Text]) -> Erasure:
    """Gives distinct values of metrics, and figures by them, other names."""
    renamed = renamings(erasure, scrubbing, some)
    if not renamed:
        return erasure
    organization_id = erasure.organization_id
    erasure = touched(erasure, "custom_values", await rows_of_users.rename_values(driver, organization_id, renamed))
    if any(one.key.is_dimension for one in renamed):
        if await rollups.lock_fold(driver, organization_id) is None:
            raise Busy
        for table in ("deltas", "rollups"):
            rows = await rows_of_users.rename_figures(driver, organization_id, renamed, table)
            erasure = touched(erasure, table, rows)
    return erasure


def renamings(erasure: Erasure, scrubbing: Scrubbing, some: Iterable[Text]) -> list[Renamed]:
    """Returns the distinct values of metrics that get other names, where some texts do."""
    names = replaced_texts(erasure)
    return [Renamed(key, scrubbing.renamed(key, names[text])) for key, text in scrubbing.keys(some)]
