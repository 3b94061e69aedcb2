"""SIGKILL of anything at any time loses nothing that was acknowledged and counts nothing twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.faults import run, supervisor
from tests.support import effort

_SECONDS = 3.0
# A run takes a minute of both cores, so one is made here. With the thorough profile there are three, which differ in
# what a seed chooses (workers, organizations, clocks, who has failpoints); the command makes any number.
SEEDS = effort.chosen((1,), thorough=(1, 3, 6))


@pytest.mark.parametrize("seed", SEEDS)
async def test_kills_lose_nothing_and_count_nothing_twice(seed: int, tmp_path: Path) -> None:
    verdict = await run.run(seed, _SECONDS, tmp_path)
    print(verdict)
    assert verdict.good, f"\n{verdict}"


_MAKE_EACH = """
import os
from tests.harness.faults import mutants
for name, mistake in {**mutants.MUTANTS, **mutants.UNFLUSHED}.items():
    if not os.fork():
        try:
            mistake.make()
        except BaseException as error:
            print(name, error, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the harness makes mistakes in forks, which it has on Linux alone")
def test_each_mutant_fits_the_code() -> None:
    reported = subprocess.run([sys.executable, "-c", _MAKE_EACH], cwd=supervisor.ROOT, text=True, capture_output=True)
    assert (reported.stdout, reported.returncode) == ("", 0), reported.stderr
