"""How to reach the server: address, credentials, channel options."""

import importlib.resources
import ipaddress
import json
from dataclasses import dataclass, field
from typing import Final, TypedDict

import grpc
import grpc.aio

from tallywire import channels, green_threads, traces, version

_OPTIONS: Final[tuple[tuple[str, str | int], ...]] = (
    ("grpc.primary_user_agent", f"tallywire-python/{version.VERSION}"),
    # The defaults would wait up to two minutes before they notice that a server is back.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    # A connection that has gone silent is replaced: 10 seconds after a call, 20 while only waiting. The last of these,
    # by default a minute, bounds the pings with which gRPC measures bandwidth, and those of keepalive wait for them.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.ping_timeout_ms", 10_000),
)


class ConnectionOptions(TypedDict, total=False):
    """The arguments with which Client, AsyncClient and Tracker say how to reach a server, beside target and api_key.

    Certificates are PEM. Without any, a connection to a loopback address is plaintext, and every other one is TLS with
    the system's root certificates; `insecure` asks for plaintext everywhere. `connections`, 1 by default, is how many
    connections calls use in turn, each for up to 90 calls at once.
    """

    root_certificates: bytes | None
    certificate_chain: bytes | None
    private_key: bytes | None
    insecure: bool
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Everything needed to open a channel. `tls` is None for plaintext; the key is left out of repr."""

    target: str
    tls: grpc.ChannelCredentials | None = field(repr=False)
    metadata: tuple[tuple[str, str], ...] = field(repr=False)
    connections: int = 1

    def open(self) -> grpc.Channel:
        """Returns a new channel; it connects with the first call."""
        green_threads.prepare()
        opened = [self._opened() for _ in range(self.connections)]
        return opened[0] if len(opened) == 1 and not traces.may_be_there() else channels.ChannelSet(opened)

    def open_async(self) -> grpc.aio.Channel:
        """Returns a new asyncio channel, to be used on the running event loop only."""
        opened = [self._opened_async() for _ in range(self.connections)]
        return opened[0] if len(opened) == 1 and not traces.may_be_there() else channels.AsyncChannelSet(opened)

    def _opened(self) -> grpc.Channel:
        if self.tls is None:
            return grpc.insecure_channel(self.target, options=self._options())
        return grpc.secure_channel(self.target, self.tls, options=self._options())

    def _opened_async(self) -> grpc.aio.Channel:
        if self.tls is None:
            return grpc.aio.insecure_channel(self.target, options=self._options())
        return grpc.aio.secure_channel(self.target, self.tls, options=self._options())

    def _options(self) -> tuple[tuple[str, str | int], ...]:
        """Returns the channel options; a plaintext connection never goes through a proxy, which would see the key."""
        proxy = (("grpc.enable_http_proxy", 0),) if self.tls is None else ()
        # Channels to one address share a connection otherwise.
        apart = (("grpc.use_local_subchannel_pool", 1),) if self.connections > 1 else ()
        # A list of addresses has no name that certificates could be for: that of its first server stands for all.
        named = () if (first := _first_listed(self.target)) is None else (("grpc.default_authority", first),)
        return (*_OPTIONS, *proxy, *apart, *named, ("grpc.service_config", _own_service_config()))


def _own_service_config() -> str:
    """Returns the published config without retries, which this client makes itself.

    Calls go to all servers of a target in turn, and pass over those that do not answer. Of retries, gRPC would send the
    same bytes again, with a time of sending that has passed. It goes by the status alone, and lost connections have
    many.
    And the client would hear of every third refusal only.
    """
    config = json.loads(service_config()) | {"loadBalancingConfig": [{"round_robin": {}}]}
    for method in config["methodConfig"]:
        method.pop("retryPolicy", None)
    return json.dumps(config)


def service_config() -> str:
    """Returns the published gRPC service config as JSON: timeouts, retries and waitForReady per method."""
    return importlib.resources.files("tallywire").joinpath("service_config.json").read_text(encoding="utf-8")


def connection(
    target: str,
    *,
    api_key: str,
    root_certificates: bytes | None = None,
    certificate_chain: bytes | None = None,
    private_key: bytes | None = None,
    insecure: bool = False,
    connections: int = 1,
) -> Connection:
    """Returns how to reach `target`; the arguments are those of ConnectionOptions.

    Raises ValueError for options that contradict each other and for malformed keys.
    """
    if not target or target != target.strip():
        raise ValueError("target is host:port, for example 127.0.0.1:50051")
    target = _listed(target)
    if not api_key or not all("!" <= character <= "~" for character in api_key):
        # The key itself stays out of the message, which may be logged.
        raise ValueError("api_key is empty or holds a character that is not visible ASCII, such as a line break")
    if (certificate_chain is None) != (private_key is None):
        raise ValueError("certificate_chain and private_key go together")
    wants_tls = root_certificates is not None or certificate_chain is not None
    if insecure and wants_tls:
        raise ValueError("insecure contradicts the certificates")
    if connections < 1:
        raise ValueError(f"connections is at least 1, not {connections}")
    tls = None
    if wants_tls or not (insecure or is_local(target)):
        tls = grpc.ssl_channel_credentials(root_certificates, private_key, certificate_chain)
    metadata = (("authorization", f"Bearer {api_key}"),)
    return Connection(target=target, tls=tls, metadata=metadata, connections=connections)


def _listed(target: str) -> str:
    """Returns several servers with commas between as gRPC lists them; any other target as it is."""
    scheme, found, _ = target.partition(":")
    if "," not in target or (found and scheme in ("unix", "unix-abstract", "dns", "ipv4", "ipv6")):
        return target
    places = [one.strip().replace("localhost:", "127.0.0.1:") for one in target.split(",")]
    kinds = {_address_kind(one) for one in places}
    if None in kinds or len(kinds) > 1:
        raise ValueError(
            "several servers are IP addresses of one kind, each with its port, as 10.0.0.1:50051,10.0.0.2:50051;"
            " a name that has several addresses stands alone"
        )
    return f"{kinds.pop()}:{','.join(places)}"


def _address_kind(place: str) -> str | None:
    """Returns "ipv4" or "ipv6" for an address with a port; None for anything else."""
    host, found, port = place.rpartition(":")
    try:
        version = ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).version
    except ValueError:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    return f"ipv{version}" if found and port.isdecimal() and bracketed == (version == 6) else None


def _first_listed(target: str) -> str | None:
    """Returns the host of the first server of a list; None where the target is no list."""
    scheme, _, rest = target.partition(":")
    if scheme not in ("ipv4", "ipv6") or "," not in rest:
        return None
    return rest.lstrip("/").split(",")[0].rpartition(":")[0]


def is_local(target: str) -> bool:
    """Returns whether a gRPC target can only lead to this machine: loopback addresses, localhost, unix sockets."""
    scheme, found, rest = target.partition(":")
    if found and scheme in ("unix", "unix-abstract"):
        return True
    if found and scheme in ("dns", "ipv4", "ipv6"):
        # A name server of its own (dns://server/name) may answer anything, also for localhost.
        if rest.startswith("//") and not rest.startswith("///"):
            return False
        target = rest.lstrip("/")
    return all(_is_loopback(address) for address in target.split(","))


def _is_loopback(address: str) -> bool:
    """Returns whether host:port, [host]:port or a bare host is a loopback address or localhost."""
    host = address.rpartition(":")[0] if address.count(":") == 1 or "]" in address else address
    if "]" in address:
        host = address[address.find("[") + 1 : address.find("]")]
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
