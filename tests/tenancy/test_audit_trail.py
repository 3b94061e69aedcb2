"""The audit trail has every act of administration, in a chain that cannot be changed without being found out."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from server.organizations.audit_trail import MOST_BYTES, Actor, ActorKind, Chosen, Entry, KeptEntry
from server.organizations.model_price import ModelPrice
from server.organizations.organization import OrganizationState
from server.store import audit_trail as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tasks import retention
from server.tenancy import administration, api_keys, audit_trail, price_lists
from server.tenancy.audit_trail import ChainFault
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import Scope
from tests.support import worlds

ADA = Actor(kind=ActorKind.OPERATOR, id="ada@ops-1")
PRICE = ModelPrice(
    model="model-1", effective_from=date(2026, 1, 1), prompt_micros=1, cached_micros=2, completion_micros=3
)


async def entries(database: Database, organization: int) -> list[KeptEntry]:
    async with database.transaction(of=EVERY) as driver:
        return list(await stored.after(driver, organization, 0, 1_000))


async def add(database: Database, organization: int, number: int, *, subject: str = "") -> None:
    for _ in range(number):
        async with database.transaction(of=EVERY) as driver:
            entry = Entry(actor=ADA, action="key.created", subject=subject, after={"n": number})
            await audit_trail.record(driver, organization, entry)


def said(one: KeptEntry) -> tuple[str, str, object, object]:
    return (
        one.action,
        one.subject,
        json.loads(one.before) if one.before else None,
        json.loads(one.after) if one.after else None,
    )


async def test_what_is_administered_is_recorded_once_with_what_changed(
    own_database: Database, own_organization: int
) -> None:
    (created,) = await entries(own_database, own_organization)
    assert (created.action, created.subject, created.number) == ("organization.created", "acme", 1)
    hashes = KeyedHashes("p" * 32)
    key = await api_keys.create_key(own_database, hashes, "acme", name="ci", scopes=[Scope.READ], by=ADA)
    for _ in range(2):  # the second time nothing changes, and nothing is recorded
        await administration.change_settings(own_database, "acme", {"weight": 3, "time_zone": "UTC"}, by=ADA)
        await api_keys.revoke_key(own_database, key.key_id, by=ADA)
        await price_lists.set_price(own_database, "acme", PRICE, by=ADA)
        await administration.set_state(own_database, "acme", OrganizationState.SUSPENDED, by=ADA)
    await price_lists.remove_price(own_database, "acme", "model-1", PRICE.effective_from, by=ADA)
    found = (await entries(own_database, own_organization))[1:]
    price = {
        "model": "model-1",
        "effective_from": "2026-01-01",
        "prompt_micros": 1,
        "cached_micros": 2,
        "completion_micros": 3,
    }
    assert [said(one) for one in found] == [
        ("key.created", key.key_id, None, {"name": "ci", "scopes": ["read"], "expires_at": None}),
        ("organization.settings_changed", "acme", {"weight": 1}, {"weight": 3}),
        ("key.revoked", key.key_id, None, None),
        ("price.set", "model-1", None, price),
        ("organization.suspended", "acme", {"state": "active"}, {"state": "suspended"}),
        ("price.removed", "model-1", price, None),
    ]
    assert {one.actor for one in found} == {ADA}
    assert not any(key.secret.rpartition("_")[2] in repr(one) for one in found)
    verified = await audit_trail.verify(own_database, own_organization)
    assert (verified.entries, verified.number, verified.faults) == (7, 7, 0)


async def test_an_act_that_is_not_done_leaves_no_entry_and_no_gap(
    own_database: Database, own_organization: int
) -> None:
    class Undone(Exception):
        pass

    async def undone() -> None:
        async with own_database.transaction(of=EVERY) as driver:
            await audit_trail.record(driver, own_organization, Entry(actor=ADA, action="key.created", subject="x"))
            raise Undone

    with pytest.raises(Undone):
        await undone()
    await add(own_database, own_organization, 1, subject="y")
    assert [(one.number, one.subject) for one in await entries(own_database, own_organization)] == [
        (1, "acme"),
        (2, "y"),
    ]


async def test_acts_at_once_make_one_chain(own_database: Database, own_organization: int) -> None:
    await asyncio.gather(*(add(own_database, own_organization, 5) for _ in range(6)))
    found = await audit_trail.verify(own_database, own_organization)
    assert (found.entries, found.number, found.faults) == (31, 31, 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE audit_entries SET actor_id = 'eve' WHERE number = 3", {(3, ChainFault.CONTENT)}),
        ("UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE number = 3", {(3, ChainFault.CONTENT)}),
        ("DELETE FROM audit_entries WHERE number = 3", {(3, ChainFault.MISSING)}),
        ("DELETE FROM audit_entries WHERE number > 4", {(5, ChainFault.MISSING)}),
        (
            "UPDATE audit_entries AS e SET organization_id = 0, hash = e.hash WHERE number = 2",
            {(2, ChainFault.MISSING)},
        ),
        (
            "UPDATE audit_entries SET hash = sha256(hash) WHERE number = 3",
            {(3, ChainFault.CONTENT), (4, ChainFault.LINK)},
        ),
    ],
)
async def test_what_was_changed_is_found(
    own_database: Database, own_organization: int, change: str, expected: set[tuple[int, ChainFault]]
) -> None:
    await add(own_database, own_organization, 5)
    await worlds.execute(own_database, change)
    found = await audit_trail.verify(own_database, own_organization)
    assert {(one.number, one.fault) for one in found.findings} == expected
    assert found.faults == len(expected)


async def test_a_chain_made_anew_is_found_by_an_entry_that_was_noted(
    own_database: Database, own_organization: int
) -> None:
    await add(own_database, own_organization, 3)
    before = await audit_trail.verify(own_database, own_organization)
    noted = (before.number, before.hash)
    assert (await audit_trail.verify(own_database, own_organization, noted)).faults == 0
    for table in ("audit_entries", "audit_chains"):
        await worlds.execute(own_database, f"DELETE FROM {table}")
    await add(own_database, own_organization, 3)
    assert (await audit_trail.verify(own_database, own_organization)).faults == 0
    forged = await audit_trail.verify(own_database, own_organization, noted)
    assert [(one.number, one.fault) for one in forged.findings] == [(4, ChainFault.KNOWN)]
    await add(own_database, own_organization, 3)
    forged = await audit_trail.verify(own_database, own_organization, noted)
    assert [(one.number, one.fault) for one in forged.findings] == [(4, ChainFault.KNOWN)]


async def test_retention_removes_the_oldest_and_the_rest_can_be_verified(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION_ENTRIES", 2)
    await administration.change_settings(own_database, "acme", {"audit_retention_days": 10})
    await add(own_database, own_organization, 3)
    now = (await own_database.condition()).now
    assert await retention.audit_trail_retention(own_database, now + timedelta(days=9), {}) == {"removed": 0}
    await worlds.execute(own_database, "UPDATE audit_entries SET at = at + interval '5 days' WHERE number = 5")
    later = now + timedelta(days=11)
    assert await retention.audit_trail_retention(own_database, later, {}) == {"removed": 4}
    found = await audit_trail.verify(own_database, own_organization)
    assert [(one.number, one.fault) for one in found.findings] == [(5, ChainFault.CONTENT)]  # the test's own change
    assert (found.entries, found.removed, found.number) == (1, 4, 5)
    assert await retention.audit_trail_retention(own_database, later + timedelta(days=10), {}) == {"removed": 1}
    await add(own_database, own_organization, 2)
    found = await audit_trail.verify(own_database, own_organization)
    assert (found.entries, found.removed, found.number, found.faults) == (2, 5, 7, 0)


async def test_pages_go_back_through_chosen_entries(
    own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_trail, "_LOOKED_AT", 4)
    await add(own_database, own_organization, 3, subject="a")
    await add(own_database, own_organization, 6, subject="b")
    await add(own_database, own_organization, 2, subject="a")
    found: list[int] = []
    before, pages = None, 0
    while pages == 0 or before is not None:
        async with own_database.transaction(of=EVERY) as driver:
            chosen = Chosen(subject="a", actions="key.", actor_kind="operator", actor_id=ADA.id)
            page = await audit_trail.page(driver, own_organization, chosen, before=before, size=3)
        before, pages = page.before, pages + 1
        found += [one.number for one in page.entries]
    assert found == [12, 11, 4, 3, 2]
    assert pages <= 5
    async with own_database.transaction(of=EVERY) as driver:
        late = Chosen(since=datetime.now(UTC) + timedelta(days=1))
        assert not (await audit_trail.page(driver, own_organization, late, before=None, size=3)).entries


def test_an_entry_holds_what_can_be_stored() -> None:
    entry = Entry(actor=ADA, action="key.created", subject="x\0" + "é" * 500, after={"text": "y" * MOST_BYTES})
    kept = KeptEntry.of(entry, 1, 1, datetime(2026, 1, 1, tzinfo=UTC), bytes(32))
    assert kept.subject == "x" + "é" * 127
    assert json.loads(kept.after).keys() == {"omitted_bytes", "sha256"}
    assert kept.is_intact()
    with pytest.raises(ValueError, match="noun"):
        Entry(actor=ADA, action="created", subject="")


def test_the_canonical_form_is_pinned() -> None:
    entry = Entry(actor=ADA, action="key.created", subject="k", before={"b": 1, "a": "é"}, after={})
    kept = KeptEntry.of(entry, 7, 3, datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), bytes(range(32)))
    assert kept.hash.hex() == "6962174e13fe8fb6dca02703ad196fde383d368499e966ed6bc6c58ea9bff90e"
