"""A rolling restart is not seen by anybody."""

from pathlib import Path

from tests.harness.faults import run
from tests.harness.faults.rolling import Rolling


async def test_no_call_fails_while_servers_are_restarted_in_turn(tmp_path: Path) -> None:
    verdict = await run.run(1, 1.5, tmp_path, scenario=Rolling(servers=True).scenario)
    print(verdict)
    assert verdict.good, f"\n{verdict}"
