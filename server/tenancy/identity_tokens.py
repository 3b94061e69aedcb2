"""Identity tokens (JWT): who a provider says that somebody is, proved by its signature.

Nothing of a token is believed before its signature is verified, but for which provider and key it names; and nothing of
a token is logged.
"""

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from server.organizations import memberships, restriction
from server.organizations.restriction import Restriction
from server.tenancy.identity_providers import ClaimPath, IdentityProvider
from server.tenancy.key_sets import Fetch, ProviderKeys

LONGEST: Final = 8 * 1024  # bytes of a token
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
_TYPES = (
    "jwt",
    "at+jwt",
    "application/at+jwt",
)  # not, for example, logout+jwt, which providers sign with the same keys
_MOST_VALUES = 200  # of a claim
_MOST_SECONDS = 100_000_000_000  # in the year 5138


class TokenFault(enum.StrEnum):
    """What is wrong with a token, in words for whoever sent it. Of a forged one nothing more than that is said."""

    FORM = "it is no signed token"
    FORGED = "it is not signed by a known key of an identity provider of this service"
    CLAIMS = "it lacks a claim that is needed, or has one that cannot be"
    AUDIENCE = "it is for another audience"
    EXPIRED = "it has expired"
    EARLY = "it is not valid yet"
    TOO_OLD = "it was issued too long ago"
    ORGANIZATION = "it is for no organization that its provider may speak for"


class BadToken(Exception):
    """A token is not good."""

    def __init__(self, fault: TokenFault, provider: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.provider = provider  # its name, once the signature is proved


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedIdentity:
    """Who somebody is, as a provider has said. member is the subject as members of an organization are known by; role
    and teams are what claims say, for those who are no members. ends_at is when the token is refused.
    """

    provider: IdentityProvider
    subject: str
    member: str
    organization: str
    role: str
    teams: Sequence[str] | None  # None: the provider's tokens name no teams
    expires_at: datetime
    ends_at: datetime

    @property
    def id(self) -> str:
        """Returns what stands for issuer and subject where an id of a key would stand."""
        text = f"{len(self.provider.issuer)}:{self.provider.issuer}|{self.subject}"
        return f"oidc:{hashlib.sha256(text.encode()).hexdigest()[:24]}"

    @property
    def restriction(self) -> Restriction | None:
        """Returns the part that claims restrict to. Raises ValueError where they name none, and should."""
        if self.teams is None or self.role in self.provider.unrestricted_roles:
            return None
        if restriction.problem("team", self.teams):
            raise ValueError("no teams")
        return Restriction(dimension="team", values=tuple(self.teams))


def is_token(credential: str) -> bool:
    """Returns whether a credential has the form of a token: no credential of the service itself has a dot."""
    return credential.count(".") == 2


class IdentityTokens:
    """The check of tokens, with the keys of all providers."""

    def __init__(self, providers: Sequence[IdentityProvider], fetch: Fetch) -> None:
        self._providers = {one.issuer: (one, ProviderKeys(one, fetch)) for one in providers}

    def start(self) -> None:
        """Begins to fetch the keys of all providers."""
        for _, keys in self._providers.values():
            keys.start()

    async def close(self) -> None:
        """Gives up what is under way."""
        for _, keys in self._providers.values():
            await keys.close()

    def provider(self, issuer: str) -> IdentityProvider | None:
        """Returns the provider of an issuer; None where it is not trusted."""
        provider, _ = self._providers.get(issuer, (None, None))
        return provider

    async def verified(self, token: str, now: datetime) -> VerifiedIdentity:
        """Returns who a token proves to be. Raises BadToken, and Refused where the provider's keys cannot be had."""
        if len(token) > LONGEST:
            raise BadToken(TokenFault.FORM)
        header, issuer = _unproved(token)
        provider, keys = self._providers.get(issuer, (None, None))
        algorithm, kid = header.get("alg"), header.get("kid")
        if provider is None or keys is None or algorithm not in provider.algorithms:
            raise BadToken(TokenFault.FORGED)
        key = await keys.find(kid, algorithm)
        if key is None:
            raise BadToken(TokenFault.FORGED)
        return _identity(provider, _proved(token, key, algorithm, provider), now)


def _unproved(token: str) -> tuple[Mapping[str, Any], str]:
    """Returns the header of a token, and the issuer that it names: enough to find the key that must have signed it."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise BadToken(TokenFault.FORM) from None
    header, issuer = found["header"], found["payload"].get("iss")
    # "crit" names extensions that change what a signature means; none is known here.
    if "crit" in header or "b64" in header or not isinstance(issuer, str):
        raise BadToken(TokenFault.FORM)
    if not isinstance(header.get("kid"), str | None) or str(header.get("typ", "jwt")).casefold() not in _TYPES:
        raise BadToken(TokenFault.FORM)
    return header, issuer


def _proved(token: str, key: Any, algorithm: str, provider: IdentityProvider) -> Mapping[str, Any]:
    """Returns the claims of a token, whose signature, issuer and audience are right. Times are left to _identity(),
    since the database's clock decides.
    """
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],  # one of the provider's, and one that the key is for
            audience=list(provider.audiences),
            issuer=provider.issuer,
            options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.InvalidAudienceError:
        raise BadToken(TokenFault.AUDIENCE, provider.name) from None
    except jwt.InvalidSignatureError:
        raise BadToken(TokenFault.FORGED) from None
    except (jwt.MissingRequiredClaimError, jwt.exceptions.InvalidSubjectError):
        raise BadToken(TokenFault.CLAIMS, provider.name) from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise BadToken(TokenFault.FORGED) from None


def _identity(provider: IdentityProvider, claims: Mapping[str, Any], now: datetime) -> VerifiedIdentity:
    """Returns who claims are about, and what they say of them; raises BadToken."""
    expires_at, ends_at = _times(provider, claims, now)
    subject = _value(claims, provider.subject_claim)
    named = provider.subject_prefix + subject if isinstance(subject, str) else ""
    if (
        not isinstance(subject, str)
        or not subject
        or not named.isprintable()
        or len(named) > memberships.LONGEST_SUBJECT
    ):
        raise BadToken(TokenFault.CLAIMS, provider.name)
    if provider.subject_claim == ("email",) and claims.get("email_verified") is not True:
        raise BadToken(TokenFault.CLAIMS, provider.name)  # at some providers anybody may claim any address
    return VerifiedIdentity(
        provider=provider,
        subject=subject,
        member=named,
        organization=_organization(provider, claims),
        role=_role(provider, claims),
        teams=_texts(_value(claims, provider.teams_claim)) if provider.teams_claim else None,
        expires_at=expires_at,
        ends_at=ends_at,
    )


def _times(provider: IdentityProvider, claims: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """Returns when a token expires, and when it is refused; raises BadToken where it is not of now."""
    issued, expires, begins = (_second(claims.get(name)) for name in ("iat", "exp", "nbf"))
    if issued is None or expires is None or ("nbf" in claims and begins is None):
        raise BadToken(TokenFault.CLAIMS, provider.name)
    at, leeway = now.timestamp(), provider.leeway_seconds
    if max(issued, begins or issued) > at + leeway:
        raise BadToken(TokenFault.EARLY, provider.name)
    if expires + leeway <= at:
        raise BadToken(TokenFault.EXPIRED, provider.name)
    oldest = issued + provider.max_age_seconds
    if oldest + leeway <= at:
        raise BadToken(TokenFault.TOO_OLD, provider.name)
    ends = min(expires, oldest)
    return datetime.fromtimestamp(ends, UTC), datetime.fromtimestamp(ends + leeway, UTC)


def _second(value: object) -> float | None:
    """Returns a time as seconds of Unix; None where it is none, or thousands of years away."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_SECONDS:
        return None
    return float(value)


def _organization(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    if provider.organization is not None:
        return provider.organization
    named = _value(claims, provider.organization_claim)
    if not isinstance(named, str) or named not in provider.organizations:
        raise BadToken(TokenFault.ORGANIZATION, provider.name)
    return provider.organizations[named]


def _role(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    """Returns the role that claims give: the first of the file's that the token has a value for; empty: none."""
    has = set(_texts(_value(claims, provider.role_claim)) if provider.role_claim else ())
    return next((role for value, role in provider.roles.items() if value in has), provider.default_role or "")


def _value(claims: Mapping[str, Any], path: ClaimPath) -> Any:
    found: Any = claims
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _texts(value: object) -> Sequence[str]:
    """Returns the texts of a claim that holds one or a list of them; none where it holds anything else."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or len(values) > _MOST_VALUES or not all(isinstance(one, str) for one in values):
        return ()
    return list(dict.fromkeys(values))
