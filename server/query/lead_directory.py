"""ListLeads and GetLead: what leads have come to, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.catalog.families.generated_leads import PROJECTION
from server.catalog.lead_lists import LeadList, LeadPlace
from server.errors import Reason, Refused
from server.events.lead import Lead
from server.query import page_tokens
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import lead_lists as stored
from server.store import leads
from server.tenancy.principal import Principal

MAX_PAGE_SIZE = 1_000
_PROJECTIONS = (PROJECTION,)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsQuestion:
    """A question for leads."""

    asked: LeadList
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("leads", self.asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadPage:
    """A page of leads."""

    known: ReadState
    leads: Sequence[Lead]
    next_page_token: str


async def answer(queries: Queries, tokens: PageTokens, principal: Principal, question: LeadsQuestion) -> LeadPage:
    """Answers the question; refuses more leads than can be put in order."""
    organization_id, own = principal.organization_id, principal.settings.currency
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    asked = question.asked
    async with queries.knowing(principal, _PROJECTIONS) as (driver, known):
        if place is not None and place.epoch != known.as_of.epoch:
            raise page_tokens.restored(place, known.as_of.epoch)
        if await stored.too_many(driver, organization_id, asked, own):
            raise _too_many()
        after = _place(place) if place is not None else None
        found = await stored.page(driver, organization_id, asked, own, after, question.page_size + 1)
        reached: LeadPlace | None
        if len(found) > question.page_size:
            found = found[: question.page_size]
            reached = stored.place_of(asked, found[-1])
        else:
            reached = await stored.reached(driver, organization_id, asked, own, after)
    return LeadPage(
        known=known, leads=found, next_page_token=_token(tokens, principal, question, known, place, reached)
    )


def _token(
    tokens: PageTokens,
    principal: Principal,
    question: LeadsQuestion,
    known: ReadState,
    before: ListPlace | None,
    reached: LeadPlace | None,
) -> str:
    if reached is None:
        return ""
    place = ListPlace(
        epoch=known.as_of.epoch,
        revision=before.revision if before is not None else known.as_of.revision,
        after=(reached.value, reached.lead_id),
    )
    return tokens.token_after(principal.organization_id, question.key, place)


def _place(place: ListPlace) -> LeadPlace:
    value, lead_id = place.after
    return LeadPlace(value=int(value or 0), lead_id=str(lead_id))


def _too_many() -> Refused:
    return Refused(
        Reason.TOO_MANY_VALUES,
        f"there are more than {stored.MOST:,} leads to be put in order: narrow the list, for example by created_from,"
        " or ask for the order by created_at without a prefix, or by lead_id",
        field="order_by",
        metadata={"limit": str(stored.MOST)},
    )


async def one(queries: Queries, principal: Principal, lead_id: str) -> tuple[ReadState, Lead]:
    """Returns a lead; refuses one that no event names."""
    async with queries.knowing(principal, _PROJECTIONS) as (driver, known):
        found = await leads.recorded(driver, principal.organization_id, [lead_id])
    if lead_id not in found:
        raise Refused(Reason.LEAD_NOT_FOUND, "no event of a lead has ever named this lead_id", field="lead_id")
    return known, found[lead_id]
