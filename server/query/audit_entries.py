"""ListAuditEntries: the audit trail of an organization, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.organizations.audit_trail import Chosen, KeptEntry
from server.query import page_tokens
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries
from server.store import rollups
from server.tenancy import audit_trail
from server.tenancy.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntriesQuestion:
    """A question for entries of the audit trail."""

    chosen: Chosen
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("audit entries", self.chosen))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntryList:
    """A page of entries, newest first."""

    entries: Sequence[KeptEntry]
    next_page_token: str


async def answer(
    queries: Queries, tokens: PageTokens, principal: Principal, question: AuditEntriesQuestion
) -> AuditEntryList:
    """Answers the question."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.looking(principal) as driver:
        as_of = await rollups.as_of(driver, organization_id)
        if place is not None and place.epoch != as_of.epoch:
            raise page_tokens.restored(place, as_of.epoch)
        before = None if place is None else int(place.after[0] or 0)
        page = await audit_trail.page(driver, organization_id, question.chosen, before=before, size=question.page_size)
    token = ""
    if page.before is not None:
        following = ListPlace(epoch=as_of.epoch, revision=as_of.revision, after=[page.before])
        token = tokens.token_after(organization_id, question.key, following)
    return AuditEntryList(entries=page.entries, next_page_token=token)
