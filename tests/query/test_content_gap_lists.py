"""Lists of content gaps: what each comes to, its status, what opens it again, merges, and who sees what."""

import itertools
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import tallywire
from server.organizations.settings import OrganizationSettings
from server.query import gap_groups
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from tallywire.v1 import content_gap_pb2 as pb
from tallywire.v1 import directory_service_pb2_grpc, event_pb2, metrics_service_pb2, rows_pb2, time_pb2
from tests.query import test_event_lists
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller, Running, refused
from tests.support.tiny_worlds import DAY, NOON, THE_DAY, e

UTC = OrganizationSettings(time_zone="UTC")
SCOPES = (Scope.INGEST, Scope.BACKFILL, Scope.READ, Scope.EVENTS, Scope.ADMIN)
ASCENDING = metrics_service_pb2.SORT_DIRECTION_ASCENDING
NOW = serving.now()


def gap(
    minute: float, topic: str, question: str = "", user: str = "", confidence: int | None = None
) -> event_pb2.Event:
    detail = event_pb2.ContentGapDetail(topic=topic, question=question or None, confidence=confidence)
    return e("content_gap.found", minute, content_gap=detail, user_id=user)


def closed(conversation_id: str, topic: str, kind: str) -> list[event_pb2.Event]:
    about = event_pb2.ConversationDetail(topic=topic)
    return [
        e("conversation.started", 0, conversation_id=conversation_id, conversation=about),
        e(f"conversation.{kind}", 1, conversation_id=conversation_id),
    ]


WORLD = (
    gap(0, "Refund policy", "How do refunds work?", "ann", 9_000),
    gap(20, "refund-policy!", "Refunds?", "bob", 5_000),
    gap(40, "REFUND  POLICY", "How do refunds work?", "ann"),
    gap(60, "Delivery times", "When?", "ann"),
    gap(24 * 60, "delivery times", "When, really?", "eve"),
    gap(30, "Opening hours"),
    *closed("c1", "Refund policy", "resolved"),
    *closed("c2", "refund policy", "resolved"),
    *closed("c3", "Refund Policy", "escalated"),
    *closed("c4", "Delivery times", "abandoned"),
)


async def ask(caller: Caller, rpc: str, request: Any) -> Any:
    stub = directory_service_pb2_grpc.DirectoryServiceStub(caller.channel)
    return await getattr(stub, rpc)(request, metadata=caller.metadata, timeout=30)


async def listed(caller: Caller, **fields: Any) -> pb.ListContentGapsResponse:
    answer: pb.ListContentGapsResponse = await ask(caller, "ListContentGaps", pb.ListContentGapsRequest(**fields))
    return answer


async def topics(caller: Caller, **fields: Any) -> list[str]:
    """The topics of all pages of one content gap each."""
    found, token = list[str](), ""
    while True:
        page = await listed(caller, page_size=1, page_token=token, **fields)
        found += [one.topic for one in page.content_gaps]
        token = page.next_page_token
        if not token:
            return found


async def get(caller: Caller, topic: str, **fields: Any) -> pb.ContentGap:
    found: pb.ContentGap = (
        await ask(caller, "GetContentGap", pb.GetContentGapRequest(topic=topic, **fields))
    ).content_gap
    return found


async def update(caller: Caller, topic: str, **fields: Any) -> pb.ContentGap:
    found: pb.ContentGap = (
        await ask(caller, "UpdateContentGap", pb.UpdateContentGapRequest(topic=topic, **fields))
    ).content_gap
    return found


async def merge(caller: Caller, topic: str, into: str) -> pb.ContentGap:
    request = pb.MergeContentGapsRequest(topic=topic, into_topic=into)
    found: pb.ContentGap = (await ask(caller, "MergeContentGaps", request)).content_gap
    return found


async def undo(caller: Caller, topic: str) -> pb.ContentGap:
    request = pb.UndoContentGapMergeRequest(topic=topic)
    found: pb.ContentGap = (await ask(caller, "UndoContentGapMerge", request)).content_gap
    return found


async def test_content_gaps_are_listed_with_their_numbers(
    accounts: Accounts, server: Running, monkeypatch: Any
) -> None:
    caller = await accounts.caller(settings=UTC, scopes=SCOPES)
    await caller.track_all(WORLD)
    first = (await listed(caller)).content_gaps
    refunds = await get(caller, " Refund_POLICY ")
    assert [one.topic for one in first] == ["delivery times", "refund policy", "opening hours"]
    assert refunds == first[1]
    assert (refunds.name, refunds.frequency, refunds.users, refunds.users_estimated) == ("REFUND  POLICY", 3, 2, False)
    assert [one.question for one in refunds.questions] == ["How do refunds work?", "Refunds?"]
    assert refunds.questions[0].asked_at.ToDatetime(DAY.tzinfo) == NOON + timedelta(minutes=40)
    assert refunds.mean_confidence == 0.7
    assert (refunds.resolution_rate, refunds.priority) == (2 / 3, 3 * (1 - 2 / 3))
    assert (first[0].resolution_rate, first[0].priority) == (0, 2)
    assert not first[2].HasField("resolution_rate")
    assert not first[2].HasField("mean_confidence")
    assert refunds.status == pb.CONTENT_GAP_STATUS_IDENTIFIED
    for fields, expected in (
        ({"order_by": pb.CONTENT_GAP_ORDER_FREQUENCY}, ["refund policy", "delivery times", "opening hours"]),
        ({"order_by": pb.CONTENT_GAP_ORDER_LAST_SEEN}, ["delivery times", "refund policy", "opening hours"]),
        ({"order_by": pb.CONTENT_GAP_ORDER_FIRST_SEEN}, ["delivery times", "opening hours", "refund policy"]),
        ({"order_by": pb.CONTENT_GAP_ORDER_TOPIC}, ["delivery times", "opening hours", "refund policy"]),
        ({"direction": ASCENDING}, ["opening hours", "refund policy", "delivery times"]),
        ({"prefix": "Refund"}, ["refund policy"]),
        ({"search": "TIME"}, ["delivery times"]),
        ({"time_range": THE_DAY}, ["refund policy", "opening hours", "delivery times"]),
        ({"status": pb.CONTENT_GAP_STATUS_RESOLVED}, []),
        ({"prefix": "zz"}, []),
    ):
        found = await topics(caller, **fields)
        assert sorted(found) == sorted(expected), fields
        if fields.keys() & {"order_by", "direction"}:
            assert found == expected, fields
    day = (await listed(caller, time_range=THE_DAY)).content_gaps
    assert {one.topic: (one.frequency, one.period_frequency) for one in day} == {
        "refund policy": (3, 3),
        "delivery times": (2, 1),
        "opening hours": (1, 1),
    }
    two_days = serving.period(DAY, DAY + timedelta(days=2))
    request = pb.GetContentGapRequest(topic="delivery times", time_range=two_days)
    trend = (await ask(caller, "GetContentGap", request)).trend
    assert [one.frequency for one in trend] == [1, 1]
    request.granularity = time_pb2.GRANULARITY_HOUR
    hours = (await ask(caller, "GetContentGap", request)).trend
    assert [place for place, one in enumerate(hours) if one.frequency] == [13, 36]
    await hold_the_client(server, caller)
    monkeypatch.setattr(gap_groups, "MOST", 2)
    assert serving.refusal(await refused(listed(caller)))[1] == "TOO_MANY_VALUES"
    assert await topics(caller, prefix="refund") == ["refund policy"]


async def hold_the_client(server: Running, caller: Caller) -> None:
    """Asks by the client and by the commands, in each of their forms."""
    async with tallywire.AsyncClient(server.address, api_key=caller.key.secret) as client:
        gaps = client.content_gaps
        assert [one.topic async for one in gaps.list(page_size=1, order_by="topic", search="o")] == [
            "opening hours",
            "refund policy",
        ]
        assert len((await gaps.get("opening hours", DAY, DAY + timedelta(days=2))).trend) == 2
        noted = await gaps.update("opening hours", status="in_progress", note="ask Bea")
        assert (noted.note, noted.changed_by) == ("ask Bea", caller.key.key_id)
    text = await commands.shown(server.address, caller, "gaps", "list", "--status", "in_progress")
    assert "Opening hours" in text
    assert "Delivery" not in text
    sheet = await commands.csv(server.address, caller, "gaps", "list", "--from", "2024-05-15", "--to", "2024-05-16")
    assert {row["topic"]: row["period_frequency"] for row in sheet}["refund policy"] == "3"
    document = await commands.document(server.address, caller, "gaps", "update", "opening hours", "--note", "done?")
    assert document["note"] == "done?"
    text = await commands.shown(server.address, caller, "gap", "Refund policy")
    assert "How do refunds work?" in text
    arguments = ("gap", "delivery times", "--from", "2024-05-15", "--to", "2024-05-17")
    assert [row["frequency"] for row in await commands.csv(server.address, caller, *arguments)] == ["1", "1"]
    await commands.shown(server.address, caller, "gaps", "merge", "opening hours", "refund policy")
    assert "opening hours" in await commands.shown(server.address, caller, "gap", "opening hours")
    await commands.shown(server.address, caller, "gaps", "undo", "opening hours")


async def trail(database: Database, caller: Caller) -> Sequence[tuple[str, str]]:
    async with database.transaction(of=EVERY) as driver:
        rows = await driver.fetch(
            "SELECT action, subject FROM audit_entries WHERE organization_id = $1 AND action LIKE 'content_gap.%'"
            " ORDER BY number",
            caller.organization_id,
        )
    return [(row[0], row[1]) for row in rows]


def recent(minutes: float, topic: str) -> event_pb2.Event:
    """A content gap so many minutes from now."""
    detail = event_pb2.ContentGapDetail(topic=topic)
    return serving.event("content_gap.found", at=serving.now() + timedelta(minutes=minutes), content_gap=detail)


async def test_what_was_resolved_is_opened_again_by_what_occurs_later(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(settings=UTC, scopes=SCOPES)
    await caller.track(recent(-60, "Refunds"))
    first = await get(caller, "refunds")
    resolved = await update(caller, "Refunds", status=pb.CONTENT_GAP_STATUS_RESOLVED, note="page 7", etag=first.etag)
    assert (resolved.status, resolved.note) == (pb.CONTENT_GAP_STATUS_RESOLVED, "page 7")
    assert resolved.resolved_at == resolved.changed_at
    why = await refused(update(caller, "refunds", status=pb.CONTENT_GAP_STATUS_DISMISSED, etag=first.etag))
    assert serving.refusal(why)[:2] == ("FAILED_PRECONDITION", "ETAG_MISMATCH")

    await caller.track(recent(-30, "refunds"))  # it came late and occurred before
    assert (await get(caller, "refunds")).status == pb.CONTENT_GAP_STATUS_RESOLVED
    later = recent(30, "refunds")
    await caller.track(later)
    again = await get(caller, "refunds")
    assert (again.status, again.times_reopened) == (pb.CONTENT_GAP_STATUS_IDENTIFIED, 1)
    assert (again.reopened_at, again.resolved_at) == (later.occurred_at, resolved.resolved_at)
    assert await topics(caller, status=pb.CONTENT_GAP_STATUS_IDENTIFIED) == ["refunds"]
    assert await topics(caller, status=pb.CONTENT_GAP_STATUS_RESOLVED) == []

    working = await update(caller, "refunds", status=pb.CONTENT_GAP_STATUS_IN_PROGRESS, etag=again.etag)
    assert (working.status, working.note) == (pb.CONTENT_GAP_STATUS_IN_PROGRESS, "page 7")
    assert not working.HasField("resolved_at")
    dismissed = await update(caller, "refunds", status=pb.CONTENT_GAP_STATUS_DISMISSED, note="")
    assert (dismissed.status, dismissed.note) == (pb.CONTENT_GAP_STATUS_DISMISSED, "")
    await caller.track(recent(40, "refunds"))
    assert (await get(caller, "refunds")).status == pb.CONTENT_GAP_STATUS_DISMISSED
    assert await trail(database, caller) == [("content_gap.updated", "refunds")] * 3


async def test_a_merge_adds_up_and_is_undone_exactly(accounts: Accounts, database: Database) -> None:
    caller = await accounts.caller(settings=UTC, scopes=SCOPES)
    await caller.track_all(WORLD)
    await update(caller, "opening hours", note="mine")
    before = {one.topic: one for one in (await listed(caller)).content_gaps}
    both = await merge(caller, "Opening hours", "Delivery times")
    assert (both.topic, both.name, both.frequency, both.users) == ("delivery times", "delivery times", 3, 2)
    assert list(both.merged_topics) == ["opening hours"]
    assert both.first_seen_at == before["opening hours"].first_seen_at
    assert await get(caller, "opening hours") == both
    assert sorted(await topics(caller)) == ["delivery times", "refund policy"]
    assert await topics(caller, prefix="opening") == ["delivery times"]
    late = gap(90, "OPENING hours", "On Sunday?", "kim")
    await caller.track(late)
    both = await get(caller, "delivery times")
    assert (both.frequency, both.users) == (4, 3)
    assert [one.question for one in both.questions] == ["When, really?", "On Sunday?", "When?"]
    for call, reason, field in (
        (merge(caller, "refund policy", "opening hours"), "CONTENT_GAP_MERGED", "into_topic"),
        (merge(caller, "opening hours", "refund policy"), "CONTENT_GAP_MERGED", "topic"),
        (merge(caller, "delivery times", "refund policy"), "CONTENT_GAP_MERGED", "topic"),
        (merge(caller, "delivery times", "Delivery Times"), "INVALID_VALUE", "into_topic"),
        (merge(caller, "delivery times", "nothing"), "CONTENT_GAP_NOT_FOUND", "into_topic"),
        (update(caller, "opening hours", note="x"), "CONTENT_GAP_MERGED", "topic"),
        (undo(caller, "refund policy"), "CONTENT_GAP_NOT_MERGED", "topic"),
    ):
        assert serving.refusal(await refused(call))[1:3] == (reason, field)
    alone = await undo(caller, "opening hours")
    after = {one.topic: one for one in (await listed(caller)).content_gaps}
    assert after.pop("opening hours") == alone
    assert (alone.frequency, alone.note, alone.users) == (2, "mine", 1)
    del before["opening hours"]
    assert after == before
    assert (await trail(database, caller))[1:] == [
        ("content_gap.merged", "opening hours"),
        ("content_gap.unmerged", "opening hours"),
    ]


async def test_what_is_refused_and_who_sees_nothing(accounts: Accounts) -> None:
    caller, other = [await accounts.caller(settings=UTC, scopes=SCOPES) for _ in range(2)]
    reader = await accounts.another(caller, scopes=[Scope.READ])
    watcher = await accounts.another(caller, scopes=[Scope.READ, Scope.EVENTS])
    await caller.track_all(WORLD)
    token = (await listed(caller, page_size=1)).next_page_token
    for call, reason in (
        (listed(caller, order_by=9), "INVALID_ENUM"),
        (listed(caller, status=9), "INVALID_ENUM"),
        (listed(caller, direction=9), "INVALID_ENUM"),
        (listed(caller, page_size=-1), "VALUE_OUT_OF_RANGE"),
        (listed(caller, prefix="x" * 257), "FIELD_TOO_LONG"),
        (listed(caller, search="a\nb"), "INVALID_CHARACTER"),
        (listed(caller, time_range=time_pb2.TimeRange()), "REQUIRED_FIELD"),
        (listed(caller, page_token="x"), "PAGE_TOKEN_INVALID"),
        (listed(caller, page_token=token, search="o"), "PAGE_TOKEN_MISMATCH"),
        (listed(other, page_token=token), "PAGE_TOKEN_INVALID"),
        (listed(reader), "SCOPE_MISSING"),
        (get(reader, "refund policy"), "SCOPE_MISSING"),
        (get(caller, ""), "REQUIRED_FIELD"),
        (get(caller, "x" * 1_025), "FIELD_TOO_LONG"),
        (get(caller, "refund policy", time_range=THE_DAY, granularity=time_pb2.GRANULARITY_MINUTE), "INVALID_VALUE"),
        (update(watcher, "refund policy", note="x"), "SCOPE_MISSING"),
        (update(caller, "refund policy"), "REQUIRED_FIELD"),
        (update(caller, "refund policy", note="x" * 1_025), "FIELD_TOO_LONG"),
        (merge(watcher, "refund policy", "delivery times"), "SCOPE_MISSING"),
        (merge(caller, "refund policy", ""), "REQUIRED_FIELD"),
        (undo(watcher, "refund policy"), "SCOPE_MISSING"),
    ):
        assert serving.refusal(await refused(call))[1] == reason
    assert not (await listed(other)).content_gaps
    calls = (
        get,
        lambda who, topic: update(who, topic, note="x"),
        lambda who, topic: merge(who, topic, "other"),
        undo,
    )
    errors = [
        await refused(call(who, topic))
        for call, (who, topic) in itertools.product(calls, ((other, "refund policy"), (caller, "nothing")))
    ]
    assert {(serving.refusal(one)[:2], one.details()) for one in errors} == {
        (("NOT_FOUND", "CONTENT_GAP_NOT_FOUND"), "no content gap of this topic was ever found")
    }
    assert (await get(caller, "refund policy")).note == ""


async def test_any_merges_and_undoings_come_to_what_events_say(accounts: Accounts) -> None:
    caller = await accounts.caller(settings=UTC, scopes=SCOPES)
    dice, names, merged, told = random.Random(7), ["a", "b", "c", "d"], dict[str, str](), list[tuple[str, str, str]]()
    for step in range(24):
        found = [(dice.choice(names), f"Question {dice.randrange(6)}?", f"user-{dice.randrange(5)}") for _ in range(3)]
        found += [(name, "First?", "ann") for name in names if not step]
        told += found
        minutes = range(step * 10, step * 10 + len(found))
        await caller.track_all([gap(minute, *one) for minute, one in zip(minutes, found, strict=True)])
        topic, into = dice.sample(names, 2)
        if topic in merged:
            await undo(caller, topic)
            del merged[topic]
        elif topic not in merged.values() and into not in merged:
            await merge(caller, topic, into)
            merged[topic] = into
        own = {name: [one for one in told if merged.get(one[0], one[0]) == name] for name in names}
        assert {one.topic: (one.frequency, one.users) for one in (await listed(caller)).content_gaps} == {
            name: (len(mine), len({user for _, _, user in mine})) for name, mine in own.items() if mine
        }
        newest = list(dict.fromkeys(question for _, question, _ in reversed(own[merged.get(topic, topic)])))
        assert [one.question for one in (await get(caller, topic)).questions] == newest[:5]
    assert len(merged) > 0


async def test_the_figure_of_content_gaps_opens_their_events(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=SCOPES)
    await caller.track_all(WORLD)
    request = metrics_service_pb2.GetOverviewRequest(time_range=THE_DAY, include_rows_tokens=True)
    answer = await caller.ask("GetOverview", request)
    opened = answer.rows_tokens["content_gaps_found"]
    assert (opened.kind, opened.figure) == (rows_pb2.ROWS_KIND_EVENTS, answer.overview.content_gaps_found)
    rows = (await test_event_lists.page(caller, rows_token=opened.token)).rows
    assert len(rows) == opened.figure == 5
    assert {row.event.event_type for row in rows} == {"content_gap.found"}
