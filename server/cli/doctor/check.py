"""What a check is, what it finds, and how checks are made without one of them stopping the others."""

import asyncio
import enum
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from server import errors
from server.cli.place import Place
from server.settings import Settings
from server.store.database import Database

_AT_ONCE: Final = 4
_Result = TypeVar("_Result")


class Verdict(enum.StrEnum):
    """What a check comes to. SKIP: nothing could be looked at, which is no trouble by itself."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check has found, and what to do about it: a command, or the page of the documentation that has it."""

    verdict: Verdict
    text: str
    remedy: str = ""


def ok(text: str) -> Finding:
    """Returns that nothing is wrong."""
    return Finding(verdict=Verdict.OK, text=text)


def skip(text: str) -> Finding:
    """Returns why nothing was looked at."""
    return Finding(verdict=Verdict.SKIP, text=text)


def warn(text: str, remedy: str) -> Finding:
    """Returns what will become a trouble, or makes the service less than it could be."""
    return Finding(verdict=Verdict.WARN, text=text, remedy=remedy)


def fail(text: str, remedy: str) -> Finding:
    """Returns what does not work, or could lose something."""
    return Finding(verdict=Verdict.FAIL, text=text, remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The deployment that is looked at. opened is None, and misplaced says why, where it is not known which database
    that has. now is this machine's clock.
    """

    settings: Settings
    place: Place
    opened: Database | None
    misplaced: str = ""
    now: Callable[[], datetime]

    @property
    def database(self) -> Database:
        """Returns the database. Raises SetupError without one."""
        if self.opened is None:
            raise errors.SetupError(self.misplaced)
        return self.opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to look at. about says what, for the documentation; without those in needs there is nothing to see.

    page is where the documentation says more.
    """

    name: str
    about: str
    page: str
    look: Callable[[Subject], Awaitable[Finding]] = field(repr=False)
    needs: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A check that was made."""

    check: Check
    finding: Finding


async def examine(checks: Sequence[Check], subject: Subject, *, seconds: float) -> list[Examined]:
    """Makes all checks, each for so many seconds at most, and returns what they found in their order.

    Whatever happens to one of them is its own finding. A check is left out where one that it needs has failed.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    under_way: dict[str, asyncio.Task[Finding]] = {}

    async def made(check: Check) -> Finding:
        for name in check.needs:
            if (await under_way[name]).verdict in (Verdict.FAIL, Verdict.SKIP):
                return skip(f"not looked at without {name}")
        async with turns:
            return await _looked(check, subject, seconds)

    for check in checks:
        under_way[check.name] = asyncio.create_task(made(check))
    return [Examined(check=check, finding=await under_way[check.name]) for check in checks]


async def _looked(check: Check, subject: Subject, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            return await check.look(subject)
    except TimeoutError:
        return fail(f"no answer within {seconds:g} seconds", f"look at what it depends on, see {check.page}")
    except errors.SetupError as error:
        return fail(str(error), f"see {check.page}")
    except Exception as error:  # noqa: BLE001 - its message may hold values, and the other checks go on
        cause = error.__cause__ or error
        return warn(f"could not be looked at ({type(cause).__name__})", f"see {check.page}")


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Returns what blocking work returns. Work that hangs is left behind, and does not keep the process from ending."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    results: list[_Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            raised.append(error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, daemon=True).start()
    await done.wait()
    if raised:
        raise raised[0]
    return results[0]
