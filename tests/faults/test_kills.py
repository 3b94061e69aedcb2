"""SIGKILL of anything at any time loses nothing that was acknowledged and counts nothing twice."""

from pathlib import Path

import pytest

from tests.faults import mutants, run

_SECONDS = 4.0
_MUTANT_SECONDS = 3.0
# Seed and seconds: the short form, three runs that differ in what a seed chooses (workers, organizations, clocks, who
# has failpoints), and after it every run that has ever found something.
RUNS = [(1, _SECONDS), (3, _SECONDS), (6, _SECONDS)]


@pytest.mark.parametrize(("seed", "seconds"), RUNS)
async def test_kills_lose_nothing_and_count_nothing_twice(seed: int, seconds: float, tmp_path: Path) -> None:
    verdict = await run.run(seed, seconds, tmp_path)
    print(verdict)
    assert verdict.good, f"\n{verdict}"


@pytest.mark.parametrize("name", sorted(mutants.MUTANTS))
def test_each_mutant_fits_the_code(name: str, tmp_path: Path) -> None:
    mutant = mutants.MUTANTS[name]
    tree = mutants.make(mutant, tmp_path)
    for path in {tree / edit.path for edit in mutant.edits}:
        compile(path.read_text(encoding="utf-8"), str(path), "exec")


# One that every resumption shows, however slow the machine; the others are for `python -m tests.faults --mutant all`.
async def test_a_mistake_is_found(tmp_path: Path) -> None:
    mutant = mutants.MUTANTS["resume-skips-one"]
    folder, tree = tmp_path / "run", tmp_path / "tree"
    folder.mkdir()
    verdict = await run.run(1, _MUTANT_SECONDS, folder, tree=mutants.make(mutant, tree))
    print(verdict)
    assert mutant.checks & {violation.check for violation in verdict.violations}
