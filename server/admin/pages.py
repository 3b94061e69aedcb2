"""Pages of the lists of administration: behind the last row that was shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.query.page_tokens import ListPlace, PageTokens
from server.tenancy.principal import Principal

_Row = TypeVar("_Row")
_Place = Sequence[str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPage:
    """Which page of a list somebody asks for."""

    size: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminPage(Generic[_Row]):
    """A page of a list; without a token it is the last one."""

    rows: Sequence[_Row]
    next_page_token: str


class AdminPages:
    """Places in lists, as tokens that are good for one caller's organization, or for operators, and one question."""

    def __init__(self, tokens: PageTokens) -> None:
        self._tokens = tokens

    def place(self, principal: Principal, question: object, asked: AskedPage) -> _Place | None:
        """Returns what the page before has ended with; None for the first page. Refuses another list's token."""
        if not asked.token:
            return None
        return self._tokens.place(principal.organization_id, repr(question), asked.token).after

    def page(
        self,
        principal: Principal,
        question: object,
        asked: AskedPage,
        found: Sequence[_Row],
        place_of: Callable[[_Row], _Place],
    ) -> AdminPage[_Row]:
        """Returns a page of the rows that were found, of which one more than its size tells that there is another."""
        rows, token = found[: asked.size], ""
        if len(found) > asked.size:
            following = ListPlace(epoch="", revision=0, after=place_of(rows[-1]))
            token = self._tokens.token_after(principal.organization_id, repr(question), following)
        return AdminPage(rows=rows, next_page_token=token)
