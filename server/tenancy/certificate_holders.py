"""The programs that client certificates stand for, as the operator's file of identities names them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from server.organizations import memberships

_Text = Annotated[str, Field(min_length=1, max_length=256)]


class CertificateHolder(BaseModel):
    """A program that a certificate stands for, by its table in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    spiffe_id: _Text | None = None
    common_name: _Text | None = None
    organization: _Text
    role: str

    @field_validator("spiffe_id")
    @classmethod
    def _spiffe(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith("spiffe://") and value.isascii() and value.isprintable()):
            raise ValueError("must be like spiffe://example.org/collector")
        return value

    @field_validator("role")
    @classmethod
    def _role(cls, value: str) -> str:
        if memberships.ROLE_NAME.fullmatch(value) is None:
            raise ValueError(f"{value[:64]!r} is no name of a role")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "CertificateHolder":
        if (self.spiffe_id is None) == (self.common_name is None):
            raise ValueError("needs either spiffe_id or common_name")
        if not all(one.isprintable() for one in (self.organization, self.common_name or "")):
            raise ValueError("has a name with a control character")
        return self

    @property
    def identity(self) -> str:
        """Returns what a certificate must say, as the audit trail tells it."""
        return self.spiffe_id or f"CN={self.common_name}"


def check_apart(found: Sequence[CertificateHolder]) -> None:
    """Refuses two holders of one certificate."""
    known: dict[str, CertificateHolder] = {}
    for one in found:
        other = known.setdefault(one.identity, one)
        if other is not one:
            raise ValueError(f"[certificates.{other.name}] and [certificates.{one.name}] are the same: {one.identity}")
