"""Pseudonyms of e-mail addresses: one key for the whole life of a database."""

from server import errors
from server.store import organizations
from server.store.database import Database
from server.tenancy.keyed_hashes import KeyedHashes


async def pin_pseudonyms(database: Database, hashes: KeyedHashes) -> None:
    """Makes sure that e-mail addresses get the pseudonyms that they have always had; SetupError where they would not.

    The first server of a deployment decides on their key.
    """
    async with database.transaction() as connection:
        pinned = await organizations.pin_pseudonyms(connection, hashes.pseudonym_check)
    if not hashes.keep_pseudonyms(pinned):
        raise errors.SetupError(
            "the pseudonyms of e-mail addresses in this database were made with another key, so every such user would"
            " count as a new one: add that key, once the value of TALLYWIRE_KEY_PEPPER, to"
            " TALLYWIRE_KEY_PEPPERS_ACCEPTED, or set TALLYWIRE_PSEUDONYM_KEY to it; if it is lost, run"
            " `python -m server pseudonyms forget`"
        )


async def forget_pseudonyms(database: Database) -> None:
    """Lets the next server that starts decide anew on the key of pseudonyms."""
    async with database.transaction() as connection:
        await organizations.forget_pseudonyms(connection)
