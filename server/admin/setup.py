"""Administration as servers have it: its parts put together."""

from collections.abc import Callable
from dataclasses import dataclass

from server.admin.deletions import DeletionAdmin
from server.admin.keys import KeyAdmin
from server.admin.members import MemberAdmin
from server.admin.organizations import OrganizationAdmin
from server.admin.pages import AdminPages
from server.admin.roles import RoleAdmin
from server.admin.sessions import SessionAdmin
from server.admin.usage import UsageAdmin
from server.admin.work import WorkAdmin
from server.admission.query_slots import QuerySlots
from server.clock import Clock
from server.query.page_tokens import PageTokens
from server.query.queries import Queries
from server.store.database import Database
from server.tasks.kinds import Kinds
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.limits import DefaultLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """What AdminService answers from."""

    organizations: OrganizationAdmin
    deletions: DeletionAdmin
    keys: KeyAdmin
    sessions: SessionAdmin
    roles: RoleAdmin
    members: MemberAdmin
    work: WorkAdmin
    usage: UsageAdmin


def of_servers(
    database: Database,
    slots: QuerySlots,
    hashes: KeyedHashes,
    clock: Clock,
    queries: Queries,
    *,
    limits: DefaultLimits,
    kinds: Kinds,
    on_task: Callable[[], None],
) -> Administration:
    """Returns the administration of a server. on_task is called once a task is queued."""
    pages = AdminPages(PageTokens(hashes))
    return Administration(
        organizations=OrganizationAdmin(database, slots, pages),
        deletions=DeletionAdmin(database, slots, hashes),
        keys=KeyAdmin(database, slots, hashes, clock, pages),
        sessions=SessionAdmin(database, slots, pages),
        roles=RoleAdmin(database, slots),
        members=MemberAdmin(database, slots, pages),
        work=WorkAdmin(database, slots, kinds, pages, on_task),
        usage=UsageAdmin(database, slots, queries, limits, pages),
    )
