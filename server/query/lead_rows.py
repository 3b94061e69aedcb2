"""ListLeads with a rows token: the leads that a figure was counted from."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from server.catalog import cells
from server.catalog import leads as counting
from server.catalog.catalogue import BUILT_IN
from server.catalog.families.generated_leads import PROJECTION
from server.catalog.lead_lists import LeadFilter, LeadList, LeadPlace
from server.catalog.rows import RowsKind, RowSum
from server.events import rules
from server.events.lead import Lead, LeadOutcome
from server.query import page_tokens, rows_tokens
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.query.rows_tokens import CountedRows, RowsTokens
from server.store import lead_lists as stored
from server.tenancy.principal import Principal

_COLUMNS = dict(zip(counting.DIMENSIONS, ("agent_id", "channel", "team_id", "campaign_id", "currency"), strict=True))
_OUTCOMES: Mapping[tuple[str, ...], LeadOutcome] = {
    ("converted",): LeadOutcome.CONVERTED,
    ("converted_value",): LeadOutcome.CONVERTED,
    ("lost",): LeadOutcome.LOST,
}
_COUNT = ".count"  # behind the name of a measure of amounts: how many there are


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRowsQuestion:
    """A question for the leads behind a figure."""

    rows_token: str
    descending: bool
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("leads behind a figure", self.rows_token, self.descending))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRowPage:
    """A page of the leads behind a figure. listed and amount are how many there were up to its end, and what they add
    up to; amounts is what each adds.
    """

    known: ReadState
    counted: CountedRows
    leads: Sequence[Lead]
    amounts: Sequence[int]
    listed: int
    amount: int
    next_page_token: str


async def answer(
    queries: Queries, tokens: PageTokens, rows: RowsTokens, principal: Principal, question: LeadRowsQuestion
) -> LeadRowPage:
    """Answers the question; refuses a figure since which leads have changed."""
    organization_id, own = principal.organization_id, principal.settings.currency
    counted = rows.counted(organization_id, question.rows_token, RowsKind.LEADS)
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    asked = LeadList(filter=_filter(counted), descending=question.descending)
    async with queries.knowing(principal, (PROJECTION,)) as (driver, known):
        epoch = known.as_of.epoch
        rows_tokens.check_epoch(counted, epoch)
        if place is not None and place.epoch != epoch:
            raise page_tokens.restored(place, epoch)
        if await stored.changed_since(driver, organization_id, counted.revision):
            raise rows_tokens.expired(counted, "leads may have changed since the figure was answered")
        value, lead_id, listed, amount = place.after if place is not None else (0, "", 0, 0)
        after = LeadPlace(value=int(value or 0), lead_id=str(lead_id)) if place is not None else None
        found = await stored.page(driver, organization_id, asked, own, after, question.page_size + 1)
        reached: LeadPlace | None
        if len(found) > question.page_size:
            found = found[: question.page_size]
            reached = stored.place_of(asked, found[-1])
        else:
            reached = await stored.reached(driver, organization_id, asked, own, after)
    amounts = [_amount(counted.sum, one) for one in found]
    page = LeadRowPage(
        known=known,
        counted=counted,
        leads=found,
        amounts=amounts,
        listed=int(listed or 0) + len(found),
        amount=int(amount or 0) + sum(amounts),
        next_page_token="",
    )
    if reached is None:
        return page
    following = ListPlace(
        epoch=epoch, revision=counted.revision, after=(reached.value, reached.lead_id, page.listed, page.amount)
    )
    return dataclasses.replace(page, next_page_token=tokens.token_after(organization_id, question.key, following))


def _filter(counted: CountedRows) -> LeadFilter:
    """Returns which leads count for a metric, in a part of the organization, within bounds."""
    plus, minus = _fields(counted.sum.plus), _fields(counted.sum.minus)
    values = counted.conditions
    is_other = values == [(counting.CAMPAIGN_CURRENCY, cells.OTHER)]
    bounds = counted.bounds
    return LeadFilter(
        created_from=rules.microseconds(bounds.start),
        created_before=rules.microseconds(bounds.end),
        outcome=LeadOutcome.OPEN if minus else _OUTCOMES.get(plus),
        is_contacted=plus == ("contacted",),
        is_valued=not {"value", "converted_value"}.isdisjoint(plus),
        counted=() if is_other else tuple((_COLUMNS[one], value) for one, value in values),
        is_other_amount=is_other,
    )


def _fields(terms: Collection[str]) -> tuple[str, ...]:
    return tuple(BUILT_IN.measure(term).field for term in terms)


def _amount(behind: RowSum, one: Lead) -> int:
    """Returns what a lead adds to a figure."""
    added = counting.contribution(one)
    amounts = dict(added.amounts)

    def of(term: str) -> int:
        name = BUILT_IN.measure(term).field
        if name in added.counts:
            return 1
        return int(name in amounts) if term.endswith(_COUNT) else amounts.get(name, 0)

    return sum(map(of, behind.plus)) - sum(map(of, behind.minus))
