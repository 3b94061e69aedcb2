"""The README of the crate is true: its quick start works, pasted into an empty project that uses the packaged crate."""

import asyncio
import os
import pathlib
import re
import shutil
import tarfile

import pytest

from server.app import Running
from tallywire.events import FAMILY_OF
from tests.conformance import languages
from tests.conformance.conformance import without_toolchain
from tests.conftest import MakeTenant
from tests.support import webhook_receivers

pytestmark = pytest.mark.skipif(not languages.are_quick_starts_wanted(), reason="built and tested by .ci/clients")

CRATE = pathlib.Path(__file__).parents[2] / "clients" / "rust"
# Its own, so that what was built for the last run is there, and nothing of the workspace is built anew.
_TARGET = CRATE / "target" / "readme"


async def _cargo(*arguments: str, cwd: pathlib.Path, **variables: str) -> str:
    """Runs cargo and returns what it printed; the test fails with all of that if cargo does."""
    process = await asyncio.create_subprocess_exec(
        "cargo",
        *arguments,
        cwd=cwd,
        env={**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_TARGET_DIR": str(_TARGET), **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, problems = await process.communicate()
    assert process.returncode == 0, f"cargo {' '.join(arguments)}\n{output.decode()}\n{problems.decode()}"
    return output.decode()


def _block(language: str) -> str:
    """Returns the first block of the README in a language."""
    found = re.search(rf"^```{language}[^\n]*\n(.*?)^```", (CRATE / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


async def _unpacked(folder: pathlib.Path) -> pathlib.Path:
    """Returns the crate as it would be published: nothing beside what the package has."""
    await _cargo("package", "--quiet", "--package", "tallywire", "--allow-dirty", "--no-verify", cwd=CRATE)
    (package,) = (_TARGET / "package").glob("tallywire-*.crate")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    return folder / package.stem


async def test_the_quick_start_tracks_and_reads(
    server: Running, make_tenant: MakeTenant, tmp_path: pathlib.Path
) -> None:
    if shutil.which("cargo") is None:
        without_toolchain(next(one for one in languages.all_of_them() if one.folder == CRATE))
    tenant = await make_tenant()
    crate = await _unpacked(tmp_path)
    manifest, program = _block("toml"), _block("rust")
    assert '"../tallywire/clients/rust"' in manifest
    assert '"127.0.0.1:50051"' in program
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    head = '[package]\nname = "quick-start"\nversion = "0.1.0"\nedition = "2024"\n\n'
    (project / "Cargo.toml").write_text(head + manifest.replace("../tallywire/clients/rust", str(crate)))
    (project / "src" / "main.rs").write_text(program.replace("127.0.0.1:50051", server.address))
    printed = await _cargo("run", "--quiet", cwd=project, TALLYWIRE_API_KEY=tenant.key)
    assert printed == "Some(1) messages\n"


async def test_the_receiver_of_webhooks_believes_what_is_signed() -> None:
    # As the client's own check builds it: what that has built is taken.
    target = CRATE / "target"
    shared = {"CARGO_PROFILE_DEV_DEBUG": "line-tables-only", "CARGO_TARGET_DIR": str(target)}
    await _cargo("build", "--quiet", "--workspace", "--all-features", "--examples", cwd=CRATE, **shared)
    program = str(target / "debug" / "examples" / "webhook_receiver")
    await webhook_receivers.check(program, cwd=CRATE, LISTEN="127.0.0.1:0")


def test_there_is_a_builder_for_every_event_type() -> None:
    builders = (CRATE / "src" / "generated" / "builders.rs").read_text()
    made = set(re.findall(r'EventBuilder::of\("([a-z_.]+)"\)', builders))
    assert made == FAMILY_OF.keys()
