"""The object store that the files of reports are in: a folder, or a bucket of S3, Google Cloud or Azure by its URL.

Keys are DEPLOYMENT/ORGANIZATION/RUN/ATTEMPT/NAME, of digits and fixed names alone: nothing of a tenant is in a path,
and two attempts at a run never write the same one. Several deployments may share a bucket.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from server import errors
from server.errors import Reason, Refused
from server.organizations.reports import RunAttempt
from server.reports import extras

_PIECE: Final = 256 * 1024
_LISTED: Final = 1_000
_KEY: Final = re.compile(r"[0-9a-f-]{36}/(\d+)/(\d+)/(\d+)/[a-z.]+")
_SECONDS: Final = 300.0  # for one transfer
_CLOUDS: Final = ("AWS", "AZURE", "GOOGLE")
_NO_ROOM: Final = tuple(f"(os error {one})" for one in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_UNFINISHED: Final = re.compile(r".+#\d+")  # what a folder's file is called until it is whole


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file in the store: whose it is, and when it was written."""

    key: str
    of: RunAttempt
    written_at: datetime


class NoRoom(errors.FilesUnavailable):
    """The disk of a store is full."""


class ObjectStore:
    """The files of reports of a deployment. It is opened when it is first used, and needs the extra "reports".

    Methods raise FilesUnavailable where the store does not answer, and Refused where this installation has nothing to
    reach it with.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: Any = None

    @property
    def place(self) -> str:
        """Returns where files are, for operators; never a password."""
        return re.sub(r"//[^/@]*@", "//***@", self._url.partition("?")[0])

    async def put(self, deployment: str, of: RunAttempt, name: str, content: bytes) -> str:
        """Writes a file of an attempt whole, and returns its key."""
        key = f"{_path(deployment, of)}/{name}"
        try:
            async with self._answering():
                # In one request: a worker that dies in several leaves parts that a bucket keeps, and bills, for ever.
                await _obstore().put_async(await self._open(), key, content, use_multipart=False)
        except FileNotFoundError as error:
            raise errors.FilesUnavailable(f"the object store {self.place} is not there") from error
        return key

    async def pieces(self, key: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of a file from an offset on; raises FileNotFoundError where there is none."""
        if not _KEY.fullmatch(key):
            raise FileNotFoundError
        module, store = _obstore(), await self._open()
        async with self._answering():
            options = {"range": {"offset": offset}} if offset else {}
            found = await module.get_async(store, key, options=options)
            pieces = found.stream(min_chunk_size=_PIECE)
        while True:
            async with self._answering():
                piece = await anext(aiter(pieces), None)
            if piece is None:
                return
            content = bytes(piece)
            for start in range(0, len(content), _PIECE):
                yield content[start : start + _PIECE]

    async def read(self, key: str) -> bytes:
        """Returns a whole file; raises FileNotFoundError where there is none."""
        return b"".join([one async for one in self.pieces(key)])

    async def delete(self, keys: Sequence[str]) -> None:
        """Deletes files; those that are not there are none."""
        module, store = _obstore(), await self._open()
        for key in keys:
            try:
                async with self._answering():
                    await module.delete_async(store, key)
            except FileNotFoundError:
                continue

    async def listed(self, deployment: str, of: RunAttempt | int | None = None) -> AsyncIterator[list[FoundFile]]:
        """Yields the files of an attempt, of an organization by its id, or all, some at a time. What does not look like
        one is passed over.
        """
        module, store = _obstore(), await self._open()
        prefix = deployment if of is None else f"{deployment}/{of}" if isinstance(of, int) else _path(deployment, of)
        pages = aiter(module.list(store, prefix=prefix, chunk_size=_LISTED))
        while True:
            async with self._answering():
                page = await anext(pages, None)
            if page is None:
                return
            yield [found for one in page if (found := _found(one)) is not None]

    async def remove_unfinished(self, deployment: str, before: datetime) -> int:
        """Removes what workers that were killed in the middle of writing have left in a folder, and returns how many
        files that were. A bucket has nothing of that kind.
        """
        if not self._url.startswith("file:"):
            return 0
        return await asyncio.to_thread(_remove_unfinished, _folder(self._url) / deployment, before.timestamp())

    async def _open(self) -> Any:
        if self._store is None:
            self._store = await asyncio.to_thread(self._opened)
        return self._store

    def _opened(self) -> Any:
        extras.check(())
        from obstore.store import LocalStore, from_url

        if self._url.startswith("file:"):
            folder = _folder(self._url)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return LocalStore(folder, automatic_cleanup=True)
        return from_url(self._url, client_options=_client_options())

    def _answering(self) -> "_Answering":
        return _Answering(self.place)


class _Answering:
    """What the store raises becomes an error of this service, but for a file that is not there."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._limit = asyncio.timeout(_SECONDS)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise errors.FilesUnavailable(f"the object store {self._place} does not answer") from None
        if isinstance(error, FileNotFoundError | Refused | errors.FilesUnavailable):
            return
        if isinstance(error, Exception) and any(one in str(error) for one in _NO_ROOM):
            raise NoRoom(f"the object store {self._place} has no room") from error
        if isinstance(error, Exception):
            raise errors.FilesUnavailable(f"the object store {self._place} fails: {type(error).__name__}") from error


def _obstore() -> Any:
    extras.check(())
    import obstore

    return obstore


def _client_options() -> Any:
    """Returns how stores are connected to. Options take the place of all that the environment says of connections, as
    AWS_ALLOW_HTTP does, without which a store on one's own network may not be reachable.
    """
    allows = any(os.environ.get(f"{cloud}_ALLOW_HTTP", "").lower() in ("1", "true") for cloud in _CLOUDS)
    return {"timeout": f"{_SECONDS:.0f}s", **({"allow_http": True} if allows else {})}


def _folder(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def _remove_unfinished(folder: Path, before: float) -> int:
    removed = 0
    for path in folder.rglob("*#*"):
        with contextlib.suppress(FileNotFoundError):
            if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def _path(deployment: str, of: RunAttempt) -> str:
    return f"{deployment}/{of.organization_id}/{of.run_id}/{of.attempt}"


def _found(one: Any) -> FoundFile | None:
    key = str(one["path"])
    parts = _KEY.fullmatch(key)
    if parts is None:
        return None
    return FoundFile(key=key, of=RunAttempt(*map(int, parts.groups())), written_at=one["last_modified"])


def sha256(content: bytes) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def gone(format: str) -> Refused:  # noqa: A002 - as the contract calls it
    """Returns the refusal of a file that a run does not have."""
    return Refused(
        Reason.REPORT_FILE_NOT_FOUND,
        f"the run has no file of the format {format}: it has not succeeded, or was not asked for it",
        field="format",
        metadata={"format": format},
    )
