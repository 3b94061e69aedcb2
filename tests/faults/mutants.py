"""Copies of the code with a mistake in them, to see that the harness finds it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.faults.supervisor import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A mistake: in a file, texts in the place of others. checks are those that may find it."""

    path: str
    edits: tuple[tuple[str, str], ...]  # old text and new
    checks: frozenset[str]


MUTANTS = {
    "ack-before-commit": Mutant(
        path="server/ingest.py",
        edits=(
            (
                "            outcome = await self._write(lane.organization_id, events)\n",
                (
                    "            early = asyncio.create_task(self._write(lane.organization_id, events))\n"
                    "            self._runners.add(early)\n"
                    "            early.add_done_callback(lambda t: (self._runners.discard(t), t.exception()))\n"
                    "            outcome = _Outcome(\n"
                    "                revision=0,\n"
                    "                fingerprints={event.event_key: event.fingerprint for event in events},\n"
                    "                new={event.event_key for event in events},\n"
                    "                refused=set(),\n"
                    "            )\n"
                ),
            ),
        ),
        checks=frozenset(("lost ack", "stale read", "accepted twice")),
    ),
    "commit-does-not-wait": Mutant(
        path="server/store/database.py",
        edits=(
            (
                '    "enable_seqscan": "off",\n',
                '    "enable_seqscan": "off",\n    "synchronous_commit": "off",\n',
            ),
        ),
        checks=frozenset(("lost ack", "stale read", "revision went back", "own write not read", "accepted twice")),
    ),
    "fold-in-two-transactions": Mutant(
        path="server/fold.py",
        edits=(
            (
                "            added = _by_rollup(deltas)\n",
                "        async with database.maintenance() as driver:\n            added = _by_rollup(deltas)\n",
            ),
        ),
        checks=frozenset(("audit", "stale read", "figures")),
    ),
    "no-dedupe": Mutant(
        path="server/commit.py",
        edits=(
            (
                "    new = await stored_events.claim_keys(driver, organization_id, events)\n",
                (
                    "    await stored_events.claim_keys(driver, organization_id, events)\n"
                    "    new = {event.event_key for event in events}\n"
                ),
            ),
        ),
        checks=frozenset(("stored twice", "accepted twice", "counted too much", "audit", "figures")),
    ),
    "revision-taken-ahead": Mutant(
        path="server/commit.py",
        edits=(
            (
                "        known = await numbers.of(driver, organization_id, events)\n",
                (
                    "        global elsewhere\n"
                    "        elsewhere = database\n"
                    "        known = await numbers.of(driver, organization_id, events)\n"
                ),
            ),
            (
                "    revision = await stored_events.next_revision(driver, organization_id, len(fresh))\n",
                (
                    "    async with elsewhere.maintenance() as other:\n"
                    "        revision = await stored_events.next_revision(other, organization_id, len(fresh))\n"
                ),
            ),
        ),
        checks=frozenset(("revision gap", "own write not read")),
    ),
    "cached-answer": Mutant(
        path="server/query.py",
        edits=(
            (
                "    async def overview(self, principal: Principal, period: Period, part: Filter) -> Overview:\n",
                (
                    "    async def overview(self, principal, period, part):\n"
                    "        kept = self.__dict__.setdefault('kept', {})\n"
                    "        key = principal.organization_id, repr((period, part)), __import__('time').time() // 0.5\n"
                    "        if key not in kept:\n"
                    "            kept[key] = await self._overview(principal, period, part)\n"
                    "        return kept[key]\n"
                    "\n"
                    "    async def _overview(self, principal: Principal, period: Period, part: Filter) -> Overview:\n"
                ),
            ),
        ),
        checks=frozenset(("stale read", "revision went back", "own write not read")),
    ),
}


def make(mutant: Mutant, folder: Path) -> Path:
    """Copies the code into a folder and makes the mistake there."""
    for package in ("server", "workers"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / mutant.path
    text = path.read_text(encoding="utf-8")
    for old, new in mutant.edits:
        if old not in text:
            raise ValueError(f"{mutant.path} is no longer what the mutant was made for")
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return folder
