"""Dashboards: who sees and changes which, versions and etags, and what a tile may be."""

from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from server.rpc import dashboard_conversion, dashboard_templates
from server.store import workspace as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy.principal import Scope
from server.workspace import dashboards
from tallywire.v1 import dashboard_service_pb2
from tests.support import serving
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import THE_DAY

SHARED = dashboard_service_pb2.DASHBOARD_VISIBILITY_SHARED
CARD = {"kind": "card", "overview": {}, "options": {"metric": "events"}}


async def one(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> Any:
    (answer,) = await answers(caller, f"DashboardService/{rpc}", fields or {})
    return answer


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await answers(caller, f"DashboardService/{rpc}", fields or {})
    return serving.refusal(refused.value).reason


async def made(caller: Caller, title: str = "Support", **fields: Any) -> dashboard_service_pb2.Dashboard:
    answer = await one(caller, "CreateDashboard", {"dashboard": {"title": title, "tiles": [CARD], **fields}})
    return answer.dashboard  # type: ignore[no-any-return]


async def test_a_personal_dashboard_is_its_owners_alone(accounts: Accounts) -> None:
    ada = await accounts.caller(scopes=(Scope.READ,))
    bob = await accounts.another(ada, scopes=(Scope.ADMIN,))
    own = await made(ada)
    assert (own.version, own.owner, own.may_edit) == (1, f"key:{ada.key.key_id}", True)
    assert own.tiles[0].tile_id
    named = {"dashboard_id": own.dashboard_id}
    for rpc, fields in (
        ("GetDashboard", named),
        ("ListDashboardVersions", named),
        ("DuplicateDashboard", named),
        ("DeleteDashboard", named),
        ("UpdateDashboard", {"dashboard": {**named, "title": "Mine"}}),
    ):
        assert await why(bob, rpc, fields) == "DASHBOARD_NOT_FOUND"
    assert not (await one(bob, "ListDashboards")).dashboards
    (listed,) = (await one(ada, "ListDashboards")).dashboards
    assert (listed.title, len(listed.tiles)) == ("Support", 0)


async def test_a_shared_dashboard_is_changed_with_the_scope_edit(accounts: Accounts) -> None:
    reader = await accounts.caller(scopes=(Scope.READ,))
    editor = await accounts.another(reader, scopes=(Scope.READ, Scope.EDIT))
    assert await why(reader, "CreateDashboard", {"dashboard": {"title": "x", "visibility": SHARED}}) == "SCOPE_MISSING"
    secret = await made(editor, "Draft", description="for nobody yet")
    shared = {"dashboard_id": secret.dashboard_id, "title": "Ours", "visibility": SHARED, "tiles": [CARD, CARD]}
    ours = (await one(editor, "UpdateDashboard", {"dashboard": shared})).dashboard
    seen = (await one(reader, "GetDashboard", {"dashboard_id": ours.dashboard_id})).dashboard
    assert (seen.title, seen.may_edit, len(seen.tiles)) == ("Ours", False, 2)
    # What it was before it was shared is still its owner's alone.
    versions = {"dashboard_id": ours.dashboard_id}
    assert [one.version for one in (await one(reader, "ListDashboardVersions", versions)).versions] == [2]
    assert [one.version for one in (await one(editor, "ListDashboardVersions", versions)).versions] == [2, 1]
    assert await why(reader, "GetDashboard", {**versions, "version": 1}) == "DASHBOARD_NOT_FOUND"
    assert (await one(editor, "GetDashboard", {**versions, "version": 1})).dashboard.title == "Draft"
    for rpc, fields in (("DeleteDashboard", versions), ("UpdateDashboard", {"dashboard": shared})):
        assert await why(reader, rpc, fields) == "SCOPE_MISSING"
    other = await accounts.another(reader, scopes=(Scope.READ, Scope.EDIT))
    personal = {"dashboard": {**shared, "visibility": 1}}
    assert await why(other, "UpdateDashboard", personal) == "DASHBOARD_OWNER"
    copy = (await one(reader, "DuplicateDashboard", {**versions, "title": "Mine"})).dashboard
    assert (copy.title, copy.owner, len(copy.tiles)) == ("Mine", f"key:{reader.key.key_id}", 2)
    await one(other, "DeleteDashboard", versions)
    assert await why(editor, "GetDashboard", versions) == "DASHBOARD_NOT_FOUND"
    admin = await accounts.another(reader, scopes=(Scope.ADMIN,))
    (entries,) = await answers(admin, "AuditService/ListAuditEntries", {"action_prefix": "dashboard."})
    assert [entry.action for entry in entries.entries] == ["dashboard.deleted", "dashboard.updated"]


async def test_nobody_overwrites_what_somebody_else_has_changed(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.READ,))
    first = await made(caller)
    change = {"dashboard_id": first.dashboard_id, "title": "Second", "etag": first.etag}
    second = (await one(caller, "UpdateDashboard", {"dashboard": change})).dashboard
    assert (second.version, second.etag != first.etag) == (2, True)
    assert await why(caller, "UpdateDashboard", {"dashboard": change}) == "ETAG_MISMATCH"
    stale = {"dashboard_id": first.dashboard_id, "etag": first.etag}
    assert await why(caller, "DeleteDashboard", stale) == "ETAG_MISMATCH"
    again = (await one(caller, "GetDashboard", {"dashboard_id": first.dashboard_id, "version": 1})).dashboard
    assert (again.title, again.etag) == ("Support", second.etag)
    back = (await one(caller, "UpdateDashboard", {"dashboard": again})).dashboard
    assert (back.version, back.title) == (3, "Support")


async def test_a_dashboard_goes_out_and_comes_in_as_json(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.READ,))
    tiles = [
        {**CARD, "width": 3, "height": 1},
        {"kind": "hologram", "query": {"metrics": ["custom.none"], "group_by": ["agent"]}, "options": {"depth": 3}},
        {"kind": "note", "note": "Two lines\nof text"},
    ]
    own = await made(caller, period={"range": "28d", "comparison": "2026-01-01..2026-01-31"}, tiles=tiles)
    text = json_format.MessageToJson(own)
    stranger = await accounts.caller(scopes=(Scope.READ,))
    taken = json_format.Parse(text, dashboard_service_pb2.Dashboard())
    copy = (await one(stranger, "CreateDashboard", {"dashboard": taken})).dashboard
    assert list(copy.tiles) == list(own.tiles)
    assert (copy.period, copy.owner) == (own.period, f"key:{stranger.key.key_id}")
    assert copy.dashboard_id != own.dashboard_id


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"title": " "}, "REQUIRED_FIELD", "dashboard.title"),
        ({"title": "x" * 201}, "FIELD_TOO_LONG", "dashboard.title"),
        ({"visibility": 9}, "INVALID_ENUM", "dashboard.visibility"),
        ({"tiles": [CARD] * 61}, "TOO_MANY_VALUES", "dashboard.tiles"),
        ({"tiles": [{"kind": "card"}]}, "REQUIRED_FIELD", "dashboard.tiles.question"),
        ({"tiles": [{**CARD, "kind": "Card!"}]}, "INVALID_VALUE", "dashboard.tiles.kind"),
        ({"tiles": [{**CARD, "width": 5}]}, "INVALID_VALUE", "dashboard.tiles.width"),
        ({"tiles": [{**CARD, "height": 9}]}, "INVALID_ENUM", "dashboard.tiles.height"),
        ({"tiles": [{**CARD, "tile_id": "a"}] * 2}, "INVALID_VALUE", "dashboard.tiles.tile_id"),
        ({"tiles": [{**CARD, "options": {"x": "y" * 9000}}]}, "FIELD_TOO_LONG", "dashboard.tiles.options"),
        (
            {"tiles": [{"kind": "card", "overview": {"time_range": THE_DAY}}]},
            "INVALID_VALUE",
            "dashboard.tiles.overview.time_range",
        ),
        ({"period": {"range": "2026-02-30..2026-03-01"}}, "INVALID_VALUE", "dashboard.period.range"),
        ({"period": {"comparison": "28d"}}, "INVALID_VALUE", "dashboard.period.comparison"),
        ({"period": {"time_zone": "Mars"}}, "INVALID_TIME_ZONE", "dashboard.period.time_zone"),
    ],
)
async def test_what_cannot_be_a_dashboard_is_refused(
    caller: Caller, changes: Mapping[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await made(caller, **changes)
    assert serving.refusal(refused.value)[1:3] == (reason, field)


async def test_templates_can_be_created_as_they_are(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=(Scope.READ,))
    templates = (await one(caller, "ListDashboardTemplates")).templates
    assert [one.dashboard_id for one in templates] == ["agents", "cost", "live", "support"]
    for template in templates:
        created = (await one(caller, "CreateDashboard", {"dashboard": template})).dashboard
        assert list(created.tiles) == list(template.tiles)
        assert all(sum(tile.width for tile in row) <= 12 for row in _rows(created))


async def test_every_question_of_the_templates_has_an_answer(accounts: Accounts) -> None:
    rpcs = {
        "overview": "MetricsService/GetOverview",
        "usage_trends": "MetricsService/GetUsageTrends",
        "query": "MetricsService/QueryMetrics",
        "conversation_metrics": "MetricsService/GetConversationMetrics",
        "quota": "MetricsService/GetQuota",
        "realtime": "RealtimeService/GetRealtimeMetrics",
    }
    caller = await accounts.caller(scopes=(Scope.READ,))
    for tile in (tile for one in dashboard_templates.all_templates() for tile in one.tiles):
        kind = tile.WhichOneof("question")
        request = {field.name: value for field, value in getattr(tile, kind).ListFields()}
        if "time_range" in getattr(tile, kind).DESCRIPTOR.fields_by_name:
            request["time_range"] = THE_DAY
        await answers(caller, rpcs[kind], request)


def _rows(dashboard: dashboard_service_pb2.Dashboard) -> list[list[dashboard_service_pb2.Tile]]:
    """Tiles as they fill rows of twelve columns; each row of a template is full."""
    found: list[list[dashboard_service_pb2.Tile]] = [[]]
    for tile in dashboard.tiles:
        if sum(one.width for one in found[-1]) + tile.width > 12:
            assert sum(one.width for one in found[-1]) == 12, dashboard.title
            found.append([])
        found[-1].append(tile)
    return found


async def test_there_are_as_many_dashboards_as_there_may_be(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboards, "MOST_PERSONAL", 2)
    caller = await accounts.caller(scopes=(Scope.READ,))
    for _ in range(2):
        await made(caller)
    assert await why(caller, "CreateDashboard", {"dashboard": {"title": "Third"}}) == "DASHBOARD_LIMIT"
    assert dashboard_conversion.version(0) is None


async def test_lists_read_no_tiles(accounts: Accounts, database: Database) -> None:
    ada = await accounts.caller(scopes=(Scope.READ,))
    own = await made(ada)
    whose = (ada.organization_id, own.owner)
    async with database.query(of=EVERY) as driver:
        found = await stored.dashboard(driver, *whose, own.dashboard_id)
        lists = [await stored.dashboards(driver, *whose), await stored.versions(driver, *whose, own.dashboard_id)]
    assert found is not None
    assert found.version.draft.content
    for (listed,) in lists:
        assert (listed.version.draft.content, listed.version.draft.tiles) == (b"", 1)


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
async def test_options_without_a_json_form_are_refused(caller: Caller, number: float) -> None:
    tile = {"kind": "note", "options": {"fields": {"most": {"number_value": number}}}}
    asked = {"dashboard": {"title": "x", "tiles": [tile]}}
    assert await why(caller, "CreateDashboard", asked) == "INVALID_VALUE"
