"""Page tokens: how far a caller has come in a table or a list, signed, so that any server can go on.

Tables go by how many rows were shown, of one revision. Lists go by the last row that was shown: rows that come in
between two pages neither move others to the next page nor take them from it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.catalog.selections import AsOf
from server.errors import Reason, Refused
from server.query.signed_tokens import NotOurs, SignedTokens
from server.tenancy.keyed_hashes import KeyedHashes
from server.timerange import TimeRange

_MAX_LENGTH = 4096  # sort values and keys are ids of at most 256 bytes each


def exact_bounds(period: TimeRange) -> tuple[bool, bool]:
    """Returns whether the start and the end that were asked for can be within quarter hours."""
    return period.is_exact(period.asked.start), period.is_exact(period.asked.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A place in a table: after so many rows, of a revision of an epoch. shown is what the rows up to there add up to,
    for each column that adds up; exact_bounds is whether the bounds of the period could be within quarter hours.
    """

    epoch: str
    revision: int
    skip: int
    shown: Sequence[int]
    exact_bounds: tuple[bool, bool]

    def check(self, as_of: AsOf, period: TimeRange) -> None:
        """Refuses the next page where the figures are not those of this one any more."""
        if (self.epoch, self.revision, self.exact_bounds) != (as_of.epoch, as_of.revision, exact_bounds(period)):
            raise Refused(
                Reason.PAGE_TOKEN_EXPIRED,
                "the figures have changed since the page before, so the next one would not fit: ask for the first page"
                " again",
                field="page_token",
                metadata={"revision": str(self.revision), "newest_revision": str(as_of.revision)},
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlace:
    """A place in a list: after the row with these sort values and this key, in the order of the list. revision is that
    of the list's first page, in an epoch.
    """

    epoch: str
    revision: int
    after: Sequence[str | int | None]


class PageTokens:
    """Makes and reads the tokens of every table and list."""

    def __init__(self, secrets: KeyedHashes) -> None:
        self._pages = SignedTokens(secrets, "page", longest=_MAX_LENGTH)
        self._places = SignedTokens(secrets, "place", longest=_MAX_LENGTH)

    def token(self, organization_id: int, question: str, page: Page) -> str:
        """Returns the token of a place in the answer to a question."""
        shown = [page.epoch, page.revision, page.skip, *page.exact_bounds, *page.shown]
        return self._pages.token(organization_id, [_digest(question), *shown])

    def page(self, organization_id: int, question: str, token: str) -> Page:
        """Returns the place that a token stands for; refuses one of another question or organization."""
        epoch, revision, skip, start, end, *shown = _values(self._pages, organization_id, question, token)
        return Page(epoch=epoch, revision=revision, skip=skip, shown=shown, exact_bounds=(start, end))

    def token_after(self, organization_id: int, question: str, place: ListPlace) -> str:
        """Returns the token of a place in the list that a question asks for."""
        return self._places.token(organization_id, [_digest(question), place.epoch, place.revision, *place.after])

    def place(self, organization_id: int, question: str, token: str) -> ListPlace:
        """Returns the place in a list that a token stands for; refuses one of another question or organization."""
        epoch, revision, *after = _values(self._places, organization_id, question, token)
        return ListPlace(epoch=epoch, revision=revision, after=after)


def restored(place: ListPlace, epoch: str) -> Refused:
    """Returns the refusal of a place in a list from before the database was restored."""
    return Refused(
        Reason.PAGE_TOKEN_EXPIRED,
        "the database was restored to an earlier point since the page before: ask for the first page again",
        field="page_token",
        metadata={"revision": str(place.revision), "epoch": epoch},
    )


def _values(tokens: SignedTokens, organization_id: int, question: str, token: str) -> list[Any]:
    """Returns what a token holds beside the digest of its question."""
    try:
        digest, *values = tokens.values(organization_id, token)
    except NotOurs:
        raise Refused(
            Reason.PAGE_TOKEN_INVALID, "the token is damaged, or belongs to another organization", field="page_token"
        ) from None
    if digest != _digest(question):
        raise Refused(
            Reason.PAGE_TOKEN_MISMATCH,
            "the token belongs to another question: ask for the next page with everything but page_size as before",
            field="page_token",
        )
    return values


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:16]
