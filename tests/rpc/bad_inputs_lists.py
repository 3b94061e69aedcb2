"""Rows of the table of bad inputs about lists, funnels, content gaps, corrections and people."""

from datetime import timedelta
from typing import Any

from server.tenancy.principal import Scope
from tallywire.v1 import event_pb2, event_service_pb2
from tests.support import rpcs, serving
from tests.support.bad_inputs import World, outcome, row
from tests.support.tiny_worlds import DAY, THE_DAY

DROP = "'; DROP TABLE events; --"
RANDOM = "!!!!"
LONG = "a" * 257


async def ask(world: World, rpc: str, **fields: Any) -> list[Any]:
    """Calls an RPC as somebody who may do everything."""
    caller = await world.accounts.another(world.caller, scopes=tuple(Scope))
    return await rpcs.answers(caller, rpc, fields)


def _row(id: str, expected: str, rpc: str, **fields: Any) -> None:  # noqa: A002 - the table's word
    """Registers a request that is refused, or that finds nothing."""

    @row(id, expected)
    async def run(world: World) -> str:
        found: list[Any] = []

        async def call() -> None:
            found.extend(await ask(world, rpc, **fields))

        said = await outcome(call())
        assert not any(_rows(one) for one in found)
        return said


def _rows(answer: Any) -> list[Any]:
    """The rows of a list, or the results of corrections."""
    return [one for field, value in answer.ListFields() if field.is_repeated for one in value]


def funnel(*types: str, **more: Any) -> dict[str, Any]:
    return {"stages": [{"event_type": one} for one in types], **more}


def event(**fields: Any) -> event_pb2.Event:
    return serving.event(**{"at": DAY, **fields})


TWO = funnel("lead.created", "lead.lost")
_EVENTS, _DIRECTORY = "EventService/ListEvents", "DirectoryService"
_row("L-001", "INVALID_ARGUMENT REQUIRED_FIELD time_range.start", _EVENTS)
_row("L-002", "OUT_OF_RANGE VALUE_OUT_OF_RANGE page_size", _EVENTS, time_range=THE_DAY, page_size=-1)
_row("L-003", "INVALID_ARGUMENT ROWS_TOKEN_INVALID rows_token", _EVENTS, rows_token="A" * 5_000)
_row(
    "L-004",
    "INVALID_ARGUMENT INVALID_PATH filter.properties.path",
    _EVENTS,
    time_range=THE_DAY,
    filter={"properties": [{"path": "properties->>'a'", "value": "1"}]},
)
_row("L-005", "INVALID_ARGUMENT NUL_CHARACTER filter.user_id", _EVENTS, time_range=THE_DAY, filter={"user_id": "a\0b"})
_row("L-006", "INVALID_ARGUMENT INVALID_VALUE time_range", _EVENTS, time_range=THE_DAY, rows_token="AAAA")
_row("L-007", "INVALID_ARGUMENT INVALID_ENUM direction", _EVENTS, time_range=THE_DAY, direction=9)
_CONVERSATIONS = f"{_DIRECTORY}/ListConversations"
_row("L-008", "INVALID_ARGUMENT REQUIRED_FIELD time_range", _CONVERSATIONS)
_row(
    "L-009",
    "INVALID_ARGUMENT INVALID_VALUE rating.min",
    _CONVERSATIONS,
    time_range=THE_DAY,
    rating={"min": 5, "max": 1},
)
_row("L-010", "OK", _CONVERSATIONS, conversation_id_prefix="%_\\")
_CONVERSATION = f"{_DIRECTORY}/GetConversation"
_row("L-011", "INVALID_ARGUMENT FIELD_TOO_LONG conversation_id", _CONVERSATION, conversation_id=LONG)
_row("L-012", "NOT_FOUND CONVERSATION_NOT_FOUND conversation_id", _CONVERSATION, conversation_id=DROP)
_LEADS = f"{_DIRECTORY}/ListLeads"
_row("L-013", "INVALID_ARGUMENT INVALID_VALUE min_value_micros", _LEADS, min_value_micros=5, max_value_micros=1)
_row("L-014", "INVALID_ARGUMENT INVALID_VALUE currency", _LEADS, currency="€")
_row("L-015", "OK", _LEADS, prefix=DROP)
_row(
    "L-016",
    "INVALID_ARGUMENT INVALID_TIME_RANGE created_before",
    _LEADS,
    created_from=THE_DAY.end,
    created_before=THE_DAY.start,
)
_row("L-017", "INVALID_ARGUMENT REQUIRED_FIELD lead_id", f"{_DIRECTORY}/GetLead")
_USERS = f"{_DIRECTORY}/ListUsers"
_row("L-018", "INVALID_ARGUMENT PAGE_TOKEN_INVALID page_token", _USERS, page_token=RANDOM)
_row("L-019", "INVALID_ARGUMENT INVALID_ENUM seen", _USERS, time_range=THE_DAY, seen=99)
_row("L-020", "INVALID_ARGUMENT INVALID_VALUE prefix", _USERS, rows_token="AAAA", prefix="a")
_row("L-021", "INVALID_ARGUMENT REQUIRED_FIELD user_id", f"{_DIRECTORY}/ListUserActivities")
_row("L-022", "NOT_FOUND USER_NOT_FOUND user_id", f"{_DIRECTORY}/GetUser", user_id="nobody")
_row("L-023", "INVALID_ARGUMENT INVALID_ENUM order_by", f"{_DIRECTORY}/ListAgents", order_by=-1)
_row(
    "L-024",
    "OUT_OF_RANGE VALUE_OUT_OF_RANGE page_size",
    "CampaignService/ListCampaigns",
    time_range=THE_DAY,
    page_size=-1,
)
_row(
    "L-025",
    "INVALID_ARGUMENT INVALID_TIME_RANGE until",
    "AuditService/ListAuditEntries",
    since=THE_DAY.end,
    until=THE_DAY.start,
)


def _funnel(id: str, expected: str, definition: Any = None, **fields: Any) -> None:  # noqa: A002 - the table's word
    _row(id, expected, "FunnelService/QueryFunnel", **{"time_range": THE_DAY, "definition": definition, **fields})


_funnel("F-001", "INVALID_ARGUMENT REQUIRED_FIELD definition")
_row("F-002", "NOT_FOUND FUNNEL_NOT_FOUND name", "FunnelService/QueryFunnel", time_range=THE_DAY, name="Sales")
_funnel("F-003", "OUT_OF_RANGE VALUE_OUT_OF_RANGE definition.stages", funnel("lead.created"))
_funnel("F-004", "OUT_OF_RANGE VALUE_OUT_OF_RANGE definition.stages", funnel(*["lead.created"] * 21))
_funnel(
    "F-005",
    "INVALID_ARGUMENT INVALID_DURATION definition.window",
    funnel("lead.created", "lead.lost", window={"seconds": -1}),
)
_funnel("F-006", "OK", TWO, breakdown="properties.a' OR 1=1 --")
_funnel("F-007", "OUT_OF_RANGE VALUE_OUT_OF_RANGE top", TWO, breakdown="channel", top=-1)
_funnel(
    "F-008",
    "INVALID_ARGUMENT NOT_A_NUMBER filters.number",
    TWO,
    filters=[{"path": "properties.a", "number": float("nan")}],
)
_funnel(
    "F-009", "INVALID_ARGUMENT INVALID_EVENT_TYPE definition.stages.event_type", funnel("Lead Created", "lead.lost")
)
_funnel("F-010", "INVALID_ARGUMENT REQUIRED_FIELD time_range.start", TWO, time_range=None)
_CREATE = "FunnelService/CreateFunnel"
_row("F-011", "INVALID_ARGUMENT REQUIRED_FIELD funnel.name", _CREATE, funnel={"definition": TWO})
_row("F-012", "INVALID_ARGUMENT NUL_CHARACTER funnel.name", _CREATE, funnel={"name": "a\0b", "definition": TWO})
_row(
    "F-013",
    "INVALID_ARGUMENT INVALID_CHARACTER request_id",
    _CREATE,
    funnel={"name": "a", "definition": TWO},
    request_id="a b",
)
_row("F-014", "NOT_FOUND FUNNEL_NOT_FOUND name", "FunnelService/DeleteFunnel", name=DROP)

_CORRECT, _RETRACT, _GET = (f"EventService/{one}" for one in ("CorrectEvents", "RetractEvents", "GetEvent"))
_TWICE = event(event_id="a-1")
_row("C-001", "INVALID_ARGUMENT REQUIRED_FIELD reason", _CORRECT, events=[event()])
_row("C-002", "INVALID_ARGUMENT FIELD_TOO_LONG reason", _CORRECT, events=[event()], reason="x" * 501)
_row("C-003", "INVALID_ARGUMENT INVALID_VALUE events", _CORRECT, events=[_TWICE, _TWICE], reason="x")
_row("C-004", "INVALID_ARGUMENT TOO_MANY_EVENTS events", _CORRECT, events=[_TWICE] * 1_001, reason="x")
_row("C-005", "OK", _CORRECT, reason="x")
_row("C-006", "INVALID_ARGUMENT NUL_CHARACTER reason", _CORRECT, events=[event()], reason="a\0b")
_row("C-007", "OK", _RETRACT, reason="x")
_row("C-009", "INVALID_ARGUMENT REQUIRED_FIELD event_id", _GET)
_row("C-010", "INVALID_ARGUMENT INVALID_CHARACTER event_id", _GET, event_id=DROP)


async def rejection(world: World, rpc: str, **fields: Any) -> str:
    """Why the one correction of a call was rejected."""
    ((result,),) = [one.results for one in await ask(world, rpc, reason="x", **fields)]
    assert result.status == event_service_pb2.CORRECTION_STATUS_REJECTED
    return serving.reason(result)


@row("C-008", "OK")
async def _(world: World) -> str:
    assert await rejection(world, _RETRACT, event_ids=["a" * 129]) == "FIELD_TOO_LONG"
    return "OK"


@row("C-011", "OK")
async def _(world: World) -> str:
    assert await rejection(world, _CORRECT, events=[event(event_id="never-1")]) == "EVENT_NOT_FOUND"
    return "OK"


@row("C-012", "OK", keeps=1)
async def _(world: World) -> str:
    await world.caller.track(event(event_id="known-1"))
    moved = event(event_id="known-1", at=serving.now() + timedelta(hours=2))
    assert await rejection(world, _CORRECT, events=[moved]) == "EVENT_IN_FUTURE"
    return "OK"


@row("C-013", "OK")
async def _(world: World) -> str:
    assert await rejection(world, _CORRECT, events=[event(event_id="undefined")]) == "PLACEHOLDER_ID"
    return "OK"


_PRIVACY = "PrivacyService"
_ALIAS = "\x1e_erased:AAAA"
_row("P-012", "INVALID_ARGUMENT INVALID_CHARACTER user_id", f"{_PRIVACY}/ExportUser", user_id=_ALIAS)
_row("P-013", "INVALID_ARGUMENT NUL_CHARACTER user_id", f"{_PRIVACY}/EraseUser", user_id="a\0b")
_row("P-014", "NOT_FOUND ERASURE_NOT_FOUND erasure_id", f"{_PRIVACY}/GetErasure", erasure_id="a" * 10_000)
_row("P-015", "INVALID_ARGUMENT FIELD_TOO_LONG user_id", f"{_PRIVACY}/ExportUser", user_id=LONG)

_GAPS = f"{_DIRECTORY}/ListContentGaps"
_row("G-014", "INVALID_ARGUMENT PAGE_TOKEN_INVALID page_token", _GAPS, page_token=RANDOM)
_row(
    "G-015",
    "INVALID_ARGUMENT INVALID_ENUM granularity",
    f"{_DIRECTORY}/GetContentGap",
    topic="a",
    time_range=THE_DAY,
    granularity=99,
)
_row("G-016", "NOT_FOUND CONTENT_GAP_NOT_FOUND topic", f"{_DIRECTORY}/MergeContentGaps", topic="a", into_topic="b")
_row("G-017", "INVALID_ARGUMENT FIELD_TOO_LONG search", _GAPS, search="a" * 10_000)
_row("G-018", "INVALID_ARGUMENT INVALID_ENUM status", _GAPS, status=77)
_row("G-019", "NOT_FOUND CONTENT_GAP_NOT_FOUND topic", f"{_DIRECTORY}/UpdateContentGap", topic="never", note="x")
