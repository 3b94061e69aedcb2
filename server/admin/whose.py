"""Whose organization a call of administration is about, and what its caller may give."""

import contextlib
from collections.abc import Collection, Iterator, Sequence

from server.errors import Reason, Refused
from server.events import rules
from server.organizations import errors, networks
from server.organizations.organization import Organization
from server.store import organizations
from server.store.database import Driver
from server.store.isolation import EVERY, Of
from server.tenancy import sign_ins
from server.tenancy.principal import CallerKind, Principal, Scope

_SHOWN = 100  # characters of what was given, in a refusal


def is_operator(principal: Principal) -> bool:
    """Returns whether the caller operates the deployment."""
    return principal.kind is CallerKind.OPERATOR


def check_operator(principal: Principal) -> None:
    """Refuses whoever does not operate the deployment."""
    if not is_operator(principal):
        raise Refused(Reason.OPERATOR_REQUIRED, "this is for operators of the deployment, with a key of theirs")


def seen(principal: Principal) -> Of:
    """Returns which organizations a call of administration may see."""
    return EVERY if is_operator(principal) else principal.organization_id


async def organization(
    driver: Driver, principal: Principal, name: str, *, hold: bool = False, field: str = "organization"
) -> Organization:
    """Returns the organization that a call is about: the caller's own, or the one that an operator names. Others are
    refused as if they were not there. To hold it keeps everybody else from changing it and what belongs to it.
    """
    if is_operator(principal):
        if not name:
            raise rules.required(field)
        found = await organizations.by_name(driver, name)
    else:
        found = await organizations.by_id(driver, principal.organization_id)
        if found is not None and name and name != found.name:
            found = None
    if found is not None and hold:
        found = await organizations.held_by_name(driver, found.name)
    if found is None:
        raise not_found(name, field)
    return found


async def organization_if_named(driver: Driver, principal: Principal, name: str) -> Organization | None:
    """Returns the organization that a call is about; None where an operator names none."""
    return None if is_operator(principal) and not name else await organization(driver, principal, name)


def not_found(name: str, field: str = "organization") -> Refused:
    """Returns the refusal of an organization that is not there, or not the caller's."""
    shown = name[:_SHOWN]
    return Refused(
        Reason.ORGANIZATION_NOT_FOUND,
        f"there is no organization {shown!r} that you administer",
        field=field,
        metadata={"organization": shown},
    )


def check_may_give(principal: Principal, scopes: Collection[str], tied: Sequence[str] | None, field: str) -> None:
    """Refuses to give what the caller lacks: scopes, and calls from elsewhere than its own networks. tied are the
    networks of a key; None where no key is given.
    """
    if is_operator(principal):
        return
    known = {scope.value: scope for scope in Scope}
    for one in scopes:
        if not principal.may(known.get(one, Scope.ADMIN)):  # unknown ones belong to a newer version
            raise sign_ins.missing(known.get(one, Scope.ADMIN), f"{field}.scopes")
    own = principal.networks
    if own and tied is not None and not (tied and all(networks.lies_in(one, own) for one in tied)):
        raise Refused(
            Reason.NETWORK_NOT_ALLOWED,
            "you are tied to networks: what you give has to be tied to these, or to parts of them",
            field=f"{field}.networks",
            metadata={"networks": ", ".join(own)},
        )


def check_etag(known: str, now: str, field: str, what: str) -> None:
    """Refuses to change what was changed since somebody has read it; without an etag nothing is refused."""
    if known and known != now:
        raise Refused(
            Reason.ETAG_MISMATCH,
            f"the {what} was changed since it was read: read it again",
            field=field,
            metadata={"etag": now},
        )


_REASONS = {
    errors.OrganizationExists: (Reason.ORGANIZATION_EXISTS, "organization.name"),
    errors.InvalidOrganizationName: (Reason.INVALID_VALUE, "organization.name"),
    errors.DeletionOfAnother: (Reason.INVALID_VALUE, "request_id"),
    errors.ScopesMissing: (Reason.REQUIRED_FIELD, "key.scopes"),
    errors.InvalidKey: (Reason.INVALID_VALUE, "key"),
}


@contextlib.contextmanager
def refusing(name: str = "") -> Iterator[None]:
    """Turns errors about organizations and keys into refusals; name is that of the organization."""
    about = {"organization": name[:_SHOWN]} if name else {}
    try:
        yield
    except errors.OrganizationNotFound:
        raise not_found(name) from None
    except errors.OrganizationRevoked as error:
        raise Refused(Reason.ORGANIZATION_REVOKED, str(error), field="organization", metadata=about) from None
    except errors.OrganizationDeleting as error:
        raise Refused(Reason.ORGANIZATION_DELETING, str(error), field="organization", metadata=about) from None
    except errors.InvalidSetting as error:
        field = f"organization.settings.{error.setting}"
        raise Refused(Reason.INVALID_VALUE, f"{error.setting}: {error}", field=field) from None
    except errors.OrganizationError as error:
        reason, field = _REASONS[type(error)]
        exists = about if reason is Reason.ORGANIZATION_EXISTS else {}
        raise Refused(reason, str(error), field=field, metadata=exists) from None
