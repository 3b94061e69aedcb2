"""What middleware costs the service that it is in: example servers, with their metrics service there and away.

Requests come at fixed times, whatever became of earlier ones, and their latencies count from these times.
"""

import asyncio
import contextlib
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from tests.conformance import endurance, languages
from tests.harness.bench.report import of_rounds, percentile
from tests.support import processes
from tests.support.waiting import PATIENCE

_RATE = 500  # requests a second
_CONNECTIONS = 16
_ROUNDS = 5
_WARM_UP = 4.0  # seconds, in which a virtual machine compiles what counts
_MOST = 1.2  # times the latency, of the median round


@dataclass(kw_only=True)
class Hosted:
    """The latencies in milliseconds of one client's host, and its CPU microseconds a request: a list by rounds each."""

    language: str
    there: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    there_cpu: list[float] = field(default_factory=list)
    away_cpu: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Returns how many times the latency without the service is that with it."""
        return of_rounds(self.away, self.there)

    def row(self) -> tuple[str, ...]:
        """Returns the row of a table."""
        figures = ((self.there, 2), (self.away, 2), (self.there_cpu, 0), (self.away_cpu, 0))
        shown = (" · ".join(f"{one:.{digits}f}" for one in sorted(many)) for many, digits in figures)
        return (self.language, *shown, f"{self.ratio:.2f} ×")


_HEAD = ("client", "p99 there, ms", "p99 away, ms", "CPU µs there", "CPU µs away", "away ÷ there")


async def hosts(
    wanted: Sequence[languages.Language],
    address: str,
    keys: dict[str, str],
    seconds: float,
    say: Callable[[str], None],
) -> list[str]:
    """Asks the example servers for so many seconds with the service and without it, in turns; returns what is wrong."""
    load = os.getloadavg()[0]
    found = []
    nobody = f"127.0.0.1:{processes.free_port()}"
    for language in wanted:
        one = Hosted(language=language.name)
        for _ in range(_ROUNDS):
            for where, p99, cpu in ((address, one.there, one.there_cpu), (nobody, one.away, one.away_cpu)):
                async with _host(language, where, keys[language.name]) as (pid, port):
                    await _ask(port, language.host["path"], _WARM_UP)
                    before = endurance.cpu_seconds(pid)
                    latencies = await _ask(port, language.host["path"], seconds)
                    cpu.append((endurance.cpu_seconds(pid) - before) * 1e6 / len(latencies))
                    p99.append(percentile(latencies, 0.99))
        found.append(one)
    say(endurance.table(_HEAD, [one.row() for one in found]))
    say(
        f"{os.cpu_count()} cores, load average {load:.1f} before; {_RATE} requests/s for {seconds:g} s a figure,"
        f" {_ROUNDS} rounds, sorted"
    )
    return [
        f"{one.language}: the host is {one.ratio:.2f} times as slow without the metrics service"
        for one in found
        if one.ratio > _MOST
    ]


@contextlib.asynccontextmanager
async def _host(language: languages.Language, address: str, key: str) -> AsyncIterator[tuple[int, int]]:
    """Runs the example server of a client; yields its process and its port."""
    with tempfile.TemporaryFile() as errors:
        async with _started(language, address, key, errors) as process:
            assert process.stdout is not None
            line = (await asyncio.wait_for(process.stdout.readline(), PATIENCE)).decode()
            port = re.search(r"(\d+)\s*$", line)
            if port is None:
                errors.seek(0)
                said = errors.read().decode(errors="replace")[-5_000:]
                raise RuntimeError(f"the host of {language.name} does not say where it listens: {line!r}\n{said}")
            yield process.pid, int(port[1])


@contextlib.asynccontextmanager
async def _started(
    language: languages.Language, address: str, key: str, errors: IO[bytes]
) -> AsyncIterator[asyncio.subprocess.Process]:
    ours = {"TALLYWIRE_ADDRESS": address, "TALLYWIRE_API_KEY": key, "LISTEN": "127.0.0.1:0"}
    process = await asyncio.create_subprocess_exec(
        *(address if word == "{address}" else word for word in language.host["run"]),
        cwd=language.folder,
        env={**os.environ, **ours},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,  # not shown: that events are lost is what one half is about
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.communicate(), PATIENCE)


async def _ask(port: int, path: str, seconds: float) -> list[float]:
    """Sends requests at fixed times over connections that stay open; returns their latencies in milliseconds."""
    latencies: list[float] = []
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begin := await due.get()) is not None:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            stays = await _response(reader)
            latencies.append((time.perf_counter() - begin) * 1000)
            if not stays:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    start = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(connection())
        for number in range(int(_RATE * seconds)):
            at = start + number / _RATE
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            due.put_nowait(at)
        for _ in range(_CONNECTIONS):
            due.put_nowait(None)
    return latencies


async def _response(reader: asyncio.StreamReader) -> bool:
    """Reads a response that says its length; returns whether the connection stays open: Tomcat ends each in time."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
    if not head.startswith("HTTP/1.1 200 ") or length is None:
        raise RuntimeError(f"a host answers: {head}")
    await reader.readexactly(int(length[1]))
    return re.search(r"(?i)\r\nconnection: *close", head) is None


async def build(wanted: Sequence[languages.Language]) -> None:
    """Builds the example servers as users build programs. Raises BuildFailed."""
    for language in wanted:
        for command in language.host["build"]:
            await language.run_command(tuple(command))


def with_hosts(wanted: Sequence[languages.Language]) -> list[languages.Language]:
    """Returns those whose clients have an example of a server that can be asked."""
    return [language for language in wanted if language.host]
