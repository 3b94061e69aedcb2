"""Destinations and deliveries over gRPC: who may do what, what cannot be, secrets, history, links."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import grpc
import pytest
from standardwebhooks import Webhook

from server.app import Running
from server.delivery.destinations import Destinations, Reach
from server.errors import Refused
from server.organizations.audit_trail import UNNAMED_OPERATOR
from server.organizations.delivery import MOST_DESTINATIONS, Channel, DestinationDraft
from server.store.database import Database
from server.tenancy.principal import Scope
from tallywire.v1 import delivery_service_pb2 as pb
from tests.delivery import delivering
from tests.privacy.erasures import principal
from tests.support import receivers, serving, worlds
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller

HOOK = {"name": "Orders", "webhook": {"url": "https://example.org/hooks"}}
MAIL = {"name": "Staff", "mail": {"addresses": ["ada@example.org", "Bob@Example.org", "ADA@example.org"]}}


@pytest.fixture
async def admin(accounts: Accounts) -> Caller:
    """Somebody who may do everything in an organization."""
    return await accounts.caller(scopes=(Scope.ADMIN,))


async def one(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> Any:
    (answer,) = await answers(caller, f"DeliveryService/{rpc}", fields or {})
    return answer


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await one(caller, rpc, fields)
    found = serving.refusal(refused.value)
    return found.reason, found.field


async def made(caller: Caller, fields: Mapping[str, Any] = HOOK) -> pb.CreateDestinationResponse:
    return await one(caller, "CreateDestination", {"destination": fields})  # type: ignore[no-any-return]


async def test_a_destination_is_made_read_changed_and_deleted(admin: Caller) -> None:
    answer = await made(admin, {**HOOK, "topics": [1, 2, 1], "contact": "ops@example.org"})
    own, named = answer.destination, {"destination_id": answer.destination.destination_id}
    assert (own.version, own.owner, own.paused, list(own.topics)) == (1, f"key:{admin.key.key_id}", False, [1, 2])
    assert answer.secret.startswith("whsec_")
    staff = (await made(admin, MAIL)).destination
    assert list(staff.mail.addresses) == ["ADA@example.org", "Bob@example.org"]
    listed = await one(admin, "ListDestinations")
    assert ([one.name for one in listed.destinations], list(listed.stores)) == (["Orders", "Staff"], ["archive"])
    assert "whsec_" not in str(listed)
    change = {**named, "etag": own.etag, "name": "All orders", "webhook": {"url": "https://example.org/b"}}
    changed = (await one(admin, "UpdateDestination", {"destination": {**change, "paused": True}})).destination
    assert (changed.version, changed.name, changed.pause_reason) == (2, "All orders", pb.PAUSE_REASON_ASKED)
    assert changed.HasField("paused_at")
    assert await why(admin, "UpdateDestination", {"destination": change}) == ("ETAG_MISMATCH", "destination.etag")
    assert await why(admin, "DeleteDestination", {**named, "etag": own.etag}) == ("ETAG_MISMATCH", "etag")
    mail = {**named, **MAIL}
    assert await why(admin, "UpdateDestination", {"destination": mail}) == ("INVALID_VALUE", "destination.target")
    await one(admin, "DeleteDestination", {**named, "etag": changed.etag})
    assert await why(admin, "GetDestination", named) == ("DESTINATION_NOT_FOUND", "destination_id")
    (entries,) = await answers(admin, "AuditService/ListAuditEntries", {"action_prefix": "destination."})
    assert [entry.action.partition(".")[2] for entry in entries.entries] == ["deleted", "updated", "created", "created"]
    assert "ada@example.org" not in str(entries)
    assert "/hooks" not in str(entries)


async def test_a_webhook_of_a_chat_stays_one_until_somebody_changes_it(admin: Caller) -> None:
    plain = (await made(admin)).destination
    assert plain.webhook.format == pb.WEBHOOK_FORMAT_STANDARD
    url = "https://example.org/hooks"
    chat = (await made(admin, {"name": "Team", "webhook": {"url": url, "format": 2}, "topics": [7]})).destination
    assert (chat.webhook.format, list(chat.topics)) == (pb.WEBHOOK_FORMAT_SLACK, [pb.DELIVERY_TOPIC_THRESHOLD])
    change = {"destination_id": chat.destination_id, "name": "Team", "paused": True}
    kept = await one(admin, "UpdateDestination", {"destination": {**change, "webhook": {"url": url, "format": 2}}})
    assert kept.destination == (await one(admin, "GetDestination", {"destination_id": chat.destination_id})).destination
    assert (kept.destination.webhook.format, kept.destination.paused) == (pb.WEBHOOK_FORMAT_SLACK, True)
    back = await one(admin, "UpdateDestination", {"destination": {**change, "webhook": {"url": url}}})
    assert back.destination.webhook.format == pb.WEBHOOK_FORMAT_STANDARD


async def test_editors_see_and_test_and_admins_change(admin: Caller, accounts: Accounts) -> None:
    editor = await accounts.another(admin, scopes=(Scope.READ, Scope.EDIT))
    reader = await accounts.another(admin, scopes=(Scope.READ,))
    named = {"destination_id": (await made(admin)).destination.destination_id}
    (delivery_id,) = (await one(editor, "TestDestination", named)).delivery_ids
    for rpc, fields in (
        ("CreateDestination", {"destination": HOOK}),
        ("UpdateDestination", {"destination": {**named, **HOOK}}),
        ("DeleteDestination", named),
        ("RotateSecret", named),
    ):
        assert (await why(editor, rpc, fields))[0] == "SCOPE_MISSING", rpc
    for rpc, fields in (
        ("GetDestination", named),
        ("ListDestinations", {}),
        ("ListDeliveries", {}),
        ("TestDestination", named),
        ("GetDelivery", {"delivery_id": delivery_id}),
        ("ResendDelivery", {"delivery_id": delivery_id}),
        ("CreateDownloadLink", {"delivery_id": delivery_id}),
    ):
        assert (await why(reader, rpc, fields))[0] == "SCOPE_MISSING", rpc


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"name": " "}, "REQUIRED_FIELD", "destination.name"),
        ({"name": "x" * 201}, "FIELD_TOO_LONG", "destination.name"),
        ({"name": "a\nb"}, "INVALID_CHARACTER", "destination.name"),
        ({"webhook": {"url": "https://example.org/", "format": 99}}, "INVALID_ENUM", "destination.webhook.format"),
        ({"topics": [5]}, "INVALID_ENUM", "destination.topics"),
        ({"topics": [99]}, "INVALID_ENUM", "destination.topics"),
        ({"contact": "nobody"}, "INVALID_VALUE", "destination.contact"),
        ({"webhook": {}}, "REQUIRED_FIELD", "destination.webhook.url"),
        ({"webhook": {"url": "ftp://example.org/"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "example.org"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https:///path"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://me:secret@example.org/"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://example.org:99999/"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://example.org/a b"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://example.org/\r\nHost: x"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://exämple.org/"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://example.org/#a"}}, "INVALID_VALUE", "destination.webhook.url"),
        ({"webhook": {"url": "https://example.org/" + "a" * 2048}}, "FIELD_TOO_LONG", "destination.webhook.url"),
        ({"mail": {}}, "REQUIRED_FIELD", "destination.mail.addresses"),
        (
            {"mail": {"addresses": ["a@example.org\r\nBcc: b@example.org"]}},
            "INVALID_VALUE",
            "destination.mail.addresses",
        ),
        ({"mail": {"addresses": ["a@example.org"] * 51}}, "INVALID_VALUE", "destination.mail.addresses"),
        ({"store": {"folder": "a"}}, "REQUIRED_FIELD", "destination.store.store"),
        ({"store": {"store": "mine"}}, "CHANNEL_NOT_SET_UP", "destination.store.store"),
        ({"store": {"store": "archive", "folder": "../b"}}, "INVALID_VALUE", "destination.store.folder"),
        ({"store": {"store": "archive", "folder": "a//b"}}, "INVALID_VALUE", "destination.store.folder"),
    ],
)
async def test_what_cannot_be_a_destination_is_refused(
    admin: Caller, changes: Mapping[str, Any], reason: str, field: str
) -> None:
    usual = {} if changes.keys() & {"mail", "store"} else HOOK
    destination = {"name": "x", **usual, **changes}
    assert await why(admin, "CreateDestination", {"destination": destination}) == (reason, field)


async def test_without_a_target_there_is_no_destination(admin: Caller) -> None:
    destination = {"name": "x"}
    found = await why(admin, "CreateDestination", {"destination": destination})
    assert found == ("REQUIRED_FIELD", "destination.target")


async def test_there_is_a_most_of_destinations(admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)
    for number in range(MOST_DESTINATIONS):
        await house.destination(f"d{number}", url="https://example.org/")
    assert (await why(admin, "CreateDestination", {"destination": HOOK}))[0] == "DESTINATION_LIMIT"


async def test_a_deployment_without_a_mail_server_says_so(
    server: Running, database: Database, organization: int
) -> None:
    none = Reach(has_mail=False, stores=())
    kept = server.services.deliveries._destinations
    own = Destinations(database, kept._slots, delivering.HASHES, none, lambda: None)
    draft = DestinationDraft(name="x", channel=Channel.MAIL, addresses=("ada@example.org",))
    with pytest.raises(Refused, match="TALLYWIRE_SMTP"):
        await own.create(principal(organization), draft, UNNAMED_OPERATOR)


async def test_a_secret_is_shown_once_and_rotated_with_an_overlap(admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)
    async with receivers.hook() as hook:
        own = await made(admin, {"name": "x", "webhook": {"url": hook.url}})
        named = {"destination_id": own.destination.destination_id}
        rotated = await one(admin, "RotateSecret", {**named, "overlap": timedelta(hours=2)})
        await one(admin, "TestDestination", named)
        await house.deliver()
        last = await one(admin, "RotateSecret", {**named, "overlap": timedelta(0)})
        await one(admin, "TestDestination", named)
        await house.deliver()
    first, second = hook.calls
    for secret, calls in ((own.secret, [first]), (rotated.secret, [first]), (last.secret, [second])):
        for call in calls:
            assert Webhook(secret).verify(call.body, dict(call.headers))["type"] == "destination.test"
    assert len(second.headers["webhook-signature"].split()) == 1
    assert rotated.HasField("old_secret_until")
    for overlap in (timedelta(seconds=-1), timedelta(days=31)):
        found = await why(admin, "RotateSecret", {**named, "overlap": overlap})
        assert found == ("INVALID_DURATION", "overlap")
    staff = {"destination_id": (await made(admin, MAIL)).destination.destination_id}
    assert await why(admin, "RotateSecret", staff) == ("INVALID_VALUE", "destination_id")


async def test_history_page_by_page_and_what_was_sent_again(admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)
    async with receivers.hook() as hook:
        named = {
            "destination_id": (
                await made(admin, {"name": "x", "webhook": {"url": hook.url}})
            ).destination.destination_id
        }
        sent = [(await house.queue([named["destination_id"]], key=str(number)))[0] for number in range(3)]
        await house.deliver()
        first = await one(admin, "ListDeliveries", {**named, "topic": 1, "page_size": 2})
        second = await one(admin, "ListDeliveries", {**named, "topic": 1, "page_token": first.next_page_token})
        assert [one.delivery_id for one in [*first.deliveries, *second.deliveries]] == sent[::-1]
        assert second.next_page_token == ""
        for nothing in ({"state": 4}, {"topic": 2}, {"subject_id": "other"}, {"destination_id": "other"}):
            assert not (await one(admin, "ListDeliveries", nothing)).deliveries
        full = await one(admin, "GetDelivery", {"delivery_id": sent[0]})
        assert [(one.number, one.status, one.answer) for one in full.attempts] == [(1, 200, "thanks")]
        assert (full.text, full.delivery.receipt_id) == ("All is well.", sent[0])
        again = (await one(admin, "ResendDelivery", {"delivery_id": sent[0]})).delivery
        assert (again.state, again.receipt_id) == (pb.DELIVERY_STATE_QUEUED, f"{sent[0]}-2")
        assert (await why(admin, "ResendDelivery", {"delivery_id": sent[0]}))[0] == "DELIVERY_UNDER_WAY"
        await house.deliver()
    assert [call.headers["webhook-id"] for call in hook.calls] == [*sent, f"{sent[0]}-2"]
    assert len((await one(admin, "GetDelivery", {"delivery_id": sent[0]})).attempts) == 2
    await one(admin, "DeleteDestination", named)
    assert (await why(admin, "ResendDelivery", {"delivery_id": sent[0]}))[0] == "DESTINATION_NOT_FOUND"
    for fields, reason in (
        ({"page_size": 501}, "VALUE_OUT_OF_RANGE"),
        ({"state": 9}, "INVALID_ENUM"),
        ({"topic": 9}, "INVALID_ENUM"),
        ({"page_token": "x"}, "PAGE_TOKEN_INVALID"),
    ):
        assert (await why(admin, "ListDeliveries", fields))[0] == reason


async def test_what_was_held_goes_out_once_somebody_resumes(admin: Caller, database: Database) -> None:
    house = delivering.house(database, admin.organization_id)
    async with receivers.hook() as hook:
        target = {"name": "x", "webhook": {"url": hook.url}}
        named = {"destination_id": (await made(admin, target)).destination.destination_id}
        await one(admin, "UpdateDestination", {"destination": {**named, **target, "paused": True}})
        await house.queue([named["destination_id"]])
        assert await house.deliver() == []
        (held,) = (await one(admin, "ListDeliveries", {"state": pb.DELIVERY_STATE_HELD})).deliveries
        await one(admin, "TestDestination", named)
        await house.deliver()
        assert [json.loads(call.body)["type"] for call in hook.calls] == ["destination.test"]
        resumed = (await one(admin, "UpdateDestination", {"destination": {**named, **target}})).destination
        assert (resumed.paused, resumed.pause_reason) == (False, 0)
        await house.deliver()
    assert hook.calls[-1].headers["webhook-id"] == held.delivery_id


async def test_who_wants_no_mail_is_told_to_its_organization(
    admin: Caller, accounts: Accounts, database: Database
) -> None:
    house = delivering.house(database, admin.organization_id)
    named = {"destination_id": (await made(admin, MAIL)).destination.destination_id}
    links = house.courier.senders[Channel.MAIL].links  # type: ignore[attr-defined]
    token = links.to_refusal(admin.organization_id, "ADA@example.org").rpartition("/")[2]
    stranger = await accounts.caller(scopes=(Scope.ADMIN,))
    for subscribed, expected in ((False, ["ADA@example.org"]), (True, [])):
        answer = await one(stranger, "ChangeMailSubscription", {"token": token, "subscribed": subscribed})
        assert answer.address == "ADA@example.org"
        seen = (await one(admin, "GetDestination", named)).destination
        assert list(seen.unsubscribed) == expected
    for bad, reason in (("", "REQUIRED_FIELD"), ("x", "LINK_INVALID"), (token[:-2] + "AA", "LINK_INVALID")):
        assert (await why(admin, "ChangeMailSubscription", {"token": bad}))[0] == reason


async def test_a_link_opens_a_file_until_it_expires_or_its_subject_is_gone(
    admin: Caller, database: Database, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = delivering.house(database, admin.organization_id)
    monkeypatch.setattr(server.services.deliveries._history, "_files", house.files)
    content = bytes(range(256)) * 5_000
    delivery_id = await queued_file(house, content)
    (file,) = (await one(admin, "GetDelivery", {"delivery_id": delivery_id})).files
    assert (file.name, file.size) == ("overview.pdf", len(content))
    link = await one(admin, "CreateDownloadLink", {"delivery_id": delivery_id})
    token = {"token": link.url.rpartition("/download/")[2]}
    parts, offset = [], 0
    while part := (await one(admin, "ReadDownload", {**token, "offset": offset})).content:
        parts.append(part)
        offset += len(part)
    assert ([len(part) for part in parts], b"".join(parts)) == ([2**20, len(content) - 2**20], content)
    for fields in ({**token, "offset": len(content) + 1}, {**token, "offset": -1}):
        assert (await why(admin, "ReadDownload", fields))[0] == "VALUE_OUT_OF_RANGE"
    assert (await why(admin, "CreateDownloadLink", {"delivery_id": delivery_id, "file": 1}))[0] == "VALUE_OUT_OF_RANGE"
    back = "UPDATE delivery_messages SET is_revoked = $2 WHERE organization_id = $1"
    await worlds.execute(database, back, admin.organization_id, True)
    assert await why(admin, "ReadDownload", token) == ("LINK_INVALID", "token")
    await worlds.execute(database, back, admin.organization_id, False)
    assert (await one(admin, "ReadDownload", token)).content
    house.files.contents.clear()
    assert await why(admin, "ReadDownload", token) == ("LINK_INVALID", "token")
    old = house.courier.senders[Channel.MAIL].links  # type: ignore[attr-defined]
    url, _ = old.to_file(admin.organization_id, "m", 0, serving.now() - timedelta(days=16))
    assert await why(admin, "ReadDownload", {"token": url.rpartition("/")[2]}) == ("LINK_INVALID", "token")


async def queued_file(house: delivering.House, content: bytes) -> str:
    """Queues a message with a file, and returns the id of its delivery."""
    await house.destination("hook", url="https://example.org/", secret=bytes(32))
    report = dataclasses.replace(delivering.REPORT, attachments=[house.files.attachment("overview.pdf", content)])
    (delivery_id,) = await house.queue(["hook"], report)
    return delivery_id
