"""Serves the process's numbers to Prometheus."""

import structlog
from prometheus_client import start_http_server

from server import errors, settings

_log = structlog.get_logger(__name__)


def serve(address: str, port: int) -> None:
    """Answers scrapes from now on, unless the port is 0; SetupError where it cannot."""
    if not port:
        return
    try:
        start_http_server(port, addr=address)
    except OSError as error:
        raise errors.SetupError(
            f"cannot serve metrics on {address}:{port}: {error.strerror}; choose another place with"
            " TALLYWIRE_METRICS_ADDRESS or TALLYWIRE_METRICS_PORT (or --metrics-port of a worker)"
        ) from error
    if not settings.is_loopback_host(address):
        _log.warning(
            "metrics are served without a key to all who reach this address; they name no organization, and are for"
            " Prometheus alone",
            address=address,
            port=port,
        )
