"""How a run went: what was broken, how long each phase took, and how to see it again."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.faults import patience
from tests.harness.faults.checker import Violation

# Seconds after which a phase hangs; that of the faults comes on top of their own.
_LIMITS = {
    "start": 90,
    "faults": 120,
    "recovery": 30,
    "retries": 30,
    "projections": 30,
    "streams": 30,
    "fold": 30,
    "figures": 60,
    "rest": 10,
    "judgement": 60,
    "stop": 60,
}
_SHOWN = 8  # violations


@dataclass(slots=True, kw_only=True)
class Verdict:
    """How a run went."""

    seed: int
    seconds: float
    folder: Path
    option: str = ""  # of the command line
    violations: list[Violation] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def logs(self) -> Path:
        """Where the logs of all processes are kept."""
        return self.folder / "logs"

    @property
    def good(self) -> bool:
        """True where every promise was kept."""
        return not self.violations

    @property
    def checks(self) -> list[str]:
        """What is broken, the most frequent first."""
        return [check for check, _ in Counter(one.check for one in self.violations).most_common()]

    def examples(self) -> list[Violation]:
        """The violation of each check that takes the least to show it."""
        least: dict[str, Violation] = {}
        for violation in self.violations:
            known = least.setdefault(violation.check, violation)
            if violation.size < known.size:
                least[violation.check] = violation
        return sorted(least.values(), key=lambda violation: violation.size)[:_SHOWN]

    def __str__(self) -> str:
        """Figures in two lines; then what is wrong, the smallest counter-example first, and how to see it again."""
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        phases = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.phases.items())
        lines = [f"seed {self.seed}: {'good' if self.good else 'BROKEN'}; {counts}", f"    {phases}"]
        if not self.good:
            lines += map(str, self.examples())
            kinds = Counter(violation.check for violation in self.violations)
            lines.append("all that is broken: " + ", ".join(f"{name} × {count}" for name, count in kinds.items()))
            lines.append(f"history and logs: {self.folder}")
            again = (
                f"python -m tests.harness.faults {self.option} --seed {self.seed} --seeds 1 --seconds {self.seconds:g}"
            )
            lines.append(f"again: {' '.join(again.split())}")
        return "\n".join(lines)

    @contextlib.asynccontextmanager
    async def phase(self, name: str, *, extra: float = 0) -> AsyncIterator[None]:
        """A part of a run that has a time limit of its own."""
        # Rest stays as short as it is: what a service holds for too long it gives back in time, too.
        factor = 1 if name == "rest" else patience.FACTOR
        limit, began = factor * _LIMITS[name] + extra, time.monotonic()
        timeout = asyncio.timeout(limit)
        try:
            async with timeout:
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise Hang(f"{name} took longer than {limit:g} s") from None
        finally:
            self.phases[name] = self.phases.get(name, 0) + time.monotonic() - began

    @contextlib.contextmanager
    def complaints(self) -> Iterator[None]:
        """Takes errors that nobody waited for, in this very process, as what they are: faults of the client."""
        loop = asyncio.get_running_loop()
        before = loop.get_exception_handler()

        def complain(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            text = f"{context.get('message')}: {context.get('exception')!r}"
            self.violations.append(Violation(check="client", text=text))

        loop.set_exception_handler(complain)
        try:
            yield
        finally:
            loop.set_exception_handler(before)


class Hang(Exception):
    """A phase took longer than it may."""

    @property
    def violation(self) -> Violation:
        """It as what it is: a promise that was not kept."""
        return Violation(check="hang", text=str(self))
