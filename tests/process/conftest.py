"""The fixture of tests that start workers."""

import pathlib
import signal
from collections.abc import AsyncIterator

import pytest

from server.local import embedded
from tests.conftest import PEPPER
from tests.support.worker_processes import Workers


@pytest.fixture
async def workers(own_engines: embedded.Engines, own_url: str, tmp_path: pathlib.Path) -> AsyncIterator[Workers]:
    """Workers on the test's own database."""
    variables = {"DATABASE_URL": own_url, "REDIS_URL": own_engines.redis_url, "TALLYWIRE_KEY_PEPPER": PEPPER}
    workers = Workers(tmp_path, variables)
    yield workers
    for worker in workers.started:
        await worker.end(signal.SIGKILL)
        print(worker.log)  # shown where the test has failed
        assert "Traceback" not in worker.log
        for secret in variables.values():
            assert secret not in worker.log
