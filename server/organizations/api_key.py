"""The credential of an organization's services."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A credential as it is stored; the secret itself is not stored."""

    key_id: str
    organization_id: int
    name: str
    secret_hmac: bytes
    pepper_id: str  # of the pepper that keys the hash
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
