"""A worker that makes the reports of the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from server.settings import Settings
from server.store.database import Database
from tests.support import reporting
from tests.support.reporting import ReportWorker


@pytest.fixture(scope="session")
async def maker(settings: Settings, database: Database) -> AsyncIterator[ReportWorker]:
    """A worker of reports, which looks when a test says so."""
    async with reporting.worker(settings, database) as made:
        yield made
