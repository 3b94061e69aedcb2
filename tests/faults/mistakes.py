"""Mistakes that services of this kind have been built with, as changes of this one's code."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """In a file, a text in the place of another."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A mistake and the checks that may find it."""

    edits: tuple[Edit, ...]
    checks: frozenset[str]


# So that events come to the steps of the longer transaction, where the mistake is.
_NEVER_OPTIMISTIC = Edit(
    path="server/ingest/write.py",
    old="        if is_group or (optimistic and",
    new="        optimistic = False\n        if is_group or (optimistic and",
)

MISTAKES: Mapping[str, Mistake] = {
    "ack-before-commit": Mistake(
        edits=(
            Edit(
                path="server/ingest/pipeline.py",
                old="                        outcome = await self._write(taken, calls, step)\n",
                new="""\
                        early = asyncio.create_task(self._write(taken, calls, step))
                        self._running.add(early)
                        early.add_done_callback(lambda t: (self._running.discard(t), t.exception()))
                        outcome = _early([one for call in calls for one in call.events])
""",
            ),
            Edit(
                path="server/ingest/pipeline.py",
                old="                    stored = await write.store("
                "self._database, self._numbers, parts, self._recency(), is_group=True)\n",
                new="""\
                    early = asyncio.create_task(
                        write.store(self._database, self._numbers, parts, self._recency(), is_group=True)
                    )
                    self._running.add(early)
                    early.add_done_callback(lambda t: (self._running.discard(t), t.exception()))
                    stored = {
                        part.organization_id: Committed(
                            revision=0,
                            new={event.event_key for event in part.events},
                            stored={},
                            overflow=__import__("server.catalog.counting", fromlist=["x"]).NO_OVERFLOW,
                        )
                        for part in parts
                    }
""",
            ),
            Edit(
                path="server/ingest/pipeline.py",
                old="def _unavailable() -> Refused:\n",
                new="""\
def _early(events):
    return WriteOutcome(
        fingerprints={event.event_key: event.fingerprint for event in events},
        new={event.event_key for event in events},
    )


def _unavailable() -> Refused:
""",
            ),
        ),
        checks=frozenset(("lost ack", "stale read", "accepted twice")),
    ),
    "commit-does-not-wait": Mistake(
        edits=(
            Edit(
                path="server/store/sessions.py",
                old='    "enable_seqscan": "off",\n',
                new='    "enable_seqscan": "off",\n    "synchronous_commit": "off",\n',
            ),
        ),
        checks=frozenset(("lost ack", "stale read", "revision went back", "own write not read", "accepted twice")),
    ),
    "set-for-set-local": Mistake(
        edits=(
            Edit(
                path="server/store/members.py",
                old="set_config('synchronous_commit', 'off', true)",
                new="set_config('synchronous_commit', 'off', false)",
            ),
        ),
        checks=frozenset(("lost ack", "stale read", "revision went back", "own write not read", "accepted twice")),
    ),
    "fold-in-two-transactions": Mistake(
        edits=(
            Edit(
                path="server/rollups/fold.py",
                old="            added = _by_rollup(taken.cells, widened_until)\n",
                new="""\
        async with database.maintenance() as driver:
            added = _by_rollup(taken.cells, widened_until)
""",
            ),
        ),
        checks=frozenset(("audit", "stale read", "figures")),
    ),
    "no-dedupe": Mistake(
        edits=(
            Edit(
                path="server/ingest/write.py",
                old="        new = await stored_events.claim_keys(driver, organization_id, events)\n",
                new="""\
        await stored_events.claim_keys(driver, organization_id, events)
        new = {event.event_key for event in events}
""",
            ),
        ),
        checks=frozenset(("stored twice", "accepted twice", "counted too much", "audit", "figures")),
    ),
    "conversation-seen-too-early": Mistake(
        edits=(
            # A moment, as of a database that is slow: without one, one run in three comes upon it.
            Edit(
                path="server/ingest/write.py",
                old="    seen = await conversations.look(driver, wanted) if wanted else {}\n",
                new="""\
    seen = await conversations.look(driver, wanted) if wanted else {}
    await __import__("asyncio").sleep(0.05)
""",
            ),
            Edit(
                path="server/store/single.py",
                old="coalesce(outcome, a.outcome) IS NOT NULL ELSE xmin::text <> a.version END",
                new="outcome IS NOT NULL ELSE false END",
            ),
            Edit(
                path="server/store/single.py",
                old="        WHERE (c.organization_id, c.conversation_key, c.xmin::text) IN\n",
                new="        WHERE true OR (c.organization_id, c.conversation_key, c.xmin::text) IN\n",
            ),
        ),
        checks=frozenset(("audit", "figures", "stale read")),
    ),
    "dedupe-in-redis": Mistake(
        edits=(
            _NEVER_OPTIMISTIC,
            Edit(
                path="server/ingest/pipeline.py",
                old="        return (\n            organization_id not in",
                new="        return (\n            organization_id is None and organization_id not in",
            ),
            Edit(
                path="server/ingest/write.py",
                old="        new = await stored_events.claim_keys(driver, organization_id, events)\n",
                new="""\
        await stored_events.claim_keys(driver, organization_id, events)
        new = await _marked(organization_id, events)
""",
            ),
            Edit(
                path="server/ingest/write.py",
                old="            stored = await stored_events.fingerprints(driver, organization_id, old)\n",
                new="            stored = {one.event_key: one.fingerprint for one in events if one.event_key in old}\n",
            ),
            Edit(
                path="server/ingest/write.py",
                old="async def _count(\n",
                new="""\
async def _marked(organization_id, events):
    import os

    import redis.asyncio

    try:
        async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"]) as marks:
            keys = {event.event_key: b"seen:%d:" % organization_id + event.event_key for event in events}
            return {key for key, mark in keys.items() if await marks.set(mark, 1, nx=True)}
    except (redis.exceptions.RedisError, OSError):
        return {event.event_key for event in events}


async def _count(
""",
            ),
        ),
        checks=frozenset(("lost ack", "never stored", "stored twice", "accepted twice", "counted too much")),
    ),
    "revision-taken-ahead": Mistake(
        edits=(
            _NEVER_OPTIMISTIC,
            Edit(
                path="server/ingest/write.py",
                old="        known = await numbers.of_all(driver, events)\n",
                new="""\
        global elsewhere
        elsewhere = database
        known = await numbers.of_all(driver, events)
""",
            ),
            Edit(
                path="server/ingest/write.py",
                old="    revision = await stored_events.next_revision(driver, organization_id, len(fresh))\n",
                new="""\
    async with elsewhere.maintenance() as other:
        revision = await stored_events.next_revision(other, organization_id, len(fresh))
""",
            ),
        ),
        checks=frozenset(("revision gap", "own write not read")),
    ),
    "cached-answer": Mistake(
        edits=(
            Edit(
                path="server/query/overview.py",
                old="async def answer(queries: Queries, principal: Principal, question: OverviewQuestion)",
                new="""\
async def answer(queries, principal, question):
    kept = queries.__dict__.setdefault('kept', {})
    key = principal.organization_id, repr(question), __import__('time').time() // 0.5
    if key not in kept:
        kept[key] = await _answer(queries, principal, question)
    return kept[key]


async def _answer(queries: Queries, principal: Principal, question: OverviewQuestion)\
""",
            ),
        ),
        checks=frozenset(("stale read", "revision went back", "own write not read")),
    ),
    "swallowed-cancellation": Mistake(
        edits=(
            Edit(
                path="workers/process.py",
                old="""\
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_JOBS_SECONDS):
""",
                new="""\
            with contextlib.suppress(BaseException):
                async with asyncio.timeout(_JOBS_SECONDS):
""",
            ),
        ),
        checks=frozenset(("end",)),
    ),
}
