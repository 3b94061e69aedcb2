"""Makes the Python code of the client from the contract: python protos/generate.py [--check].

The tools are old on purpose (code made by grpcio-tools 1.71 runs on every protobuf from 5.29 on), pinned with hashes in
protos/requirements.txt, and live in an environment of their own in the user's cache folder. They exist for Python up to
3.13; under a newer one, an older interpreter is looked for on PATH.
"""

import argparse
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROTOS = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = PROTOS / "requirements.txt"
# The first part of the proto package is the Python package, so imports are never rewritten.
TARGET = PROTOS.parent / "clients" / "python" / "src"
OLDER_PYTHONS = ("python3.13", "python3.12", "python3.11")


def main() -> int:
    """Brings the generated files up to date, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes the Python code of the client from the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file would change")
    check = parser.parse_args().check
    changes = _changes(_generate(_tools()))
    for path, content in sorted(changes.items()):
        if not check:
            _put(path, content)
        print(f"{'stale' if check else 'removed' if content is None else 'wrote'}: {path.relative_to(PROTOS.parent)}")
    if check and changes:
        print("The generated code is not what the contract makes: run python protos/generate.py and commit.")
        return 1
    return 0


def _tools() -> pathlib.Path:
    """Returns the environment with the tools; makes it at the first call and after every change of the pins."""
    interpreter = _interpreter()
    stamp = hashlib.sha256(REQUIREMENTS.read_bytes() + interpreter.encode()).hexdigest()[:16]
    cache = _cache()
    home = cache / f"protoc-{stamp}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            subprocess.run([interpreter, "-m", "venv", "--clear", home], check=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
            subprocess.run([*pip, "--only-binary", ":all:", "--requirement", str(REQUIREMENTS)], check=True)
            (home / "complete").touch()
    return home


def _interpreter() -> str:
    """Returns a Python for which the tools have wheels."""
    if sys.version_info < (3, 14):
        return sys.executable
    for name in OLDER_PYTHONS:
        if found := shutil.which(name):
            return found
    sys.exit(f"The tools need one of {', '.join(OLDER_PYTHONS)} on PATH: there are no wheels of them for this Python.")


def _cache() -> pathlib.Path:
    """Returns a folder that outlives this run; where the user can have none, one that does not."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tallywire"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return pathlib.Path(tempfile.mkdtemp(prefix="tallywire-"))
    return folder


def _generate(tools: pathlib.Path) -> dict[pathlib.Path, bytes]:
    """Runs protoc and returns the content of every file by the path that it is to have."""
    protos = sorted(path.relative_to(PROTOS) for path in PROTOS.rglob("*.proto"))
    unwanted = {f"{path.with_suffix('')}_pb2_grpc" for path in protos if not _has_service(PROTOS / path)}
    path_variable = os.pathsep.join([str(tools / "bin"), os.environ.get("PATH", os.defpath)])
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"--{kind}_out={folder}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
        protoc = [str(tools / "bin" / "python"), "-m", "grpc_tools.protoc"]
        report = subprocess.run(
            [*protoc, "-I.", *outputs, *map(str, protos)],
            cwd=PROTOS,
            env={**os.environ, "PATH": path_variable},
            capture_output=True,
            text=True,
            check=False,
        )
        if report.returncode:
            sys.exit(report.stderr)
        made = {path.relative_to(folder): path.read_bytes() for path in pathlib.Path(folder).rglob("*.py*")}
    return {TARGET / path: content for path, content in made.items() if str(path.with_suffix("")) not in unwanted}


def _has_service(proto: pathlib.Path) -> bool:
    """Tells whether a file defines a service: only then is there gRPC code worth keeping."""
    return re.search(r"^service\s", proto.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _changes(made: dict[pathlib.Path, bytes]) -> dict[pathlib.Path, bytes | None]:
    """Returns what has to be written and, as None, what has to go."""
    present = {path for pattern in ("*_pb2.py*", "*_pb2_grpc.py*") for path in TARGET.rglob(pattern)}
    present = {path for path in present if path.suffix in {".py", ".pyi"}}
    gone: dict[pathlib.Path, bytes | None] = dict.fromkeys(present - made.keys())
    return gone | {path: content for path, content in made.items() if not _holds(path, content)}


def _holds(path: pathlib.Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _put(path: pathlib.Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
