"""Queueing: in the caller's transaction, once for each recipient under a key."""

from collections.abc import Sequence

import pytest

from server.delivery import queueing
from server.organizations.delivery import Channel, DeliveryState, DestinationDraft, KeptDelivery, Message, Topic
from server.store import deliveries, destinations, tasks
from server.store.database import Database
from server.store.deliveries import ChosenDeliveries
from server.store.isolation import EVERY

REPORT = Message(topic=Topic.REPORT, kind="report.finished", subject_id="run-1", title="Weekly", text="All is well.")


async def destination(database: Database, organization: int, name: str, **draft: object) -> str:
    """Stores a destination of mail, unless the draft says otherwise."""
    chosen = DestinationDraft(**{"name": name, "channel": Channel.MAIL, **draft})  # type: ignore[arg-type]
    async with database.transaction(of=EVERY) as driver:
        await destinations.add(driver, organization, name, "key:1", chosen, b"")
    return name


async def sent(database: Database, organization: int) -> Sequence[KeptDelivery]:
    async with database.transaction(of=EVERY) as driver:
        return await deliveries.listed(driver, organization, ChosenDeliveries(), 100)


async def queue(database: Database, organization: int, to: Sequence[str] | None, key: str = "k") -> int:
    async with database.transaction(of=EVERY) as driver:
        return len((await queueing.enqueue(driver, organization, REPORT, to, key=key)).delivery_ids)


async def test_each_recipient_gets_a_message_once_under_a_key(database: Database, organization: int) -> None:
    both = [
        await destination(database, organization, "staff", addresses=("ada@example.org", "bob@example.org")),
        await destination(database, organization, "ops", addresses=("bob@example.org",)),
        await destination(database, organization, "hook", channel=Channel.WEBHOOK, url="https://example.org/a"),
        await destination(database, organization, "hook 2", channel=Channel.WEBHOOK, url="https://example.org/a"),
    ]
    assert await queue(database, organization, both) == 4  # Bob is in two, and gets one mail
    assert await queue(database, organization, [*both, "gone"]) == 0
    assert await queue(database, organization, both[:1], key="another") == 2
    found = await sent(database, organization)
    assert {one.state for one in found} == {DeliveryState.QUEUED}
    async with database.transaction(of=EVERY) as driver:
        queued = await tasks.listed(driver, kind=None, state=None, organization_id=organization, limit=100)
    assert sorted(str(one.payload["delivery_id"]) for one in queued) == sorted(one.delivery_id for one in found)


async def test_what_is_not_committed_is_not_sent(database: Database, organization: int) -> None:
    staff = await destination(database, organization, "staff", addresses=("ada@example.org",))

    async def fail() -> None:
        async with database.transaction(of=EVERY) as driver:
            await queueing.enqueue(driver, organization, REPORT, [staff], key="k")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert not await sent(database, organization)
    async with database.transaction(of=EVERY) as driver:
        assert not await tasks.listed(driver, kind=None, state=None, organization_id=organization, limit=1)


async def test_a_topic_goes_to_those_that_ask_for_it(database: Database, organization: int) -> None:
    await destination(database, organization, "all", addresses=("ada@example.org",), topics=(Topic.REPORT,))
    await destination(database, organization, "alerts", addresses=("bob@example.org",), topics=(Topic.ALERT,))
    await destination(
        database, organization, "rests", addresses=("cy@example.org",), topics=(Topic.REPORT,), is_paused=True
    )
    assert await queue(database, organization, None) == 2
    states = {one.recipient: one.state for one in await sent(database, organization)}
    assert states == {"ada@example.org": DeliveryState.QUEUED, "cy@example.org": DeliveryState.HELD}


async def test_what_is_about_a_deleted_subject_is_not_sent(database: Database, organization: int) -> None:
    staff = await destination(database, organization, "staff", addresses=("ada@example.org",))
    await queue(database, organization, [staff])
    async with database.transaction(of=EVERY) as driver:
        await queueing.revoke(driver, organization, Topic.REPORT, ["run-1"])
    (one,) = await sent(database, organization)
    assert (one.state, one.error) == (DeliveryState.CANCELLED, "its subject was deleted")
    async with database.transaction(of=EVERY) as driver:
        found = await deliveries.message(driver, organization, one.message_id)
    assert found is not None
    assert found.is_revoked


async def test_a_message_that_is_too_large_is_refused(database: Database, organization: int) -> None:
    large = Message(topic=Topic.ALERT, kind="x.y", subject_id="1", title="t", text="x" * 300_000)
    async with database.transaction(of=EVERY) as driver:
        with pytest.raises(ValueError, match="its text has more than 262144 bytes"):
            await queueing.enqueue(driver, organization, large, None, key="k")
