"""The identity providers that the operator trusts, and what their tokens are good for: read from a TOML file, which may
also say whom client certificates stand for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from server import errors, identity_file
from server.identity_file import ProviderClient, Text
from server.organizations import memberships
from server.tenancy import certificate_holders
from server.tenancy.certificate_holders import CertificateHolder

# Signatures that a public key proves. With HS256 whoever can verify a token could make one, and "none" proves nothing.
ALGORITHMS: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
)
_Table = TypeVar("_Table", bound=BaseModel)
ClaimPath: TypeAlias = tuple[str, ...]  # the name of a claim, and of what is within it


class IdentityProvider(ProviderClient):
    """A provider of identity tokens, by its table in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    jwks_url: str | None = None  # None: as the issuer's discovery document says
    algorithms: Annotated[tuple[str, ...], Field(min_length=1)] = ("RS256", "ES256")
    organization: Text | None = None  # of all tokens
    organization_claim: ClaimPath = ()
    organizations: Mapping[str, Text] = {}  # by the value of that claim
    subject_claim: ClaimPath = ("sub",)
    subject_prefix: Annotated[str, Field(max_length=32)] = ""  # in front of subjects, as members are known by
    require_membership: bool = False
    role_claim: ClaimPath = ()
    roles: Mapping[str, str] = {}  # by a value of that claim; the first one that a token has decides
    default_role: str | None = None
    teams_claim: ClaimPath = ()  # the teams that somebody may see
    unrestricted_roles: tuple[str, ...] = ("admin",)  # who may see all teams
    leeway_seconds: Annotated[int, Field(ge=0, le=60)] = 30
    max_age_seconds: Annotated[int, Field(ge=60, le=7 * 86_400)] = 86_400  # since a token was issued
    session_hours: Annotated[int, Field(ge=1, le=7 * 24)] = 24  # for which somebody who signs in with a token stays so

    @field_validator("organization_claim", "subject_claim", "role_claim", "teams_claim", mode="before")
    @classmethod
    def _path(cls, value: object) -> object:
        path = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
        if not isinstance(path, tuple) or not path or not all(isinstance(one, str) and one for one in path):
            raise ValueError("must be the name of a claim, or a list of names that lead to a claim within claims")
        return path

    @field_validator("algorithms", "unrestricted_roles", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("organizations", mode="before")
    @classmethod
    def _mapped(cls, value: object) -> object:
        return {one: one for one in value} if isinstance(value, list) else value  # each by its own name

    @field_validator("algorithms")
    @classmethod
    def _asymmetric(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [one for one in value if one not in ALGORITHMS]:
            raise ValueError(f"{wrong[0][:32]!r} is not allowed; these are: {', '.join(ALGORITHMS)}")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        return None if value is None else identity_file.safe(value)

    @field_validator("roles", "default_role", "unrestricted_roles")
    @classmethod
    def _named(cls, value: Any) -> Any:
        names = value.values() if isinstance(value, Mapping) else [value] if isinstance(value, str) else value or ()
        for name in names:
            if memberships.ROLE_NAME.fullmatch(name) is None:
                raise ValueError(f"{name[:64]!r} is no name of a role")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "IdentityProvider":
        if (self.organization is None) == (not self.organization_claim):
            raise ValueError("needs either organization or organization_claim")
        if not all(one.isprintable() for one in self.reaches):
            raise ValueError("names an organization with a control character")
        if bool(self.organization_claim) != bool(self.organizations):
            raise ValueError("organization_claim and organizations go together: only what is listed can be named")
        if bool(self.role_claim) != bool(self.roles):
            raise ValueError("role_claim and roles go together")
        if not self.roles and self.default_role is None and not self.require_membership:
            raise ValueError("nobody would have a role: give role_claim, default_role or require_membership")
        return self

    @property
    def reaches(self) -> frozenset[str]:
        """Returns the names of the organizations that tokens can be for."""
        return frozenset(self.organizations.values() if self.organization is None else (self.organization,))


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityFile:
    """What the file says."""

    providers: Sequence[IdentityProvider] = ()
    certificates: Sequence[CertificateHolder] = ()


def read(path: Path | None) -> IdentityFile:
    """Returns what a file says, nothing without a file; raises SetupError in one line where it cannot be used."""
    if path is None:
        return IdentityFile()
    try:
        return parse(identity_file.content(path))
    except ValueError as error:
        raise errors.SetupError(f"{identity_file.VARIABLE}={path}: {error}") from None


def parse(content: Mapping[str, object]) -> IdentityFile:
    """Returns what a file's content says; raises ValueError that says what is wrong where."""
    if others := content.keys() - {"providers", "certificates"}:
        raise ValueError(f"{min(others)[:64]!r} is not known: tables are [providers.NAME] and [certificates.NAME]")
    if not content:
        raise ValueError("holds no table [providers.NAME] or [certificates.NAME]")
    providers = _tables(content, "providers", IdentityProvider)
    holders = _tables(content, "certificates", CertificateHolder)
    _check_apart(providers)
    certificate_holders.check_apart(holders)
    return IdentityFile(providers=providers, certificates=holders)


def _tables(content: Mapping[str, object], group: str, kind: type[_Table]) -> Sequence[_Table]:
    found = identity_file.tables(content, group).items()
    return tuple(_table(f"{group}.{name}", name, table, kind) for name, table in found)


def _table(where: str, name: str, table: Mapping[str, object], kind: type[_Table]) -> _Table:
    try:
        return kind.model_validate({**table, "name": name})
    except ValidationError as error:
        raise ValueError(f"[{where}]: {identity_file.problem(error)}") from None


def _check_apart(found: Sequence[IdentityProvider]) -> None:
    """Refuses providers whose tokens or subjects could be taken for another's."""
    for number, one in enumerate(found):
        for other in found[:number]:
            if one.issuer == other.issuer:
                raise ValueError(f"[providers.{other.name}] and [providers.{one.name}] have the same issuer")
            shared = one.reaches & other.reaches
            prefixes = one.subject_prefix, other.subject_prefix
            if shared and (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0])):
                raise ValueError(
                    f"[providers.{other.name}] and [providers.{one.name}] both lead to {min(shared)!r}: give each a"
                    " subject_prefix that the other's does not begin with, since equal subjects may be two people"
                )
