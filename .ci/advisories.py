"""Asks the advisory databases of Python, npm and Rust about what the lock files name.

`python .ci/advisories.py` exits with 1 where a vulnerability is known of anything that is locked, and names it. Where a
database or its tool cannot be reached it says so, and that is no failure: a machine without a way there can check
everything else. --require makes it one.
"""

import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[1]
_PIP_AUDIT = "pip-audit>=2.9,<3"
_SECONDS = 600


class Unreachable(Exception):
    """A database could not be asked; the message says why."""


def python(file: str) -> list[str]:
    """Returns what is known of the pins of a requirements file."""
    uv = shutil.which("uv")
    if uv is None:
        raise Unreachable("uv is not on PATH")
    asked = [uv, "tool", "run", "--quiet", "--from", _PIP_AUDIT, "pip-audit", "--requirement", file]
    answer = _json([*asked, "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"], ROOT)
    asked_about = [one for one in answer["dependencies"] if "vulns" in one]
    if not asked_about:
        raise Unreachable("the index has no advisories of any of them")
    return [f"{one['name']} {one['version']}: {known['id']}" for one in asked_about for known in one["vulns"]]


def npm(folder: str) -> list[str]:
    """Returns what is known of the packages of a package-lock.json."""
    if shutil.which("npm") is None:
        raise Unreachable("npm is not on PATH")
    answer = _json(["npm", "audit", "--json", "--package-lock-only"], ROOT / folder)
    if "vulnerabilities" not in answer:
        raise Unreachable(str(answer.get("message") or answer.get("error") or answer)[:300])
    return [f"{name}: {one['severity']}, {one['range']}" for name, one in answer["vulnerabilities"].items()]


def cargo(folder: str) -> list[str]:
    """Returns what is known of the crates of a Cargo.lock."""
    if shutil.which("cargo-audit") is None:
        raise Unreachable("cargo-audit is not installed: cargo install cargo-audit")
    answer = _json(["cargo", "audit", "--json"], ROOT / folder)
    return [
        f"{one['package']['name']} {one['package']['version']}: {one['advisory']['id']}"
        for one in answer["vulnerabilities"]["list"]
    ]


def _json(command: Sequence[str], folder: pathlib.Path) -> Any:
    """Returns the JSON that a tool prints, whatever its exit code; a tool that prints none could not ask."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unreachable(f"no answer within {_SECONDS} seconds") from None
    try:
        return json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        raise Unreachable(last[:300]) from None


QUESTIONS: Mapping[str, Callable[[], list[str]]] = {
    "requirements.txt": lambda: python("requirements.txt"),
    "requirements-dev.txt": lambda: python("requirements-dev.txt"),
    "clients/web/package-lock.json": lambda: npm("clients/web"),
    "clients/typescript/package-lock.json": lambda: npm("clients/typescript"),
    "clients/rust/Cargo.lock": lambda: cargo("clients/rust"),
}


def main(arguments: Sequence[str]) -> int:
    """Asks about every lock file; returns the exit code."""
    is_bad = False
    for name, ask in QUESTIONS.items():
        try:
            found = ask()
        except Unreachable as why:
            print(f"{name}: not asked: {why}")
            is_bad |= "--require" in arguments
            continue
        print(f"{name}: {len(found) or 'no'} known vulnerabilities", *found, sep="\n  ")
        is_bad |= bool(found)
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
