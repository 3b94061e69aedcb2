"""The credentials of those who operate the deployment over gRPC."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKey:
    """An operator's credential as it is stored; the secret itself is not stored. It belongs to no organization."""

    key_id: str
    name: str
    secret_hmac: bytes
    pepper_id: str  # of the pepper that keys the hash
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    networks: tuple[str, ...] = ()  # that calls must come from, in the notation of CIDR; none: any
    last_used_at: datetime | None = None  # to ten minutes

    def is_good(self, now: datetime) -> bool:
        """Returns whether calls can be made with it."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
