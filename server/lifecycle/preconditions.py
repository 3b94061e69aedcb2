"""The preconditions of serving."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from server import errors
from server.organizations.errors import PseudonymKeyChanged
from server.store import diagnosis, partitions, protection, schema
from server.store.database import Condition, Database, is_fault
from server.store.deployment import Deployment
from server.store.isolation import EVERY
from server.store.protection import Protection
from server.tenancy import pseudonyms
from server.tenancy.keyed_hashes import KeyedHashes

_NEEDED_AHEAD = timedelta(hours=1)  # in which it is tried again
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preconditions:
    """What the database reported when all preconditions were met."""

    deployment: Deployment
    condition: Condition


async def met(database: Database, hashes: KeyedHashes) -> Preconditions:
    """Checks schema, durability and pseudonyms, and makes the partitions of the days ahead.

    Raises SetupError, in one line for the operator, if the server must not start.
    """
    deployment = diagnosis.checked_schema(await schema.current(database))
    condition = await database.condition()
    if condition.weak_settings:
        raise errors.SetupError(
            f"PostgreSQL runs with {', '.join(condition.weak_settings)}, and could lose acknowledged events: turn it on"
        )
    await ensure_partitions(database, condition)
    await _look_at_protection(database)
    await _pin_pseudonyms(database, hashes)
    return Preconditions(deployment=deployment, condition=condition)


async def ensure_partitions(database: Database, condition: Condition) -> None:
    """Makes the missing partitions of today, by the database's clock, and of the days ahead.

    Whoever makes one waits for every node of a cluster. Where one is away and there is time left, that can wait.
    """
    today = condition.now.date()
    try:
        async with database.transaction(of=EVERY) as driver:
            await partitions.ensure(driver, today)
    except errors.StorageUnavailable as error:
        async with database.query(of=EVERY) as driver:
            days = {partition.day for partition in await partitions.listed(driver)}
        needed = {today, (condition.now + _NEEDED_AHEAD).date()}
        if is_fault(error) or not needed <= days:
            raise
        _log.warning("partitions of events of later days could not be made yet", reason=str(error))


async def _look_at_protection(database: Database) -> None:
    async with database.query(of=EVERY) as driver:
        found = await protection.look(driver)
    if found is Protection.NONE:
        _log.warning("PostgreSQL does not keep organizations apart", isolation=found.value)


async def _pin_pseudonyms(database: Database, hashes: KeyedHashes) -> None:
    try:
        await pseudonyms.pin_pseudonyms(database, hashes)
    except PseudonymKeyChanged as error:
        raise errors.SetupError(
            f"{error}, so every such user would count as a new one: add that key, once the value of"
            " TALLYWIRE_KEY_PEPPER, to TALLYWIRE_KEY_PEPPERS_ACCEPTED, or set TALLYWIRE_PSEUDONYM_KEY to it; if the key"
            " is lost, run `python -m server pseudonyms forget`"
        ) from None
