"""Stored questions answered with tables. A list of many pages is whole: all of its pages, of one instant."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from server.errors import Reason, Refused
from server.exports.questions import StoredQuestion
from server.exports.tables import DataTable
from server.rpc import asking
from server.rpc.asking import Asking
from server.rpc.exports import answer_tables
from server.tenancy.principal import Principal

MOST_PAGE: Final = 1_000
MOST_ROWS: Final = 100_000  # of an answer that is held as a whole
_REQUEST = "Request"
# The types of requests by the names of their RPCs. The lists of rows are not among them: they are no figures.
_LISTS: Final = frozenset(
    {"ListEvents", "ListAgents", "ListConversations", "ListLeads", "ListUsers", "ListContentGaps", "ListAuditEntries"}
)
REQUESTS: Final[Mapping[str, type[Message]]] = {
    name: kind for kind in asking.QUESTIONS if (name := kind.DESCRIPTOR.name.removesuffix(_REQUEST)) not in _LISTS
}


class TableAnswers:
    """Answers stored questions: see server.exports.questions.Answering."""

    def __init__(self, questions: Asking) -> None:
        self._asking = questions

    async def tables(self, principal: Principal, question: StoredQuestion) -> Sequence[DataTable]:
        """Returns the tables of the answer, the main one first."""
        return await self.of_request(principal, parsed(question))

    async def of_request(self, principal: Principal, request: Message) -> Sequence[DataTable]:
        """Returns the tables of the answer to a request."""
        return answer_tables.tables(await whole(self._asking, principal, request))


def parsed(question: StoredQuestion) -> Message:
    """Returns the request of a stored question."""
    kind = REQUESTS.get(question.method)
    if kind is None:
        raise Refused(
            Reason.INVALID_VALUE,
            f"{question.method[:64]!r} has no answer that is a table; these have one: {', '.join(REQUESTS)}",
            field="method",
        )
    try:
        return json_format.Parse(question.request, kind())
    except json_format.ParseError as error:
        raise Refused(
            Reason.INVALID_VALUE, f"not a request of {question.method}: {str(error)[:200]}", field="request"
        ) from None


async def whole(questions: Asking, principal: Principal, request: Message) -> Any:
    """Returns the answer to a request, with the rows of all pages from its own on."""
    if "page_token" not in request.DESCRIPTOR.fields_by_name:
        return await questions.answer(principal, request)
    asked = in_large_pages(request)
    async with questions.of_one_instant() as pinned:
        answer = await pinned.answer(principal, asked)
        rows = rows_of(answer)
        last = answer
        while last.next_page_token:
            asked.page_token = last.next_page_token
            last = await pinned.answer(principal, asked)
            rows.extend(rows_of(last))
            if len(rows) > MOST_ROWS:
                raise Refused(
                    Reason.TOO_MANY_VALUES,
                    f"the answer has more than {MOST_ROWS:,} rows: export the table rows alone, or narrow the question",
                    field="question",
                    metadata={"limit": str(MOST_ROWS)},
                )
            if last.DESCRIPTOR.fields_by_name.get("rest") is not None:
                answer.rest.CopyFrom(last.rest)
        answer.next_page_token = ""
    return answer


def in_large_pages(request: Message) -> Any:
    """Returns a request for the same rows in pages as large as there may be; with series as asked for."""
    asked: Any = type(request)()
    asked.CopyFrom(request)
    if not ("series" in asked.DESCRIPTOR.fields_by_name and asked.HasField("series")):
        asked.page_size = MOST_PAGE
    if "include_rows_tokens" in asked.DESCRIPTOR.fields_by_name:
        asked.include_rows_tokens = False
    return asked


def rows_of(response: Any) -> Any:
    """Returns the rows of a page."""
    return next(getattr(response, name) for name in _ROWS if name in response.DESCRIPTOR.fields_by_name)


_ROWS: Final = (
    "rows",
    "campaigns",
    "conversations",
    "users",
    "leads",
    "content_gaps",
    "entries",
    "agents",
)
