"""On what a run was made: machine, versions, commit and the settings of the database."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.harness.bench.processes import loop_name
from tests.harness.bench.world import World

_PACKAGES = ("grpcio", "protobuf", "asyncpg", "sqlalchemy", "pyroaring", "uvloop", "chdb")
_SETTINGS = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "wal_level",
    "max_wal_size",
    "checkpoint_timeout",
    "shared_buffers",
    "work_mem",
    "data_checksums",
    "jit",
    "autovacuum",
    "max_connections",
)
_ROOT = Path(__file__).parents[3]


async def facts(world: World) -> dict[str, Any]:
    """Everything that a reader has to know about a run besides its figures."""
    async with world.connected() as connection:
        postgres = await connection.fetchval("SHOW server_version")
        settings = {name: await connection.fetchval(f"SHOW {name}") for name in _SETTINGS}
    async with Redis.from_url(world.engines.redis_url) as redis:
        info = await redis.info("server")
    versions = {"python": platform.python_version(), "postgresql": postgres}
    versions["valkey"] = info.get("valkey_version") or info["redis_version"]
    versions |= {name: _version(name) for name in _PACKAGES}
    return {
        "machine": {
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
            "cpu": _cpu(),
            "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "load_average_before": round(os.getloadavg()[0], 2),
        },
        "versions": versions,
        "event_loop": loop_name(),
        "settings": settings,
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
