"""Takes the pictures of the README from the demo's data: `python -m tests.web.pictures`, where Chromium and Node are.

It runs `demo`, then `demo --live`, and writes docs/pictures by the link that this prints.
"""

import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "web"
PICTURES = ROOT / "docs" / "pictures"
LINK = re.compile(r"http://\S+#code=\S+")
RANGE = "2018-10-20..2018-11-16"  # the last four weeks of the demo's conversations
MOST_BYTES = 200_000


async def _demo(folder: str, *options: str) -> asyncio.subprocess.Process:
    """Starts the demo with engines, data and ports of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "demo", "--data-dir", folder, "--listen", "127.0.0.1:53391", *options),
        cwd=ROOT,
        env={**os.environ, "TALLYWIRE_WEB_LISTEN": "127.0.0.1:53392", "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
    )


async def _link(demo: asyncio.subprocess.Process) -> str:
    """Returns the link that the demo prints."""
    assert demo.stdout is not None
    async for line in demo.stdout:
        if found := LINK.search(line.decode()):
            return found[0]
    raise SystemExit("the demo has ended without a link")


async def _take(link: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    browser = await asyncio.create_subprocess_exec(
        *("node", "browser/pictures.js", link, RANGE, str(PICTURES)),
        cwd=CLIENT,
        env={**os.environ, "CHROMIUM": shutil.which("chromium") or "chromium"},
        stdout=asyncio.subprocess.PIPE,
    )
    report, _ = await browser.communicate()
    if browser.returncode:
        raise SystemExit(f"the browser failed: {report.decode()}")


async def main() -> None:
    """Replays the conversations, plays them, and takes the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        replay = await _demo(folder)
        await replay.communicate()
        playing = await _demo(folder, "--live")
        try:
            await _take(await _link(playing))
        finally:
            playing.send_signal(signal.SIGINT)
            await playing.communicate()
    for picture in sorted(PICTURES.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.relative_to(ROOT)}: {size:,} bytes")
        if size > MOST_BYTES:
            raise SystemExit(f"{picture.name} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    asyncio.run(main())
