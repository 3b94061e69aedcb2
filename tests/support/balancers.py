"""nginx in front of servers, as the documentation tells operators to set it up."""

import asyncio
import contextlib
import pathlib
import shutil
from collections.abc import AsyncIterator, Sequence

import pytest

from tests import documentation
from tests.support import processes
from tests.support.waiting import PATIENCE

_PAGE = documentation.PAGES["docs/operations/deploy.md"]
_DOCUMENTED = ("127.0.0.1:50061", "127.0.0.1:50062")
_LISTENS = "127.0.0.1:50060"


@contextlib.asynccontextmanager
async def nginx(folder: pathlib.Path, addresses: Sequence[str]) -> AsyncIterator[str]:
    """Yields the address of an nginx in front of two servers; skips the test where there is none."""
    if (program := shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")) is None:
        pytest.skip("there is no nginx: apt-get install nginx-light")
    (settings,) = documentation.blocks("nginx", _PAGE)
    address = f"127.0.0.1:{processes.free_port()}"
    for old, new in zip((*_DOCUMENTED, _LISTENS), (*addresses, address), strict=True):
        assert old in settings
        settings = settings.replace(old, new)
    (folder / "nginx.conf").write_text(settings)
    with (folder / "nginx.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-p", folder, "-c", folder / "nginx.conf", stdout=log, stderr=log
        )
    try:
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), PATIENCE)
        print((folder / "nginx.log").read_text())  # shown where the test has failed
