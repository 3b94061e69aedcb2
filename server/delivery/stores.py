"""Object stores: files that messages name are read from the one of reports, and written to those that the operator has
named for organizations.

An organization chooses a store by its name, and a folder; the URL and its credentials are the operator's, and each
organization has a folder of its own in it. So no tenant can make the service write elsewhere.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

from server import errors

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_FOLDER = re.compile(r"[A-Za-z0-9_.=-]+(?:/[A-Za-z0-9_.=-]+)*")
_LONGEST: Final = 200
_READ_SECONDS: Final = 30.0  # for a part of a file
EXTRA: Final = "pip install 'tallywire-server[reports]'"


class Files(Protocol):
    """Where files of messages are read."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Returns a part of a file, fewer bytes at its end. Raises NoFile where there is none of the key (any more),
        and FilesUnavailable where the store does not answer.
        """


class NoFile(Exception):
    """There is no file of that key (any more)."""


class NoFiles:
    """Where nothing can be attached: no store of files is set up."""

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Raises NoFile."""
        raise NoFile(key)


class StoredFiles:
    """The object store of reports, opened when it is first read."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: Any = None

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Returns a part of a file; raises NoFile where there is none of the key (any more), and FilesUnavailable
        where the store does not answer.
        """
        if self._store is None:
            self._store = opened(self._url)
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return bytes(await self._store.get_range_async(key, start=start, length=length))
        except FileNotFoundError:
            raise NoFile(key) from None
        except Exception as error:  # the library has an exception for each cloud, and what they say may name secrets
            raise errors.FilesUnavailable(f"the store of files fails: {type(error).__name__}") from error


class NotWritten(Exception):
    """A store has not taken a file; says why in words for the tenant."""


def named(text: str | None) -> Mapping[str, str]:
    """Returns the URLs of stores by their names, of "archive=s3://bucket/path,…"; SetupError where that is wrong."""
    found: dict[str, str] = {}
    for one in (text or "").split(","):
        name, _, url = one.strip().partition("=")
        if not one.strip():
            continue
        if _NAME.fullmatch(name) is None or "://" not in url:
            raise errors.SetupError(
                f"TALLYWIRE_DELIVERY_STORES: {name[:64]!r} is not followed by a URL, as in archive=s3://bucket/path"
            )
        found[name] = url
    return found


def folder(text: str) -> str:
    """Returns a folder within a store; raises ValueError where it is none."""
    plain = text.strip("/")
    is_one = _FOLDER.fullmatch(plain) and not any(part in (".", "..") for part in plain.split("/"))
    if plain and (len(plain) > _LONGEST or not is_one):
        raise ValueError(f"is no folder: at most {_LONGEST} letters, digits and _.=- between slashes")
    return plain


def file_name(name: str) -> str:
    """Returns the name of a file as a part of a path: whatever else it holds, no slash, and not only dots."""
    plain = "".join(one if one.isprintable() and one not in "/\\" else "_" for one in name)
    return plain if plain.strip(". ") else f"file{plain.count('.')}"


class Stores:
    """The stores that the operator has named."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._opened: dict[str, Any] = {}

    @property
    def names(self) -> list[str]:
        """Returns the names that an organization can choose."""
        return sorted(self._urls)

    async def write(self, store: str, path: str, content: bytes) -> None:
        """Writes a file; one of the same path is replaced, so that a try that comes twice leaves one file."""
        if store not in self._urls:
            raise NotWritten(f"there is no store {store} any more")
        try:
            if store not in self._opened:
                self._opened[store] = opened(self._urls[store])
            await self._opened[store].put_async(path, content)
        except errors.SetupError:
            raise
        except Exception as error:
            raise NotWritten(f"the store has not taken {path}: {type(error).__name__}") from error


def opened(url: str) -> Any:
    """Returns the object store of a URL; SetupError where the library for that is not installed."""
    try:
        from obstore import store
    except ImportError:
        raise errors.SetupError(f"object stores need a library that is not installed: {EXTRA}") from None
    if url.startswith("file://"):
        return store.LocalStore.from_url(url, mkdir=True)
    return store.from_url(url)
