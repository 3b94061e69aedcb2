"""SIGKILL of anything at any time loses nothing that was acknowledged and counts nothing twice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.faults import mutants, run, supervisor

_SECONDS = 4.0
_MUTANT_SECONDS = 1.5
# Seed and seconds: the short form, three runs that differ in what a seed chooses (workers, organizations, clocks, who
# has failpoints), and after it every run that has ever found something.
RUNS = [(1, _SECONDS), (3, _SECONDS), (6, _SECONDS)]


@pytest.mark.parametrize(("seed", "seconds"), RUNS)
async def test_kills_lose_nothing_and_count_nothing_twice(seed: int, seconds: float, tmp_path: Path) -> None:
    verdict = await run.run(seed, seconds, tmp_path)
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


# One that every resumption shows, however slow the machine; the others are for the command, with --mutant all.
async def test_a_mistake_is_found(tmp_path: Path) -> None:
    verdict = await run.run(1, _MUTANT_SECONDS, tmp_path, mistake="resume-skips-one")
    print(verdict)
    assert mutants.MUTANTS["resume-skips-one"].checks & {violation.check for violation in verdict.violations}
