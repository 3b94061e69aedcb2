"""The command that asks the server of this machine whether it serves, as Docker's HEALTHCHECK does."""

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import grpc
import typer
from grpc_health.v1 import health_pb2

from server import errors, settings
from server.settings import Settings

_SECONDS = 3.0


def main(name: str = "") -> None:
    """Prints the result and ends the process with exit code 1 if the server, or what is named, does not serve."""
    try:
        typer.echo(f"the server on {check(settings.load(), name)} serves")
    except errors.SetupError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None


def check(known: Settings, name: str = "") -> str:
    """Returns the address of the server, which serves the name in health checks. Raises SetupError if it does not.

    With mutual TLS the check presents the server's own certificate, which must then be signed by the client CA as well.
    """
    target = _target(known.listen)
    with _channel(known, target) as channel:
        ask = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = ask(health_pb2.HealthCheckRequest(service=name), timeout=_SECONDS, wait_for_ready=False)
        except grpc.RpcError as error:
            code = cast(grpc.Call, error).code()
            why = "no connection" if code is grpc.StatusCode.UNAVAILABLE else code.name
            if known.tls_client_ca and code is grpc.StatusCode.UNAVAILABLE:
                why += ", or TALLYWIRE_TLS_CERTIFICATE is not of TALLYWIRE_TLS_CLIENT_CA, as this check needs it"
            raise errors.SetupError(f"the server on {target} is not healthy: {why}") from None
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        raise errors.SetupError(f"the server on {target} is not healthy: {status}")
    return target


def _target(listen: str) -> str:
    """Returns an address at which a server can be reached, also one that listens on every address."""
    host, _, port = listen.rpartition(":")
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104 - to be replaced
    return f"{local.get(host, host)}:{port}"


def _channel(known: Settings, target: str) -> grpc.Channel:
    # A proxy is never on the way to one's own machine.
    options: list[tuple[str, str | int]] = [("grpc.enable_http_proxy", 0)]
    if known.tls_certificate is None or known.tls_key is None:
        return grpc.insecure_channel(target, options=options)
    try:
        certificate, key = known.tls_certificate.read_bytes(), known.tls_key.read_bytes()
    except OSError as error:
        raise errors.SetupError(f"{error.filename} cannot be read: {error.strerror}") from None
    # What is checked is that the one who answers has the key of this very certificate, for whatever name it was made.
    own_pair = (known.tls_certificate, known.tls_key) if known.tls_client_ca else None
    if name := _certified_name(target, known.tls_certificate, own_pair):
        options.append(("grpc.ssl_target_name_override", name))
    own = (key, certificate) if known.tls_client_ca else (None, None)
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(certificate, *own), options=options)


def _certified_name(target: str, certificate: Path, own: tuple[Path, Path] | None) -> str | None:
    """Returns a name in the server's certificate, learned with a handshake; None if it has none."""
    context = ssl.create_default_context(cafile=str(certificate))
    if own is not None:
        context.load_cert_chain(*own)
    context.check_hostname = False
    # The certificate is trusted as it is, with or without the authority that signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    host, _, port = target.rpartition(":")
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS) as plain,
            context.wrap_socket(plain) as secure,
        ):
            shown = secure.getpeercert() or {}
    except (OSError, ValueError) as error:
        raise errors.SetupError(f"the server on {target} is not healthy: {error}") from None
    alternatives = cast(Sequence[tuple[str, str]], shown.get("subjectAltName", ()))
    names = [name for kind, name in alternatives if kind in ("DNS", "IP Address")]
    return names[0].replace("*", "health") if names else None
