"""The package holds more than Python: what the store reads at import and at migrations."""

import pathlib
import subprocess
import sys
import zipfile

ROOT = pathlib.Path(__file__).parents[2]


def test_the_wheel_has_every_statement_and_every_migration(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    store = ROOT / "server/store"
    expected = [*store.glob("sql/*.sql"), *store.glob("migrations/versions/*.py"), store / "migrations/env.py"]
    with zipfile.ZipFile(wheel) as archive:
        assert {str(file.relative_to(ROOT)) for file in expected} <= set(archive.namelist())
