"""The committed pages are those that the sources make, as far as can be told without Node: clients/web/tools/stamp.js
notes the hash of all sources beside them.
"""

import hashlib
import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES, BUILT = ROOT / "clients/web", ROOT / "server/web/static"
# As in clients/web/tools/stamp.js: what is no part of the pages.
LEFT_OUT = {"node_modules", "test", "browser", "check", "README.md", "eslint.config.js", ".gitignore"}


def sources(folder: pathlib.Path, root: pathlib.Path) -> list[str]:
    """The paths of all sources, relative to their folder."""
    found: list[str] = []
    for entry in folder.iterdir():
        path = entry.relative_to(root).as_posix()
        if path in LEFT_OUT or entry.name.startswith(".prettier") or entry.name == ".vite":
            continue
        found += sources(entry, root) if entry.is_dir() else [path]
    return found


def stamp(root: pathlib.Path) -> str:
    """The hash of all sources."""
    digest = hashlib.sha256()
    for path in sorted(sources(root, root), key=lambda path: path.encode()):
        digest.update(f"{path}\n{hashlib.sha256((root / path).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


@pytest.mark.skipif(not SOURCES.exists() and not BUILT.exists(), reason="neither pages nor their sources are there")
def test_the_pages_are_those_of_the_sources() -> None:
    noted = json.loads((BUILT / "build.json").read_text())["sources_sha256"]
    assert noted == stamp(SOURCES), "build them and commit: (cd clients/web && npm ci && npm run build)"
    for name in ("index.html", "embed.html"):
        assert '"./assets/' in (BUILT / name).read_text()


def test_a_changed_source_changes_the_hash(tmp_path: pathlib.Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.tsx").write_text("one")
    (tmp_path / "node_modules").mkdir()
    before = stamp(tmp_path)
    (tmp_path / "node_modules/other.js").write_text("not ours")
    assert stamp(tmp_path) == before
    (tmp_path / "src/main.tsx").write_text("two")
    changed = stamp(tmp_path)
    (tmp_path / "src/more.tsx").write_text("")
    assert len({before, changed, stamp(tmp_path)}) == 3


@pytest.mark.parametrize("client", ["typescript", "web"])
def test_lock_files_of_packages_name_no_host(client: str) -> None:
    text = (ROOT / "clients" / client / "package-lock.json").read_text(encoding="utf-8")
    assert [name for name in json.loads(text)["packages"] if name]
    assert "://" not in text, "npm has written addresses: take out what is resolved, and who asks for money"
