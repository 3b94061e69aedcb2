"""ListUserActivities: the raw events of one user, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server import timerange
from server.errors import Reason, Refused
from server.events import rules
from server.events.event import Event
from server.projections.users import Users
from server.query import page_tokens
from server.query.answers import Period
from server.query.page_tokens import ListPlace, PageTokens
from server.query.queries import Queries, ReadState
from server.store import event_conditions, event_lists, organizations
from server.store import user_lists as stored
from server.store.event_lists import EventPlace, EventsAsked
from server.tenancy.principal import Principal
from server.timerange import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitiesQuestion:
    """A question for what a user did, in a period or ever."""

    user_id: str
    period: Period | None
    page_size: int
    page_token: str

    @property
    def key(self) -> str:
        """Returns what must be equal for pages to belong to one list."""
        return repr(("activities", self.user_id, self.period and (self.period.start, self.period.end)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityPage:
    """A page of events of a user. dropped is how many are no longer kept, where that is known."""

    known: ReadState
    revision: int
    events: Sequence[Event]
    next_page_token: str
    dropped: int | None
    kept_from: datetime | None
    has_details: bool


async def answer(
    queries: Queries, tokens: PageTokens, principal: Principal, question: ActivitiesQuestion
) -> ActivityPage:
    """Answers the question; refuses a user that no event has ever carried."""
    organization_id = principal.organization_id
    place = tokens.place(organization_id, question.key, question.page_token) if question.page_token else None
    async with queries.knowing(principal, (Users.name,), holds_raw=True) as (driver, known):
        if place is not None and place.epoch != known.as_of.epoch:
            raise page_tokens.restored(place, known.as_of.epoch)
        user = await stored.one(driver, organization_id, question.user_id)
        if user is None:
            raise Refused(Reason.USER_NOT_FOUND, "no event has ever carried this user_id", field="user_id")
        raw_from = await organizations.raw_from(driver, organization_id)
        bounds = Interval(
            start=timerange.of_microseconds(user.first_seen_at),
            end=timerange.of_microseconds(user.last_seen_at) + timedelta(microseconds=1),
        )
        if question.period is not None:
            bounds = question.period.resolved(principal, known.as_of.at, 0).bounds
        revision = place.revision if place is not None else known.as_of.revision
        after, listed, total = _after(place) if place is not None else (None, 0, user.did.events)
        asked = EventsAsked(
            start=bounds.start,
            end=bounds.end,
            revision=revision,
            received_since=None,
            conditions=[event_conditions.of_field("user_id", question.user_id)],
            newest_first=True,
            is_sparse=True,
        )
        found = await event_lists.page(driver, organization_id, asked, after, question.page_size)
    listed += len(found.events)
    token = ""
    if found.following is not None:
        at, key = found.following
        following = ListPlace(
            epoch=known.as_of.epoch, revision=revision, after=(rules.microseconds(at), key.hex(), listed, total)
        )
        token = tokens.token_after(organization_id, question.key, following)
    is_kept = timerange.floor_bucket(bounds.start) >= raw_from
    return ActivityPage(
        known=known,
        revision=revision,
        events=[one.event for one in found.events],
        next_page_token=token,
        dropped=max(0, total - listed) if question.period is None and not token else None,
        kept_from=None if is_kept else timerange.instant(raw_from),
        has_details=principal.settings.keep_user_details,
    )


def _after(place: ListPlace) -> tuple[EventPlace, int, int]:
    """Returns the place of the last event that was looked at, how many were listed, and how many there were in all."""
    at, key, listed, total = place.after
    after = EventPlace(timerange.of_microseconds(int(at or 0)), bytes.fromhex(str(key)))
    return after, int(listed or 0), int(total or 0)
