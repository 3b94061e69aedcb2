"""What the database knows of people who show identity tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.organizations.organization import Organization
from server.organizations.restriction import Restriction
from server.store import organizations, statements
from server.store.database import Driver

_STANDINGS = statements.load("identity_standings")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingAsked:
    """A question about somebody: the organization by name, the subject of a member, and the role that claims give."""

    organization: str
    member: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityStanding:
    """Who somebody is in an organization. role and restriction are the member's; of somebody who is no member, role is
    the one that was asked about. scopes are those of a role that the organization has made, else None.
    """

    organization: Organization
    is_member: bool
    role: str
    restriction: Restriction | None
    scopes: tuple[str, ...] | None


async def standings(driver: Driver, asked: Sequence[StandingAsked]) -> dict[StandingAsked, IdentityStanding]:
    """Returns what is known of each, without those whose organization is not there."""
    arguments = _STANDINGS.arguments(
        organizations=[one.organization for one in asked],
        members=[one.member for one in asked],
        roles=[one.role for one in asked],
    )
    found = {}
    for row in await driver.fetch(_STANDINGS.text, *arguments):
        dimension = row["restricted_dimension"]
        found[asked[row["number"] - 1]] = IdentityStanding(
            organization=organizations.organization_of(row),
            is_member=row["member"] is not None,
            role=row["role"],
            restriction=Restriction(dimension=dimension, values=tuple(row["restricted_values"])) if dimension else None,
            scopes=None if row["scopes"] is None else tuple(row["scopes"]),
        )
    return found
