"""What tests of delivery share: destinations, messages, and a courier whose tasks run when a test says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from server.delivery import courier as couriers
from server.delivery import queueing, signing
from server.delivery.courier import Courier
from server.delivery.links import Links
from server.delivery.mail import MailServer
from server.delivery.reachable import AddressGuard
from server.delivery.sending import MailSender, StoreSender, WebhookSender
from server.delivery.stores import NoFile, Stores
from server.organizations.delivery import (
    Attachment,
    Attempt,
    Channel,
    DestinationDraft,
    KeptDelivery,
    KeptDestination,
    Message,
    Topic,
)
from server.store import deliveries, destinations, tasks
from server.store.database import Database
from server.store.deliveries import ChosenDeliveries
from server.store.isolation import EVERY
from server.store.tasks import TaskState
from server.tasks.kinds import Result, Work
from server.tenancy.keyed_hashes import KeyedHashes
from tests.conftest import PEPPER

ORIGIN = "https://metrics.example.org"
HASHES = KeyedHashes(PEPPER)
LOOPBACK = AddressGuard.of("127.0.0.0/8")
REPORT = Message(
    topic=Topic.REPORT,
    kind="report.finished",
    subject_id="run-1",
    title="Weekly overview",
    text="All is well.",
    html="<html><body><p>All is well.</p></body></html>",
    data={"report_id": "r-1"},
)


@dataclass(slots=True)
class Files:
    """Files in memory."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def attachment(self, name: str, content: bytes, media_type: str = "application/pdf") -> Attachment:
        """Keeps a file, and returns it as messages name it."""
        self.contents[f"runs/{name}"] = content
        return Attachment(name=name, media_type=media_type, key=f"runs/{name}", size=len(content), sha256="00")

    async def read(self, key: str, start: int, length: int) -> bytes:
        """Returns a part of a file."""
        if key not in self.contents:
            raise NoFile(key)
        return self.contents[key][start : start + length]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """An organization that has things delivered."""

    database: Database
    organization_id: int
    courier: Courier
    files: Files

    async def destination(self, name: str = "hook", *, secret: bytes = b"", owner: str = "key:1", **draft: Any) -> str:
        """Stores a destination and returns its id."""
        channel = Channel.MAIL if "addresses" in draft else Channel.STORE if "store" in draft else Channel.WEBHOOK
        chosen = DestinationDraft(name=name, channel=channel, **draft)
        kept = signing.kept(HASHES, self.organization_id, name, secret) if secret else b""
        async with self.database.transaction(of=EVERY) as driver:
            await destinations.add(driver, self.organization_id, name, owner, chosen, kept)
        return name

    async def kept(self, name: str = "hook") -> KeptDestination:
        """Returns a destination."""
        async with self.database.transaction(of=EVERY) as driver:
            found = await destinations.by_id(driver, self.organization_id, name)
        assert found is not None
        return found

    async def queue(self, to: Sequence[str] | None, message: Message = REPORT, key: str = "k") -> Sequence[str]:
        """Queues a message and returns the ids of its deliveries."""
        async with self.database.transaction(of=EVERY) as driver:
            queued = await queueing.enqueue(driver, self.organization_id, message, to, key=key)
        return queued.delivery_ids

    async def works(self) -> list[Work]:
        """Returns the tasks that are queued, due or not, and takes them from the queue."""
        async with self.database.transaction(of=EVERY) as driver:
            found = await tasks.listed(
                driver, kind=None, state=TaskState.QUEUED, organization_id=self.organization_id, limit=100
            )
            await driver.execute("DELETE FROM tasks WHERE organization_id = $1", self.organization_id)
        return [
            Work(
                database=self.database,
                task_id=one.task_id,
                organization_id=self.organization_id,
                payload=one.payload,
                now=datetime.now(UTC),
                period=None,
                last={},
            )
            for one in reversed(found)
        ]

    async def deliver(self) -> list[Result]:
        """Runs every task that is queued, once."""
        return [await self.courier.deliver(one) for one in await self.works()]

    async def deliveries(self) -> list[KeptDelivery]:
        """Returns all deliveries, newest first."""
        async with self.database.transaction(of=EVERY) as driver:
            return await deliveries.listed(driver, self.organization_id, ChosenDeliveries(), 100)

    async def one(self) -> tuple[KeptDelivery, list[Attempt]]:
        """Returns the only delivery, with its tries."""
        (found,) = await self.deliveries()
        async with self.database.transaction(of=EVERY) as driver:
            return found, await deliveries.attempts(driver, self.organization_id, found.delivery_id)


def house(
    database: Database,
    organization_id: int,
    *,
    smtp_port: int | None = None,
    guard: AddressGuard = LOOPBACK,
    stores: Mapping[str, str] | None = None,
    patience: timedelta = couriers.PATIENCE,
) -> House:
    """Returns a house of an organization, with a courier that sends to receivers on this machine."""
    files, links = Files(), Links(HASHES, ORIGIN, timedelta(days=14))
    server = None if smtp_port is None else MailServer.of(f"smtp://127.0.0.1:{smtp_port}?from=reports@example.org")
    senders = {
        Channel.MAIL: MailSender(server=server, files=files, links=links, most_bytes=1_000),
        Channel.WEBHOOK: WebhookSender(hashes=HASHES, guard=guard, links=links),
        Channel.STORE: StoreSender(files=files, stores=Stores(stores or {})),
    }
    made = Courier(hashes=HASHES, senders=senders, patience=patience)
    return House(database=database, organization_id=organization_id, courier=made, files=files)
