"""Which addresses webhooks may reach: those of the public internet, and what the operator has allowed.

The list is our own. `is_global` of the standard library says True for addresses that lead back into a network by
translation (NAT64, 6to4) and for multicast.
"""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from server import errors

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_BLOCKED_V4: Final = [
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by providers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # of the IETF
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
# Of IPv6 only what is given out (2000::/3) is public. Within that, what leads elsewhere:
_PUBLIC_V6: Final = ipaddress.IPv6Network("2000::/3")
_BLOCKED_V6: Final = [
    ipaddress.IPv6Network(one)
    for one in (
        "2001::/23",  # of the IETF, with Teredo, whose addresses hold ones of IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, whose addresses hold ones of IPv4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
_PORTS: Final = (443, 8443)
# Names that mean something within a network alone.
_INNER_NAMES: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa")


_PLAIN: Final = "http:// is for addresses that the operator has allowed: use https://"
_ALLOWED: Final = ": the operator can allow it with TALLYWIRE_WEBHOOK_ALLOW"


class Unreachable(Exception):
    """An address that webhooks may not reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressGuard:
    """Says which addresses may be reached. allowed are networks of the operator's choice."""

    allowed: Sequence[Network] = ()

    @classmethod
    def of(cls, text: str | None) -> Self:
        """Returns the guard that allows networks, as in "10.1.0.0/16, ::1"; SetupError where one is none."""
        try:
            networks = [ipaddress.ip_network(one.strip()) for one in (text or "").split(",") if one.strip()]
        except ValueError as error:
            raise errors.SetupError(f"TALLYWIRE_WEBHOOK_ALLOW={text}: {error}") from None
        return cls(allowed=tuple(networks))

    def allows(self, address: str) -> bool:
        """Returns whether the operator has allowed an address, whatever it is."""
        found = _parsed(address)
        return any(found in network for network in self.allowed)

    def check_connection(self, address: str, port: int, *, is_tls: bool) -> None:
        """Raises Unreachable for an address and port that may not be reached, or not without TLS."""
        self.check(address, port)
        if not is_tls and not self.allows(address):
            raise Unreachable(_PLAIN)

    def check(self, address: str, port: int) -> None:
        """Raises Unreachable for an address and port that may not be reached."""
        if self.allows(address):
            return
        if is_blocked(address):
            raise Unreachable(f"{address} is not an address of the public internet{_ALLOWED}")
        if port not in _PORTS:
            raise Unreachable(f"port {port} is neither 443 nor 8443{_ALLOWED}")

    def check_host(self, host: str, port: int, *, is_tls: bool) -> None:
        """Raises Unreachable for a host that certainly cannot be reached, without asking for the addresses of names.
        What a name stands for is looked at whenever it is connected to.
        """
        address = _numeric(host)
        if address is not None:
            self.check(address, port)
        elif not self.allowed:
            name = host.rstrip(".").lower()
            if name.endswith(tuple(f".{one}" for one in _INNER_NAMES)) or name in _INNER_NAMES:
                raise Unreachable(f"{host[:100]} is a name within a network{_ALLOWED}")
            if port not in _PORTS:
                raise Unreachable(f"port {port} is neither 443 nor 8443{_ALLOWED}")
        if not is_tls and not (self.allowed if address is None else self.allows(address)):
            raise Unreachable(_PLAIN)


def _numeric(host: str) -> str | None:
    """Returns the address that a host is, in whichever way the system reads it (127.1, 0x7f.1); None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0])


def is_blocked(address: str) -> bool:
    """Returns whether an address is none of the public internet."""
    found = _parsed(address)
    if isinstance(found, ipaddress.IPv4Address):
        return any(found in network for network in _BLOCKED_V4)
    return found not in _PUBLIC_V6 or any(found in network for network in _BLOCKED_V6)


def _parsed(address: str) -> _Address:
    """Returns an address; one of IPv4 that is written as one of IPv6 is one of IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return found if mapped is None else mapped
