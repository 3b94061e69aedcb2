"""The parts of exported lists.

Lists of a revision (events, the audit trail) go page by page: between two pages nothing of the database is held, and
each page that was sent is a place to go on from. The pages of other lists would not be of one revision: they are read
in one snapshot, into a spool, before their reader is waited for.
"""

import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final

from server.errors import Reason, Refused
from server.exports import formats
from server.exports.exports import ExportRoom
from server.exports.formats import Format
from server.exports.making import FileInTheMaking
from server.exports.spool import ByteSpool
from server.exports.tables import Heading
from server.organizations.audit_trail import Actor
from server.rpc import gate
from server.rpc.asking import Asking
from server.rpc.exports import answer_tables, estimates, messages, places
from server.rpc.exports.answering import in_large_pages, rows_of
from server.rpc.exports.fields import words
from server.rpc.exports.messages import Part
from server.rpc.exports.places import FilePlace, FilePlaces
from server.rpc.exports.row_tables import RowTable
from server.rpc.exports.telling import ToldExport
from server.tenancy.principal import Principal, Scope
from tallywire.v1 import answer_pb2, export_service_pb2

# The scope that each list needs, as its RPC does.
SCOPES: Final = {
    "events": Scope.EVENTS,
    "conversations": Scope.EVENTS,
    "users": Scope.EVENTS,
    "leads": Scope.EVENTS,
    "content_gaps": Scope.EVENTS,
    "audit_entries": Scope.ADMIN,
    "agents": Scope.READ,
}
_OF_A_REVISION: Final = frozenset({"events", "audit_entries"})
_PROGRESS_SECONDS, _MOST_PROGRESS = 1.0, 100
_ACTION: Final = "rows.exported"


class ProgressNotes:
    """Tells now and then how far an export is: so seldom that it never waits for its reader."""

    def __init__(self) -> None:
        self._next, self._told = time.monotonic() + _PROGRESS_SECONDS, 0

    def is_due(self) -> bool:
        """Returns whether it is time."""
        if time.monotonic() < self._next or self._told >= _MOST_PROGRESS:
            return False
        self._told += 1
        self._next = time.monotonic() + _PROGRESS_SECONDS * (1 + self._told / 10)
        return True


class RowStreams:
    """Makes the parts of exported lists."""

    def __init__(self, asking: Asking, exports: ExportRoom) -> None:
        self._asking = asking
        self._exports = exports
        self._places = FilePlaces(asking.secrets)

    async def parts(
        self, principal: Principal, request: export_service_pb2.ExportRowsRequest, by: Actor
    ) -> AsyncGenerator[Part, None]:
        """Yields the header, chunks, and the trailer."""
        name = request.WhichOneof("rows")
        if name is None:
            raise Refused(Reason.REQUIRED_FIELD, "say which rows", field="rows")
        gate.require(SCOPES[name], name)
        asked, one = getattr(request, name), messages.format_of(request.format)
        if asked.page_token:
            raise Refused(Reason.INVALID_VALUE, "an export begins with the first page", field=f"{name}.page_token")
        place = self._place(principal, request, name, one)
        made = FileInTheMaking(formats.writer(one), rows=place.rows, size=place.size)
        told = ToldExport(self._exports, principal, by, asked, one, self._asking.secrets)
        try:
            async with self._exports.slot(principal):
                await told.begins(_ACTION, {"resumed_at": place.rows} if place.rows else {})
                listing = _Listing(self._asking, principal, name, in_large_pages(asked), one, made)
                if name in _OF_A_REVISION:
                    seal = None
                    if one.can_resume:
                        digest = places.digest_of(request)
                        seal = _Sealing(self._places, principal.organization_id, digest)
                    parts = _paged(listing, place, seal)
                else:
                    parts = _spooled(listing, self._exports)
                async with contextlib.aclosing(parts):
                    async for part in parts:
                        yield part
                        told.sent(part)
        finally:
            await made.close()
            told.ends(made)

    def _place(
        self, principal: Principal, request: export_service_pb2.ExportRowsRequest, name: str, one: Format
    ) -> FilePlace:
        """Returns where to begin; refuses to go on with a file that cannot be gone on with."""
        if not request.resume_token:
            return FilePlace(page_token="", rows=0, size=0)
        if name not in _OF_A_REVISION or not one.can_resume:
            raise Refused(
                Reason.RESUME_TOKEN_INVALID, f"{one.value} files of {name} cannot be resumed", field="resume_token"
            )
        digest = places.digest_of(request)
        return self._places.place(principal.organization_id, digest, request.resume_token)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page of a list."""

    context: answer_pb2.AnswerContext
    messages: Any
    next_page_token: str
    missing: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Sealing:
    places: FilePlaces
    organization_id: int
    digest: str

    def token(self, page_token: str, made: FileInTheMaking) -> str:
        """Returns the token of the place that a file has come to."""
        place = FilePlace(page_token=page_token, rows=made.rows, size=made.size)
        return self.places.token(self.organization_id, self.digest, place)


class _Listing:
    """A list that is exported: its pages, its columns, and the file."""

    def __init__(
        self, asking: Asking, principal: Principal, name: str, asked: Any, one: Format, made: FileInTheMaking
    ) -> None:
        self.asking = asking
        self.principal = principal
        self.format = one
        self.made = made
        self._name = name
        self._asked = asked
        self._table: RowTable | None = None
        self.estimated: int | None = None

    async def page(self, asking: Asking, token: str) -> _Page:
        """Returns a page."""
        self._asked.page_token = token
        try:
            response = await asking.answer(self.principal, self._asked)
        except Refused as why:
            # Fields of the list are fields within the request; its page token is in the resume token.
            within = "resume_token" if why.field == "page_token" else f"{self._name}.{why.field}"
            why.field = within if why.field else ""
            raise
        known = response.DESCRIPTOR.fields_by_name
        context = answer_pb2.AnswerContext(time_zone=self.principal.settings.time_zone)
        if "context" in known:
            context = response.context
        missing = ""
        if "figure" in known and response.HasField("figure") and response.figure.missing_figure:
            figure = response.figure
            missing = f"{figure.missing_figure:,} of {figure.figure:,} are of rows that are no longer kept"
        return _Page(
            context=context, messages=rows_of(response), next_page_token=response.next_page_token, missing=missing
        )

    async def estimate(self) -> None:
        """Estimates how many rows there are."""
        self.estimated = await estimates.rows(self.asking, self.principal, self._asked)

    def heading(self, page: _Page) -> Heading:
        """Returns the table's heading, after the first page."""
        kind = rows_kind(self._name)
        with_amount = bool(getattr(self._asked, "rows_token", ""))
        self._table = RowTable(kind, currency=page.context.currency, with_amount=with_amount)
        return Heading(
            name=self._name,
            title=words(self._name),
            columns=self._table.columns,
            context=answer_tables.context_of(page.context),
            estimated_rows=self.estimated,
        )

    async def add(self, page: _Page) -> bytes:
        """Adds the rows of a page."""
        table, messages_of = self._table, page.messages
        assert table is not None  # noqa: S101 - there is a heading
        return await self.made.add(lambda: table.rows(messages_of))


def rows_kind(name: str) -> Any:
    """Returns the type of the rows of a list."""
    request: Any = export_service_pb2.ExportRowsRequest.DESCRIPTOR.fields_by_name[name].message_type
    response = request.file.message_types_by_name[request.name.removesuffix("Request") + "Response"]
    found = [one.message_type for one in response.fields if one.is_repeated]
    return found[0]


async def _paged(listing: _Listing, place: FilePlace, seal: _Sealing | None) -> AsyncGenerator[Part, None]:
    """Yields the parts of a list of a revision. Nothing of the database is held while a part is sent."""
    made, progress = listing.made, ProgressNotes()
    page = await listing.page(listing.asking, place.page_token)
    await listing.estimate()
    heading = listing.heading(page)
    yield messages.header(listing.format, page.context, [heading], offset=place.size, resumable=seal is not None)
    data = await made.begin(heading)
    while True:
        data += await listing.add(page)
        token = seal.token(page.next_page_token, made) if seal is not None and page.next_page_token else ""
        if data or progress.is_due():
            for chunk in messages.chunks(data, made.rows, token):
                yield chunk
            data = b""
        if not page.next_page_token:
            break
        page = await listing.page(listing.asking, page.next_page_token)
    async for rest in _rest(made, data):
        yield rest
    yield messages.trailer(made, page.missing)


async def _spooled(listing: _Listing, exports: ExportRoom) -> AsyncGenerator[Part, None]:
    """Yields the parts of a list of one instant, once all of it is read."""
    made, progress = listing.made, ProgressNotes()
    await listing.estimate()
    with ByteSpool() as spool:
        async with exports.reading(listing.principal), listing.asking.of_one_instant() as pinned:
            page = await listing.page(pinned, "")
            heading = listing.heading(page)
            yield messages.header(listing.format, page.context, [heading])
            data = await made.begin(heading)
            while True:
                data += await listing.add(page)
                if data:
                    await spool.put(data)
                data = b""
                if progress.is_due():
                    yield export_service_pb2.ExportChunk(rows=made.rows)
                if not page.next_page_token:
                    break
                page = await listing.page(pinned, page.next_page_token)
        async for data in spool.portions():
            for chunk in messages.chunks(data, made.rows):
                yield chunk
    async for rest in _rest(made, b""):
        yield rest
    yield messages.trailer(made, page.missing)


async def _rest(made: FileInTheMaking, data: bytes) -> AsyncIterator[Part]:
    """Yields what is left of a file, after some data."""
    if data:
        for chunk in messages.chunks(data, made.rows):
            yield chunk
    async for data in made.finish():
        for chunk in messages.chunks(data, made.rows):
            yield chunk
