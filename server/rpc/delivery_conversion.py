"""Conversion of destinations and deliveries between messages and values, and what a destination may be."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from server.delivery import http_post, mail, stores
from server.delivery.destinations import SeenDestination
from server.delivery.history import SeenDelivery, Wanted
from server.errors import Reason, Refused
from server.events import rules
from server.organizations.delivery import (
    MOST_RECIPIENTS,
    TOPICS,
    Attachment,
    Attempt,
    Channel,
    DeliveryState,
    DestinationDraft,
    KeptDelivery,
    Outcome,
    Pause,
    Topic,
    WebhookFormat,
)
from server.query.signed_tokens import NotOurs, SignedTokens
from server.rpc import dashboard_conversion
from server.rpc.questions import shared
from tallywire.v1 import delivery_service_pb2 as pb

_MAX_NAME: Final = 200
_MAX_ID: Final = 64
_SHOWN: Final = 100  # characters of what was given, in a refusal
_DAY, _LONGEST_OVERLAP = timedelta(days=1), timedelta(days=30)
_TOPICS = {pb.DeliveryTopic.Value(f"DELIVERY_TOPIC_{one.name}"): one for one in Topic}
_TOPIC_NUMBERS = {one: number for number, one in _TOPICS.items()}
_STATES = {pb.DeliveryState.Value(f"DELIVERY_STATE_{one.name}"): one for one in DeliveryState}
_STATE_NUMBERS = {one: number for number, one in _STATES.items()}
_PAUSES = {one: pb.PauseReason.Value(f"PAUSE_REASON_{one.name}") for one in Pause}
_FORMATS = {pb.WebhookFormat.Value(f"WEBHOOK_FORMAT_{one.name}"): one for one in WebhookFormat}
_FORMAT_NUMBERS = {one: number for number, one in _FORMATS.items()}
_OUTCOMES = {
    one: pb.DeliveryOutcome.Value(f"DELIVERY_OUTCOME_{one.name}") for one in Outcome if one is not Outcome.UNKNOWN
}


def identifier(field: str, value: str) -> str:
    """Returns the id of a destination or a delivery."""
    if not value:
        raise rules.required(field)
    return rules.identifier(field, value, _MAX_ID)


def draft(message: pb.Destination) -> DestinationDraft:
    """Returns a destination as somebody wants it; refuses what cannot be one."""
    if not message.name.strip():
        raise rules.required("destination.name")
    which = message.WhichOneof("target")
    if which is None:
        raise rules.required("destination.target")
    return DestinationDraft(
        name=dashboard_conversion.text("destination.name", message.name, _MAX_NAME),
        channel=Channel(which),
        topics=_topics(message.topics),
        contact=_address("destination.contact", message.contact) if message.contact else "",
        is_paused=message.paused,
        **_TARGETS[which](message),
    )


def _mail(message: pb.Destination) -> Mapping[str, Any]:
    field, addresses = "destination.mail.addresses", message.mail.addresses
    if not addresses:
        raise rules.required(field)
    if len(addresses) > MOST_RECIPIENTS:
        raise _invalid(field, f"{len(addresses)} addresses, of at most {MOST_RECIPIENTS}")
    found = [_address(field, one) for one in addresses]
    return {"addresses": tuple({one.casefold(): one for one in found}.values())}


def _webhook(message: pb.Destination) -> Mapping[str, Any]:
    field, url = "destination.webhook.url", message.webhook.url
    if not url:
        raise rules.required(field)
    if len(url) > http_post.LONGEST_URL:
        raise Refused(
            Reason.FIELD_TOO_LONG,
            f"longer than {http_post.LONGEST_URL} characters",
            field=field,
            metadata={"limit": str(http_post.LONGEST_URL)},
        )
    try:
        http_post.target(url)
    except http_post.InvalidUrl as error:
        raise _invalid(field, str(error)) from None
    chosen = message.webhook.format or pb.WEBHOOK_FORMAT_STANDARD
    if chosen not in _FORMATS:
        raise Refused(Reason.INVALID_ENUM, "not a known format", field="destination.webhook.format")
    return {"url": url, "format": _FORMATS[chosen]}


def _store(message: pb.Destination) -> Mapping[str, Any]:
    if not message.store.store:
        raise rules.required("destination.store.store")
    try:
        folder = stores.folder(message.store.folder)
    except ValueError as error:
        raise _invalid("destination.store.folder", f"{message.store.folder[:_SHOWN]!r} {error}") from None
    return {"store": rules.identifier("destination.store.store", message.store.store, _MAX_ID), "folder": folder}


_TARGETS = {"mail": _mail, "webhook": _webhook, "store": _store}


def _address(field: str, text: str) -> str:
    try:
        return mail.address(text)
    except mail.InvalidAddress as error:
        raise _invalid(field, f"{text[:_SHOWN]!r} {error}") from None


def _topics(numbers: Sequence[pb.DeliveryTopic.ValueType]) -> tuple[Topic, ...]:
    for number in numbers:
        if _TOPICS.get(number) not in TOPICS:
            raise Refused(Reason.INVALID_ENUM, "not a topic that can be asked for", field="destination.topics")
    return tuple(dict.fromkeys(_TOPICS[number] for number in numbers))


def _invalid(field: str, why: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, why, field=field)


def overlap(request: pb.RotateSecretRequest) -> timedelta:
    """Returns for how long the old secret signs, too."""
    if not request.HasField("overlap"):
        return _DAY
    asked = request.overlap
    found = timedelta(seconds=rules.duration("overlap", asked.seconds, asked.nanos))
    if not timedelta(0) <= found <= _LONGEST_OVERLAP:
        raise Refused(Reason.INVALID_DURATION, "must be from 0 seconds to 30 days", field="overlap")
    return found


class DeliveryPages:
    """Tokens of the pages of deliveries: the last one that was shown."""

    def __init__(self, tokens: SignedTokens) -> None:
        self._tokens = tokens

    def wanted(self, organization_id: int, request: pb.ListDeliveriesRequest) -> Wanted:
        """Returns which deliveries are wanted; refuses a state or topic that there is not, and another list's token."""
        if request.state and request.state not in _STATES:
            raise Refused(Reason.INVALID_ENUM, "not a known state", field="state")
        if request.topic and request.topic not in _TOPICS:
            raise Refused(Reason.INVALID_ENUM, "not a known topic", field="topic")
        return Wanted(
            destination_id=_optional("destination_id", request.destination_id),
            state=_STATES.get(request.state),
            topic=_TOPICS.get(request.topic),
            subject_id=_optional("subject_id", request.subject_id),
            after=self._after(organization_id, request.page_token) if request.page_token else None,
        )

    def token(self, organization_id: int, last: KeptDelivery) -> str:
        """Returns the token of the page behind a delivery."""
        return self._tokens.token(organization_id, [last.created_at.isoformat(), last.delivery_id])

    def _after(self, organization_id: int, token: str) -> tuple[datetime, str]:
        try:
            at, delivery_id = self._tokens.values(organization_id, token)
        except NotOurs:
            raise Refused(
                Reason.PAGE_TOKEN_INVALID,
                "the token is damaged, or belongs to another organization",
                field="page_token",
            ) from None
        return datetime.fromisoformat(at), delivery_id


def _optional(field: str, value: str) -> str | None:
    return rules.identifier(field, value, 4 * _MAX_ID) if value else None


def destination(seen: SeenDestination) -> pb.Destination:
    """Returns the message of a destination."""
    kept = seen.kept
    chosen = kept.draft
    message = pb.Destination(
        destination_id=kept.destination_id,
        name=chosen.name,
        topics=[_TOPIC_NUMBERS[one] for one in chosen.topics],
        contact=chosen.contact,
        paused=kept.pause is not None,
        owner=kept.owner,
        version=kept.version,
        etag=kept.etag,
        unsubscribed=seen.unsubscribed,
    )
    if kept.pause is not None:
        message.pause_reason = _PAUSES[kept.pause]
    if chosen.channel is Channel.MAIL:
        message.mail.addresses.extend(chosen.addresses)
    elif chosen.channel is Channel.WEBHOOK:
        message.webhook.url, message.webhook.format = chosen.url, _FORMAT_NUMBERS[chosen.format]
    else:
        message.store.store, message.store.folder = chosen.store, chosen.folder
    names = ("created_at", "updated_at", "paused_at", "failing_since", "delivered_at", "old_secret_until")
    _set_instants(message, kept, names)
    return message


def delivery(kept: KeptDelivery) -> pb.Delivery:
    """Returns the message of a delivery."""
    message = pb.Delivery(
        delivery_id=kept.delivery_id,
        destination_id=kept.destination_id,
        recipient=kept.recipient,
        state=_STATE_NUMBERS[kept.state],
        topic=_TOPIC_NUMBERS[kept.topic],
        kind=kept.kind,
        subject_id=kept.subject_id,
        title=kept.title,
        receipt_id=kept.receipt_id,
        tries=kept.tries,
        error=kept.error,
    )
    _set_instants(message, kept, ("created_at", "next_try_at", "ended_at"))
    return message


def in_full(seen: SeenDelivery) -> pb.GetDeliveryResponse:
    """Returns the message of a delivery with its tries."""
    return pb.GetDeliveryResponse(
        delivery=delivery(seen.delivery),
        attempts=[_attempt(one) for one in seen.attempts],
        text=seen.message.message.text,
        files=[file(one) for one in seen.message.message.attachments],
    )


def _attempt(one: Attempt) -> pb.DeliveryAttempt:
    message = pb.DeliveryAttempt(number=one.number, status=one.status, answer=one.answer, error=one.error)
    if one.outcome in _OUTCOMES:
        message.outcome = _OUTCOMES[one.outcome]
    _set_instants(message, one, ("started_at", "finished_at"))
    return message


def file(one: Attachment) -> pb.DeliveryFile:
    """Returns the message of a file."""
    return pb.DeliveryFile(name=one.name, media_type=one.media_type, size=one.size, sha256=one.sha256)


def _set_instants(message: Any, kept: object, names: Sequence[str]) -> None:
    """Sets the instants of these names, but for those that are not known."""
    for name in names:
        at = getattr(kept, name)
        if at is not None:
            getattr(message, name).CopyFrom(shared.instant(at))
