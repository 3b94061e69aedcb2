"""The fixture of tests that run tasks."""

from collections.abc import AsyncIterator

import pytest

from server.store.database import Database
from tests.support.own_tasks import OwnTasks


@pytest.fixture
async def own_tasks(own_database: Database) -> AsyncIterator[OwnTasks]:
    """The tasks of the test's own database."""
    own = OwnTasks(own_database)
    yield own
    for runner in own.runners:
        await runner.stop()
