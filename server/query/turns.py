"""Turns of the event loop: work on many things is done in portions, between which others have theirs."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


async def mapped(make: Callable[[_Given], _Made], some: Iterable[_Given], *, at_once: int) -> list[_Made]:
    """Returns what is made of each of some things, so many of them in a turn."""
    found: list[_Made] = []
    for one in some:
        found.append(make(one))
        if not len(found) % at_once:
            await asyncio.sleep(0)
    return found
