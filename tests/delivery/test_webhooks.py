"""Webhooks: signed, tried again by the ladder, given up, paused; and nowhere but where they may go."""

import asyncio
import contextlib
import dataclasses
import functools
import json
import pathlib
import socket
import ssl
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from server.delivery import http_post, signing
from server.delivery.reachable import AddressGuard
from server.organizations.delivery import Attempt, DeliveryState, KeptDelivery, Outcome, Pause
from server.store import destinations
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail
from tests.delivery import delivering
from tests.support import certificates, receivers, worlds

SECRET, OLD = bytes(range(32)), bytes(range(32, 64))


async def test_a_webhook_is_called_once_and_can_prove_it(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    report = dataclasses.replace(
        delivering.REPORT, attachments=[house.files.attachment("overview.pdf", b"%PDF-1.7")], title="Wöchentlich"
    )
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET)
        (delivery_id,) = await house.queue(["hook"], report)
        assert await house.deliver() == [{"outcome": "delivered", "status": 200}]
        assert await house.deliver() == []
    (call,) = hook.calls
    assert Webhook(signing.shown(SECRET)).verify(call.body, dict(call.headers)) == json.loads(call.body)
    assert (call.headers["webhook-id"], call.headers["content-type"]) == (delivery_id, "application/json")
    body = json.loads(call.body)
    (file,) = body["data"].pop("files")
    told = {"report_id": "r-1", "id": "run-1", "title": "Wöchentlich", "text": "All is well."}
    assert (body["type"], body["data"]) == ("report.finished", told)
    assert file["url"].startswith("https://metrics.example.org/download/")
    assert (file["name"], file["size"]) == ("overview.pdf", 8)
    delivery, (attempt,) = await house.one()
    assert (delivery.state, attempt.outcome, attempt.status) == (DeliveryState.DELIVERED, Outcome.DELIVERED, 200)
    assert (attempt.answer, attempt.finished_at is not None) == ("thanks", True)
    assert (await house.kept()).delivered_at is not None


async def test_two_secrets_sign_while_one_takes_the_place_of_the_other(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=OLD)
        new = signing.kept(delivering.HASHES, organization, "hook", SECRET)
        for overlap in (timedelta(hours=1), timedelta(0)):
            async with database.transaction(of=EVERY) as driver:
                await destinations.rotate(driver, organization, "hook", new, overlap)
            await house.queue(["hook"], key=str(overlap))
            await house.deliver()
            if overlap:
                await worlds.execute(
                    database, "UPDATE destinations SET secret = old_secret WHERE organization_id = $1", organization
                )
    during, after = hook.calls
    for secret, calls in ((SECRET, (during, after)), (OLD, (during,))):
        for call in calls:
            Webhook(signing.shown(secret)).verify(call.body, dict(call.headers))
    assert [len(call.headers["webhook-signature"].split()) for call in (during, after)] == [2, 1]


async def test_what_fails_is_tried_eight_times_with_one_id_and_given_up(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        hook.status, hook.body = 500, b"\xff\0" + b"x" * 5_000
        await house.destination(url=hook.url, secret=SECRET)
        (delivery_id,) = await house.queue(["hook"])
        for tries in range(1, 9):
            assert await house.deliver() == [{"outcome": "failed", "status": 500}], tries
        assert await house.deliver() == []
    assert {call.headers["webhook-id"] for call in hook.calls} == {delivery_id}
    delivery, attempts = await house.one()
    assert (delivery.state, delivery.tries, len(attempts)) == (DeliveryState.DEAD, 8, 8)
    assert (delivery.error, delivery.next_try_at) == ("the receiver said 500", None)
    assert attempts[0].answer == "\N{REPLACEMENT CHARACTER}" * 2 + "x" * 1022


async def waits(database: Database, organization: int) -> timedelta:
    """How long the next try waits."""
    found: timedelta = await worlds.value(
        database, "SELECT run_at - created_at FROM tasks WHERE organization_id = $1", organization
    )
    return found


@pytest.mark.parametrize(("status", "seconds"), [(503, 4000), (429, 4000), (500, 5), (404, 5)])
async def test_a_receiver_may_ask_for_a_pause(database: Database, organization: int, status: int, seconds: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        hook.status, hook.headers = status, [("Retry-After", "4000")]
        await house.destination(url=hook.url, secret=SECRET)
        await house.queue(["hook"])
        await house.deliver()
    assert abs((await waits(database, organization)).total_seconds() - seconds) <= seconds / 5


async def test_a_receiver_that_is_gone_is_not_tried_again(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        hook.status = 410
        await house.destination(url=hook.url, secret=SECRET, contact="ada@example.org")
        await house.queue(["hook"])
        await house.deliver()
        await house.queue(["hook"], key="later")
        await house.deliver()
    assert len(hook.calls) == 1
    assert (await house.kept()).pause is Pause.GONE
    states = [(one.title, one.state) for one in reversed(await house.deliveries())]
    assert states[0] == ("Weekly overview", DeliveryState.DEAD)
    # Nobody sends mail here: the notice is still queued.
    notice, later = ("Paused: hook", DeliveryState.QUEUED), ("Weekly overview", DeliveryState.HELD)
    assert states[1:] == [notice, later]
    async with database.transaction(of=EVERY) as driver:
        page = await audit_trail.page(driver, organization, audit_trail.Chosen(), before=None, size=1)
    assert (page.entries[0].action, page.entries[0].actor.id) == ("destination.paused", "delivery")


async def test_after_days_without_any_arrival_nothing_is_sent_until_somebody_resumes_it(
    database: Database, organization: int
) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        hook.status = 500
        await house.destination(url=hook.url, secret=SECRET, owner="user:ada@example.org")
        await house.queue(["hook"])
        await house.deliver()
        assert (await house.kept()).pause is None
        back = "UPDATE destinations SET failing_since = failing_since - interval '3 days' WHERE organization_id = $1"
        await worlds.execute(database, back, organization)
        await house.deliver()
        assert (await house.kept()).pause is Pause.FAILING
        await house.deliver()
        assert len(hook.calls) == 2
        hook.status = 200
        kept = await house.kept()
        async with database.transaction(of=EVERY) as driver:
            await destinations.update(driver, organization, "hook", dataclasses.replace(kept.draft, is_paused=False))
        assert (await house.kept()).failing_since is None
    notices = [one for one in await house.deliveries() if one.recipient == "ada@example.org"]
    assert [one.kind for one in notices] == ["destination.paused"]


async def refused(house: delivering.House) -> tuple[KeptDelivery, Attempt]:
    await house.queue(["hook"])
    await house.deliver()
    delivery, (attempt,) = await house.one()
    return delivery, attempt


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]"]
)
async def test_no_webhook_reaches_into_the_house(database: Database, organization: int, host: str) -> None:
    house = delivering.house(database, organization, guard=AddressGuard())
    async with receivers.hook() as hook:
        await house.destination(url=f"https://{host}:{hook.port}/", secret=SECRET)
        delivery, attempt = await refused(house)
    assert not hook.calls
    assert (delivery.state, attempt.outcome, attempt.status) == (DeliveryState.DEAD, Outcome.REFUSED, 0)
    assert "is not an address of the public internet" in delivery.error


async def test_an_address_is_looked_at_once_it_is_connected(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever resolved the name: what counts is the other end of the socket."""
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET)

        def elsewhere(_: socket.socket) -> tuple[str, int]:
            return "10.0.0.7", hook.port

        monkeypatch.setattr(socket.socket, "getpeername", elsewhere)
        delivery, _ = await refused(house)
    assert not hook.calls
    assert delivery.error.startswith("10.0.0.7 is not an address of the public internet")


async def test_redirects_are_not_followed(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook, receivers.hook() as inner:
        hook.status, hook.headers = 307, [("Location", inner.url)]
        await house.destination(url=hook.url, secret=SECRET)
        delivery, attempt = await refused(house)
    assert (len(hook.calls), inner.calls, attempt.status) == (1, [], 307)
    assert delivery.error == "the receiver said 307: redirects are not followed, so change the URL"


async def test_a_receiver_that_cannot_be_reached_is_tried_again(database: Database, organization: int) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        url = hook.url
    await house.destination(url=url, secret=SECRET)
    delivery, attempt = await refused(house)
    assert (delivery.state, attempt.outcome) == (DeliveryState.QUEUED, Outcome.FAILED)
    assert attempt.error.startswith("no connection")


async def test_two_workers_with_one_try_do_not_decide_twice(database: Database, organization: int) -> None:
    """The first was taken for dead while it sent; both calls carry one id."""
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        await house.destination(url=hook.url, secret=SECRET)
        await house.queue(["hook"])
        (work,) = await house.works()
        first = await house.courier._begin(work)
        assert first is not None
        assert await house.courier.deliver(work) == {"outcome": "delivered", "status": 200}
        late = await house.courier.senders[first[0].delivery.channel].send(organization, *first)
        await house.courier._recorded(work, first[0], late)
        assert await house.courier.deliver(work) == {}
    delivery, attempts = await house.one()
    assert (delivery.state, delivery.tries) == (DeliveryState.DELIVERED, 1)
    assert [one.outcome for one in attempts] == [Outcome.DELIVERED] * 2
    assert len({call.headers["webhook-id"] for call in hook.calls}) == 1
    assert await house.works() == []


async def test_a_fault_of_the_service_is_a_try(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = delivering.house(database, organization)
    monkeypatch.setattr(signing, "headers", lambda *_: 1 / 0)
    await house.destination(url="https://example.org/", secret=SECRET)
    delivery, attempt = await refused(house)
    assert (delivery.state, attempt.error) == (DeliveryState.QUEUED, "a fault of the service")


async def test_all_addresses_of_a_name_have_to_be_public(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = delivering.house(database, organization)
    async with receivers.hook() as hook:
        both = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, hook.port)) for address in ("127.0.0.1", "10.0.0.1")
        ]

        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        await house.destination(url=f"http://two.example:{hook.port}/", secret=SECRET)
        delivery, _ = await refused(house)
    assert (hook.calls, delivery.error.partition(":")[0]) == ([], "10.0.0.1 is not an address of the public internet")


async def raw(database: Database, organization: int, said: bytes, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """The only try of a delivery to a receiver that says something and then nothing more until it is left."""
    monkeypatch.setattr(http_post, "_SECONDS", 1.0)
    house = delivering.house(database, organization)
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        await over.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        await house.destination(url=f"http://127.0.0.1:{port}/", secret=SECRET)
        _, attempt = await refused(house)
    finally:
        over.set()
        server.close()
    return attempt


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "no answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\n", "no answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "no answer within 1 s"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(20_000)), "no HTTP: "),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP: "),
    ],
)
async def test_what_is_no_answer_is_a_failure(
    database: Database, organization: int, said: bytes, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = await raw(database, organization, said, monkeypatch)
    assert (attempt.outcome, attempt.status) == (Outcome.FAILED, 0)
    assert attempt.error.startswith(error)


async def test_of_a_long_answer_the_beginning_is_enough(
    database: Database, organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed content stays packed: nothing grows here."""
    said = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 2_000
    attempt = await raw(database, organization, said, monkeypatch)
    assert (attempt.outcome, attempt.answer) == (Outcome.DELIVERED, "x" * 1_024)


async def test_a_certificate_that_nobody_vouches_for_is_none(
    database: Database, organization: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, made = delivering.house(database, organization), certificates.make(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.server.certificate, made.server.key)
    async with receivers.hook(tls=serving) as hook:
        await house.destination(url=f"https://127.0.0.1:{hook.port}/", secret=SECRET)
        _, attempt = await refused(house)
        assert attempt.error == "no TLS connection: CERTIFICATE_VERIFY_FAILED"
        assert not hook.calls
        known = functools.partial(ssl.create_default_context, cafile=str(made.authority.certificate))
        monkeypatch.setattr(http_post.ssl, "create_default_context", known)
        assert await house.deliver() == [{"outcome": "delivered", "status": 200}]
