"""Holding up what a server does for one organization, and seeing in which order it is done for all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Held:
    """Takes the place of a function whose second argument is an organization: it waits for one organization until it is
    let go, and notes for whom it was called.
    """

    def __init__(self, function: Callable[..., Awaitable[Any]], organization_id: int) -> None:
        self.begun: list[int] = []
        self.let_go = asyncio.Event()
        self._function = function
        self._organization_id = organization_id

    async def call(self, connection: Any, organization_id: int, *rest: Any, **options: Any) -> Any:
        """What the function does, in time."""
        self.begun.append(organization_id)
        if organization_id == self._organization_id:
            await self.let_go.wait()
        return await self._function(connection, organization_id, *rest, **options)
