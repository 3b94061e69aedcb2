"""Owns the data folder: who uses it, which passwords and ports belong to it, where the logs are."""

import contextlib
import dataclasses
import errno
import json
import os
import pathlib
import random
import secrets
import signal
import socket
import time
from typing import Any

from server.local import private_files
from server.local.embedded import errors, keeper

LOG_LIMIT = 4 << 20  # bytes; a longer log is put aside once, at start
PATIENCE = 40.0  # seconds for the engines of a dead owner to finish
# Below the ports that systems hand out for outgoing connections: a client that keeps trying a dead engine's port
# can otherwise connect to itself, and then nobody can listen there.
PORTS = range(15000, 30000)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The passwords and ports of a data folder."""

    admin_password: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)
    redis_password: str = dataclasses.field(repr=False)
    postgres_port: int
    redis_port: int


def prepare(folder: pathlib.Path) -> None:
    """Makes the folder, private to this account; refuses one that another account could have laid out."""
    try:
        private_files.make_folder(folder)
    except private_files.FolderRefused as refusal:
        raise errors.EnginesFailed(f"{folder} {refusal}: use a data folder of your own") from None


def lock(folder: pathlib.Path) -> tuple[int, dict[str, Any]]:
    """Takes the folder for this process; returns the open lock and what the last holder wrote into it."""
    handle = private_files.open_lock(folder / "lock")
    try:
        deadline = time.monotonic() + PATIENCE
        asked = False
        while not private_files.try_lock(handle):
            record = private_files.read_record(handle)
            if _alive(record.get("owner")) and _alive(record.get("keeper", record.get("owner"))):
                raise errors.EnginesInUse(folder, record["owner"][0])
            if not asked and record and not _alive(record.get("keeper")):
                asked = end_orphans(record)
            if time.monotonic() > deadline:
                raise errors.EnginesInUse(folder, (record.get("owner") or [None])[0])
            time.sleep(0.05)
        last = private_files.read_record(handle)
        private_files.write_record(handle, {"owner": [os.getpid(), keeper.stamp(os.getpid())]})
    except BaseException:
        os.close(handle)
        raise
    return handle, last


def _alive(holder: list[Any] | None) -> bool:
    """Answers whether this very process still runs: the same pid, started at the same moment."""
    return bool(holder and holder[1] and keeper.stamp(int(holder[0])) == holder[1])


def end_orphans(record: dict[str, Any]) -> bool:
    """Asks engines that outlived their keeper to stop: only processes that are provably the ones it started."""
    for name, holder in record.get("engines", {}).items():
        if _alive(holder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(holder[0]), signal.SIGINT if name == "postgres" else signal.SIGTERM)
    return True


def access(folder: pathlib.Path) -> Access:
    """Reads the folder's passwords, made at the first start, with ports that are free at this moment."""
    path = folder / "access.json"
    known: dict[str, Any] = {}
    with contextlib.suppress(FileNotFoundError):
        try:
            known = json.loads(path.read_text())
        except ValueError:
            raise errors.EnginesFailed(f"{path} is damaged: restore it, or remove {folder} with all its data") from None
    if not known and (folder / "postgres").exists():
        raise errors.EnginesFailed(f"{path} with the passwords is missing: restore it, or remove {folder}")
    taken = [port for port in (known.get("postgres_port"), known.get("redis_port")) if port]
    postgres_port, redis_port = free_ports(taken)
    found = Access(
        admin_password=known.get("admin_password") or secrets.token_urlsafe(24),
        password=known.get("password") or secrets.token_urlsafe(24),
        redis_password=known.get("redis_password") or secrets.token_urlsafe(24),
        postgres_port=postgres_port,
        redis_port=redis_port,
    )
    remember(folder, found)
    return found


def remember(folder: pathlib.Path, found: Access) -> None:
    """Stores passwords and ports."""
    private_files.replace(folder / "access.json", json.dumps(dataclasses.asdict(found)))


def free_ports(preferred: list[int]) -> tuple[int, int]:
    """Picks two different loopback ports nobody listens on, the preferred ones if they are free."""
    found: list[int] = []
    for port in [*preferred, *random.sample(PORTS, 500)]:
        if port not in found and _free(port):
            found.append(port)
        if len(found) == 2:
            return found[0], found[1]
    raise errors.EnginesFailed("no free port on 127.0.0.1 for the engines")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the engines do
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def log(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Names the log of one engine, after putting a long one aside."""
    path = folder / f"{name}.log"
    if path.exists() and path.lstat().st_size > LOG_LIMIT:
        path.replace(folder / f"{name}.log.1")
    return path


def tail(path: pathlib.Path, *, start: int = 0, lines: int = 3) -> str:
    """Reads the last lines written since an offset, as one line for a message."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            text = file.read()[-4000:].decode(errors="replace")
    except OSError:
        return ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())
