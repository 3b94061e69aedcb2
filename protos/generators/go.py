"""The generated code of clients/go: messages, stubs, and what gives every RPC, answer and event type its own method.

The plugins are tools of clients/go/tools/go.mod, built once into the user's cache folder. protoc is that of Python.
"""

import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
from typing import Final

from generators import go_events, go_face, go_rpcs
from generators.generator import CLIENTS
from generators.python import Python, cache_folder, run_protoc

_TARGET: Final = CLIENTS / "go"
_TOOLS: Final = _TARGET / "tools"
_COMMANDS: Final = (
    "google.golang.org/protobuf/cmd/protoc-gen-go",
    "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    "mvdan.cc/gofumpt",
)


class Go:
    """Messages and stubs in tallywirev1, views of answers, builders of events, and a method for every RPC."""

    def missing(self) -> str:
        """Returns what must be installed first."""
        return "" if shutil.which("go") else "the tools need Go (go on PATH)"

    def present(self) -> set[pathlib.Path]:
        """Returns the generated files that there are."""
        return {path for pattern in ("*.pb.go", "*.gen.go") for path in _TARGET.rglob(pattern)}

    def inputs(self) -> list[pathlib.Path]:
        """Returns the pins of the tools."""
        return [_TOOLS / "go.mod", _TOOLS / "go.sum"]

    def generate(self) -> dict[pathlib.Path, bytes]:
        """Runs protoc with Go's plugins and writes the face; returns the content of every file."""
        if missing := Python().missing():
            sys.exit(f"go: {missing}")
        tools = _tools()
        with tempfile.TemporaryDirectory() as folder:
            options = [f"--{kind}_opt=module={go_face.MODULE}" for kind in ("go", "go-grpc")]
            plugins = [f"--plugin=protoc-gen-{kind}={tools / f'protoc-gen-{kind}'}" for kind in ("go", "go-grpc")]
            run_protoc(*plugins, f"--go_out={folder}", f"--go-grpc_out={folder}", *options)
            face = {"rpcs.gen.go": go_rpcs.text(), "event/builders.gen.go": go_events.text()} | go_face.answers()
            for name, text in face.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            _run(str(tools / "gofumpt"), "-l", "-w", "-modpath", go_face.MODULE, "-lang", "go1.24", folder)
            made = pathlib.Path(folder).rglob("*.go")
            return {_TARGET / path.relative_to(folder): path.read_bytes() for path in made}


def _tools() -> pathlib.Path:
    """Returns the folder with the plugins; builds them at the first call and after every change of their versions."""
    version = _run("go", "env", "GOVERSION")
    pins = b"".join((_TOOLS / name).read_bytes() for name in ("go.mod", "go.sum"))
    cache = cache_folder()
    home = cache / f"go-{hashlib.sha256(pins + version).hexdigest()[:16]}"
    with (cache / "go-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _run("go", "build", "-C", str(_TOOLS), "-o", f"{home}/", *_COMMANDS)
            (home / "complete").touch()
    return home


def _run(*command: str) -> bytes:
    """Runs a program and returns what it prints; ends this one with its report if it fails."""
    report = subprocess.run(command, capture_output=True, check=False)
    if report.returncode:
        sys.exit(f"{command[0]}: {report.stderr.decode()}")
    return report.stdout
