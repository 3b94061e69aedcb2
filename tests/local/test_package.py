"""The package holds more than Python: statements, migrations, the built pages, templates of reports."""

import pathlib
import subprocess
import sys
import zipfile

from server.web import pages

ROOT = pathlib.Path(__file__).parents[2]


def test_the_wheel_has_every_file_of_the_service_and_serves_the_pages_without_node(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    of_packages = (path for package in ("server", "workers") for path in (ROOT / package).rglob("*"))
    expected = {path.relative_to(ROOT) for path in of_packages if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in expected if not (tmp_path / path).is_file()} == set()
    in_wheel = pages.read(tmp_path / "server/web/static")
    assert in_wheel == pages.read()
    assert in_wheel.app is not None
