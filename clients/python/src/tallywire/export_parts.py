"""What both kinds of clients know of exports: requests, the check of what comes, and the file."""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from tallywire import errors, retries
from tallywire.v1 import export_service_pb2

FormatName = Literal["csv", "jsonl", "json", "xlsx", "parquet", "arrow"]
Header: TypeAlias = export_service_pb2.ExportHeader
Trailer: TypeAlias = export_service_pb2.ExportTrailer
Progress: TypeAlias = Callable[["Header", int, int], None]  # header, rows and bytes so far
FORMATS: Final[Mapping[str, export_service_pb2.ExportFormat.ValueType]] = {
    "csv": export_service_pb2.EXPORT_FORMAT_CSV,
    "jsonl": export_service_pb2.EXPORT_FORMAT_JSON_LINES,
    "json": export_service_pb2.EXPORT_FORMAT_JSON,
    "xlsx": export_service_pb2.EXPORT_FORMAT_XLSX,
    "parquet": export_service_pb2.EXPORT_FORMAT_PARQUET,
    "arrow": export_service_pb2.EXPORT_FORMAT_ARROW,
}
_SUFFIXES: Final[Mapping[str, FormatName]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
}
_TIMEOUT: Final = 3_600.0  # seconds, unless a call is given its own
_PATIENCE: Final = 60.0  # seconds in which a lost connection has to come back, from the last certain byte on
_QUESTIONS: Final[Mapping[Any, str]] = {
    one.message_type: one.name
    for one in export_service_pb2.ExportMetricsRequest.DESCRIPTOR.oneofs_by_name["question"].fields
}
_LISTS: Final[Mapping[Any, str]] = {
    one.message_type: one.name for one in export_service_pb2.ExportRowsRequest.DESCRIPTOR.oneofs_by_name["rows"].fields
}
Request: TypeAlias = export_service_pb2.ExportMetricsRequest | export_service_pb2.ExportRowsRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """A file that was written, whole and checked. header says what it holds, trailer how much."""

    path: Path
    header: Header
    trailer: Trailer


def by_suffix(path: Path) -> FormatName:
    """Returns the format of a file by its name. Raises ValueError for a name that tells none."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ValueError(f"{path.name!r} tells no format: end it with one of {', '.join(_SUFFIXES)}, or name a format")
    return found


def request(asked: Message, form: str, table: str) -> Request:
    """Returns the request for a file. Raises TypeError for a message that nothing is exported for."""
    number = FORMATS.get(form)
    if number is None:
        raise ValueError(f"{form!r} is no format; there are {', '.join(FORMATS)}")
    fields: dict[str, Any] = {"format": number}
    question = _QUESTIONS.get(asked.DESCRIPTOR)
    if question is not None:
        return export_service_pb2.ExportMetricsRequest(table=table, **{**fields, question: asked})
    name = _LISTS.get(asked.DESCRIPTOR)
    if name is None:
        raise TypeError(f"{asked.DESCRIPTOR.name} cannot be exported: pass the request of a question or a list")
    if table:
        raise ValueError("a list has one table: leave `table` out")
    return export_service_pb2.ExportRowsRequest(**{**fields, name: asked})


class Export:
    """An export under way: what came, what of it may be given out, and how to go on after a failure.

    Pieces are kept until the end of their page, where an export can be resumed, so that none is given out twice.
    """

    def __init__(self, asked: Request, timeout: float | None) -> None:
        self.request = asked
        self.header: Header | None = None
        self.trailer: Trailer | None = None
        self.rows = self.size = 0
        self._given_size = 0
        self._token = ""
        self._waiting: list[bytes] = []
        self._digest = hashlib.sha256()
        self._deadline = time.monotonic() + (_TIMEOUT if timeout is None else timeout)
        self._attempts = retries.Attempts(timeout=_PATIENCE, policy=retries.SUBSCRIPTION)

    @property
    def is_rows(self) -> bool:
        """Returns whether it is an export of rows."""
        return isinstance(self.request, export_service_pb2.ExportRowsRequest)

    def timeout(self) -> float:
        """Returns the seconds that are left."""
        return max(0.001, self._deadline - time.monotonic())

    def take(self, response: Any) -> Sequence[bytes]:
        """Takes a message in; returns bytes that are certain."""
        match response.WhichOneof("message"):
            case "header":
                self._begin(response.header)
            case "chunk":
                return self._chunk(response.chunk)
            case "trailer":
                return self._end(response.trailer)
        return ()

    def _begin(self, header: Header) -> None:
        if self._token and header.offset != self._given_size:
            raise _not_whole("it goes on at another place than where it ended")
        if self.header is None or not self._given_size:
            self.header = header

    def _chunk(self, chunk: export_service_pb2.ExportChunk) -> Sequence[bytes]:
        self.rows = chunk.rows
        self.size += len(chunk.data)
        self._digest.update(chunk.data)
        if self.header is None or not self.header.resumable:
            self._given_size += len(chunk.data)
            return [chunk.data] if chunk.data else ()
        self._waiting.append(chunk.data)
        if not chunk.resume_token:
            return ()
        self._attempts.restart()
        self._token = chunk.resume_token
        return self._flushed()

    def _flushed(self) -> Sequence[bytes]:
        certain, self._waiting = [data for data in self._waiting if data], []
        self._given_size += sum(map(len, certain))
        return certain

    def _end(self, trailer: Trailer) -> Sequence[bytes]:
        if (trailer.bytes, trailer.sha256) != (self.size, self._digest.hexdigest()):
            raise _not_whole("its bytes are not those that the server sent")
        self.trailer = trailer
        return self._flushed()

    def failed(self, failure: grpc.RpcError) -> float:
        """Returns after how many seconds to go on from the last certain byte. Raises the error if that is none."""
        error = errors.from_rpc(failure)
        can_go_on = bool(self._token) or not self._given_size
        wait = self._attempts.next_wait(error) if can_go_on else None
        if wait is None or wait > self.timeout():
            raise error from failure
        if self._token:
            cast("export_service_pb2.ExportRowsRequest", self.request).resume_token = self._token
        self.size = self._given_size
        self._waiting = []
        self._digest = hashlib.sha256()
        return wait

    def check(self) -> None:
        """Raises Internal if the end is missing."""
        if self.trailer is None:
            raise _not_whole("its end is missing")

    def written(self, path: Path) -> ExportedFile:
        """Returns the file that was written of it."""
        if self.header is None or self.trailer is None:
            raise _not_whole("its end is missing")
        return ExportedFile(path=path, header=self.header, trailer=self.trailer)


def _not_whole(why: str) -> errors.Internal:
    return errors.Internal(f"the export is not whole, {why}: ask for it again", grpc.StatusCode.INTERNAL)


@contextlib.contextmanager
def written_at_once(path: Path) -> Iterator[IO[bytes]]:
    """Gives a file that takes the place of `path` once it is whole: until then, and after a failure, that is untouched.

    It lies in the same folder, and nobody but its owner may read it.
    """
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
