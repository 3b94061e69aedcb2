"""AdminService: organizations, their keys, roles and members, and the work of the service for them."""

from typing import Any, TypeAlias

import grpc

from server.admin import whose
from server.admin.setup import Administration
from server.organizations.api_key import ApiKey
from server.organizations.organization import Organization, OrganizationState
from server.rpc import admin_conversion as conversion
from server.rpc import admin_deletion_conversion as deletions
from server.rpc import admin_key_conversion as keys
from server.rpc import admin_work_conversion as work
from server.rpc import gate
from server.rpc import session_conversion as sessions
from server.tenancy.principal import Principal
from tallywire.v1 import admin_service_pb2 as pb
from tallywire.v1 import admin_service_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class AdminService(admin_service_pb2_grpc.AdminServiceServicer):
    """The service for admins of organizations, each of its own, and for operators."""

    def __init__(self, parts: Administration) -> None:
        self._organizations = parts.organizations
        self._deletions = parts.deletions
        self._keys = parts.keys
        self._sessions = parts.sessions
        self._roles = parts.roles
        self._members = parts.members
        self._work = parts.work
        self._usage = parts.usage

    async def CreateOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.CreateOrganizationRequest, context: _Context
    ) -> pb.CreateOrganizationResponse:
        """Makes an organization."""
        principal, by = gate.caller().principal, gate.actor(context)
        name, settings = conversion.new_organization(request.organization)
        made = await self._organizations.create(
            principal, name, settings, conversion.request_id(request.request_id), by
        )
        return pb.CreateOrganizationResponse(organization=_organization(principal, made))

    async def GetOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.GetOrganizationRequest, context: _Context
    ) -> pb.GetOrganizationResponse:
        """Returns an organization."""
        principal = gate.caller().principal
        found = await self._organizations.get(principal, conversion.name(request.organization))
        return pb.GetOrganizationResponse(organization=_organization(principal, found))

    async def ListOrganizations(  # noqa: N802 - the name in the contract
        self, request: pb.ListOrganizationsRequest, context: _Context
    ) -> pb.ListOrganizationsResponse:
        """Returns a page of organizations."""
        principal, state = gate.caller().principal, conversion.state(request.state)
        found = await self._organizations.listed(principal, state, conversion.page(request))
        return pb.ListOrganizationsResponse(
            organizations=[_organization(principal, one) for one in found.rows], next_page_token=found.next_page_token
        )

    async def UpdateOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.UpdateOrganizationRequest, context: _Context
    ) -> pb.UpdateOrganizationResponse:
        """Changes settings of an organization."""
        principal, wanted, by = gate.caller().principal, request.organization, gate.actor(context)
        name, changes = conversion.name(wanted.name, "organization.name"), conversion.changes(request)
        changed = await self._organizations.update(principal, name, wanted.etag, changes, by)
        return pb.UpdateOrganizationResponse(organization=_organization(principal, changed))

    async def SuspendOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.SuspendOrganizationRequest, context: _Context
    ) -> pb.SuspendOrganizationResponse:
        """Suspends an organization."""
        changed = await self._set_state(request.organization, OrganizationState.SUSPENDED, context)
        return pb.SuspendOrganizationResponse(organization=changed)

    async def ResumeOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.ResumeOrganizationRequest, context: _Context
    ) -> pb.ResumeOrganizationResponse:
        """Lets a suspended organization go on."""
        changed = await self._set_state(request.organization, OrganizationState.ACTIVE, context)
        return pb.ResumeOrganizationResponse(organization=changed)

    async def DeleteOrganization(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteOrganizationRequest, context: _Context
    ) -> pb.DeleteOrganizationResponse:
        """Has an organization deleted after a grace."""
        principal, by = gate.caller().principal, gate.actor(context)
        whose.check_operator(principal)
        grace = deletions.grace(request)
        name, request_id = conversion.required_name(request.organization), conversion.request_id(request.request_id)
        marked = await self._deletions.begin(principal, name, grace, request_id, request.etag, by)
        return pb.DeleteOrganizationResponse(organization=_organization(principal, marked))

    async def GetOrganizationDeletion(  # noqa: N802 - the name in the contract
        self, request: pb.GetOrganizationDeletionRequest, context: _Context
    ) -> pb.GetOrganizationDeletionResponse:
        """Returns how a deletion stands."""
        principal = gate.caller().principal
        whose.check_operator(principal)
        found = await self._deletions.get(principal, *deletions.whose(request))
        return pb.GetOrganizationDeletionResponse(deletion=deletions.deletion(found))

    async def CreateKey(  # noqa: N802 - the name in the contract
        self, request: pb.CreateKeyRequest, context: _Context
    ) -> pb.CreateKeyResponse:
        """Makes a key."""
        principal, by = gate.caller().principal, gate.actor(context)
        owner, wanted = conversion.name(request.organization), keys.wanted(request.key)
        request_id = conversion.request_id(request.request_id) or None
        return keys.created(await self._keys.create(principal, owner, wanted, request_id, by))

    async def ListKeys(  # noqa: N802 - the name in the contract
        self, request: pb.ListKeysRequest, context: _Context
    ) -> pb.ListKeysResponse:
        """Returns a page of keys."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        asked = conversion.page(request)
        found = await self._keys.listed(principal, owner, asked, with_ended=request.include_ended)
        return pb.ListKeysResponse(keys=map(self._key, found.rows), next_page_token=found.next_page_token)

    async def RotateKey(  # noqa: N802 - the name in the contract
        self, request: pb.RotateKeyRequest, context: _Context
    ) -> pb.RotateKeyResponse:
        """Makes the successor of a key."""
        principal, by = gate.caller().principal, gate.actor(context)
        overlap, request_id = keys.overlap(request), conversion.request_id(request.request_id) or None
        owner, key_id = conversion.name(request.organization), keys.key_id(request.key_id)
        return keys.rotated(await self._keys.rotate(principal, owner, key_id, overlap, request_id, by))

    async def RevokeKey(  # noqa: N802 - the name in the contract
        self, request: pb.RevokeKeyRequest, context: _Context
    ) -> pb.RevokeKeyResponse:
        """Ends a key for good."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        ended = await self._keys.revoke(principal, owner, keys.key_id(request.key_id), gate.actor(context))
        return pb.RevokeKeyResponse(key=self._key(ended))

    async def ListSessions(  # noqa: N802 - the name in the contract
        self, request: pb.ListSessionsRequest, context: _Context
    ) -> pb.ListSessionsResponse:
        """Returns a page of sessions."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        subject, key_id = sessions.filters(request)
        asked = conversion.page(request)
        found = await self._sessions.listed(principal, owner, asked, subject=subject, key_id=key_id)
        return sessions.page(found, principal)

    async def RevokeSession(  # noqa: N802 - the name in the contract
        self, request: pb.RevokeSessionRequest, context: _Context
    ) -> pb.RevokeSessionResponse:
        """Ends a session for good."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        session_id = sessions.session_id(request.session_id)
        ended = await self._sessions.revoke(principal, owner, session_id, gate.actor(context))
        return pb.RevokeSessionResponse(session=sessions.session(ended, principal))

    async def ListRoles(  # noqa: N802 - the name in the contract
        self, request: pb.ListRolesRequest, context: _Context
    ) -> pb.ListRolesResponse:
        """Returns all roles of an organization."""
        found = await self._roles.listed(gate.caller().principal, conversion.name(request.organization))
        return pb.ListRolesResponse(roles=keys.roles(found))

    async def PutRole(  # noqa: N802 - the name in the contract
        self, request: pb.PutRoleRequest, context: _Context
    ) -> pb.PutRoleResponse:
        """Makes or changes a role."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        kept = await self._roles.put(principal, owner, keys.role_draft(request.role), gate.actor(context))
        return pb.PutRoleResponse(role=keys.role(kept))

    async def DeleteRole(  # noqa: N802 - the name in the contract
        self, request: pb.DeleteRoleRequest, context: _Context
    ) -> pb.DeleteRoleResponse:
        """Deletes a role."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        name = keys.role_name("name", request.name)
        await self._roles.delete(principal, owner, name, request.etag, gate.actor(context))
        return pb.DeleteRoleResponse()

    async def ListMembers(  # noqa: N802 - the name in the contract
        self, request: pb.ListMembersRequest, context: _Context
    ) -> pb.ListMembersResponse:
        """Returns a page of members."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._members.listed(principal, owner, conversion.page(request))
        return pb.ListMembersResponse(members=map(keys.member, found.rows), next_page_token=found.next_page_token)

    async def GetMember(  # noqa: N802 - the name in the contract
        self, request: pb.GetMemberRequest, context: _Context
    ) -> pb.GetMemberResponse:
        """Returns a member."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._members.get(principal, owner, keys.subject("subject", request.subject))
        return pb.GetMemberResponse(member=keys.member(found))

    async def PutMember(  # noqa: N802 - the name in the contract
        self, request: pb.PutMemberRequest, context: _Context
    ) -> pb.PutMemberResponse:
        """Makes or changes a member."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        kept = await self._members.put(principal, owner, keys.member_draft(request.member), gate.actor(context))
        return pb.PutMemberResponse(member=keys.member(kept))

    async def RemoveMember(  # noqa: N802 - the name in the contract
        self, request: pb.RemoveMemberRequest, context: _Context
    ) -> pb.RemoveMemberResponse:
        """Removes a member."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        subject = keys.subject("subject", request.subject)
        await self._members.remove(principal, owner, subject, request.etag, gate.actor(context))
        return pb.RemoveMemberResponse()

    async def ListTasks(  # noqa: N802 - the name in the contract
        self, request: pb.ListTasksRequest, context: _Context
    ) -> pb.ListTasksResponse:
        """Returns a page of tasks."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        kind, state = work.kind(request.kind), work.state(request.state)
        found = await self._work.tasks(principal, owner, kind, state, conversion.page(request))
        return pb.ListTasksResponse(tasks=map(work.task, found.rows), next_page_token=found.next_page_token)

    async def RetryTask(  # noqa: N802 - the name in the contract
        self, request: pb.RetryTaskRequest, context: _Context
    ) -> pb.RetryTaskResponse:
        """Queues a task again."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._work.retry(principal, owner, work.task_id(request.task_id), gate.actor(context))
        return pb.RetryTaskResponse(task=work.task(found))

    async def CancelTask(  # noqa: N802 - the name in the contract
        self, request: pb.CancelTaskRequest, context: _Context
    ) -> pb.CancelTaskResponse:
        """Cancels a task."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._work.cancel(principal, owner, work.task_id(request.task_id), gate.actor(context))
        return pb.CancelTaskResponse(task=work.task(found))

    async def ListSchedules(  # noqa: N802 - the name in the contract
        self, request: pb.ListSchedulesRequest, context: _Context
    ) -> pb.ListSchedulesResponse:
        """Returns a page of schedules."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._work.schedules(principal, owner, conversion.page(request))
        return pb.ListSchedulesResponse(schedules=map(work.schedule, found.rows), next_page_token=found.next_page_token)

    async def RunSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.RunScheduleRequest, context: _Context
    ) -> pb.RunScheduleResponse:
        """Queues a run of a schedule."""
        principal, owner = gate.caller().principal, conversion.name(request.organization)
        found = await self._work.run(principal, owner, work.schedule_name(request.schedule), gate.actor(context))
        return pb.RunScheduleResponse(task=work.task(found))

    async def PauseSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.PauseScheduleRequest, context: _Context
    ) -> pb.PauseScheduleResponse:
        """Keeps a schedule from running."""
        found = await self._pause(request.organization, request.schedule, context, paused=True)
        return pb.PauseScheduleResponse(schedule=found)

    async def ResumeSchedule(  # noqa: N802 - the name in the contract
        self, request: pb.ResumeScheduleRequest, context: _Context
    ) -> pb.ResumeScheduleResponse:
        """Lets a schedule go on."""
        found = await self._pause(request.organization, request.schedule, context, paused=False)
        return pb.ResumeScheduleResponse(schedule=found)

    async def GetUsage(  # noqa: N802 - the name in the contract
        self, request: pb.GetUsageRequest, context: _Context
    ) -> pb.GetUsageResponse:
        """Returns what an organization uses."""
        found = await self._usage.get(gate.caller().principal, conversion.name(request.organization))
        return pb.GetUsageResponse(usage=conversion.usage(found))

    async def ListUsage(  # noqa: N802 - the name in the contract
        self, request: pb.ListUsageRequest, context: _Context
    ) -> pb.ListUsageResponse:
        """Returns a page of what organizations use."""
        found = await self._usage.listed(gate.caller().principal, conversion.page(request))
        return pb.ListUsageResponse(usages=map(conversion.usage, found.rows), next_page_token=found.next_page_token)

    async def _set_state(self, name: str, state: OrganizationState, context: _Context) -> pb.Organization:
        principal, by = gate.caller().principal, gate.actor(context)
        whose.check_operator(principal)
        changed = await self._organizations.set_state(principal, conversion.required_name(name), state, by)
        return _organization(principal, changed)

    async def _pause(self, organization: str, name: str, context: _Context, *, paused: bool) -> pb.WorkSchedule:
        principal, owner = gate.caller().principal, conversion.name(organization)
        by, schedule = gate.actor(context), work.schedule_name(name)
        return work.schedule(await self._work.pause(principal, owner, schedule, by, paused=paused))

    def _key(self, one: ApiKey) -> pb.ApiKey:
        return keys.key(one, is_good=self._keys.is_good(one))


def _organization(principal: Principal, one: Organization) -> pb.Organization:
    return conversion.organization(one, for_operator=whose.is_operator(principal))
