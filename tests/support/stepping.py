"""Projections moved on in steps as they come: of any size, between events, and many at once."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from server.events.event import Event
from server.projections import projector as projectors
from server.projections.projector import Projector
from server.store.database import Database
from tests.support import worlds


async def in_random_steps(
    database: Database, organization: int, some: Sequence[Event], patch: pytest.MonkeyPatch, seed: int
) -> None:
    """Stores events and moves all projections on, now and then in between, in steps of one event or a thousand."""
    dice = random.Random(seed)
    for start in range(0, len(some), 30):
        await worlds.store(database, organization, some[start : start + 30], batch=dice.choice((1, 5, 30)))
        if dice.random() < 0.7:
            patch.setattr(projectors, "STEP_EVENTS", dice.choice((1, 3, 20, 1000)))
            await worlds.project(database, organization)
    await worlds.project(database, organization)


async def by_many_at_once(database: Database, organization: int, some: Sequence[Event], name: str) -> None:
    """Stores events while three projectors move one projection on, then moves all of them on."""

    async def follow(one: Projector) -> None:
        for _ in range(10):
            await one.follow(organization, name)

    storing = worlds.store(database, organization, some, batch=10)
    await asyncio.gather(storing, *(follow(Projector(database)) for _ in range(3)))
    await worlds.project(database, organization)
