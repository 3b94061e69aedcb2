"""Networks that a key's calls must come from."""

import functools
import ipaddress
from collections.abc import Sequence
from typing import Final

MOST: Final = 20  # of a key


def normal(text: str) -> str | None:
    """Returns a network in the one notation of CIDR that is stored; a single address is a network. None: it is none."""
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError:
        return None


def hold(networks: Sequence[str], address: str) -> bool:
    """Returns whether an address lies in one of the networks. What is no address, as that of a local socket, lies in
    none.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in _network(one) for one in networks)


def lies_in(network: str, others: Sequence[str]) -> bool:
    """Returns whether a network is one of others, or a part of one."""
    found = _network(network)
    return any(found.version == one.version and found.subnet_of(one) for one in map(_network, others))  # type: ignore[arg-type]  # of one version


@functools.lru_cache(maxsize=10_000)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text)
