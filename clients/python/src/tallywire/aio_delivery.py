"""Delivery for asyncio code."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio

from tallywire import aio_stubs, retries
from tallywire.delivery import (
    Delivery,
    DeliveryInFull,
    Destination,
    NewDestination,
    State,
    Topic,
    listing,
    rotation,
)
from tallywire.v1 import delivery_service_pb2 as messages

Call = Callable[
    ["grpc.aio.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None],
    Awaitable[Any],
]


class AsyncDeliveryCalls:
    """Where things are sent, and what became of them, as `client.delivery` of an AsyncClient."""

    def __init__(self, bound: Callable[[], aio_stubs.Stubs], call: Call) -> None:
        self._bound = bound
        self._call = call

    async def destinations(self, *, timeout: float | None = None) -> Sequence[Destination]:
        """Returns all destinations, by name."""
        request = messages.ListDestinationsRequest()
        return [
            *(
                await self._call(self._bound().delivery.ListDestinations, lambda: request, retries.QUERY, timeout)
            ).destinations
        ]

    async def destination(self, destination_id: str, *, timeout: float | None = None) -> Destination:
        """Returns a destination. Raises NotFound if there is none of that id."""
        request = messages.GetDestinationRequest(destination_id=destination_id)
        found: Destination = (
            await self._call(self._bound().delivery.GetDestination, lambda: request, retries.QUERY, timeout)
        ).destination
        return found

    async def create(self, destination: Destination, *, timeout: float | None = None) -> NewDestination:
        """Stores a destination, as mail(), webhook() or store() make it, and returns it with its secret."""
        request = messages.CreateDestinationRequest(destination=destination)
        made = await self._call(self._bound().delivery.CreateDestination, lambda: request, retries.CHANGE, timeout)
        return NewDestination(destination=made.destination, secret=made.secret)

    async def update(self, destination: Destination, *, timeout: float | None = None) -> Destination:
        """Stores a destination as it is given. Raises FailedPrecondition if it was changed since its etag was read."""
        request = messages.UpdateDestinationRequest(destination=destination)
        made: Destination = (
            await self._call(self._bound().delivery.UpdateDestination, lambda: request, retries.CHANGE, timeout)
        ).destination
        return made

    async def delete(self, destination_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a destination, and cancels what is queued for it. Raises NotFound if there is none of that id."""
        request = messages.DeleteDestinationRequest(destination_id=destination_id, etag=etag)
        await self._call(self._bound().delivery.DeleteDestination, lambda: request, retries.CHANGE, timeout)

    async def test(self, destination_id: str, *, timeout: float | None = None) -> Sequence[str]:
        """Sends a test message, and returns the ids of its deliveries."""
        request = messages.TestDestinationRequest(destination_id=destination_id)
        return [
            *(
                await self._call(self._bound().delivery.TestDestination, lambda: request, retries.CHANGE, timeout)
            ).delivery_ids
        ]

    async def rotate_secret(
        self, destination_id: str, *, overlap: timedelta | None = None, timeout: float | None = None
    ) -> str:
        """Returns another secret of a webhook, shown only now. The old one signs, too, for the overlap: a day unless it
        is given.
        """
        request = rotation(destination_id, overlap)
        made: str = (
            await self._call(self._bound().delivery.RotateSecret, lambda: request, retries.CHANGE, timeout)
        ).secret
        return made

    async def list(
        self,
        *,
        destination_id: str = "",
        state: State | None = None,
        topic: Topic | None = None,
        subject_id: str = "",
        page_size: int = 100,
        timeout: float | None = None,
    ) -> AsyncIterator[Delivery]:
        """Yields deliveries, newest first, page by page."""
        request = listing(destination_id, state, topic, subject_id, page_size)
        while True:
            page = await self._call(self._bound().delivery.ListDeliveries, lambda: request, retries.QUERY, timeout)
            for one in page.deliveries:
                yield one
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def get(self, delivery_id: str, *, timeout: float | None = None) -> DeliveryInFull:
        """Returns a delivery with every try. Raises NotFound if there is none of that id (any more)."""
        request = messages.GetDeliveryRequest(delivery_id=delivery_id)
        found: DeliveryInFull = await self._call(
            self._bound().delivery.GetDelivery, lambda: request, retries.QUERY, timeout
        )
        return found

    async def resend(self, delivery_id: str, *, timeout: float | None = None) -> Delivery:
        """Sends a delivery again that has ended. Raises FailedPrecondition if it is still under way."""
        request = messages.ResendDeliveryRequest(delivery_id=delivery_id)
        sent: Delivery = (
            await self._call(self._bound().delivery.ResendDelivery, lambda: request, retries.CHANGE, timeout)
        ).delivery
        return sent

    async def download_link(self, delivery_id: str, file: int = 0, *, timeout: float | None = None) -> str:
        """Returns a link that opens a file of a delivery, by its place, for whoever has it until it expires."""
        request = messages.CreateDownloadLinkRequest(delivery_id=delivery_id, file=file)
        link: str = (
            await self._call(self._bound().delivery.CreateDownloadLink, lambda: request, retries.CHANGE, timeout)
        ).url
        return link
