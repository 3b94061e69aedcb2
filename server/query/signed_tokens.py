"""Tokens that only this deployment can make or read: values, sealed for the kind of token and its organization.

What is in them may be more than their holders may see: the alias that stands for a person who was erased.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from server.tenancy.keyed_hashes import KeyedHashes


class NotOurs(ValueError):
    """A token is damaged, of another kind, or of another organization."""


class SignedTokens:
    """Makes and reads the tokens of a kind, of at most so many characters."""

    def __init__(self, secrets: KeyedHashes, kind: str, *, longest: int) -> None:
        self._secrets = secrets
        self._kind = kind
        self._longest = longest

    def token(self, organization_id: int, values: Sequence[object]) -> str:
        """Returns a token that holds values."""
        content = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
        sealed = self._secrets.sealed(self._context(organization_id), content)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def values(self, organization_id: int, token: str) -> list[Any]:
        """Returns the values that a token of the organization holds; raises NotOurs for any other text."""
        if len(token) > self._longest or not token.isascii():
            raise NotOurs
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotOurs from None
        content = self._secrets.opened(self._context(organization_id), data)
        if content is None:
            raise NotOurs
        values: list[Any] = json.loads(content)
        return values

    def _context(self, organization_id: int) -> bytes:
        return b"%s:%d:" % (self._kind.encode(), organization_id)
