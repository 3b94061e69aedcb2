"""DeliveryService: where things are sent, what became of them, and the files that links open."""

from typing import Any, TypeAlias

import grpc

from server.delivery.destinations import Destinations
from server.delivery.history import DeliveryHistory
from server.errors import Reason, Refused
from server.events import rules
from server.query.signed_tokens import SignedTokens
from server.rpc import delivery_conversion as conversion
from server.rpc import gate
from server.rpc.questions import shared
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import delivery_service_pb2 as pb
from tallywire.v1 import delivery_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGE, _LARGEST_PAGE = 50, 500
_LONGEST_TOKEN = 1024


class DeliveryService(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """The service that sends things out of the house for the caller's organization."""

    def __init__(self, destinations: Destinations, history: DeliveryHistory, secrets: KeyedHashes) -> None:
        self._destinations = destinations
        self._history = history
        self._pages = conversion.DeliveryPages(SignedTokens(secrets, "deliveries", longest=_LONGEST_TOKEN))

    async def CreateDestination(  # noqa: N802 - the name in the contract
        self, request: pb.CreateDestinationRequest, context: _Context
    ) -> pb.CreateDestinationResponse:
        """Stores a destination."""
        principal, draft = gate.caller().principal, conversion.draft(request.destination)
        made, secret = await self._destinations.create(principal, draft, gate.actor(context))
        return pb.CreateDestinationResponse(destination=conversion.destination(made), secret=secret)

    async def GetDestination(  # noqa: N802 - the name in the contract
        self, request: pb.GetDestinationRequest, context: _Context
    ) -> pb.GetDestinationResponse:
        """Returns a destination."""
        destination_id = conversion.identifier("destination_id", request.destination_id)
        found = await self._destinations.get(gate.caller().principal, destination_id)
        return pb.GetDestinationResponse(destination=conversion.destination(found))

    async def ListDestinations(  # noqa: N802 - the name in the contract
        self, request: pb.ListDestinationsRequest, context: _Context
    ) -> pb.ListDestinationsResponse:
        """Returns all destinations."""
        found = await self._destinations.listed(gate.caller().principal)
        return pb.ListDestinationsResponse(
            destinations=[conversion.destination(one) for one in found],
            stores=sorted(self._destinations.reach.stores),
        )

    async def UpdateDestination(  # noqa: N802 - the name in the contract
        self, request: pb.UpdateDestinationRequest, context: _Context
    ) -> pb.UpdateDestinationResponse:
        """Stores what a destination is from now on."""
        wanted = request.destination
        destination_id = conversion.identifier("destination.destination_id", wanted.destination_id)
        principal, draft = gate.caller().principal, conversion.draft(wanted)
        made = await self._destinations.update(principal, destination_id, wanted.etag, draft, gate.actor(context))
        return pb.UpdateDestinationResponse(destination=conversion.destination(made))

    async def DeleteDestination(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteDestinationRequest, context: _Context
    ) -> pb.DeleteDestinationResponse:
        """Deletes a destination."""
        destination_id = conversion.identifier("destination_id", request.destination_id)
        principal = gate.caller().principal
        await self._destinations.delete(principal, destination_id, request.etag, gate.actor(context))
        return pb.DeleteDestinationResponse()

    async def TestDestination(  # noqa: N802 - the name in the contract
        self, request: pb.TestDestinationRequest, context: _Context
    ) -> pb.TestDestinationResponse:
        """Sends a test message."""
        destination_id = conversion.identifier("destination_id", request.destination_id)
        queued = await self._destinations.test(gate.caller().principal, destination_id)
        return pb.TestDestinationResponse(delivery_ids=queued)

    async def RotateSecret(  # noqa: N802 - the name in the contract
        self, request: pb.RotateSecretRequest, context: _Context
    ) -> pb.RotateSecretResponse:
        """Gives a webhook another secret."""
        principal, overlap = gate.caller().principal, conversion.overlap(request)
        destination_id = conversion.identifier("destination_id", request.destination_id)
        made = await self._destinations.rotate(principal, destination_id, overlap, gate.actor(context))
        message = pb.RotateSecretResponse(secret=made.secret)
        if made.old_until is not None:
            message.old_secret_until.CopyFrom(shared.instant(made.old_until))
        return message

    async def ListDeliveries(  # noqa: N802 - the name in the contract
        self, request: pb.ListDeliveriesRequest, context: _Context
    ) -> pb.ListDeliveriesResponse:
        """Returns a page of deliveries."""
        principal = gate.caller().principal
        size = shared.whole_number("page_size", request.page_size, default=_PAGE, most=_LARGEST_PAGE)
        wanted = self._pages.wanted(principal.organization_id, request)
        found = await self._history.listed(principal, wanted, size + 1)
        has_more = len(found) > size
        token = self._pages.token(principal.organization_id, found[size - 1]) if has_more else ""
        return pb.ListDeliveriesResponse(
            deliveries=[conversion.delivery(one) for one in found[:size]], next_page_token=token
        )

    async def GetDelivery(  # noqa: N802 - the name in the contract
        self, request: pb.GetDeliveryRequest, context: _Context
    ) -> pb.GetDeliveryResponse:
        """Returns a delivery with its tries."""
        delivery_id = conversion.identifier("delivery_id", request.delivery_id)
        return conversion.in_full(await self._history.get(gate.caller().principal, delivery_id))

    async def ResendDelivery(  # noqa: N802 - the name in the contract
        self, request: pb.ResendDeliveryRequest, context: _Context
    ) -> pb.ResendDeliveryResponse:
        """Sends a delivery again."""
        delivery_id = conversion.identifier("delivery_id", request.delivery_id)
        sent = await self._history.resend(gate.caller().principal, delivery_id, gate.actor(context))
        return pb.ResendDeliveryResponse(delivery=conversion.delivery(sent))

    async def CreateDownloadLink(  # noqa: N802 - the name in the contract
        self, request: pb.CreateDownloadLinkRequest, context: _Context
    ) -> pb.CreateDownloadLinkResponse:
        """Returns a link to a file."""
        delivery_id = conversion.identifier("delivery_id", request.delivery_id)
        url, expires_at = await self._history.link(gate.caller().principal, delivery_id, request.file)
        return pb.CreateDownloadLinkResponse(url=url, expires_at=shared.instant(expires_at))

    async def ReadDownload(  # noqa: N802 - the name in the contract
        self, request: pb.ReadDownloadRequest, context: _Context
    ) -> pb.ReadDownloadResponse:
        """Returns a part of the file that a link opens."""
        if not request.token:
            raise rules.required("token")
        if request.offset < 0:
            raise Refused(
                Reason.VALUE_OUT_OF_RANGE,
                "must not be below 0",
                field="offset",
                metadata={"minimum": "0", "maximum": str(2**63 - 1)},
            )
        part = await self._history.read(request.token, request.offset)
        return pb.ReadDownloadResponse(file=conversion.file(part.file), content=part.content)

    async def ChangeMailSubscription(  # noqa: N802 - the name in the contract
        self, request: pb.ChangeMailSubscriptionRequest, context: _Context
    ) -> pb.ChangeMailSubscriptionResponse:
        """Notes whether a recipient wants mail."""
        if not request.token:
            raise rules.required("token")
        address = await self._history.subscribe(request.token, wants_mail=request.subscribed)
        return pb.ChangeMailSubscriptionResponse(address=address)
