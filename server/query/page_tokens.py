"""Page tokens: how far a caller has come in a table, signed, so that any server can go on."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from server.errors import Reason, Refused
from server.tenancy.keyed_hashes import KeyedHashes

_MAX_LENGTH = 2048
_PROOF_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A place in a table: after so many rows, of a revision of an epoch. shown is what the rows up to there add up to,
    for each column that adds up.
    """

    epoch: str
    revision: int
    skip: int
    shown: Sequence[int]


class PageTokens:
    """Makes and reads the tokens of every table."""

    def __init__(self, secrets: KeyedHashes) -> None:
        self._secrets = secrets

    def token(self, organization_id: int, question: str, page: Page) -> str:
        """Returns the token of a place in the answer to a question."""
        content = json.dumps([_digest(question), page.epoch, page.revision, page.skip, *page.shown]).encode()
        proof = self._secrets.token_hash(_proved(organization_id, content))
        return base64.urlsafe_b64encode(proof + content).decode().rstrip("=")

    def page(self, organization_id: int, question: str, token: str) -> Page:
        """Returns the place that a token stands for; refuses one of another question or organization."""
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise _invalid()
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _invalid() from None
        proof, content = data[:_PROOF_BYTES], data[_PROOF_BYTES:]
        if not self._secrets.proves(proof, _proved(organization_id, content)):
            raise _invalid()
        digest, epoch, revision, skip, *shown = json.loads(content)
        if digest != _digest(question):
            raise Refused(
                Reason.PAGE_TOKEN_MISMATCH,
                "the token belongs to another question: ask for the next page with everything but page_size as before",
                field="page_token",
            )
        return Page(epoch=epoch, revision=revision, skip=skip, shown=shown)


def expired(page: Page, newest_revision: int) -> Refused:
    """Returns the refusal of a page whose revision is no longer the newest."""
    return Refused(
        Reason.PAGE_TOKEN_EXPIRED,
        "the figures have changed since the page before, so the next one would not fit: ask for the first page again",
        field="page_token",
        metadata={"revision": str(page.revision), "newest_revision": str(newest_revision)},
    )


def _proved(organization_id: int, content: bytes) -> bytes:
    return b"page:%d:" % organization_id + content


def _digest(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:16]


def _invalid() -> Refused:
    return Refused(
        Reason.PAGE_TOKEN_INVALID, "the token is damaged, or belongs to another organization", field="page_token"
    )
