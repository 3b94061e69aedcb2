"""What a call says of its maker: the credential, the certificate, the address, and how the audit trail names it."""

import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import grpc

from server import tracing
from server.errors import Reason, Refused
from server.organizations import networks
from server.organizations.audit_trail import Actor, ActorKind
from server.rpc import noting
from server.tenancy import certificates
from server.tenancy.certificates import ShownCertificate
from server.tenancy.principal import CallerKind, Principal

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Metadata: TypeAlias = "Iterable[tuple[str, str | bytes]] | None"


def actor_of(principal: Principal, context: _Context) -> Actor:
    """Returns the maker of a call as the audit trail names it."""
    address = peer(context)
    address = noting.actor_peer(address)
    if principal.identity is not None:
        whose = f"{principal.identity.subject}|{principal.identity.issuer}"
        return Actor(kind=ActorKind.IDENTITY, id=whose, peer=address)
    if principal.kind is CallerKind.CERTIFICATE:
        whose = principal.subject.removeprefix(certificates.SUBJECT)
        return Actor(kind=ActorKind.CERTIFICATE, id=whose, peer=address)
    kind = ActorKind.OPERATOR if principal.kind is CallerKind.OPERATOR else ActorKind.API_KEY
    return Actor(kind=kind, id=principal.key_id, peer=address)


def has_credential(metadata: Metadata) -> bool:
    """Returns whether a call shows a credential, good or bad."""
    return any(key == "authorization" for key, _ in metadata or ())


def shown_certificate(context: _Context) -> ShownCertificate:
    """Returns what the client's certificate says, as gRPC has verified it; nothing without one."""
    found: Mapping[str, Iterable[bytes]] = context.auth_context()
    addresses, names = (
        [value.decode("utf-8", "replace") for value in found.get(key, ())] for key in ("peer_uri", "x509_common_name")
    )
    return ShownCertificate(
        spiffe_ids=[one for one in addresses if one.casefold().startswith("spiffe:")], common_names=names
    )


def credential(metadata: Metadata) -> str:
    """Returns the credential that a call shows; refuses a call with none, or several."""
    values = [value for key, value in metadata or () if key == "authorization"]
    if len(values) > 1:
        raise Refused(Reason.AMBIGUOUS_CREDENTIALS, "more than one authorization was sent")
    scheme, _, found = str(values[0]).partition(" ") if values else ("", "", "")
    if scheme.casefold() != "bearer" or not found:
        raise Refused(Reason.CREDENTIALS_MISSING, "send the metadata authorization: Bearer API_KEY")
    return found


def peer(context: _Context) -> str:
    """Returns the caller's address without its port."""
    return urllib.parse.unquote(context.peer()).rpartition(":")[0]


def check_network(principal: Principal, context: _Context) -> None:
    """Refuses a call from elsewhere than the networks that its credential is tied to."""
    if not principal.networks:
        return
    address = peer(context).partition(":")[2].strip("[]")
    if not networks.hold(principal.networks, address):
        raise Refused(
            Reason.NETWORK_NOT_ALLOWED,
            "this credential may not be used from the address that the call came from",
            metadata={"networks": ", ".join(principal.networks)},
        )


def trace_id(context: _Context) -> str | None:
    """Returns the id of the call's trace: the one that is recorded, or that which the caller names; None without."""
    if (span := tracing.current()) is not None:
        return span.recorded.traceparent.split("-")[1]
    given = next((value for key, value in context.invocation_metadata() or () if key == tracing.CARRIED), "")
    parent = tracing.parent_of(str(given))
    return None if parent is None else f"{parent.trace_id:032x}"
