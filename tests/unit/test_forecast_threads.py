"""Threads that compute forecasts: how many there are at once."""

import asyncio
import threading

import pytest

from server.admission.query_slots import QuerySlots
from server.forecasts import threads
from server.organizations.settings import OrganizationSettings
from server.tenancy.principal import Principal
from tests.support import waiting

_CALLER = Principal(organization_id=1, key_id="key", scopes=frozenset(), settings=OrganizationSettings(time_zone="UTC"))


async def test_a_turn_is_as_long_as_its_thread_computes() -> None:
    """A caller who gives up makes no room for another thread beside the one that still computes."""
    turns = QuerySlots(1, limit=10, limit_each=10, patience=waiting.PATIENCE)
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert ended.wait(waiting.PATIENCE)

    first = asyncio.create_task(threads.computed(turns, _CALLER, work))
    await waiting.until(begun.is_set)
    first.cancel()
    second = asyncio.create_task(threads.computed(turns, _CALLER, ended.is_set))
    await waiting.until(lambda: turns.asked == 2)
    assert not second.done()
    ended.set()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second
    assert turns.asked == 0
