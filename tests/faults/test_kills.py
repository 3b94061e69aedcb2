"""SIGKILL of anything at any time loses nothing that was acknowledged and counts nothing twice."""

from pathlib import Path

import pytest

from tests.faults import mutants, run

SECONDS = 8.0
_MUTANT_SECONDS = 3.0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_kills_lose_nothing_and_count_nothing_twice(seed: int, tmp_path: Path) -> None:
    verdict = await run.run(seed, SECONDS, tmp_path)
    print(verdict)
    assert verdict.good, f"\n{verdict}"


@pytest.mark.parametrize("name", sorted(mutants.MUTANTS))
def test_each_mutant_fits_the_code(name: str, tmp_path: Path) -> None:
    mutant = mutants.MUTANTS[name]
    path = mutants.make(mutant, tmp_path) / mutant.path
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


# One of them here; the others are for `python -m tests.faults --mutant NAME`.
async def test_a_mistake_is_found(tmp_path: Path) -> None:
    mutant = mutants.MUTANTS["ack-before-commit"]
    folder, tree = tmp_path / "run", tmp_path / "tree"
    folder.mkdir()
    verdict = await run.run(1, _MUTANT_SECONDS, folder, tree=mutants.make(mutant, tree))
    print(verdict)
    assert mutant.checks & {violation.check for violation in verdict.violations}
