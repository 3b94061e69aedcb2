"""Requests of administration, as both kinds of clients send them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from google.protobuf import duration_pb2, timestamp_pb2

from tallywire.v1 import admin_service_pb2, answer_pb2

Organization = admin_service_pb2.Organization
Restricted = tuple[str, Sequence[str]]  # a dimension and its values
PAGE: Final = 1_000
# The field of each list's page that has its rows.
ROWS: Final = {
    "ListOrganizations": "organizations",
    "ListKeys": "keys",
    "ListSessions": "sessions",
    "ListMembers": "members",
    "ListTasks": "tasks",
    "ListSchedules": "schedules",
    "ListUsage": "usages",
}


def creation(name: str, settings: Mapping[str, Any], request_id: str) -> admin_service_pb2.CreateOrganizationRequest:
    """Returns the request for a new organization. Raises ValueError for a setting that there is not."""
    organization = Organization(name=name, settings=chosen(settings))
    return admin_service_pb2.CreateOrganizationRequest(organization=organization, request_id=request_id)


def update(name: str, etag: str, settings: Mapping[str, Any]) -> admin_service_pb2.UpdateOrganizationRequest:
    """Returns the request for other settings; None stands for a default."""
    request = admin_service_pb2.UpdateOrganizationRequest(
        organization=Organization(name=name, etag=etag, settings=chosen(settings))
    )
    request.update_mask.paths.extend(f"settings.{one}" for one in settings)
    return request


def chosen(settings: Mapping[str, Any]) -> admin_service_pb2.OrganizationSettings:
    """Returns settings by their names; None for what is to be unset."""
    return admin_service_pb2.OrganizationSettings(
        **{name: value for name, value in settings.items() if value is not None}
    )


def deletion(
    name: str, grace: timedelta | None, etag: str, request_id: str
) -> admin_service_pb2.DeleteOrganizationRequest:
    """Returns the request to delete an organization."""
    request = admin_service_pb2.DeleteOrganizationRequest(organization=name, etag=etag, request_id=request_id)
    if grace is not None:
        waits = duration_pb2.Duration()
        waits.FromTimedelta(grace)
        request.grace.CopyFrom(waits)
    return request


def of_deletion(name: str, organization_id: int | None) -> admin_service_pb2.GetOrganizationDeletionRequest:
    """Returns the request for a deletion."""
    return admin_service_pb2.GetOrganizationDeletionRequest(organization=name, organization_id=organization_id)


def new_key(
    organization: str,
    name: str,
    scopes: Sequence[str],
    role: str,
    restriction: Restricted | None,
    networks: Sequence[str],
    expires_at: datetime | None,
    request_id: str,
) -> admin_service_pb2.CreateKeyRequest:
    """Returns the request for a key."""
    key = admin_service_pb2.ApiKey(
        name=name, scopes=scopes, role=role, restriction=restricted(restriction), networks=networks
    )
    if expires_at is not None:
        at = timestamp_pb2.Timestamp()
        at.FromDatetime(expires_at)
        key.expires_at.CopyFrom(at)
    return admin_service_pb2.CreateKeyRequest(organization=organization, key=key, request_id=request_id)


def rotation(
    organization: str, key_id: str, overlap: timedelta | None, request_id: str
) -> admin_service_pb2.RotateKeyRequest:
    """Returns the request for the successor of a key."""
    request = admin_service_pb2.RotateKeyRequest(organization=organization, key_id=key_id, request_id=request_id)
    if overlap is not None:
        kept = duration_pb2.Duration()
        kept.FromTimedelta(overlap)
        request.overlap.CopyFrom(kept)
    return request


def new_member(
    organization: str, subject: str, role: str, name: str, restriction: Restricted | None, etag: str
) -> admin_service_pb2.PutMemberRequest:
    """Returns the request for a member."""
    return admin_service_pb2.PutMemberRequest(
        organization=organization,
        member=admin_service_pb2.Member(
            subject=subject, role=role, name=name, restriction=restricted(restriction), etag=etag
        ),
    )


def restricted(restriction: Restricted | None) -> answer_pb2.Restriction | None:
    """Returns the message of a restriction."""
    return None if restriction is None else answer_pb2.Restriction(dimension=restriction[0], values=restriction[1])


def organization_state(name: str) -> admin_service_pb2.OrganizationState.ValueType:
    """Returns the state of a name, as "suspended"; none for none. Raises ValueError for an unknown one."""
    return admin_service_pb2.OrganizationState.Value(f"ORGANIZATION_STATE_{name.upper() or 'UNSPECIFIED'}")


def task_state(name: str) -> admin_service_pb2.WorkTaskState.ValueType:
    """Returns the state of a name, as "dead"; none for none. Raises ValueError for an unknown one."""
    return admin_service_pb2.WorkTaskState.Value(f"WORK_TASK_STATE_{name.upper() or 'UNSPECIFIED'}")
