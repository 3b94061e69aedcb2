"""Sending: what a message becomes on each channel, and what the receiver said to it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from server.delivery import chat, http_post, mail, reachable, signing, stores
from server.delivery.links import Links
from server.delivery.mail import AttachedFile, Letter, LinkedFile, MailServer
from server.delivery.stores import Files, NoFile, NotWritten, Stores
from server.organizations.delivery import Attachment, KeptDestination, Outcome, WebhookFormat
from server.store.deliveries import Try
from server.tenancy.keyed_hashes import KeyedHashes

_AGENT: Final = "tallywire-webhooks/1"
_GONE: Final = 410
_PART: Final = 4 * 2**20  # bytes of a file that are read at once
_MOST_WRITTEN: Final = 256 * 2**20  # bytes of a file that is copied to a store


@dataclass(frozen=True, slots=True, kw_only=True)
class TryResult:
    """What came of a try. is_gone: the receiver says that it is there no more."""

    outcome: Outcome
    status: int = 0
    answer: str = ""
    error: str = ""
    retry_after: timedelta | None = None
    is_gone: bool = False


class Sender(Protocol):
    """Sends on one channel."""

    async def send(self, organization_id: int, one: Try, destination: KeptDestination | None) -> TryResult:
        """Sends a message once and returns what came of it; raises only what is a fault of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSender:
    """Sends mail. most_bytes is how much of files is attached to one: others are linked."""

    server: MailServer | None
    files: Files
    links: Links
    most_bytes: int

    async def send(self, organization_id: int, one: Try, destination: KeptDestination | None) -> TryResult:
        """Sends a mail with its files, or with links to them where they are too large together."""
        if self.server is None:
            return TryResult(outcome=Outcome.FAILED, error="this deployment has no mail server (TALLYWIRE_SMTP)")
        found, recipient = one.message.message, one.delivery.recipient
        try:
            attached, linked = await self._files(organization_id, one)
            letter = Letter(
                recipient=recipient,
                receipt_id=one.delivery.receipt_id,
                title=found.title,
                text=found.text,
                html=found.html,
                page_url=self.links.to_page(found.page) if found.page else "",
                refusal_url=self.links.to_refusal(organization_id, recipient),
                at=one.message.created_at,
                attached=attached,
                linked=linked,
            )
            return TryResult(outcome=Outcome.DELIVERED, status=250, answer=await self.server.send(letter))
        except NoFile:
            return TryResult(outcome=Outcome.REFUSED, error="a file of the message is not there any more")
        except mail.NotTaken as error:
            outcome = Outcome.REFUSED if error.is_final else Outcome.FAILED
            return TryResult(outcome=outcome, status=error.status, answer=error.answer, error=str(error))

    async def _files(self, organization_id: int, one: Try) -> tuple[list[AttachedFile], list[LinkedFile]]:
        attachments = one.message.message.attachments
        if sum(each.size for each in attachments) > self.most_bytes:
            linked = [
                LinkedFile(
                    name=each.name,
                    size=each.size,
                    url=self.links.to_file(organization_id, one.message.message_id, place, one.at)[0],
                )
                for place, each in enumerate(attachments)
            ]
            return [], linked
        attached = [
            AttachedFile(name=each.name, media_type=each.media_type, content=await whole(self.files, each))
            for each in attachments
        ]
        return attached, []


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSender:
    """Calls webhooks, signed by the Standard Webhooks scheme, with JSON for programs or a message for a chat."""

    hashes: KeyedHashes
    guard: reachable.AddressGuard
    links: Links

    async def send(self, organization_id: int, one: Try, destination: KeptDestination | None) -> TryResult:
        """Posts a message as JSON, with links to its files."""
        assert destination is not None  # noqa: S101 - what is of no destination goes by mail
        known = signing.secrets_of(self.hashes, organization_id, destination, one.at)
        if known is None:
            return TryResult(
                outcome=Outcome.FAILED, error="the secret cannot be read: TALLYWIRE_PSEUDONYM_KEY is another one"
            )
        written = chat.payload if destination.draft.format is WebhookFormat.SLACK else payload
        body = json.dumps(written(self.links, organization_id, one), ensure_ascii=False, separators=(",", ":"))
        headers = {
            "content-type": "application/json",
            "user-agent": _AGENT,
            **signing.headers(one.delivery.receipt_id, one.at, body, known),
        }
        try:
            # The URL is the destination's: a correction of it counts at the next try.
            answer = await http_post.post(destination.draft.url, headers, body.encode(), self.guard)
        except (reachable.Unreachable, http_post.InvalidUrl) as error:
            return TryResult(outcome=Outcome.REFUSED, error=str(error))
        except http_post.NoAnswer as error:
            return TryResult(outcome=Outcome.FAILED, error=str(error))
        if 200 <= answer.status < 300:
            return TryResult(outcome=Outcome.DELIVERED, status=answer.status, answer=answer.text)
        is_gone = answer.status == _GONE
        return TryResult(
            outcome=Outcome.REFUSED if is_gone else Outcome.FAILED,
            status=answer.status,
            answer=answer.text,
            error=_meaning(answer.status),
            retry_after=answer.retry_after if answer.status in (429, 503) else None,
            is_gone=is_gone,
        )


def payload(links: Links, organization_id: int, one: Try) -> Mapping[str, object]:
    """Returns what a webhook gets: the type of the message, when it was made, and its content."""
    found = one.message.message
    files = []
    for place, each in enumerate(found.attachments):
        url, expires_at = links.to_file(organization_id, one.message.message_id, place, one.at)
        told = {"name": each.name, "media_type": each.media_type, "size": each.size, "sha256": each.sha256}
        files.append({**told, "url": url, "expires_at": _instant(expires_at)})
    data = {**found.data, "id": found.subject_id, "title": found.title, "text": found.text, "files": files}
    if found.page:
        data["url"] = links.to_page(found.page)
    return {"type": found.kind, "timestamp": _instant(one.message.created_at), "data": data}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSender:
    """Writes files to object stores."""

    files: Files
    stores: Stores

    async def send(self, organization_id: int, one: Try, destination: KeptDestination | None) -> TryResult:
        """Writes the files of a message below the organization's own folder, and then what the message says. Who reads
        message.json finds all of the files.
        """
        assert destination is not None  # noqa: S101 - what is of no destination goes by mail
        draft, found = destination.draft, one.message.message
        made = f"{one.message.created_at:%Y-%m-%d}/{one.delivery.receipt_id}"
        path = "/".join(part for part in (f"organization-{organization_id}", draft.folder, made) if part)
        told = {"type": found.kind, "timestamp": _instant(one.message.created_at), "id": found.subject_id}
        about = {**found.data, **told, "title": found.title, "text": found.text}
        about["files"] = [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in found.attachments]
        try:
            for each in found.attachments:
                if each.size > _MOST_WRITTEN:
                    return TryResult(outcome=Outcome.REFUSED, error=f"{each.name} is larger than {_MOST_WRITTEN} bytes")
                await self.stores.write(
                    draft.store, f"{path}/{stores.file_name(each.name)}", await whole(self.files, each)
                )
            content = json.dumps(about, ensure_ascii=False, indent=2).encode()
            await self.stores.write(draft.store, f"{path}/message.json", content)
        except NoFile:
            return TryResult(outcome=Outcome.REFUSED, error="a file of the message is not there any more")
        except NotWritten as error:
            return TryResult(outcome=Outcome.FAILED, error=str(error))
        return TryResult(outcome=Outcome.DELIVERED, answer=path)


async def whole(files: Files, attachment: Attachment) -> bytes:
    """Returns a file; raises NoFile where it is not (all of it) there."""
    starts = range(0, attachment.size, _PART)
    parts = [await files.read(attachment.key, start, min(_PART, attachment.size - start)) for start in starts]
    content = b"".join(parts)
    if len(content) != attachment.size:
        raise NoFile(attachment.key)
    return content


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _meaning(status: int) -> str:
    if 300 <= status < 400:
        return f"the receiver said {status}: redirects are not followed, so change the URL"
    return f"the receiver said {status}"
