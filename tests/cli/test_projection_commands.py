"""The commands for projections, as an operator types them."""

import pathlib

import pytest

from server.catalog.families.conversations import PROJECTION
from server.projections import projector as projectors
from server.projections.rebuild import rebuild
from server.store import projections
from server.store.database import Database
from server.store.isolation import EVERY
from tests.support import processes, worlds


async def test_what_has_stopped_and_what_is_not_finished_is_listed(
    own_url: str,
    own_database: Database,
    own_organization: int,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projectors, "STEP_EVENTS", 7)
    environment = processes.environment(tmp_path, DATABASE_URL=own_url)

    def command(*arguments: str) -> str:
        done = processes.invoke("projections", *arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(_: object) -> None:
        raise KeyboardInterrupt

    await worlds.store(own_database, own_organization, worlds.events(3, 100), batch=5)
    await worlds.project(own_database, own_organization)
    with pytest.raises(KeyboardInterrupt):
        await rebuild(own_database, own_organization, PROJECTION, end)
    async with own_database.transaction(of=EVERY) as driver:
        await projections.stop(driver, own_organization, "users", 3, "a fault")
    listed = command("list")
    assert "users of acme has stopped at revision 3" in listed
    assert "conversations of acme: a rebuild is at revision" in listed
    assert "up to revision" in command("rebuild", PROJECTION, "--organization", "acme")
    assert "rebuild" not in command("list")
