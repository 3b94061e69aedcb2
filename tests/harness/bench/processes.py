"""Processes of their own for whatever is not to share an interpreter with the service or with one another."""

import asyncio
import contextlib
import multiprocessing
import multiprocessing.process
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_PATIENCE = 20.0  # seconds for a process to start and to end
_runner: asyncio.Runner | None = None  # of such a process: gRPC belongs to one event loop


class Aside:
    """A process that runs functions for us, one after the other; what they leave in their module stays there."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def run(
        self,
        function: Callable[_Arguments, Coroutine[Any, Any, _Result]],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """What the coroutine function returns there."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _run, function, args, kwargs)


def _end_with_parent() -> None:
    """Keeps a process whose parent was killed from waiting for it for ever."""

    def watch(parent: multiprocessing.process.BaseProcess) -> None:
        parent.join()
        os._exit(1)

    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=watch, args=(parent,), daemon=True).start()


def _run(function: Callable[..., Coroutine[Any, Any, _Result]], args: Any, kwargs: Any) -> _Result:
    global _runner  # noqa: PLW0603 - one per process, and the process is ours
    if _runner is None:
        _runner = asyncio.Runner(loop_factory=loop_factory())
    return _runner.run(function(*args, **kwargs))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop where it is installed, for the service's yardsticks as for the service."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def loop_name() -> str:
    """Which one that is."""
    return "asyncio" if loop_factory() is None else "uvloop"


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """The address of an empty grpc.aio server that answers every call with its request."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.harness.bench.echo", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_PATIENCE):
            address = (await process.stdout.readline()).decode().strip()
        yield address
    finally:
        process.stdin.close()
        async with asyncio.timeout(_PATIENCE):
            await process.wait()
