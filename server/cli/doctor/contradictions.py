"""Settings that are valid each by itself and make no sense together."""

import os
from collections.abc import Iterator

from server import settings
from server.delivery import setup
from server.delivery.reachable import AddressGuard
from server.settings import Settings
from server.store import diagnosis, node_pools


def found(known: Settings) -> list[str]:
    """Returns what contradicts itself, each with the variable to change. SetupError where a value cannot be used."""
    setup.mail_server(known)
    setup.stores(known)
    AddressGuard.of(known.webhook_allow)
    for one in known.node_urls:
        diagnosis.check_url(one, node_pools.VARIABLE)
    return [*_without_effect(known), *_ports(known), *_secrets(known), *_dangers(known)]


def _without_effect(known: Settings) -> Iterator[str]:
    for name in ("max_queries", "max_subscriptions"):
        whole, each = getattr(known, name), getattr(known, f"{name}_per_organization")
        if each > whole:
            variable = f"TALLYWIRE_{name.upper()}"
            yield f"{variable}_PER_ORGANIZATION={each} is more than {variable}={whole}, which holds for all together"
    if known.query_connections > known.max_queries:
        yield (
            f"TALLYWIRE_QUERY_CONNECTIONS={known.query_connections} is more than TALLYWIRE_MAX_QUERIES="
            f"{known.max_queries}, so that some are never used"
        )
    if known.burst_events and not known.events_per_second:
        yield "TALLYWIRE_BURST_EVENTS is set and TALLYWIRE_EVENTS_PER_SECOND, the rate that it belongs to, is not"
    if known.failpoint and not known.allow_failpoints:
        yield "FAILPOINT is set, and is ignored without TALLYWIRE_ALLOW_FAILPOINTS"
    if (cores := os.cpu_count() or known.processes) < known.processes:
        yield f"TALLYWIRE_PROCESSES={known.processes} is more than this machine's {cores} cores"


def _ports(known: Settings) -> Iterator[str]:
    taken = {"TALLYWIRE_LISTEN": known.listen.rpartition(":")[2], "TALLYWIRE_WEB_LISTEN": known.web_listen}
    taken["TALLYWIRE_WEB_LISTEN"] = known.web_listen.rpartition(":")[2]
    if taken["TALLYWIRE_LISTEN"] == taken["TALLYWIRE_WEB_LISTEN"] != "0":
        yield f"TALLYWIRE_LISTEN and TALLYWIRE_WEB_LISTEN name the same port {taken['TALLYWIRE_LISTEN']}"
    if known.metrics_port:
        metrics = range(known.metrics_port, known.metrics_port + known.processes)
        for variable, port in taken.items():
            if port.isdigit() and int(port) in metrics:
                yield f"{variable} names port {port}, which TALLYWIRE_METRICS_PORT gives to Prometheus"
        if metrics[-1] > 65535:
            yield f"TALLYWIRE_METRICS_PORT={known.metrics_port} leaves no ports for {known.processes} processes"


def _secrets(known: Settings) -> Iterator[str]:
    pepper = known.key_pepper.get_secret_value() if known.key_pepper else None
    if pepper in known.accepted_peppers:
        yield "TALLYWIRE_KEY_PEPPERS_ACCEPTED has TALLYWIRE_KEY_PEPPER itself; it is for the others"
    sign_in = known.web_sign_in_key.get_secret_value() if known.web_sign_in_key else None
    if sign_in is not None and sign_in == pepper:
        yield "TALLYWIRE_WEB_SIGN_IN_KEY is TALLYWIRE_KEY_PEPPER; pages need no pepper and should not have it"


def _dangers(known: Settings) -> Iterator[str]:
    if known.allow_failpoints:
        yield "TALLYWIRE_ALLOW_FAILPOINTS lets FAILPOINT kill processes; it is for tests alone"
    if known.tls_certificate is None and not settings.is_loopback(known.listen):
        yield f"TALLYWIRE_LISTEN={known.listen} takes keys and events in plaintext (TALLYWIRE_ALLOW_PLAINTEXT)"
    if known.max_memory_mib and known.max_inflight_mib * 4 > known.max_memory_mib:
        yield (
            f"TALLYWIRE_MAX_INFLIGHT_MIB={known.max_inflight_mib} is more than a quarter of TALLYWIRE_MAX_MEMORY_MIB="
            f"{known.max_memory_mib}, and takes several times as much once events are decoded"
        )
