"""What the event loop reports of answers that nobody has waited for."""

import asyncio
import gc

import asyncpg
import pytest

from server.store import sessions


@pytest.mark.parametrize(
    ("error", "reported"), [(asyncpg.ConnectionDoesNotExistError("lost"), False), (ValueError("else"), True)]
)
def test_only_lost_answers_are_forgotten(error: Exception, reported: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def leave() -> None:
        sessions.forget_lost_answers()
        asyncio.get_running_loop().create_future().set_exception(error)
        gc.collect()

    with asyncio.Runner() as runner:
        runner.run(leave())
    assert bool(caplog.records) is reported
