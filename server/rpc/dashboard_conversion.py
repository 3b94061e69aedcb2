"""Conversion of dashboards between messages and values, and what a tile may be."""

import re
import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

from google.protobuf import json_format

from server.admission import request_limits
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.workspace import DashboardDraft, KeptDashboard
from server.rpc import account_conversion
from server.rpc.questions import shared
from server.tenancy.principal import Principal
from server.workspace import dashboards
from tallywire.v1 import dashboard_service_pb2

_MAX_TITLE, _MAX_DESCRIPTION, _MAX_NOTE = 200, 2_000, 4_000  # characters
_MAX_OPTIONS = 8 * 1024  # bytes of JSON
_TILE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NOTE = "note"
_WIDTHS = (0, 3, 4, 6, 8, 12)
_RANGES = frozenset({"today", "yesterday", "24h", "7d", "28d", "90d", "month", "lastmonth", "year"})
_COMPARISONS = frozenset({"previous", "week", "year", "none"})
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_OF_READERS = ("time_range", "comparison", "page_token", "rows_token")  # whoever reads the dashboard puts them in


def dashboard_id(value: str) -> str:
    """Returns the id of a dashboard."""
    if not value:
        raise rules.required("dashboard_id")
    return rules.identifier("dashboard_id", value)


def version(value: int) -> int | None:
    """Returns the number of a version, None for the newest; refuses what is below 0."""
    if value < 0:
        raise Refused(
            Reason.VALUE_OUT_OF_RANGE,
            "must not be below 0",
            field="version",
            metadata={"minimum": "0", "maximum": str(2**63 - 1)},
        )
    return value or None


def is_shared(number: int, field: str) -> bool:
    """Returns whether everybody sees a dashboard; refuses an unknown visibility."""
    if number not in dashboard_service_pb2.DashboardVisibility.values():
        raise Refused(Reason.INVALID_ENUM, "not a known visibility", field=field)
    return number == dashboard_service_pb2.DASHBOARD_VISIBILITY_SHARED


def text(field: str, value: str, most: int, *, has_lines: bool = False) -> str:
    """Returns a text of people's; refuses control characters, but for the ends of lines where there may be some."""
    if len(value) > most:
        raise Refused(
            Reason.FIELD_TOO_LONG, f"longer than {most} characters", field=field, metadata={"limit": str(most)}
        )
    plain = value.replace("\n", " ").replace("\t", " ") if has_lines else value
    rules.identifier(field, plain, 4 * most)
    return value


def title(field: str, value: str) -> str:
    """Returns a title."""
    return text(field, value, _MAX_TITLE)


def draft(message: dashboard_service_pb2.Dashboard) -> DashboardDraft:
    """Returns a dashboard as somebody wants it; refuses what cannot be one."""
    if not message.title.strip():
        raise rules.required("dashboard.title")
    request_limits.TILES.check(len(message.tiles))
    content = dashboard_service_pb2.Dashboard(tiles=message.tiles)
    if message.HasField("period"):
        _check_period(message.period, "dashboard.period")
        content.period.CopyFrom(message.period)
    known = {one.tile_id for one in content.tiles if one.tile_id}
    if len(known) < sum(bool(one.tile_id) for one in content.tiles):
        raise Refused(Reason.INVALID_VALUE, "two tiles have the same tile_id", field="dashboard.tiles.tile_id")
    for tile in content.tiles:
        _check_tile(tile)
        if not tile.tile_id:
            tile.tile_id = secrets.token_hex(4)
    return DashboardDraft(
        title=title("dashboard.title", message.title),
        description=text("dashboard.description", message.description, _MAX_DESCRIPTION, has_lines=True),
        is_shared=is_shared(message.visibility, "dashboard.visibility"),
        tiles=len(content.tiles),
        content=content.SerializeToString(),
    )


def _check_tile(tile: dashboard_service_pb2.Tile) -> None:
    """Refuses a tile whose form is wrong."""
    where = "dashboard.tiles"
    if tile.tile_id and not _TILE_ID.fullmatch(tile.tile_id):
        raise _invalid(f"{where}.tile_id", f"{tile.tile_id[:64]!r} is no id of a tile: letters, digits, - and _")
    if not tile.kind:
        raise rules.required(f"{where}.kind")
    if not _KIND.fullmatch(tile.kind):
        raise _invalid(f"{where}.kind", f"{tile.kind[:64]!r} is no kind: that is like card or heatmap")
    if tile.width not in _WIDTHS:
        raise _invalid(f"{where}.width", f"{tile.width} is no width: that is 3, 4, 6, 8 or 12 of twelve columns")
    if tile.height not in dashboard_service_pb2.TileHeight.values():
        raise Refused(Reason.INVALID_ENUM, "not a known height", field=f"{where}.height")
    title(f"{where}.title", tile.title)
    text(f"{where}.note", tile.note, _MAX_NOTE, has_lines=True)
    if tile.HasField("period"):
        _check_period(tile.period, f"{where}.period")
    if tile.HasField("options"):
        check_options(tile.options, f"{where}.options")
    _check_question(tile, where)


def _check_question(tile: dashboard_service_pb2.Tile, where: str) -> None:
    which = tile.WhichOneof("question")
    if which is None:
        if tile.kind != _NOTE:
            raise rules.required(f"{where}.question")
        return
    question = getattr(tile, which)
    for field, _ in question.ListFields():
        if field.name in _OF_READERS:
            raise _invalid(
                f"{where}.{which}.{field.name}",
                f"a tile is stored without {field.name}: its period is in tile.period, or is the page's",
            )
    if which == "funnel" and question.definition.HasField("window"):
        window = question.definition.window
        rules.duration(f"{where}.funnel.definition.window", window.seconds, window.nanos)


def check_options(options: Any, field: str) -> None:
    """Refuses options that have no form in JSON, or a long one."""
    try:
        size = len(json_format.MessageToJson(options, indent=None, ensure_ascii=False).encode())
    except ValueError:
        raise _invalid(field, "holds NaN or an infinite number, which have no form in JSON") from None
    if size > _MAX_OPTIONS:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"{size} bytes as JSON, of at most {_MAX_OPTIONS}",
            field=field,
            metadata={"limit": str(_MAX_OPTIONS)},
        )


def _check_period(period: dashboard_service_pb2.TilePeriod, field: str) -> None:
    for name, value, known in (
        ("range", period.range, _RANGES),
        ("comparison", period.comparison, _COMPARISONS),
    ):
        if value and value not in known and not _are_days(value):
            raise _invalid(
                f"{field}.{name}",
                f"{value[:64]!r} is none of {', '.join(sorted(known))}, nor two days such as 2026-11-01..2026-11-28",
            )
    if period.time_zone:
        period.time_zone = account_conversion.checked_zone(f"{field}.time_zone", period.time_zone)


def _are_days(value: str) -> bool:
    found = _DAYS.fullmatch(value)
    if found is None:
        return False
    try:
        first, last = map(date.fromisoformat, found.groups())
    except ValueError:
        return False
    return first <= last


def _invalid(field: str, why: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, why, field=field)


_VISIBILITIES = {
    False: dashboard_service_pb2.DASHBOARD_VISIBILITY_PERSONAL,
    True: dashboard_service_pb2.DASHBOARD_VISIBILITY_SHARED,
}


def dashboard(principal: Principal, kept: KeptDashboard) -> dashboard_service_pb2.Dashboard:
    """Returns the message of a dashboard as the caller sees it."""
    own = kept.version
    message = dashboard_service_pb2.Dashboard.FromString(own.draft.content)
    message.dashboard_id = kept.dashboard_id
    message.title, message.description = own.draft.title, own.draft.description
    message.visibility = _VISIBILITIES[kept.is_shared]
    message.owner, message.updated_by = kept.owner, own.updated_by
    message.version, message.etag = own.number, kept.etag
    message.created_at.CopyFrom(shared.instant(kept.created_at))
    message.updated_at.CopyFrom(shared.instant(own.updated_at))
    message.may_edit = dashboards.may_edit(principal, kept)
    return message


def versions(found: Sequence[KeptDashboard]) -> list[dashboard_service_pb2.DashboardVersion]:
    """Returns the messages of versions."""
    return [
        dashboard_service_pb2.DashboardVersion(
            version=one.version.number,
            title=one.version.draft.title,
            tiles=one.version.draft.tiles,
            updated_at=shared.instant(one.version.updated_at),
            updated_by=one.version.updated_by,
        )
        for one in found
    ]
