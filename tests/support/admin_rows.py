"""What requests of AdminService can name, for the table of all RPCs: organizations, above all."""

from collections.abc import Mapping, Sequence
from typing import Any

from server.store.database import Database
from tests.support import administering, foreign_names
from tests.support.foreign_names import Case, case
from tests.support.rpcs import answers
from tests.support.serving import Caller

NIGHTLY = "nightly of another organization"
FIRST_PAGES: Mapping[str, dict[str, Any]] = {
    f"AdminService/{rpc}": {"page_size": 1}
    for rpc in ("ListKeys", "ListSessions", "ListMembers", "ListTasks", "ListSchedules")
}
READS = {"scopes": ["read"]}


def _about(**more: Any) -> Case:
    """Something about the organization of a name."""
    return case("organization", lambda name: {"organization": name, **more})


def _listed(rpc: str) -> list[Case]:
    rpc = f"AdminService/{rpc}"
    return [_about(), foreign_names.page_of(rpc, FIRST_PAGES[rpc])]


TABLE: Mapping[str, Sequence[Case] | str] = {
    "AdminService/CreateOrganization": [
        case(
            "request of an organization",
            lambda name: {"organization": {"name": name}, "request_id": name},
            is_told=False,
        )
    ],
    "AdminService/GetOrganization": [_about()],
    "AdminService/ListOrganizations": [
        case("page of AdminService/ListKeys", lambda token: {"page_token": token}, is_told=False)
    ],
    "AdminService/UpdateOrganization": [
        case(
            "organization",
            lambda name: {"organization": {"name": name}, "update_mask": {"paths": ["settings.currency"]}},
        )
    ],
    "AdminService/SuspendOrganization": [case("organization", lambda name: {"organization": name}, is_told=False)],
    "AdminService/ResumeOrganization": [case("organization", lambda name: {"organization": name}, is_told=False)],
    "AdminService/DeleteOrganization": [
        case("organization", lambda name: {"organization": name}, is_told=False),
        case("request of an organization", lambda name: {"organization": "none", "request_id": name}, is_told=False),
    ],
    "AdminService/GetOrganizationDeletion": [case("organization", lambda name: {"organization": name}, is_told=False)],
    "AdminService/CreateKey": [
        _about(key=READS),
        case("request of a key", lambda name: {"key": READS, "request_id": name}),
    ],
    "AdminService/ListKeys": _listed("ListKeys"),
    "AdminService/RotateKey": [
        case("spare key", lambda name: {"key_id": name}),
        case("organization", lambda name: {"organization": name, "key_id": "none"}),
        case("request of a rotation", lambda name: {"key_id": "none", "request_id": name}),
    ],
    "AdminService/RevokeKey": [
        case("spare key", lambda name: {"key_id": name}),
        case("organization", lambda name: {"organization": name, "key_id": "none"}),
    ],
    "AdminService/ListSessions": [
        *_listed("ListSessions"),
        case("key", lambda name: {"key_id": name}),
        case("subject of sessions", lambda name: {"subject": name}),
    ],
    "AdminService/RevokeSession": [
        case("session", lambda name: {"session_id": name}),
        case("organization", lambda name: {"organization": name, "session_id": "none"}),
    ],
    "AdminService/ListRoles": [_about()],
    "AdminService/PutRole": [_about(role={"name": "made", "scopes": ["read"]})],
    "AdminService/DeleteRole": [
        case("role", lambda name: {"name": name}),
        case("organization", lambda name: {"organization": name, "name": "none"}),
    ],
    "AdminService/ListMembers": _listed("ListMembers"),
    "AdminService/GetMember": [
        case("member", lambda name: {"subject": name}),
        case("organization", lambda name: {"organization": name, "subject": "none"}),
    ],
    "AdminService/PutMember": [
        _about(member={"subject": "made", "role": "viewer"}),
        case("lasting role", lambda name: {"member": {"subject": "made", "role": name}}),
    ],
    "AdminService/RemoveMember": [
        case("doomed member", lambda name: {"subject": name}),
        case("organization", lambda name: {"organization": name, "subject": "none"}),
    ],
    "AdminService/ListTasks": _listed("ListTasks"),
    "AdminService/RetryTask": [
        case("dead task", lambda name: {"task_id": name}),
        case("organization", lambda name: {"organization": name, "task_id": "1"}),
    ],
    "AdminService/CancelTask": [
        case("queued task", lambda name: {"task_id": name}),
        case("organization", lambda name: {"organization": name, "task_id": "1"}),
    ],
    "AdminService/ListSchedules": _listed("ListSchedules"),
    **{
        f"AdminService/{rpc}": [
            case("nightly schedule", lambda name: {"schedule": name}),
            case("organization", lambda name: {"organization": name, "schedule": "none"}),
        ]
        for rpc in ("RunSchedule", "PauseSchedule", "ResumeSchedule")
    },
    "AdminService/GetUsage": [_about()],
    "AdminService/ListUsage": [
        case("page of AdminService/ListKeys", lambda token: {"page_token": token}, is_told=False)
    ],
}


async def fill(owner: Caller, database: Database) -> dict[str, str]:
    """Two of everything in the organization, by what the table calls one of them."""
    request = "request-of-a-key-a"
    spare = {"key": {**READS, "name": "spare"}, "request_id": request}
    (made,) = await answers(owner, "AdminService/CreateKey", spare)
    rotated = {"key_id": made.key.key_id, "request_id": "request-of-a-rotation-a"}
    await answers(owner, "AdminService/RotateKey", rotated)
    sessions = {}
    for thing in ("session", "own session"):
        (signed_in,) = await answers(owner, "AccountService/SignIn", {"api_key": owner.key.secret})
        sessions[thing] = signed_in.session.session_id
    for role in ("role-a", "lasting-role-a"):
        await answers(owner, "AdminService/PutRole", {"role": {"name": role, "scopes": ["read"]}})
    for subject in ("member-a", "doomed-member-a"):
        await answers(owner, "AdminService/PutMember", {"member": {"subject": subject, "role": "viewer"}})
    for name in (NIGHTLY, f"another {NIGHTLY}"):
        await administering.schedule(database, name, owner.organization_id)
    of = owner.organization_id
    tasks = {f"{state} task": await administering.task(database, of, state=state) for state in ("dead", "queued")}
    return (
        tasks
        | sessions
        | {
            "subject of sessions": f"key:{owner.key.key_id}",
            "organization": owner.name,
            "request of an organization": "request-of-an-organization-a",
            "request of a key": request,
            "request of a rotation": rotated["request_id"],
            "spare key": made.key.key_id,
            "role": "role-a",
            "lasting role": "lasting-role-a",
            "member": "member-a",
            "doomed member": "doomed-member-a",
            "nightly schedule": NIGHTLY,
        }
    )
