"""The messages and stubs of clients/python.

The tools are old on purpose (code made by grpcio-tools 1.71 runs on every protobuf from 5.29 on), pinned with hashes in
protos/requirements.txt, and live in an environment of their own in the user's cache folder. They exist for Python up to
3.13; under a newer one, an older interpreter is looked for on PATH.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Final

from generators.generator import CLIENTS, PROTOS, contract_files

_REQUIREMENTS: Final = PROTOS / "requirements.txt"
# The first part of the proto package is the Python package, so imports are never rewritten.
_TARGET: Final = CLIENTS / "python" / "src"
_OLDER_PYTHONS: Final = ("python3.13", "python3.12", "python3.11")


class Python:
    """Messages, stubs and their types for Python."""

    def missing(self) -> str:
        """Returns what must be installed first."""
        return "" if _interpreter() else f"the tools need one of {', '.join(_OLDER_PYTHONS)} on PATH"

    def present(self) -> set[pathlib.Path]:
        """Returns the generated modules that there are."""
        present = {path for pattern in ("*_pb2.py*", "*_pb2_grpc.py*") for path in _TARGET.rglob(pattern)}
        return {path for path in present if path.suffix in {".py", ".pyi"}}

    def inputs(self) -> list[pathlib.Path]:
        """Returns the pins of the tools."""
        return [_REQUIREMENTS]

    def generate(self) -> dict[pathlib.Path, bytes]:
        """Runs protoc and returns the content of every module."""
        unwanted = {f"{path.with_suffix('')}_pb2_grpc" for path in contract_files() if not _has_service(PROTOS / path)}
        with tempfile.TemporaryDirectory() as folder:
            run_protoc(*(f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")))
            made = {path.relative_to(folder): path.read_bytes() for path in pathlib.Path(folder).rglob("*.py*")}
        return {_TARGET / path: content for path, content in made.items() if str(path.with_suffix("")) not in unwanted}


def run_protoc(*options: str) -> None:
    """Runs the pinned protoc over the whole contract; ends the program with protoc's report if it fails."""
    tools = _tools()
    path_variable = os.pathsep.join([str(tools / "bin"), os.environ.get("PATH", os.defpath)])
    protoc = [str(tools / "bin" / "python"), "-m", "grpc_tools.protoc"]
    report = subprocess.run(
        [*protoc, "-I.", *options, *map(str, contract_files())],
        cwd=PROTOS,
        env={**os.environ, "PATH": path_variable},
        capture_output=True,
        text=True,
        check=False,
    )
    if report.returncode:
        sys.exit(report.stderr)


def _tools() -> pathlib.Path:
    """Returns the environment with the tools; makes it at the first call and after every change of the pins."""
    interpreter = _interpreter()
    stamp = hashlib.sha256(_REQUIREMENTS.read_bytes() + interpreter.encode()).hexdigest()[:16]
    cache = cache_folder()
    home = cache / f"protoc-{stamp}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            subprocess.run([interpreter, "-m", "venv", "--clear", home], check=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, "--only-binary", ":all:", "--requirement", str(_REQUIREMENTS)], check=True)
            (home / "complete").touch()
    return home


def _interpreter() -> str:
    """Returns a Python for which the tools have wheels, or an empty text."""
    if sys.version_info < (3, 14):
        return sys.executable
    return next((found for name in _OLDER_PYTHONS if (found := shutil.which(name))), "")


def cache_folder() -> pathlib.Path:
    """Returns a folder that outlives this run; where the user can have none, one that does not."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tallywire"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return pathlib.Path(tempfile.mkdtemp(prefix="tallywire-"))
    return folder


def _has_service(proto: pathlib.Path) -> bool:
    """Tells whether a file defines a service: only then is there gRPC code worth keeping."""
    return re.search(r"^service\s", proto.read_text(encoding="utf-8"), re.MULTILINE) is not None
