"""The preferences of people."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from server.admission.query_slots import QuerySlots
from server.organizations.workspace import Preferences
from server.store import workspace as stored
from server.store.database import Database
from server.tenancy.principal import Principal


class PreferenceChoices:
    """What callers' subjects have chosen. Changes of one subject take turns."""

    def __init__(self, database: Database, slots: QuerySlots) -> None:
        self._database = database
        self._slots = slots

    async def get(self, principal: Principal) -> Preferences:
        """Returns what the caller's subject has chosen."""
        async with self._slots.slot(principal), self._database.query(of=principal.organization_id) as driver:
            return await stored.preferences(driver, principal.organization_id, principal.subject)

    async def change(self, principal: Principal, changes: Mapping[str, Any]) -> Preferences:
        """Changes some preferences, by name, and returns all."""
        organization_id, subject = principal.organization_id, principal.subject
        async with self._slots.slot(principal), self._database.transaction(of=principal.organization_id) as driver:
            await stored.lock(driver, organization_id, f"preferences of {subject}")
            before = await stored.preferences(driver, organization_id, subject)
            after = dataclasses.replace(before, **changes)
            await stored.save_preferences(driver, organization_id, subject, after)
        return after
