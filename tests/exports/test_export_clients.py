"""Exports by the Python client, blocking and asyncio, and by the command line."""

import csv
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import openpyxl
import pyarrow.parquet
import pytest

import tallywire
from server.app import Running
from server.rpc.exports import answering
from server.tenancy.principal import Scope
from tallywire import errors, export_parts
from tallywire.export_parts import Export
from tallywire.v1 import (
    audit_service_pb2,
    event_pb2,
    export_service_pb2,
    list_events_pb2,
    metrics_service_pb2,
    user_pb2,
)
from tests.support import commands, serving
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY, e

PERIOD = ("--from", "2024-05-15", "--to", "2024-05-16", "--zone", "Asia/Kathmandu")
TIME_RANGE = serving.period(DAY, DAY + timedelta(days=2), "UTC")
EVENTS = 12
FIRST = '{"prefix": "user-1"}'
ALL_EVENTS = list_events_pb2.ListEventsRequest(time_range=TIME_RANGE)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def half(path: Path) -> None:
    """Writes a part of a file, and fails."""
    with export_parts.written_at_once(path) as file:
        file.write(b"half")
        raise RuntimeError


@pytest.fixture(scope="module")
async def world(accounts: Accounts) -> Caller:
    caller = await accounts.caller(scopes=(Scope.ADMIN, Scope.BACKFILL))
    await caller.track_all(
        e(
            "message.sent",
            number,
            agent_id=f"agent-{number % 3}",
            user_id=f"user-{number}",
            message=event_pb2.MessageDetail(cost_micros=1_500_000, model="m"),
        )
        for number in range(EVENTS)
    )
    return caller


async def test_a_client_writes_a_file_that_is_whole(server: Running, world: Caller, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def note(header: export_parts.Header, rows: int, size: int) -> None:
        assert header.tables
        seen.append((rows, size))

    async with tallywire.AsyncClient(server.address, api_key=world.key.secret) as client:
        done = await client.exports.to_file(ALL_EVENTS, tmp_path / "events.csv", progress=note)
        written = done.path.read_bytes()
        assert hashlib.sha256(written).hexdigest() == done.trailer.sha256
        assert (done.trailer.rows, done.trailer.bytes, done.trailer.complete) == (EVENTS, len(written), True)
        assert seen[-1] == (EVENTS, len(written))
        streamed = b"".join([data async for data in client.exports.stream(ALL_EVENTS)])
        assert streamed == written
        question = metrics_service_pb2.GetCostsRequest(time_range=TIME_RANGE)
        parquet = await client.exports.to_file(question, tmp_path / "costs.parquet", table="by_agent")
        read: Any = pyarrow.parquet.read_table(parquet.path)
        assert sum(read["cost"].to_pylist()) == 18
        assert "figures" in parquet.header.other_tables
        with pytest.raises(errors.InvalidArgument):
            await client.exports.to_file(question, tmp_path / "costs.parquet", table="nothing")
        assert pyarrow.parquet.read_table(parquet.path).equals(read)  # as it was
    assert names(tmp_path) == ["costs.parquet", "events.csv"]


async def test_an_export_outlasts_its_streams(
    server: Running, world: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 5)
    async with tallywire.AsyncClient(server.address, api_key=world.key.secret) as client:
        at_once = await client.exports.to_file(ALL_EVENTS, tmp_path / "at_once.csv")
        monkeypatch.setattr(server.services.exports, "_max_seconds", 1e-6)
        done = await client.exports.to_file(ALL_EVENTS, tmp_path / "in_parts.csv")
        assert done.path.read_bytes() == at_once.path.read_bytes()
        assert (done.trailer.rows, done.trailer.bytes) == (EVENTS, at_once.trailer.bytes)
        trail = audit_service_pb2.ListAuditEntriesRequest(action_prefix="rows.exported")
        lines = b"".join([data async for data in client.exports.stream(trail, format="jsonl")]).splitlines()
    acts = [json.loads(json.loads(line)["after"]) for line in lines]
    assert [one.get("resumed_at", 0) for one in acts if one["format"] == "csv"][:3] == [10, 5, 0]  # the newest first


def test_what_cannot_be_exported_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="GetUserRequest"):
        export_parts.request(user_pb2.GetUserRequest(), "csv", "")
    with pytest.raises(ValueError, match="pdf"):
        export_parts.request(ALL_EVENTS, "pdf", "")
    with pytest.raises(ValueError, match="one table"):
        export_parts.request(ALL_EVENTS, "csv", "rows")
    with pytest.raises(ValueError, match="tells no format"):
        export_parts.by_suffix(tmp_path / "file.doc")


class _Lost(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "lost"

    def trailing_metadata(self) -> tuple[()]:
        return ()

    initial_metadata = trailing_metadata


def header(**fields: Any) -> export_service_pb2.ExportRowsResponse:
    return export_service_pb2.ExportRowsResponse(header=export_service_pb2.ExportHeader(**fields))


def chunk(data: bytes, rows: int, token: str = "") -> export_service_pb2.ExportRowsResponse:
    one = export_service_pb2.ExportChunk(data=data, rows=rows, resume_token=token)
    return export_service_pb2.ExportRowsResponse(chunk=one)


def trailer(stream: bytes, size: int, rows: int) -> export_service_pb2.ExportRowsResponse:
    one = export_service_pb2.ExportTrailer(
        rows=rows, bytes=size, sha256=hashlib.sha256(stream).hexdigest(), complete=True
    )
    return export_service_pb2.ExportRowsResponse(trailer=one)


def test_an_export_goes_on_after_the_last_page_that_was_whole() -> None:
    export = Export(export_parts.request(ALL_EVENTS, "csv", ""), None)
    assert export.take(header(resumable=True)) == ()
    assert export.take(chunk(b"ab", 2)) == ()  # within a page
    assert export.take(chunk(b"cd", 2, "t1")) == [b"ab", b"cd"]
    assert export.take(chunk(b"ef", 4)) == ()
    export.failed(_Lost())
    assert isinstance(export.request, export_service_pb2.ExportRowsRequest)
    assert export.request.resume_token == "t1"
    assert export.take(header(resumable=True, offset=4)) == ()
    assert export.take(chunk(b"ef", 4)) == ()
    assert export.take(chunk(b"gh", 4)) == ()
    assert export.take(trailer(b"efgh", 8, 4)) == [b"ef", b"gh"]
    export.check()


def test_an_export_that_lacks_bytes_is_an_error() -> None:
    for last in (trailer(b"ab", 3, 1), trailer(b"ax", 2, 1)):
        export = Export(export_parts.request(ALL_EVENTS, "xlsx", ""), None)
        export.take(header())
        assert export.take(chunk(b"ab", 1)) == [b"ab"]
        with pytest.raises(errors.Internal, match="not whole"):
            export.take(last)
        with pytest.raises(errors.Internal, match="its end is missing"):
            export.check()
        with pytest.raises(errors.Unavailable):  # nothing to go on with
            export.failed(_Lost())
    export = Export(export_parts.request(ALL_EVENTS, "csv", ""), None)
    export.take(header(resumable=True))
    export.take(chunk(b"ab", 1, "t"))
    export.failed(_Lost())
    with pytest.raises(errors.Internal, match="another place"):
        export.take(header(resumable=True, offset=1))


def test_a_file_is_untouched_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        half(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with export_parts.written_at_once(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o077 == 0


async def test_the_command_writes_files(
    server: Running, world: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "MOST_PAGE", 5)
    target = tmp_path / "events.jsonl"
    said = await commands.output(server.address, world, "export", "events", "-o", str(target), *PERIOD)
    assert f"{target}: {EVENTS} rows" in said.replace("\n", "")
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(rows) == EVENTS
    assert all(row["occurred_at"].endswith("+05:45") for row in rows)

    book = tmp_path / "costs.xlsx"
    await commands.output(server.address, world, "export", "costs", "-o", str(book), *PERIOD)
    names = openpyxl.load_workbook(book).sheetnames
    assert names[:2] == ["Figures", "By model"]

    table = tmp_path / "table.csv"
    question = ("export", "query", "--metric", "messages_sent,cost_micros", "--by", "agent", "--where", "model=m")
    await commands.output(server.address, world, *question, "-o", str(table), *PERIOD)
    read = list(csv.reader(io.StringIO(table.read_text(), newline="")))
    assert {row[0]: row[3] for row in read[1:]} == {f"agent-{number}": "6.000000" for number in range(3)}

    users = tmp_path / "users.csv"
    await commands.output(
        server.address, world, "export", "users", "-o", str(users), "--request", '{"prefix": "user-1"}'
    )
    assert len(users.read_text().splitlines()) == 1 + 3  # user-1, user-10, user-11


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("export", "nothing", "-o", "a.csv"), "cannot be exported"),
        (("export", "events", "-o", "a.doc"), "tells no format"),
        (("export", "events", "-o", "a.csv", "--format", "pdf"), "--format is one of"),
        (("export", "leads", "-o", "a.csv", "--last", "1d"), "about no period"),
        (("export", "costs", "-o", "a.csv", "--metric", "events"), "--metric does not go with costs"),
        (("export", "costs", "-o", "a.csv", "--agent", "a"), "--agent does not go with costs"),
        (("export", "overview", "-o", "a.csv", "--request", "[]"), "--request"),
        (("export", "events", "-o", "a.csv", "--table", "rows"), "one table"),
    ],
)
async def test_mistakes_of_the_command(
    server: Running, world: Caller, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    result = await commands.run(server.address, world, *arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert names(tmp_path) == []
