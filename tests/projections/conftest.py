"""What tests of projections share."""

import itertools
from collections.abc import Awaitable, Callable

import pytest

from server.organizations.settings import OrganizationSettings
from server.projections import projector as projectors
from server.store.database import Database
from server.tenancy import administration


@pytest.fixture
def make_own(own_database: Database) -> Callable[[], Awaitable[int]]:
    """Makes organizations in the database of the test's own."""
    numbers = itertools.count(1)

    async def make() -> int:
        settings = OrganizationSettings(time_zone="UTC")
        return await administration.create_organization(own_database, f"made {next(numbers)}", settings)

    return make


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes few events, fewer than some revisions have."""
    monkeypatch.setattr(projectors, "STEP_EVENTS", 7)
