"""The web process: it serves until SIGTERM or SIGINT, and lets pages connect elsewhere before it ends."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import structlog
import uvicorn

from server import errors, identity_file, prometheus, settings
from server.lifecycle.stop import Stop
from server.web import headers, openid, pages
from server.web.asgi import App
from server.web.openid_clients import OpenIdClient
from server.web.upstream import Upstream

_MOST_CONNECTIONS = 4_000
_BACKLOG = 512
_LONGEST_DRAIN = 5  # seconds for answers under way, once streams have ended
_KEEP_ALIVE = 75  # seconds; longer than proxies keep a connection idle
_log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to serve."""
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


class RunningWeb:
    """A web process with all its parts."""

    def __init__(self, known: settings.Settings, *, folder: Path = pages.FOLDER) -> None:
        self._known = known
        self._socket = _bound(known.web_listen)
        host, port = known.web_listen.rpartition(":")[0], self._socket.getsockname()[1]
        self.address = f"{host}:{port}"
        self.site = headers.site(known, self.address)
        self._pages = pages.read(folder)
        self._upstream = Upstream(_targets(known), _credentials(known))
        callback = f"{self.site.origin}{openid.CALLBACK}"
        clients = [OpenIdClient(one, callback) for one in identity_file.clients(known.identity_providers)]
        key = None if known.web_sign_in_key is None else known.web_sign_in_key.get_secret_value()
        self.app = App(self._upstream, self.site, self._pages, known.web_caught_mail, clients, key)
        self._server = _Server(_config(self.app, known))
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serves from now on."""
        if self._pages.app is None:
            _log.warning(pages.NOT_BUILT)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        is_up = asyncio.create_task(self._server.is_up.wait())
        await asyncio.wait({self._serving, is_up}, return_when=asyncio.FIRST_COMPLETED)
        is_up.cancel()
        if self._serving.done():
            self._serving.result()
            raise errors.SetupError("the web process has not started")
        _log.info("serving pages", address=self.address, origin=self.site.origin)

    async def stop(self) -> None:
        """Ends streams, lets answers finish, and closes."""
        _log.info("draining")
        self.app.drain()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        await self._upstream.close()
        self._socket.close()
        _log.info("stopped")


async def serve(known: settings.Settings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT; raises SetupError if it cannot start. ready gets the origin once it serves."""
    stop = Stop((signal.SIGTERM, signal.SIGINT))
    try:
        running = RunningWeb(known)
        prometheus.serve(known.metrics_address, known.metrics_port)
        await running.start()
        if ready is not None:
            ready(running.site.origin)
        await stop.asked.wait()
        await running.stop()
    finally:
        stop.release()


def _config(app: App, known: settings.Settings) -> uvicorn.Config:
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    arguments: dict[str, Any] = {
        "http": "httptools",
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": True,
        "forwarded_allow_ips": known.web_proxies,
        "timeout_keep_alive": _KEEP_ALIVE,
        "timeout_graceful_shutdown": _LONGEST_DRAIN,
        "limit_concurrency": _MOST_CONNECTIONS,
    }
    return uvicorn.Config(app, **arguments)


def _bound(listen: str) -> socket.socket:
    """Returns a socket on an address, bound before anything else is made, so that a taken port is one line."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise errors.SetupError(f"TALLYWIRE_WEB_LISTEN={listen} is not host:port, such as 127.0.0.1:8080")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _taken(listen, error) from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _taken(listen, error) from None
    return made


def _taken(listen: str, error: OSError) -> errors.SetupError:
    return errors.SetupError(
        f"cannot serve pages on {listen}: {error.strerror or error}; choose another address with TALLYWIRE_WEB_LISTEN"
    )


def _targets(known: settings.Settings) -> list[str]:
    """Returns the addresses of the service."""
    named = [one.strip() for one in (known.web_service or known.listen).split(",") if one.strip()]
    return [_reachable(one) for one in named]


def _reachable(address: str) -> str:
    """Returns an address to connect to, where one to listen on may stand for all of a machine."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("0.0.0.0", "[::]", "") else address  # noqa: S104 - that is compared


def _credentials(known: settings.Settings) -> grpc.ChannelCredentials | None:
    """Returns how the service is known: plaintext on loopback and where that is allowed, else TLS."""
    if known.web_service_ca is not None:
        return grpc.ssl_channel_credentials(known.web_service_ca.read_bytes())
    is_local = all(settings.is_loopback(one) for one in _targets(known))
    if known.tls_certificate is not None or not (is_local or known.allow_plaintext):
        return grpc.ssl_channel_credentials()
    return None
