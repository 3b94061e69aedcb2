"""Reads, refusals and bad credentials come to the audit trail, counted, and make nobody wait."""

import json
from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from server import errors, telemetry
from server.app import Running
from server.clock import Clock
from server.organizations.audit_trail import Actor, ActorKind, KeptEntry
from server.organizations.organization import OrganizationState
from server.organizations.restriction import Restriction
from server.organizations.settings import OrganizationSettings
from server.rpc import noting, services
from server.settings import Settings
from server.store import audit_trail as stored
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import access_notes, administration, api_keys, audit_trail
from server.tenancy.access_notes import AccessNotes
from server.tenancy.principal import Scope
from tests.support import serving
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller, holding
from tests.support.tiny_worlds import DAY, THE_DAY
from tests.support.waiting import until

READS = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
ADA = Actor(kind=ActorKind.API_KEY, id="k", peer="192.0.2.1")


async def entries(database: Database, organization_id: int) -> list[KeptEntry]:
    async with database.transaction(of=EVERY) as driver:
        return [
            one
            for one in await stored.after(driver, organization_id, 0, 10_000)
            if one.action.startswith(
                ("rows.", "user.", "event.", "conversation.", "lead.", "access.", "credential.", "export.")
            )
        ]


def told(one: KeptEntry) -> dict[str, Any]:
    """What an entry says, without the times."""
    after: dict[str, Any] = json.loads(one.after)
    assert after.pop("first") <= after.pop("last")
    return after


async def why(caller: Caller, rpc: str, fields: Mapping[str, Any] | None = None) -> str:
    try:
        await answers(caller, rpc, fields or {})
    except grpc.aio.AioRpcError as error:
        return serving.refusal(error).reason
    return ""


@pytest.fixture
async def owner(accounts: Accounts) -> Caller:
    """An organization in which something has happened."""
    caller = await accounts.caller(scopes=READS)
    await caller.track_all(
        [
            serving.event(at=DAY, event_id=f"e{n}", user_id="ann@example.org", conversation_id="talk", agent_id="bot")
            for n in range(3)
        ]
    )
    await caller.track(serving.event("lead.created", at=DAY, resource_id="lead-1", user_id="ann@example.org"))
    return caller


def test_every_rpc_with_rows_about_people_is_noted() -> None:
    gaps = {"ListContentGaps", "GetContentGap"}  # of topics, with questions that name nobody
    rows = {method for method, scope in services.SCOPES.items() if scope is Scope.EVENTS}
    rows = {method for method in rows if method.rpartition("/")[2] not in gaps}
    also = {method for method, fields in services.FIELD_SCOPES.items() if Scope.EVENTS in fields.values()}
    assert rows | also == noting.READS.keys()
    for method, one in noting.READS.items():
        descriptor = METHODS[method.rpartition(".")[2]]
        for name in filter(None, (one.names, one.only_with)):
            assert name in descriptor.input_type.fields_by_name
        assert not one.rows or one.rows in descriptor.output_type.fields_by_name


async def test_reads_are_counted_by_what_was_read(accounts: Accounts, server: Running, owner: Caller) -> None:
    of_a_user = {"time_range": THE_DAY, "filter": {"user_id": "Ann@Example.org"}}
    for _ in range(2):
        await answers(owner, "EventService/ListEvents", of_a_user)
    await answers(owner, "EventService/ListEvents", {"time_range": THE_DAY, "page_size": 1})
    await answers(owner, "DirectoryService/ListUsers", {"prefix": "email"})
    await answers(owner, "DirectoryService/ListLeads", {})
    await answers(owner, "DirectoryService/GetUser", {"user_id": "ann@example.org"})
    await answers(owner, "DirectoryService/ListUserActivities", {"user_id": "ann@example.org"})
    await answers(owner, "DirectoryService/GetConversation", {"conversation_id": "talk"})
    await answers(owner, "EventService/GetEvent", {"event_id": "e0"})
    await answers(owner, "RealtimeService/WatchUpdates", {})
    await answers(owner, "RealtimeService/WatchUpdates", {"include_events": True})
    await answers(owner, "MetricsService/GetOverview", {"time_range": THE_DAY})
    await server.notes.write()
    await server.notes.write()  # which has nothing to write
    found = await entries(accounts.database, owner.organization_id)
    person = accounts.secrets.erased_user(
        owner.organization_id, accounts.secrets.stored_user(owner.organization_id, "ann@example.org")
    ).hex()
    assert {one.actor for one in found} == {Actor(kind=ActorKind.API_KEY, id=owner.key.key_id, peer="127.0.0.1")}
    said = [(one.action, one.subject, told(one)) for one in found]
    day = {"start": THE_DAY.start.ToJsonString(), "end": THE_DAY.end.ToJsonString()}
    day |= {"time_zone": THE_DAY.time_zone} if THE_DAY.time_zone else {}
    of_ann = {"time_range": day, "filter": {"user_id": f"digest:{person}"}}
    assert ("rows.read", "ListEvents", {"times": 2, "rows": 6 + 2, "filter": of_ann}) in said
    assert ("rows.read", "ListEvents", {"times": 1, "rows": 1, "filter": {"time_range": day}}) in said
    assert ("rows.read", "ListLeads", {"times": 1, "rows": 1}) in said
    assert ("user.read", person, {"times": 1, "rpc": "GetUser"}) in said
    assert ("user.read", person, {"times": 1, "rows": 4, "rpc": "ListUserActivities"}) in said
    talk, first = (accounts.secrets.told_id(owner.organization_id, one) for one in ("talk", "e0"))
    assert ("conversation.read", talk, {"times": 1, "rows": 3, "rpc": "GetConversation"}) in said
    assert ("event.read", first, {"times": 1, "rpc": "GetEvent"}) in said
    assert ("rows.read", "WatchUpdates", {"times": 1, "filter": {"include_events": True}}) in said
    assert len(said) == 9
    assert not [one for one in ("example", "talk", "e0'") if one in str(said).casefold()]
    admin = await accounts.another(owner, scopes=(Scope.ADMIN,))
    for subject in ("Ann@Example.org", person):  # whoever knows the id finds who has read about the person
        [page] = await answers(admin, "AuditService/ListAuditEntries", {"subject": subject})
        assert [one.action for one in page.entries] == ["user.read", "user.read"]
    assert (await audit_trail.verify(accounts.database, owner.organization_id)).faults == 0


async def test_an_organization_may_leave_reads_out_but_no_refusals(accounts: Accounts, server: Running) -> None:
    caller = await accounts.caller(scopes=READS, settings=OrganizationSettings(time_zone="UTC", audit_reads=False))
    await answers(caller, "EventService/ListEvents", {"time_range": THE_DAY})
    assert await why(caller, "FunnelService/DeleteFunnel", {"name": "f"}) == "SCOPE_MISSING"
    await server.notes.write()
    assert [one.action for one in await entries(accounts.database, caller.organization_id)] == ["access.denied"]


async def test_refusals_of_callers_who_are_known_are_counted(accounts: Accounts, server: Running) -> None:
    owner = await accounts.caller(scopes=(Scope.READ,))
    sales = Restriction(dimension="team", values=("sales",))
    manager = await accounts.another(owner, scopes=READS, restriction=sales)
    far = await accounts.another(owner, scopes=READS, networks=["192.0.2.0/24"])
    for _ in range(3):
        assert await why(owner, "DirectoryService/ListUsers") == "SCOPE_MISSING"
    assert await why(owner, "RealtimeService/WatchUpdates", {"include_events": True}) == "SCOPE_MISSING"
    assert await why(manager, "MetricsService/GetQuota") == "RESTRICTED"
    other = {"time_range": THE_DAY, "filter": {"team_id": "support"}}
    assert await why(manager, "MetricsService/GetOverview", other) == "RESTRICTED"
    assert await why(far, "MetricsService/GetQuota") == "NETWORK_NOT_ALLOWED"
    assert await why(far, "AccountService/SignIn", {"api_key": far.key.secret}) == "NETWORK_NOT_ALLOWED"
    assert await why(owner, "MetricsService/GetOverview") == "REQUIRED_FIELD"  # which is no refusal of authorization
    await server.notes.write()
    found = {(one.actor.id, one.subject): told(one) for one in await entries(accounts.database, owner.organization_id)}
    events = {"reason": "SCOPE_MISSING", "scope": "events"}
    assert found == {
        (owner.key.key_id, "DirectoryService.ListUsers"): {"times": 3, **events},
        (owner.key.key_id, "RealtimeService.WatchUpdates"): {"times": 1, **events},
        (manager.key.key_id, "MetricsService.GetQuota"): {"times": 1, "reason": "RESTRICTED"},
        (manager.key.key_id, "MetricsService.GetOverview"): {"times": 1, "reason": "RESTRICTED"},
        (far.key.key_id, "MetricsService.GetQuota"): {"times": 1, "reason": "NETWORK_NOT_ALLOWED"},
        (far.key.key_id, "AccountService.SignIn"): {"times": 1, "reason": "NETWORK_NOT_ALLOWED"},
    }


async def test_bad_credentials_that_name_a_key_are_counted_and_others_are_nobodys(
    accounts: Accounts, server: Running
) -> None:
    caller = await accounts.caller(scopes=READS)
    guess = f"{caller.key.secret[:-43]}{'x' * 43}"
    for rpc, fields in (("AccountService/GetSession", {}), ("AccountService/SignIn", {"api_key": guess})):
        assert await why(holding(caller, guess), rpc, fields) == "CREDENTIALS_INVALID"
    [made] = await answers(caller, "AccountService/CreateSignInCode", {})
    for expected in ("", "CREDENTIALS_INVALID"):
        assert await why(caller, "AccountService/SignIn", {"code": made.code}) == expected
    assert await why(holding(caller, api_keys.new_key().secret), "AccountService/GetSession") == "CREDENTIALS_INVALID"
    await administration.set_state(accounts.database, caller.name, OrganizationState.SUSPENDED)
    await server.notes.write()
    found = {one.subject: one for one in await entries(accounts.database, caller.organization_id)}
    assert found.keys() == {caller.key.key_id, made.code.split("_")[1]}
    assert told(found[caller.key.key_id]) == {"times": 2}
    assert found[caller.key.key_id].actor == Actor(kind=ActorKind.SERVICE, id="authentication", peer="127.0.0.1")
    assert guess.rpartition("_")[2] not in str(found)


async def test_an_export_is_told_before_and_after(accounts: Accounts, server: Running, owner: Caller) -> None:
    await answers(owner, "ExportService/ExportRows", {"format": 1, "events": {"time_range": THE_DAY}})
    question = {"format": 1, "overview": {"time_range": THE_DAY, "filter": {"agent_id": "bot"}}}
    await answers(owner, "ExportService/ExportMetrics", question)
    await server.notes.write()
    async with accounts.database.transaction(of=EVERY) as driver:
        found = {one.action: one for one in await stored.after(driver, owner.organization_id, 0, 1_000)}
        ended = [
            one for one in await stored.after(driver, owner.organization_id, 0, 1_000) if one.action == "export.ended"
        ]
    began = json.loads(found["rows.exported"].after)
    assert (found["rows.exported"].subject, began["format"]) == ("ListEvents", "csv")
    assert began["question"]["time_range"]["start"] == THE_DAY.start.ToJsonString()
    assert json.loads(found["metrics.exported"].after)["question"]["filter"] == {"agent_id": "bot"}
    assert [(one.subject, told(one)["complete"]) for one in ended] == [("ListEvents", True), ("GetOverview", True)]
    assert told(ended[0])["rows"] == 4


# Notes by themselves


@pytest.fixture
def notes(own_database: Database) -> AccessNotes:
    """Notes that a test writes when it wants to."""
    return AccessNotes(own_database, Clock())


async def test_a_burst_of_distinct_acts_counts_together(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "MOST_EACH", 10)
    for number in range(1_000):
        notes.note(own_organization, ADA, "access.denied", f"rpc {number}")
        notes.note(own_organization, ADA, "rows.read", f"list {number}", rows=2)
    assert len(notes) <= 12
    await notes.write()
    found = await entries(own_database, own_organization)
    others = {one.action: told(one) for one in found if one.subject == access_notes.OTHER}
    assert {one.actor for one in found} == {ADA}  # nobody hides among others
    assert others == {
        "access.denied": {"times": 995, "distinct": 995},
        "rows.read": {"times": 995, "rows": 1_990, "distinct": 995},
    }
    assert sum(told(one)["times"] for one in found) == 2_000
    assert (await audit_trail.verify(own_database, own_organization)).faults == 0


async def test_a_burst_tells_how_many_were_read_beyond_the_bound_by_each_caller(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "MOST_EACH", 10)
    bob = Actor(kind=ActorKind.API_KEY, id="b", peer="192.0.2.2")
    for _ in range(3):
        for number in range(30):
            notes.note(own_organization, ADA, "user.read", f"person {number}", about={"rpc": "GetUser"})
            filtered = {"filter": {"user_id": f"digest:{number % 20}"}}
            notes.note(own_organization, bob, "rows.read", "ListEvents", about=filtered)

    async def away(*_: object) -> None:
        raise errors.StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(audit_trail, "record_all", away)
        await notes.write()
    notes.note(own_organization, ADA, "user.read", "person 30")
    notes.note(own_organization, ADA, "user.read", "person 29")
    await notes.write()
    found = await entries(own_database, own_organization)
    others = {one.actor: told(one) for one in found if one.subject == access_notes.OTHER}
    assert others == {ADA: {"times": 77, "distinct": 26}, bob: {"times": 60, "distinct": 15}}


async def test_what_is_told_apart_is_bounded_and_says_so(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "MOST_EACH", 10)
    monkeypatch.setattr(access_notes, "MOST_DISTINCT", 50)
    for number in range(100):
        notes.note(own_organization, ADA, "user.read", f"person {number}")
    await notes.write()
    for number in range(20):  # the next minute begins anew
        notes.note(own_organization, ADA, "user.read", f"person {number}")
    await notes.write()
    found = await entries(own_database, own_organization)
    said = [told(one) for one in found if one.subject == access_notes.OTHER]
    assert said == [{"times": 90, "distinct_at_least": 50}, {"times": 10, "distinct": 10}]


async def test_a_burst_of_distinct_actors_counts_together(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "MOST_EACH", 10)
    for number in range(100):
        guesser = Actor(kind=ActorKind.SERVICE, id="authentication", peer=f"192.0.2.{number}")
        notes.note(own_organization, guesser, "credential.refused", "key")
    assert len(notes) == 21
    await notes.write()
    found = await entries(own_database, own_organization)
    assert [(one.subject, told(one)["times"]) for one in found if one.actor.id == "other actors"] == [("other", 80)]


async def test_whoever_is_not_known_leaves_callers_their_places(
    notes: AccessNotes, own_database: Database, own_organization: int
) -> None:
    for number in range(1_000):
        guesser = Actor(kind=ActorKind.SERVICE, id="authentication", peer=f"2001:db8::{number:x}")
        notes.note(own_organization, guesser, "credential.refused", "key")
    notes.note(own_organization, ADA, "user.read", "somebody", rows=1)
    await notes.write()
    found = await entries(own_database, own_organization)
    assert [one.subject for one in found if one.actor == ADA] == ["somebody"]
    assert sum(told(one)["times"] for one in found) == 1_001
    assert len(found) <= access_notes.MOST_UNKNOWN + 2


async def test_memory_is_bounded_over_all_organizations_and_what_is_lost_is_counted(
    notes: AccessNotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "MOST", 50)
    lost = telemetry.AUDIT_NOTES_LOST._value.get()
    for number in range(1_000):
        for subject in ("a", "b"):
            notes.note(number, ADA, "access.denied", subject)
    assert len(notes) <= 100
    assert telemetry.AUDIT_NOTES_LOST._value.get() - lost == 1_900


async def test_what_the_database_does_not_take_is_written_later_and_once(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.note(own_organization, ADA, "rows.read", "ListEvents", rows=5)

    async def away(*_: object) -> None:
        raise errors.StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(audit_trail, "record_all", away)
        await notes.write()
        notes.note(own_organization, ADA, "rows.read", "ListEvents", rows=2)
        await notes.write()
    assert await entries(own_database, own_organization) == []
    await notes.write()
    await notes.write()
    (one,) = await entries(own_database, own_organization)
    assert told(one) == {"times": 2, "rows": 7}


async def test_a_server_that_stops_writes_what_it_has_noted(
    settings: Settings, accounts: Accounts, owner: Caller
) -> None:
    async with serving.running(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        await answers(serving.through(owner, channel), "DirectoryService/ListLeads", {})
        assert await entries(accounts.database, owner.organization_id) == []
    (one,) = await entries(accounts.database, owner.organization_id)
    assert (one.action, told(one)) == ("rows.read", {"times": 1, "rows": 1})


async def test_notes_are_written_now_and_then(
    notes: AccessNotes, own_database: Database, own_organization: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_notes, "WRITE_SECONDS", 0.05)
    notes.start()
    notes.note(own_organization, ADA, "rows.read", "ListEvents")
    await until(lambda: entries(own_database, own_organization))
    await notes.close()
