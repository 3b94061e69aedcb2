"""Which addresses webhooks may reach."""

import ipaddress

import pytest

from server import errors
from server.delivery import reachable
from server.delivery.reachable import AddressGuard, Unreachable

_BLOCKED = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 169.254.169.254 "
    "172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 "
    "198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::808:808 "
    "64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 "
    "5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1"
)
_PUBLIC = (
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 "
    "172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 "
    "223.255.255.255 ::ffff:8.8.8.8 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 "
    "2a00:1450::1"
)


@pytest.mark.parametrize("address", _BLOCKED.split())
def test_addresses_within_networks_are_blocked(address: str) -> None:
    assert reachable.is_blocked(address)
    with pytest.raises(Unreachable):
        AddressGuard().check(address, 443)


@pytest.mark.parametrize("address", _PUBLIC.split())
def test_addresses_of_the_internet_are_not(address: str) -> None:
    AddressGuard().check(address, 443)


def test_whatever_the_standard_library_calls_private_is_blocked() -> None:
    """Ours is the longer list: it misses nothing of the other one."""
    for network in ipaddress.IPv4Address("10.0.0.1")._constants._private_networks:  # type: ignore[attr-defined]
        for address in (network[0], network[-1]):
            assert reachable.is_blocked(str(address)), address


@pytest.mark.parametrize(
    ("port", "is_allowed"), [(443, True), (8443, True), (80, False), (22, False), (25, False), (6379, False)]
)
def test_ports_of_other_services_are_not_for_webhooks(port: int, is_allowed: bool) -> None:
    if is_allowed:
        AddressGuard().check("8.8.8.8", port)
        return
    with pytest.raises(Unreachable, match=f"port {port}"):
        AddressGuard().check("8.8.8.8", port)


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "::1", "localhost", "a.localhost.", "db.internal", "printer.local"]
)
def test_a_host_that_is_within_a_network_for_sure_is_told_at_once(host: str) -> None:
    with pytest.raises(Unreachable):
        AddressGuard().check_host(host, 443, is_tls=True)
    AddressGuard.of("127.0.0.0/8, ::1").check_host(host, 22, is_tls=False)


def test_a_name_is_not_asked_about_until_it_is_called() -> None:
    AddressGuard().check_host("hooks.example.org", 443, is_tls=True)
    for port, is_tls in ((22, True), (443, False)):
        with pytest.raises(Unreachable):
            AddressGuard().check_host("hooks.example.org", port, is_tls=is_tls)


def test_an_operator_can_allow_networks() -> None:
    guard = AddressGuard.of("10.1.0.0/16, ::1")
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "::1"):
        guard.check(address, 22)
    for address in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(Unreachable):
            guard.check(address, 443)
    with pytest.raises(errors.SetupError, match="TALLYWIRE_WEBHOOK_ALLOW"):
        AddressGuard.of("10.1.0.0/16, everything")
