"""The parts of delivery as the operator has set them up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from server.admission.query_slots import QuerySlots
from server.delivery.courier import Courier
from server.delivery.destinations import Destinations, Reach
from server.delivery.history import DeliveryHistory
from server.delivery.links import Links
from server.delivery.mail import MailServer
from server.delivery.reachable import AddressGuard
from server.delivery.sending import MailSender, StoreSender, WebhookSender
from server.delivery.stores import Files, Stores, named
from server.organizations.delivery import Channel
from server.settings import Settings
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes

_MIB: Final = 2**20


def courier(known: Settings, hashes: KeyedHashes, files: Files) -> Courier:
    """Returns the courier of a worker; SetupError where a setting is wrong. files is where files of messages are."""
    made = links(known, hashes)
    return Courier(
        hashes=hashes,
        senders={
            Channel.MAIL: MailSender(
                server=mail_server(known), files=files, links=made, most_bytes=known.mail_max_mib * _MIB
            ),
            Channel.WEBHOOK: WebhookSender(hashes=hashes, guard=AddressGuard.of(known.webhook_allow), links=made),
            Channel.STORE: StoreSender(files=files, stores=stores(known)),
        },
    )


def of_servers(
    known: Settings,
    database: Database,
    hashes: KeyedHashes,
    slots: QuerySlots,
    *,
    files: Files,
    on_task: Callable[[], None],
) -> tuple[Destinations, DeliveryHistory]:
    """Returns what a server shows of delivery; SetupError where a setting is wrong. on_task is called once a task is
    queued.
    """
    guard = AddressGuard.of(known.webhook_allow)
    reach = Reach(has_mail=mail_server(known) is not None, stores=stores(known).names, guard=guard)
    return (
        Destinations(database, slots, hashes, reach, on_task),
        DeliveryHistory(database, slots, hashes, links(known, hashes), files, on_task),
    )


def links(known: Settings, hashes: KeyedHashes) -> Links:
    """Returns what makes and reads links to the pages."""
    return Links(hashes, known.web_address, timedelta(days=known.download_days))


def mail_server(known: Settings) -> MailServer | None:
    """Returns the mail server; None where none is set."""
    return None if known.smtp is None else MailServer.of(known.smtp.get_secret_value())


def stores(known: Settings) -> Stores:
    """Returns the object stores that organizations can choose."""
    return Stores(named(known.delivery_stores.get_secret_value() if known.delivery_stores else None))
