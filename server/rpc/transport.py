"""The options of the server's connections: limits, pings, and their age."""

import grpc

from server import errors
from server.rpc import certificates
from server.settings import Settings

OPTIONS = (
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_concurrent_streams", 100),  # bounds the work that one connection causes by resetting streams
    # With it gRPC would count streams that have ended against that limit for a while, and refuse clients that keep it.
    ("grpc.http.overload_protection", 0),
    # A silent client is dropped after 30 seconds; clients may ping more often.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 10_000),  # a minute by default, and the pings of keepalive wait for others
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)


def options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Returns the options of the server's connections."""
    # A second server on the port would otherwise start, and take half of the calls. Processes that share it have a
    # parent that keeps others away.
    reuse = ("grpc.so_reuseport", int(settings.processes > 1))
    return (*OPTIONS, reuse, *_age(settings))


def bind(server: grpc.aio.Server, settings: Settings) -> int:
    """Makes a server listen on the address of the settings, with TLS if it is set, and returns the port.

    Raises SetupError if the address cannot be used, or the files of TLS are unusable.
    """
    try:
        credentials = certificates.credentials(settings)
        if credentials is None:
            return server.add_insecure_port(settings.listen)
        return server.add_secure_port(settings.listen, credentials)
    except RuntimeError as error:
        raise errors.SetupError(
            f"cannot listen on {settings.listen}: the port is taken or the address is not this machine's;"
            " choose another with TALLYWIRE_LISTEN"
        ) from error


def _age(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Returns the options by which connections end: at the age, give or take a tenth, they take no new calls, and calls
    in progress have the grace to end.
    """
    if not settings.max_connection_seconds:
        return ()
    return (
        ("grpc.max_connection_age_ms", round(settings.max_connection_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", round(settings.connection_grace_seconds * 1000)),
    )
