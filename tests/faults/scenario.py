"""What makes one kind of run differ from another: where the engines are, how they are reached, and what is done."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from server import embedded
from tests.faults.checker import Violation
from tests.faults.supervisor import Urls
from tests.faults.world import World


@contextlib.asynccontextmanager
async def _direct(engines: embedded.Engines) -> AsyncIterator[Urls]:
    """Every process's ways to PostgreSQL and Redis: their own URLs."""
    yield lambda _: (engines.database_url, engines.redis_url)


@contextlib.asynccontextmanager
async def _plain(addresses: Sequence[str]) -> AsyncIterator[Sequence[str]]:
    """The clients' ways to the servers: their addresses."""
    yield addresses


def _nothing(_: World) -> Iterable[Violation]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of run. harm lets clients work while something is done to the service, and returns when that is over."""

    harm: Callable[[World, float], Awaitable[None]]
    option: str = ""  # of the command line
    data: Callable[[], AbstractContextManager[Path]] | None = None  # where the engines' folder is; by default in memory
    start: Callable[[Path], embedded.Engines] = embedded.start
    urls: Callable[[embedded.Engines], AbstractAsyncContextManager[Urls]] = _direct
    targets: Callable[[Sequence[str]], AbstractAsyncContextManager[Sequence[str]]] = _plain
    quiet: bool = False  # it makes few calls
    judge: Callable[[World], Iterable[Violation]] = _nothing  # what only this kind promises
