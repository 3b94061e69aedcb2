"""ListUsers with a rows token: the users that a figure of distinct users was counted from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pyroaring import BitMap

from server import timerange
from server.catalog import dimensions, figures
from server.catalog.catalogue import BUILT_IN
from server.catalog.rows import RowsKind
from server.catalog.selections import Selection
from server.catalog.user_lists import ListedUser
from server.projections.users import Users
from server.query import page_tokens, rows_tokens, user_directory
from server.query.edges import TooManyEventsError
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.query.reader import Reader
from server.query.rows_tokens import CountedRows, RowsTokens
from server.store import event_conditions, event_lists, organizations, replaced_events
from server.store import user_lists as stored
from server.store.database import Driver
from server.store.event_lists import EventsAsked
from server.tenancy.principal import Principal

MAX_EVENTS = 20_000  # that tell the users of an earlier revision
LOOKED_AT = 20_000  # users, for a page
_KIND = dimensions.USER_KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureUsersQuestion:
    """A question for the users behind a figure."""

    rows_token: str
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("users behind a figure", self.rows_token))


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureUserPage:
    """A page of the users behind a figure. listed is how many there were up to its end."""

    known: ReadState
    counted: CountedRows
    users: Sequence[ListedUser]
    listed: int
    next_page_token: str


async def answer(
    queries: Queries, tokens: PageTokens, rows: RowsTokens, principal: Principal, question: FigureUsersQuestion
) -> FigureUserPage:
    """Answers the question; refuses a figure whose users can no longer be told."""
    organization_id = principal.organization_id
    counted = rows.counted(organization_id, question.rows_token, RowsKind.USERS)
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.knowing(principal, (Users.name,), holds_raw=True) as (driver, known):
        rows_tokens.check_epoch(counted, known.as_of.epoch)
        if place is not None and place.epoch != known.as_of.epoch:
            raise page_tokens.restored(place, known.as_of.epoch)
        after, listed = (str(place.after[0]), int(place.after[1] or 0)) if place is not None else ("", 0)
        ids, reached = await _next(driver, organization_id, counted, after, question.page_size)
        users = await stored.some(driver, organization_id, ids)
    listed += len(users)
    token = ""
    if reached:
        following = ListPlace(epoch=known.as_of.epoch, revision=counted.revision, after=(reached, listed))
        token = tokens.token_after(organization_id, question.key, following)
    return FigureUserPage(
        known=known,
        counted=counted,
        users=[user_directory.shown(one, principal) for one in users],
        listed=listed,
        next_page_token=token,
    )


async def _next(
    driver: Driver, organization_id: int, counted: CountedRows, after: str, most: int
) -> tuple[list[str], str]:
    """Returns the next users that were counted, and the last one that was looked at; empty: there are no others."""
    members = await _counted_set(driver, organization_id, counted)
    if members is None:
        everybody = sorted(one for one in await _in_events(driver, organization_id, counted) if one > after)
        ids = everybody[:most]
        return ids, ids[-1] if len(everybody) > len(ids) else ""
    numbers = await stored.numbers(driver, organization_id, _KIND, after, LOOKED_AT)
    ids = [one for one, number in numbers if number in members]
    if len(ids) > most:
        return ids[:most], ids[most - 1]
    return ids, numbers[-1][0] if len(numbers) == LOOKED_AT else ""


async def _counted_set(driver: Driver, organization_id: int, counted: CountedRows) -> BitMap | None:
    """Returns the numbers of the users that were counted; None where the set has changed since.

    Nothing but a correction takes users out of a set: without any, a set that has as many users as it had has the same.
    """
    if await replaced_events.has_later(driver, organization_id, counted.revision):
        return None
    (measure,) = (BUILT_IN.measure(term) for term in counted.sum.plus)  # of a ratio too, such as costs per user
    selection, wanted = Selection.within(counted.part, counted.bounds), figures.wanted((measure.name,))
    try:
        found = await Reader(driver, organization_id, wanted, None).cells([selection], wanted)
    except TooManyEventsError:
        return None
    members = found[selection].sets.get(measure.number, BitMap())
    return members if len(members) == counted.figure else None


async def _in_events(driver: Driver, organization_id: int, counted: CountedRows) -> Collection[str]:
    """Returns the users that raw events up to a revision carry; refuses too many events, and those that may be gone."""
    raw_from = await organizations.raw_from(driver, organization_id)
    if timerange.floor_bucket(counted.bounds.start) < raw_from:
        raise rows_tokens.expired(counted, "users have come in since, and raw events of then are no longer kept")
    asked = EventsAsked(
        start=counted.bounds.start,
        end=counted.bounds.end,
        revision=counted.revision,
        received_since=None,
        conditions=[
            event_conditions.of_any_user(),
            *(event_conditions.of_value(*one) for one in counted.conditions),
        ],
        newest_first=True,
    )
    users = await event_lists.users(driver, organization_id, asked, MAX_EVENTS)
    if users is None:
        why = f"users have come in since, and it was counted from more than {MAX_EVENTS} events"
        raise rows_tokens.expired(counted, why)
    return users
