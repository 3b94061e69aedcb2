"""The pages that are committed are built from the sources beside them: told without Node."""

import hashlib
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = ROOT / "clients" / "web"
STATIC = ROOT / "server" / "web" / "static"
# What is not a part of the pages, as in clients/web/tools/stamp.js.
LEFT_OUT = {"node_modules", "test", "browser", "check", "README.md", "eslint.config.js", ".gitignore"}
BUILD = "(cd clients/web && npm ci && npm run build) makes them, with Node 20.19 or later"


def _is_source(path: pathlib.Path) -> bool:
    within = path.relative_to(SOURCES)
    is_tool = path.name.startswith(".prettier") or ".vite" in within.parts
    return path.is_file() and within.parts[0] not in LEFT_OUT and not is_tool


def test_committed_pages_are_built_from_the_committed_sources() -> None:
    found = sorted(path for path in SOURCES.rglob("*") if _is_source(path))
    names = sorted(path.relative_to(SOURCES).as_posix() for path in found)
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n{hashlib.sha256((SOURCES / name).read_bytes()).hexdigest()}\n".encode())
    stamp = json.loads((STATIC / "build.json").read_text(encoding="utf-8"))
    assert stamp["sources_sha256"] == digest.hexdigest(), f"server/web/static is not of these sources: {BUILD}"


def test_the_lock_file_of_the_pages_names_no_host() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]
    assert packages
    assert not [package for package in packages if "resolved" in package]
