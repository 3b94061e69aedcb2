"""Testees that were built before: whoever finds one of the same sources and toolchain need not build it.

TALLYWIRE_TESTEES names the folder; without it nothing is kept, and every client is built in its own folder.
"""

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import time
import uuid
from typing import Final

VARIABLE: Final = "TALLYWIRE_TESTEES"
_ROOT: Final = pathlib.Path(__file__).parents[2]
# Kept for each client, and for longer if somebody has just used them.
_MOST: Final = 3
_IN_USE_SECONDS: Final = 4 * 3600
_VERSION: Final = {"go": ("go", "version"), "mvn": ()}  # of Maven java says enough


def folder() -> pathlib.Path | None:
    """Returns where testees are kept, None if they are not."""
    name = os.environ.get(VARIABLE)
    return pathlib.Path(name) if name else None


def kept(client: pathlib.Path, toolchain: tuple[str, ...]) -> pathlib.Path | None:
    """Returns the folder with what was built of a client as it is now, None if there is none."""
    store = folder()
    if store is None:
        return None
    found = store / f"{client.name}-{_digest(client, toolchain)}"
    if not found.is_dir():
        return None
    os.utime(found)
    return found


def keep(client: pathlib.Path, toolchain: tuple[str, ...], made: tuple[str, ...]) -> None:
    """Keeps files and folders that were built of a client, by their names in its folder."""
    store = folder()
    if store is None:
        return
    target = store / f"{client.name}-{_digest(client, toolchain)}"
    partial = store / f".{uuid.uuid4().hex}"
    for name in made:
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        if (client / name).is_dir():
            shutil.copytree(client / name, partial / name)
        else:
            shutil.copy2(client / name, partial / name)
    partial.rename(target)
    _forget_old(store, client.name)


def _forget_old(store: pathlib.Path, client: str) -> None:
    """Removes what nobody has used for long, but the newest ones."""
    found = sorted(store.glob(f"{client}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[_MOST:]:
        if time.time() - old.stat().st_mtime > _IN_USE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)


@functools.cache
def _digest(client: pathlib.Path, toolchain: tuple[str, ...]) -> str:
    """Returns what stands for a client's sources, the contract, and the toolchain."""
    digest = hashlib.sha256()
    places = (str(client.relative_to(_ROOT)), "protos/tallywire", "protos/third_party")
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *places)
    for name in sorted(set(filter(None, _output(listed).split(b"\0")))):
        path = _ROOT / os.fsdecode(name)
        content = path.read_bytes() if path.is_file() else b""
        digest.update(b"%d %s %d\n" % (len(name), name, len(content)) + content)
    for program in toolchain:
        digest.update(_output(_VERSION.get(program, (program, "--version"))))
    return digest.hexdigest()[:24]


def _output(command: tuple[str, ...]) -> bytes:
    return subprocess.run(command, cwd=_ROOT, check=True, capture_output=True).stdout if command else b""
