"""Delivery: how a client says where things are sent, and sees what became of them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import grpc

from tallywire import retries
from tallywire.v1 import delivery_service_pb2 as messages
from tallywire.v1 import delivery_service_pb2_grpc

Destination = messages.Destination
Delivery = messages.Delivery
DeliveryInFull = messages.GetDeliveryResponse
Topic = Literal["report", "alert", "erasure", "task", "threshold"]
Format = Literal["standard", "slack"]
State = Literal["queued", "held", "delivered", "dead", "cancelled"]
TOPICS: tuple[Topic, ...] = ("report", "alert", "erasure", "task", "threshold")
FORMATS: tuple[Format, ...] = ("standard", "slack")
STATES: tuple[State, ...] = ("queued", "held", "delivered", "dead", "cancelled")
# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class NewDestination(NamedTuple):
    """A destination that was made. secret is that of a webhook, shown only now; empty for others."""

    destination: Destination
    secret: str


def mail(name: str, addresses: Sequence[str], *, topics: Sequence[Topic] = (), contact: str = "") -> Destination:
    """Returns a destination of mailboxes, to be created."""
    target = messages.MailTarget(addresses=addresses)
    return Destination(name=name, mail=target, topics=topic_numbers(topics), contact=contact)


def webhook(
    name: str,
    url: str,
    *,
    format: Format = "standard",  # noqa: A002 - as the contract calls it
    topics: Sequence[Topic] = (),
    contact: str = "",
) -> Destination:
    """Returns a destination that is a webhook, to be created. "slack" is what incoming webhooks of Slack, Mattermost,
    Rocket.Chat and Discord (its URL and /slack) take. ValueError for an unknown format or topic.
    """
    number = messages.WebhookFormat.Value(f"WEBHOOK_FORMAT_{format.upper()}")
    target = messages.WebhookTarget(url=url, format=number)
    return Destination(name=name, webhook=target, topics=topic_numbers(topics), contact=contact)


def store(name: str, store: str, *, folder: str = "", topics: Sequence[Topic] = (), contact: str = "") -> Destination:
    """Returns a destination in an object store, by the name that the operator has given to that, to be created."""
    target = messages.StoreTarget(store=store, folder=folder)
    return Destination(name=name, store=target, topics=topic_numbers(topics), contact=contact)


def topic_numbers(topics: Sequence[Topic]) -> list[messages.DeliveryTopic.ValueType]:
    """Returns topics as messages have them; ValueError for an unknown one."""
    return [messages.DeliveryTopic.Value(f"DELIVERY_TOPIC_{one.upper()}") for one in topics]


def rotation(destination_id: str, overlap: timedelta | None) -> messages.RotateSecretRequest:
    """Returns the request for another secret."""
    request = messages.RotateSecretRequest(destination_id=destination_id)
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    return request


def listing(
    destination_id: str, state: State | None, topic: Topic | None, subject_id: str, page_size: int
) -> messages.ListDeliveriesRequest:
    """Returns the request for the first page of deliveries; ValueError for an unknown state or topic."""
    request = messages.ListDeliveriesRequest(destination_id=destination_id, subject_id=subject_id, page_size=page_size)
    if state is not None:
        request.state = messages.DeliveryState.Value(f"DELIVERY_STATE_{state.upper()}")
    if topic is not None:
        (request.topic,) = topic_numbers([topic])
    return request


class DeliveryCalls:
    """Where things are sent, and what became of them, as `client.delivery`. Needs the scope edit, and admin to change
    destinations.
    """

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = delivery_service_pb2_grpc.DeliveryServiceStub(channel)
        self._call = call

    def destinations(self, *, timeout: float | None = None) -> Sequence[Destination]:
        """Returns all destinations, by name."""
        request = messages.ListDestinationsRequest()
        return [*self._call(self._stub.ListDestinations, lambda: request, retries.QUERY, timeout).destinations]

    def destination(self, destination_id: str, *, timeout: float | None = None) -> Destination:
        """Returns a destination. Raises NotFound if there is none of that id."""
        request = messages.GetDestinationRequest(destination_id=destination_id)
        found: Destination = self._call(self._stub.GetDestination, lambda: request, retries.QUERY, timeout).destination
        return found

    def create(self, destination: Destination, *, timeout: float | None = None) -> NewDestination:
        """Stores a destination, as mail(), webhook() or store() make it, and returns it with its secret."""
        request = messages.CreateDestinationRequest(destination=destination)
        made = self._call(self._stub.CreateDestination, lambda: request, retries.CHANGE, timeout)
        return NewDestination(destination=made.destination, secret=made.secret)

    def update(self, destination: Destination, *, timeout: float | None = None) -> Destination:
        """Stores a destination as it is given. Raises FailedPrecondition if it was changed since its etag was read."""
        request = messages.UpdateDestinationRequest(destination=destination)
        made: Destination = self._call(
            self._stub.UpdateDestination, lambda: request, retries.CHANGE, timeout
        ).destination
        return made

    def delete(self, destination_id: str, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes a destination, and cancels what is queued for it. Raises NotFound if there is none of that id."""
        request = messages.DeleteDestinationRequest(destination_id=destination_id, etag=etag)
        self._call(self._stub.DeleteDestination, lambda: request, retries.CHANGE, timeout)

    def test(self, destination_id: str, *, timeout: float | None = None) -> Sequence[str]:
        """Sends a test message, and returns the ids of its deliveries."""
        request = messages.TestDestinationRequest(destination_id=destination_id)
        return [*self._call(self._stub.TestDestination, lambda: request, retries.CHANGE, timeout).delivery_ids]

    def rotate_secret(
        self, destination_id: str, *, overlap: timedelta | None = None, timeout: float | None = None
    ) -> str:
        """Returns another secret of a webhook, shown only now. The old one signs, too, for the overlap: a day unless it
        is given.
        """
        request = rotation(destination_id, overlap)
        made: str = self._call(self._stub.RotateSecret, lambda: request, retries.CHANGE, timeout).secret
        return made

    def list(
        self,
        *,
        destination_id: str = "",
        state: State | None = None,
        topic: Topic | None = None,
        subject_id: str = "",
        page_size: int = 100,
        timeout: float | None = None,
    ) -> Iterator[Delivery]:
        """Yields deliveries, newest first, page by page."""
        request = listing(destination_id, state, topic, subject_id, page_size)
        while True:
            page = self._call(self._stub.ListDeliveries, lambda: request, retries.QUERY, timeout)
            yield from page.deliveries
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get(self, delivery_id: str, *, timeout: float | None = None) -> DeliveryInFull:
        """Returns a delivery with every try. Raises NotFound if there is none of that id (any more)."""
        request = messages.GetDeliveryRequest(delivery_id=delivery_id)
        found: DeliveryInFull = self._call(self._stub.GetDelivery, lambda: request, retries.QUERY, timeout)
        return found

    def resend(self, delivery_id: str, *, timeout: float | None = None) -> Delivery:
        """Sends a delivery again that has ended. Raises FailedPrecondition if it is still under way."""
        request = messages.ResendDeliveryRequest(delivery_id=delivery_id)
        sent: Delivery = self._call(self._stub.ResendDelivery, lambda: request, retries.CHANGE, timeout).delivery
        return sent

    def download_link(self, delivery_id: str, file: int = 0, *, timeout: float | None = None) -> str:
        """Returns a link that opens a file of a delivery, by its place, for whoever has it until it expires."""
        request = messages.CreateDownloadLinkRequest(delivery_id=delivery_id, file=file)
        link: str = self._call(self._stub.CreateDownloadLink, lambda: request, retries.CHANGE, timeout).url
        return link
