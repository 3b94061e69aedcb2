"""Content gaps as the projection keeps them: how often each topic was found in which quarter hour, and examples."""

import json
from collections.abc import Collection, Iterable, Mapping

import asyncpg

from server.events.content_gap import (
    EVENT_TYPE,
    AskedLast,
    GapEvent,
    GapExamples,
    GapQuarter,
    Occurrences,
    newest,
)
from server.store import instants, projections, statements
from server.store.database import Driver
from server.store.following import EventReader
from server.store.projections import Rows
from server.timerange import Span

PROJECTION = "content_gaps"
TABLES = ("content_gaps", "content_gap_quarters")
TOLD_BY = "event_type"  # the column by which the events of a topic are found: their spellings are not known
_VERSION = projections.VERSION.format(PROJECTION)
_DIGEST_BYTES = 8
EVENTS = EventReader(
    (
        "detail ->> 'topic'",
        "coalesce(detail ->> 'question', '')",
        "coalesce(user_id, '')",
        "(detail ->> 'confidence')::integer",
    ),
    f"event_type = '{EVENT_TYPE}' AND detail ->> 'topic' <> ''",
    GapEvent._make,
)
_TIMES = {"FIRST": instants.stored("first"), "LAST": instants.stored("last")}
_ADD_QUARTERS = statements.load("add_content_gap_quarters", **_TIMES)
_ADD_UP = statements.load("add_up_content_gaps")
_SAVE = statements.load("save_content_gaps", NAMED=instants.stored("named"), **_TIMES)
_KEEP = statements.load("keep_content_gap_quarters")
_EXAMPLES = f"name, {instants.selected('name_at')}, questions::text, users"
_NUMBERS = (
    f"frequency, confidence_sum, confidence_count, {instants.selected('first_at')}, {instants.selected('last_at')}"
)
_LOAD = (
    f"SELECT topic, {_EXAMPLES} FROM content_gaps"  # noqa: S608 - constants of this file
    " WHERE organization_id = $1 AND version = $2 AND topic = ANY($3::text[])"
)
_LISTED = (
    f"SELECT topic, {_NUMBERS} FROM content_gaps"  # noqa: S608 - constants of this file
    f" WHERE organization_id = $1 AND version = {_VERSION}"
    " AND (starts_with(topic, $2) AND strpos(topic, $3) > 0 OR topic = ANY($4::text[])) LIMIT $5"
)
_QUARTERS = (
    f"SELECT topic, bucket, {_NUMBERS} FROM content_gap_quarters"  # noqa: S608 - constants of this file
    f" WHERE organization_id = $1 AND version = {_VERSION} AND bucket >= $2 AND bucket < $3"
)
_FREQUENCIES = (
    "SELECT topic, sum(frequency)::bigint FROM content_gap_quarters"  # noqa: S608 - constants of this file
    f" WHERE organization_id = $1 AND version = {_VERSION} AND bucket >= $2 AND bucket < $3"
    " AND topic = ANY($4::text[]) GROUP BY topic"
)
# OFFSET 0 keeps the planner from turning the lookups round, whatever its statistics say.
_SERIES = f"""
    SELECT q.bucket, sum(q.frequency)::bigint FROM unnest($4::text[]) AS w(topic) CROSS JOIN LATERAL (
        SELECT bucket, frequency FROM content_gap_quarters
        WHERE organization_id = $1 AND version = {_VERSION} AND topic = w.topic AND bucket >= $2 AND bucket < $3
        OFFSET 0
    ) AS q GROUP BY q.bucket
"""  # noqa: S608 - constants of this file
_FIRST_WITHIN = statements.load(
    "read_first_content_gaps",
    FOUND=instants.selected("min(CASE WHEN q.first_at > w.since THEN q.first_at ELSE q.last_at END)"),
    SINCE=instants.stored("since_at"),
    UNTIL=instants.stored("until_at"),
)


def _examples(row: Iterable[object]) -> GapExamples:
    name, name_at, questions, users = row
    assert isinstance(users, bytes)  # noqa: S101 - the columns of _EXAMPLES
    return GapExamples(
        name=str(name),
        name_at=int(str(name_at)),
        questions={question: AskedLast(at, bytes.fromhex(user)) for question, at, user in json.loads(str(questions))},
        users=frozenset(users[start : start + _DIGEST_BYTES] for start in range(0, len(users), _DIGEST_BYTES)),
    )


def _numbers(row: Iterable[int]) -> Occurrences:
    return Occurrences(*row)


async def load(driver: Driver, rows: Rows, topics: Collection[str]) -> dict[str, GapExamples]:
    """Returns what is kept of topics beside their numbers, of those of them that there are."""
    return _by_topic(await driver.fetch(_LOAD, *rows, list(topics)))


async def naming(driver: Driver, rows: Rows, user: bytes) -> set[str]:
    """Returns the topics that keep the digest of a user, and perhaps some others."""
    found = await driver.fetch(
        "SELECT topic FROM content_gaps WHERE organization_id = $1 AND version = $2"
        " AND (position($3::bytea IN users) > 0 OR position($4 IN questions::text) > 0)",
        *rows,
        user,
        user.hex(),
    )
    return {row[0] for row in found}


def _by_topic(rows: Iterable[asyncpg.Record]) -> dict[str, GapExamples]:
    return {row[0]: _examples(tuple(row)[1:]) for row in rows}


async def save(
    driver: Driver, rows: Rows, examples: Mapping[str, GapExamples], added: Mapping[str, Occurrences]
) -> None:
    """Stores what is kept of topics beside their numbers, and adds to the numbers."""
    topics = sorted(examples)  # the order in which rows are locked
    told = [examples[topic] for topic in topics]
    numbers = [added.get(topic) for topic in topics]
    arguments = _SAVE.arguments(
        organization_id=rows.organization_id,
        version=rows.version,
        topics=topics,
        names=[one.name for one in told],
        name_times=[one.name_at for one in told],
        questions=[_json(one) for one in told],
        users=[b"".join(sorted(one.users)) for one in told],
        frequencies=[one.frequency if one else 0 for one in numbers],
        confidence_sums=[one.confidence_sum if one else 0 for one in numbers],
        confidence_counts=[one.confidence_count if one else 0 for one in numbers],
        firsts=[one.first_at if one else None for one in numbers],
        lasts=[one.last_at if one else None for one in numbers],
    )
    await driver.execute(_SAVE.text, *arguments)


def _json(one: GapExamples) -> str:
    return json.dumps(
        [[question, asked.at, asked.user.hex()] for question, asked in newest(one.questions).items()],
        ensure_ascii=False,
    )


async def add_quarters(driver: Driver, rows: Rows, quarters: Mapping[GapQuarter, Occurrences]) -> None:
    """Adds to how often topics were found in quarter hours."""
    keys = sorted(quarters)
    found = [quarters[key] for key in keys]
    arguments = _ADD_QUARTERS.arguments(
        organization_id=rows.organization_id,
        version=rows.version,
        topics=[key.topic for key in keys],
        buckets=[key.bucket for key in keys],
        frequencies=[one.frequency for one in found],
        confidence_sums=[one.confidence_sum for one in found],
        confidence_counts=[one.confidence_count for one in found],
        firsts=[one.first_at for one in found],
        lasts=[one.last_at for one in found],
    )
    await driver.execute(_ADD_QUARTERS.text, *arguments)


async def remove_quarters(driver: Driver, rows: Rows, topics: Collection[str], first: int) -> None:
    """Removes how often topics were found from a quarter hour on."""
    await driver.execute(
        "DELETE FROM content_gap_quarters"
        " WHERE organization_id = $1 AND version = $2 AND topic = ANY($3::text[]) AND bucket >= $4",
        *rows,
        sorted(topics),
        first,
    )


async def add_up(driver: Driver, rows: Rows, topics: Collection[str]) -> None:
    """Makes the numbers of topics what their quarter hours add up to, and removes topics without any."""
    wanted = sorted(topics)
    arguments = _ADD_UP.arguments(organization_id=rows.organization_id, version=rows.version, topics=wanted)
    await driver.execute(_ADD_UP.text, *arguments)
    await driver.execute(
        "DELETE FROM content_gaps AS g WHERE organization_id = $1 AND version = $2 AND topic = ANY($3::text[])"
        " AND NOT EXISTS (SELECT FROM content_gap_quarters"
        " WHERE organization_id = $1 AND version = $2 AND topic = g.topic)",
        *rows,
        wanted,
    )


async def keep_quarters(driver: Driver, old: Rows, new: Rows, before: int) -> list[str]:
    """Takes over how often topics were found before a quarter hour, whatever the new rows say of it, and returns the
    topics that this is about.
    """
    topics = await driver.fetch(
        "SELECT DISTINCT topic FROM content_gap_quarters"
        " WHERE organization_id = $1 AND version IN ($2, $3) AND bucket < $4",
        *old,
        new.version,
        before,
    )
    await driver.execute(
        "DELETE FROM content_gap_quarters WHERE organization_id = $1 AND version = $2 AND bucket < $3",
        *new,
        before,
    )
    arguments = _KEEP.arguments(organization_id=old.organization_id, old=old.version, new=new.version, before=before)
    await driver.execute(_KEEP.text, *arguments)
    return [row[0] for row in topics]


async def begun_before(driver: Driver, rows: Rows, topics: Collection[str], at: int) -> list[str]:
    """Returns those of some topics that were found before a time, in microseconds since 1970."""
    found = await driver.fetch(
        "SELECT topic FROM content_gaps WHERE organization_id = $1 AND version = $2 AND topic = ANY($3::text[])"  # noqa: S608
        f" AND first_at < {instants.stored('$4::bigint')}",
        *rows,
        sorted(topics),
        at,
    )
    return [row[0] for row in found]


async def listed(
    driver: Driver, organization_id: int, *, prefix: str, search: str, also: Collection[str], most: int
) -> dict[str, Occurrences]:
    """Returns how often topics were found that begin with a text and have another one in them, and of some topics."""
    rows = await driver.fetch(_LISTED, organization_id, prefix, search, list(also), most)
    return {row[0]: _numbers(tuple(row)[1:]) for row in rows}


async def examples(driver: Driver, organization_id: int, topics: Collection[str]) -> dict[str, GapExamples]:
    """Returns what is kept of topics beside their numbers, in the version that is valid."""
    version: int | None = await driver.fetchval(f"SELECT {_VERSION}", organization_id)
    return {} if version is None else await load(driver, Rows(organization_id, version), topics)


async def frequencies(driver: Driver, organization_id: int, topics: Collection[str], span: Span) -> dict[str, int]:
    """Returns how often some topics were found in a span, of those of them that were."""
    rows = await driver.fetch(_FREQUENCIES, organization_id, span.start, span.end, list(topics))
    return {row[0]: row[1] for row in rows}


async def series(driver: Driver, organization_id: int, topics: Collection[str], span: Span) -> dict[int, int]:
    """Returns how often some topics were found together in the quarter hours of a span."""
    rows = await driver.fetch(_SERIES, organization_id, span.start, span.end, list(topics))
    return {row[0]: row[1] for row in rows}


async def recorded_quarters(driver: Driver, organization_id: int, span: Span) -> dict[GapQuarter, Occurrences]:
    """Returns how often topics were found in each quarter hour of a span."""
    rows = await driver.fetch(_QUARTERS, organization_id, span.start, span.end)
    return {GapQuarter(row[0], row[1]): _numbers(tuple(row)[2:]) for row in rows}


async def first_within(
    driver: Driver, organization_id: int, windows: Collection[tuple[int, str, int, int]]
) -> dict[int, int]:
    """Returns when topics were found first after a time and not later than another one, by places that are given with
    them; where several were found in the quarter hour of the earlier time the last of these stands for them.
    """
    places, topics, since, until = zip(*windows, strict=True) if windows else ((), (), (), ())
    arguments = _FIRST_WITHIN.arguments(
        organization_id=organization_id, places=places, topics=topics, since=since, until=until
    )
    rows = await driver.fetch(_FIRST_WITHIN.text, *arguments)
    return {row[0]: row[1] for row in rows}
