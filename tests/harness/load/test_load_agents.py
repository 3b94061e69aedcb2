"""The load of many agents comes to its verdict; a small one here."""

import pytest

from server.local import embedded
from tests.harness.bench.world import World
from tests.harness.load import agents


async def test_a_crowd_of_agents(engines: embedded.Engines, capsys: pytest.CaptureFixture[str]) -> None:
    async with World.on(engines, "crowd") as world:
        good = await agents.run(world, agents=4_000, seconds=1, limit=100)
    reported = capsys.readouterr().out
    assert good, reported
    assert "3,900 messages under _other" in reported
