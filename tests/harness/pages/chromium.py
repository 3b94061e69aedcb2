"""What is measured and tested in Chromium, by the scripts of clients/web/browser."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

CLIENT = Path(__file__).parents[3] / "clients" / "web"


def missing() -> str:
    """What is needed beside Python, and is not here."""
    if shutil.which("node") is None:
        return "node is not on PATH"
    if _program() is None:
        return "chromium is not on PATH: apt-get install chromium, or name the program in CHROMIUM"
    if not (CLIENT / "node_modules" / "playwright-core").is_dir():
        return "clients/web has no node_modules: run npm ci there"
    return ""


def environment() -> dict[str, str]:
    """The environment of the scripts, which names Chromium."""
    return {**os.environ, "CHROMIUM": _program() or ""}


async def report(script: str, *arguments: str) -> Any:
    """Runs a script that asks nothing meanwhile, and returns what it found."""
    process = await asyncio.create_subprocess_exec(
        "node",
        f"browser/{script}.js",
        *arguments,
        cwd=CLIENT,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def measure(name: str, link: str, meanwhile: Callable[[], Awaitable[None]] | None = None, **options: Any) -> Any:
    """Measures one thing. Where something has to be done meanwhile, the script says when, and is told once it is."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "browser/bars.js",
        name,
        link,
        json.dumps(options),
        cwd=CLIENT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    if meanwhile is not None:
        assert await process.stdout.readline() == b"ready\n"
        await meanwhile()
        process.stdin.write(b"done\n")
        process.stdin.close()
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{name} was not measured; what is above says why")
    return json.loads(output)


def _program() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium")
