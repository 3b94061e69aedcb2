"""Pseudonyms of e-mail addresses: one key for the whole life of a database."""

from server.organizations.audit_trail import UNNAMED_OPERATOR, Actor, Entry
from server.organizations.errors import PseudonymKeyChanged
from server.store import deployment
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import audit_trail
from server.tenancy.keyed_hashes import KeyedHashes


async def pin_pseudonyms(database: Database, hashes: KeyedHashes) -> None:
    """Makes sure that e-mail addresses keep their pseudonyms.

    The first server of a deployment chooses the key. Raises PseudonymKeyChanged if this server has another one.
    """
    async with database.transaction(of=EVERY) as driver:
        pinned = await deployment.pin_pseudonyms(driver, hashes.pseudonym_check)
    if not hashes.keep_pseudonyms(pinned):
        raise PseudonymKeyChanged


async def forget_pseudonyms(database: Database, *, by: Actor = UNNAMED_OPERATOR) -> None:
    """Lets the next server that starts choose a new key of pseudonyms."""
    async with database.transaction(of=EVERY) as driver:
        await deployment.forget_pseudonyms(driver)
        forgotten = Entry(actor=by, action="pseudonyms.forgotten", subject="")
        await audit_trail.record(driver, audit_trail.SERVICE, forgotten)
