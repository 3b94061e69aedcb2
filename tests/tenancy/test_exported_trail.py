"""An exported audit trail is verified by the program of the documentation, which knows nothing of the service."""

import asyncio
import hashlib
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from server.app import Running
from server.organizations.audit_trail import hashed_form
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail
from server.tenancy.principal import Scope
from tests import documentation
from tests.support import commands
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

PAGE = "docs/operations/audit-trail.md"
Line = dict[str, Any]


@pytest.fixture
async def owner(accounts: Accounts) -> Caller:
    """An organization with some entries, of administration and of refusals."""
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    for number in range(5):
        metric = {"name": f"metric_{number}", "event_types": ["order.placed"], "aggregation": 1, "title": "Größe ✓"}
        await answers(caller, "CustomMetricService/CreateCustomMetric", {"metric": metric})
    await answers(
        caller,
        "EventService/ListEvents",
        {"time_range": {"start": {"seconds": 1_767_225_600}, "end": {"seconds": 1_767_312_000}}},
    )
    return caller


async def verified(folder: pathlib.Path, lines: list[Line]) -> tuple[int, str]:
    """The exit code of the page's program, and its last line."""
    (program,) = documentation.blocks("python", documentation.PAGES[PAGE])
    file = folder / "trail.jsonl"
    await asyncio.to_thread(file.write_text, "".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-c", program, str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode().strip()


async def exported(database: Database, caller: Caller) -> list[Line]:
    """The lines of `audit-trail export`, oldest first."""
    async with database.transaction(of=EVERY) as driver:
        return [
            {"number": one.number, "hash": one.hash.hex(), "hashed": hashed_form(one)}
            async for one in audit_trail.every(driver, caller.organization_id)
        ]


async def test_both_exports_are_verified_and_agree(
    server: Running, database: Database, owner: Caller, tmp_path: pathlib.Path
) -> None:
    await server.notes.write()
    file = tmp_path / "over-grpc.jsonl"
    await commands.output(server.address, owner, "export", "audit-log", "-o", str(file))
    over_grpc = [json.loads(one) for one in file.read_text(encoding="utf-8").splitlines()]
    kept = await exported(database, owner)
    last = await audit_trail.verify(database, owner.organization_id)
    expected = (0, f"{last.number} entries; the last one is {last.number}:{last.hash.hex()}")
    assert await verified(tmp_path, kept) == expected
    newest = max(int(one["number"]) for one in over_grpc)  # which tells of the export itself
    hashes = {one["number"]: one["hash"] for one in kept}
    assert await verified(tmp_path, over_grpc) == (
        0,
        f"{newest} entries; the last one is {newest}:{hashes[newest]}",
    )


def reworded(line: Line) -> None:
    line["hashed"] = line["hashed"].replace("custom_metric.created", "custom_metric.deleted")


def rehashed(line: Line) -> None:
    """As somebody who has changed an entry and its hash, but not those after it."""
    reworded(line)
    line["hash"] = hashlib.sha256(line["hashed"].encode()).hexdigest()


def renumbered(line: Line) -> None:
    line["number"] += 100


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: reworded(lines[3]), "entry 4 was changed"),
        (lambda lines: rehashed(lines[3]), "entry 5 does not follow from entry 4"),
        (lambda lines: renumbered(lines[3]), "entry 5 does not follow from entry 3"),
        (lambda lines: lines.pop(3), "entry 5 does not follow from entry 3"),
        (lambda lines: lines.insert(3, lines[3]), "entry 4 does not follow from entry 4"),
    ],
)
async def test_what_was_changed_in_an_export_is_found(
    change: Callable[[list[Line]], object], says: str, database: Database, owner: Caller, tmp_path: pathlib.Path
) -> None:
    lines = await exported(database, owner)
    assert len(lines) >= 6
    change(lines)
    assert await verified(tmp_path, lines) == (1, says)
