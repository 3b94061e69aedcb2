"""The command `updates`: every update as a line of JSON, and the reader's position in a file.

A whole line is written first, and then the position, by replacing the file. A process that dies between the two has
printed a line beyond its position. On a pipe that line comes again, and its reader must drop revisions that it has had.
If stdout is a regular file, the position is taken from its last whole line and a torn line is cut off, so that each
update stands in the file exactly once.
"""

import contextlib
import dataclasses
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from tallywire import aio, errors, requests
from tallywire.aio_subscription import AsyncSubscription
from tallywire.cli import json_output, stop_request
from tallywire.cli.problems import WrongUsage
from tallywire.v1 import realtime_service_pb2

_BEGIN: Final = b'{"revision": '
_BLOCK: Final = 1 << 16
_Updates = AsyncSubscription[realtime_service_pb2.WatchUpdatesResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPosition:
    """A reader's position: after a revision. `ended` is true if the reader ended in order, with its last line whole."""

    resume_token: str
    revision: int
    ended: bool = False


class Output:
    """The destination of the lines; each line is written out before the next step."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # What cannot be read back is like a pipe, on systems that have no pread.
        self.is_file = hasattr(os, "pread") and stat.S_ISREG(os.fstat(descriptor).st_mode)
        self.is_whole = True

    def write(self, line: bytes) -> None:
        """Writes a line; into a file so that it survives a power cut."""
        self.is_whole = False
        left = memoryview(line)
        while left:
            left = left[os.write(self._descriptor, left) :]
        if self.is_file:
            os.fsync(self._descriptor)
        self.is_whole = True

    def mend(self) -> SavedPosition | None:
        """Cuts a torn line off the end of a file, and returns the position after its last line.

        Raises WrongUsage for a file that ends in something else, or cannot be read.
        """
        with _readable(self._descriptor) as readable:
            size = os.fstat(readable).st_size
            end = _after_newline(readable, size)
            if end < size:
                torn = os.pread(readable, len(_BEGIN), end)
                if not _BEGIN.startswith(torn):
                    raise WrongUsage("the file that stdout goes to ends in something else: give updates one of its own")
                os.ftruncate(self._descriptor, end)
            os.lseek(self._descriptor, 0, os.SEEK_END)
            return _position(_whole(readable, _after_newline(readable, end - 1), end)) if end else None


class PositionFile:
    """The file that holds the position."""

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))  # a link stays one
        self._last: SavedPosition | None = None

    def load(self) -> SavedPosition | None:
        """Returns the position, None without the file. Raises WrongUsage for a file that holds something else."""
        try:
            position = _position(self._path.read_bytes())
        except FileNotFoundError:
            return None
        if position is None:
            raise WrongUsage(f"{self._path} holds no position: remove it to begin with what happens from now on")
        return position

    def save(self, position: SavedPosition) -> None:
        """Replaces the file, so that it holds the one position or the other at any time."""
        if position == self._last:
            return
        beside = self._path.with_name(f".{self._path.name}.new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(position), file)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        self._last = position

    def end(self) -> None:
        """Notes that the last line is whole."""
        if self._last is not None:
            self.save(dataclasses.replace(self._last, ended=True))


async def run(
    server: aio.AsyncClient,
    output: Output,
    only: requests.RealtimeOnly,
    *,
    resume: Path | None,
    include_events: bool,
) -> int:
    """Prints updates until somebody stops it, and returns the exit code."""
    end = stop_request.StopRequest()
    keeper = PositionFile(resume) if resume else None
    start = _begin(output, keeper) if keeper else None
    async with server:
        await server.connect()
        stream = server.updates(
            resume_after=start.resume_token if start else "",
            include_events=include_events,
            bookmarks=True,
            **only,
        )
        try:
            return await end.during(_print(stream, output, keeper, start))
        finally:
            if keeper and output.is_whole:
                keeper.end()


def _begin(output: Output, keeper: PositionFile) -> SavedPosition | None:
    """Returns the position to go on after; None to begin with the next update."""
    kept, printed = keeper.load(), output.mend() if output.is_file else None
    if kept is None:
        return None
    if not output.is_file and not kept.ended:
        # Whoever reads may have been left with the beginning of a line.
        output.write(b"\n")
    later = printed if printed is not None and printed.revision > kept.revision else kept
    start = dataclasses.replace(later, ended=False)
    keeper.save(start)
    return start


async def _print(stream: _Updates, output: Output, keeper: PositionFile | None, start: SavedPosition | None) -> None:
    """Prints each update and then saves its position; only the end of the process can come between the two."""
    expected = start.revision + 1 if start else None
    async with stream:
        async for update in stream:
            if expected is not None and update.revision != expected - update.bookmark:
                raise _does_not_follow(expected, update.revision)
            expected = None  # from here on the stream itself checks the order
            if not update.bookmark:
                output.write(line(update))
            if keeper is not None:
                keeper.save(SavedPosition(resume_token=update.resume_token, revision=update.revision))


def line(update: realtime_service_pb2.WatchUpdatesResponse) -> bytes:
    """Returns an update as a line, its revision and token first."""
    document = json_output.of(update)
    names = ("revision", "resume_token", "committed_at", "changes", "events")
    ordered = {name: document[name] for name in names} if isinstance(document, dict) else document
    return json.dumps(ordered, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _does_not_follow(expected: int, revision: int) -> errors.OutOfSequence:
    return errors.OutOfSequence(
        "the server sent a revision that does not follow the one that was printed last",
        grpc.StatusCode.DATA_LOSS,
        metadata={"expected": str(expected), "revision": str(revision)},
    )


def _position(text: bytes) -> SavedPosition | None:
    """Returns the position in a line or in a PositionFile; None if there is none."""
    try:
        match json.loads(text):
            case {"resume_token": str(token), "revision": int(revision), **others}:
                return SavedPosition(resume_token=token, revision=revision, ended=others.get("ended") is True)
    except ValueError:
        pass
    return None


def _can_read(descriptor: int) -> bool:
    """Returns whether a descriptor reads as well as writes."""
    try:
        os.pread(descriptor, 1, 0)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _readable(descriptor: int) -> Iterator[int]:
    """Gives a descriptor that reads the file to which another one writes. Raises WrongUsage."""
    if _can_read(descriptor):
        yield descriptor
        return
    try:
        opened = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
    except OSError:
        raise WrongUsage("the file that stdout goes to cannot be read here: write it with 1<>FILE") from None
    try:
        yield opened
    finally:
        os.close(opened)


def _after_newline(descriptor: int, end: int) -> int:
    """Returns where the line begins that goes up to `end`."""
    while end > 0:
        begin = max(0, end - _BLOCK)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _whole(descriptor: int, begin: int, end: int) -> bytes:
    """Returns the bytes from one place to another."""
    parts = []
    while begin < end and (part := os.pread(descriptor, end - begin, begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)
