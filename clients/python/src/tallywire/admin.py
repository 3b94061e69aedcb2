"""Administration: organizations, their keys, sessions, roles and members, and the service's work for them."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import grpc

from tallywire import admin_requests, retries
from tallywire.admin_requests import PAGE, ROWS, Organization, Restricted
from tallywire.v1 import account_service_pb2, admin_service_pb2, admin_service_pb2_grpc

# What a client calls a method with, as its questions do.
Call = Callable[["grpc.UnaryUnaryMultiCallable[Any, Any]", Callable[[], Any], retries.Policy, float | None], Any]


class AdminCalls:
    """Administration, as `client.admin`: of the key's own organization, with the scope admin; with an operator's key of
    the organization that is named.
    """

    def __init__(self, channel: grpc.Channel, call: Call) -> None:
        self._stub = admin_service_pb2_grpc.AdminServiceStub(channel)
        self._call = call

    def create_organization(
        self, name: str, *, request_id: str = "", timeout: float | None = None, **settings: Any
    ) -> Organization:
        """Makes an organization and returns it; settings are those of OrganizationSettings. For operators."""
        request = admin_requests.creation(name, settings, request_id)
        found: Organization = self._change("CreateOrganization", request, timeout).organization
        return found

    def organization(self, name: str = "", *, timeout: float | None = None) -> Organization:
        """Returns an organization with its settings."""
        request = admin_service_pb2.GetOrganizationRequest(organization=name)
        found: Organization = self._ask("GetOrganization", request, timeout).organization
        return found

    def organizations(self, *, state_name: str = "", timeout: float | None = None) -> Iterator[Organization]:
        """Yields all organizations, page after page: those of a state, as "suspended", or all. For operators."""
        request = admin_service_pb2.ListOrganizationsRequest(
            page_size=PAGE, state=admin_requests.organization_state(state_name)
        )
        return self._each("ListOrganizations", request, timeout)

    def update_organization(
        self, name: str = "", *, etag: str = "", timeout: float | None = None, **settings: Any
    ) -> Organization:
        """Changes settings and returns the organization; None takes a setting back to its default. Raises
        FailedPrecondition if it was changed since the etag was read.
        """
        found: Organization = self._change(
            "UpdateOrganization", admin_requests.update(name, etag, settings), timeout
        ).organization
        return found

    def suspend_organization(self, name: str, *, timeout: float | None = None) -> Organization:
        """Lets all calls of an organization be refused until it is resumed. For operators."""
        request = admin_service_pb2.SuspendOrganizationRequest(organization=name)
        found: Organization = self._change("SuspendOrganization", request, timeout).organization
        return found

    def resume_organization(self, name: str, *, timeout: float | None = None) -> Organization:
        """Lets a suspended organization call again, or takes its deletion back. For operators."""
        request = admin_service_pb2.ResumeOrganizationRequest(organization=name)
        found: Organization = self._change("ResumeOrganization", request, timeout).organization
        return found

    def delete_organization(
        self,
        name: str,
        *,
        grace: timedelta | None = None,
        etag: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Organization:
        """Has an organization deleted after a grace, without one after 7 days; until then it can be resumed. Raises
        FailedPrecondition if it was changed since the etag was read. For operators.
        """
        request = admin_requests.deletion(name, grace, etag, request_id)
        found: Organization = self._change("DeleteOrganization", request, timeout).organization
        return found

    def organization_deletion(
        self, name: str = "", *, organization_id: int | None = None, timeout: float | None = None
    ) -> admin_service_pb2.OrganizationDeletion:
        """Returns how the deletion of the organization stands that has or had a name, or of that of an id, with its
        receipt once it is done. For operators.
        """
        request = admin_requests.of_deletion(name, organization_id)
        found: admin_service_pb2.OrganizationDeletion = self._ask("GetOrganizationDeletion", request, timeout).deletion
        return found

    def create_key(
        self,
        *,
        scopes: Sequence[str] = (),
        role: str = "",
        name: str = "",
        restriction: Restricted | None = None,
        networks: Sequence[str] = (),
        expires_at: datetime | None = None,
        organization: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> admin_service_pb2.CreateKeyResponse:
        """Makes a key with scopes or of a role; the answer has its secret, which is never shown again.

        restriction: as ("team", ["sales"]). Raises AlreadyExists, with the key's id, for a request_id that has
        made one.
        """
        request = admin_requests.new_key(
            organization, name, scopes, role, restriction, networks, expires_at, request_id
        )
        found: admin_service_pb2.CreateKeyResponse = self._change("CreateKey", request, timeout)
        return found

    def keys(
        self, *, organization: str = "", include_ended: bool = False, timeout: float | None = None
    ) -> Iterator[admin_service_pb2.ApiKey]:
        """Yields an organization's keys, oldest first, without secrets."""
        request = admin_service_pb2.ListKeysRequest(
            organization=organization, include_ended=include_ended, page_size=PAGE
        )
        return self._each("ListKeys", request, timeout)

    def rotate_key(
        self,
        key_id: str,
        *,
        overlap: timedelta | None = None,
        organization: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> admin_service_pb2.RotateKeyResponse:
        """Makes a key that may do what another one may, which ends after the overlap; without one, after a day."""
        request = admin_requests.rotation(organization, key_id, overlap, request_id)
        found: admin_service_pb2.RotateKeyResponse = self._change("RotateKey", request, timeout)
        return found

    def revoke_key(
        self, key_id: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.ApiKey:
        """Ends a key for good and returns it."""
        request = admin_service_pb2.RevokeKeyRequest(organization=organization, key_id=key_id)
        found: admin_service_pb2.ApiKey = self._change("RevokeKey", request, timeout).key
        return found

    def sessions(
        self, *, organization: str = "", subject: str = "", key_id: str = "", timeout: float | None = None
    ) -> Iterator[account_service_pb2.SignedInSession]:
        """Yields an organization's sessions that are good, the newest first: of all, of a subject or of a key."""
        request = admin_service_pb2.ListSessionsRequest(
            organization=organization, subject=subject, key_id=key_id, page_size=PAGE
        )
        return self._each("ListSessions", request, timeout)

    def revoke_session(
        self, session_id: str, *, organization: str = "", timeout: float | None = None
    ) -> account_service_pb2.SignedInSession:
        """Ends a session for good and returns it. Raises NotFound if there is none of this id."""
        request = admin_service_pb2.RevokeSessionRequest(organization=organization, session_id=session_id)
        found: account_service_pb2.SignedInSession = self._change("RevokeSession", request, timeout).session
        return found

    def roles(self, *, organization: str = "", timeout: float | None = None) -> Sequence[admin_service_pb2.Role]:
        """Returns all roles: built-in ones, then the organization's own."""
        request = admin_service_pb2.ListRolesRequest(organization=organization)
        return [*self._ask("ListRoles", request, timeout).roles]

    def put_role(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        description: str = "",
        etag: str = "",
        organization: str = "",
        timeout: float | None = None,
    ) -> admin_service_pb2.Role:
        """Makes or changes a role and returns it. Raises FailedPrecondition if its etag is not the one given."""
        role = admin_service_pb2.Role(name=name, scopes=scopes, description=description, etag=etag)
        request = admin_service_pb2.PutRoleRequest(organization=organization, role=role)
        found: admin_service_pb2.Role = self._change("PutRole", request, timeout).role
        return found

    def delete_role(self, name: str, *, etag: str = "", organization: str = "", timeout: float | None = None) -> None:
        """Deletes a role that nobody has."""
        request = admin_service_pb2.DeleteRoleRequest(organization=organization, name=name, etag=etag)
        self._change("DeleteRole", request, timeout)

    def members(self, *, organization: str = "", timeout: float | None = None) -> Iterator[admin_service_pb2.Member]:
        """Yields an organization's members, by subject."""
        request = admin_service_pb2.ListMembersRequest(organization=organization, page_size=PAGE)
        return self._each("ListMembers", request, timeout)

    def member(self, subject: str, *, organization: str = "", timeout: float | None = None) -> admin_service_pb2.Member:
        """Returns a member. Raises NotFound if there is none of this subject."""
        request = admin_service_pb2.GetMemberRequest(organization=organization, subject=subject)
        found: admin_service_pb2.Member = self._ask("GetMember", request, timeout).member
        return found

    def put_member(
        self,
        subject: str,
        role: str,
        *,
        name: str = "",
        restriction: Restricted | None = None,
        etag: str = "",
        organization: str = "",
        timeout: float | None = None,
    ) -> admin_service_pb2.Member:
        """Makes or changes a member and returns it; restriction: as ("team", ["sales"])."""
        request = admin_requests.new_member(organization, subject, role, name, restriction, etag)
        found: admin_service_pb2.Member = self._change("PutMember", request, timeout).member
        return found

    def remove_member(
        self, subject: str, *, etag: str = "", organization: str = "", timeout: float | None = None
    ) -> None:
        """Removes a member."""
        request = admin_service_pb2.RemoveMemberRequest(organization=organization, subject=subject, etag=etag)
        self._change("RemoveMember", request, timeout)

    def tasks(
        self, *, kind: str = "", state_name: str = "", organization: str = "", timeout: float | None = None
    ) -> Iterator[admin_service_pb2.WorkTask]:
        """Yields tasks, newest first: of a kind, and of a state, as "dead", or all."""
        request = admin_service_pb2.ListTasksRequest(
            organization=organization,
            kind=kind,
            state=admin_requests.task_state(state_name),
            page_size=PAGE,
        )
        return self._each("ListTasks", request, timeout)

    def retry_task(
        self, task_id: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.WorkTask:
        """Queues a dead or cancelled task again and returns it."""
        request = admin_service_pb2.RetryTaskRequest(organization=organization, task_id=task_id)
        found: admin_service_pb2.WorkTask = self._change("RetryTask", request, timeout).task
        return found

    def cancel_task(
        self, task_id: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.WorkTask:
        """Cancels a task, or asks its worker to end it, and returns it."""
        request = admin_service_pb2.CancelTaskRequest(organization=organization, task_id=task_id)
        found: admin_service_pb2.WorkTask = self._change("CancelTask", request, timeout).task
        return found

    def schedules(
        self, *, organization: str = "", timeout: float | None = None
    ) -> Iterator[admin_service_pb2.WorkSchedule]:
        """Yields schedules, by organization and name."""
        request = admin_service_pb2.ListSchedulesRequest(organization=organization, page_size=PAGE)
        return self._each("ListSchedules", request, timeout)

    def run_schedule(
        self, schedule: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.WorkTask:
        """Queues a run of a schedule now and returns its task."""
        request = admin_service_pb2.RunScheduleRequest(organization=organization, schedule=schedule)
        found: admin_service_pb2.WorkTask = self._change("RunSchedule", request, timeout).task
        return found

    def pause_schedule(
        self, schedule: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.WorkSchedule:
        """Keeps a schedule from running, and returns it."""
        request = admin_service_pb2.PauseScheduleRequest(organization=organization, schedule=schedule)
        found: admin_service_pb2.WorkSchedule = self._change("PauseSchedule", request, timeout).schedule
        return found

    def resume_schedule(
        self, schedule: str, *, organization: str = "", timeout: float | None = None
    ) -> admin_service_pb2.WorkSchedule:
        """Lets a schedule go on, and returns it."""
        request = admin_service_pb2.ResumeScheduleRequest(organization=organization, schedule=schedule)
        found: admin_service_pb2.WorkSchedule = self._change("ResumeSchedule", request, timeout).schedule
        return found

    def usage(self, organization: str = "", *, timeout: float | None = None) -> admin_service_pb2.OrganizationUsage:
        """Returns what an organization uses: events of the month with the quota, and storage."""
        request = admin_service_pb2.GetUsageRequest(organization=organization)
        found: admin_service_pb2.OrganizationUsage = self._ask("GetUsage", request, timeout).usage
        return found

    def usages(self, *, timeout: float | None = None) -> Iterator[admin_service_pb2.OrganizationUsage]:
        """Yields what all organizations use, without storage. For operators."""
        return self._each("ListUsage", admin_service_pb2.ListUsageRequest(page_size=PAGE), timeout)

    def _ask(self, rpc: str, request: Any, timeout: float | None) -> Any:
        return self._call(getattr(self._stub, rpc), lambda: request, retries.QUERY, timeout)

    def _change(self, rpc: str, request: Any, timeout: float | None) -> Any:
        return self._call(getattr(self._stub, rpc), lambda: request, retries.CHANGE, timeout)

    def _each(self, rpc: str, request: Any, timeout: float | None) -> Iterator[Any]:
        """Yields the rows of all pages of a list."""
        while True:
            page = self._ask(rpc, request, timeout)
            yield from getattr(page, ROWS[rpc])
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
