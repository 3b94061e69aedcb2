"""Resume tokens of exports: how far a file was made, sealed, so that any server can go on."""

import hashlib
from dataclasses import dataclass
from typing import Any

from server.errors import Reason, Refused
from server.query.signed_tokens import NotOurs, SignedTokens
from server.tenancy.keyed_hashes import KeyedHashes
from tallywire.v1 import export_service_pb2

_MAX_LENGTH = 8192  # a page token is at most half as long


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A place in a file: after so many rows and bytes. page_token asks for the page that comes next; empty: the
    first one.
    """

    page_token: str
    rows: int
    size: int


class FilePlaces:
    """Makes and reads the tokens of exports. A token belongs to its request, with everything but the token in it."""

    def __init__(self, secrets: KeyedHashes) -> None:
        self._tokens = SignedTokens(secrets, "export", longest=_MAX_LENGTH)

    def token(self, organization_id: int, digest: str, place: FilePlace) -> str:
        """Returns the token of a place."""
        return self._tokens.token(organization_id, [digest, place.page_token, place.rows, place.size])

    def place(self, organization_id: int, digest: str, token: str) -> FilePlace:
        """Returns the place of a token; refuses one of another request or organization."""
        try:
            whose, page_token, rows, size = self._tokens.values(organization_id, token)
        except NotOurs:
            raise _refusal("is damaged, or belongs to another organization") from None
        if whose != digest:
            raise _refusal("belongs to another export: ask with everything else as it was then")
        return FilePlace(page_token=page_token, rows=rows, size=size)


def digest_of(request: export_service_pb2.ExportRowsRequest) -> str:
    """Returns what must be equal for an export to be gone on with."""
    asked = export_service_pb2.ExportRowsRequest()
    asked.CopyFrom(request)
    asked.ClearField("resume_token")
    rows: Any = getattr(asked, asked.WhichOneof("rows") or "events")
    rows.ClearField("page_size")
    # The text form and not the encoding, which is not the same on every version of the library.
    return hashlib.sha256(str(asked).encode()).hexdigest()[:16]


def _refusal(why: str) -> Refused:
    return Refused(Reason.RESUME_TOKEN_INVALID, f"the token {why}", field="resume_token")
