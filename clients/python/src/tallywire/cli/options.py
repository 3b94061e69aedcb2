"""The options that commands share, and the client that they lead to."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, TypeVar, get_args

import typer

from tallywire import aio, client
from tallywire.cli import period
from tallywire.cli.problems import WrongUsage
from tallywire.requests import GranularityName

Address = Annotated[str, typer.Option(envvar="TALLYWIRE_ADDRESS", help="Where the server listens, as host:port.")]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="TALLYWIRE_API_KEY",
        show_default=False,
        help="The API key. Prefer the variable: other users of the machine can see arguments.",
    ),
]
Ca = Annotated[Path | None, typer.Option(help="PEM file with the root certificates of the server; asks for TLS.")]
Cert = Annotated[Path | None, typer.Option(help="PEM file with the client's certificate chain.")]
CertKey = Annotated[Path | None, typer.Option(help="PEM file with the client's private key.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Plaintext also to other machines: the key can be read.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Last = Annotated[str | None, typer.Option(help="The period up to now: 30m, 12h, 7d, 4w. Default: 7d.")]
From = Annotated[str | None, typer.Option("--from", help="Its start: a date or an RFC 3339 instant.")]
To = Annotated[str | None, typer.Option("--to", help="The first instant after it. Default: now.")]
Zone = Annotated[
    str | None,
    typer.Option(help="IANA time zone of dates and buckets. Default: the organization's."),
]
Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent.")]
Agents = Annotated[list[str] | None, typer.Option("--agent", help="Only this agent; may be repeated.")]
Channel = Annotated[str | None, typer.Option("--channel", help="Only this channel.")]
Team = Annotated[str | None, typer.Option("--team", help="Only this team.")]

Granularity = Annotated[
    str | None, typer.Option(help="Width of a point: hour, day, week or month. Default: by the length of the period.")
]

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
_Client = TypeVar("_Client")


def connect(
    address: str,
    key: str | None,
    ca: Path | None,
    cert: Path | None,
    cert_key: Path | None,
    insecure: bool,
    *,
    stamp_sent_at: bool = True,
) -> client.Client:
    """Returns a connected client. Raises WrongUsage for options that make no sense, Unavailable without a server."""
    make = functools.partial(client.Client, stamp_sent_at=stamp_sent_at)
    opened = _made(make, address, key, ca, cert, cert_key, insecure)
    try:
        opened.connect()
    except BaseException:
        opened.close()
        raise
    return opened


def asynchronous(
    address: str, key: str | None, ca: Path | None, cert: Path | None, cert_key: Path | None, insecure: bool
) -> aio.AsyncClient:
    """Returns a client for an event loop, not connected yet. Raises WrongUsage for options that make no sense."""
    return _made(aio.AsyncClient, address, key, ca, cert, cert_key, insecure)


def _made(
    make: Callable[..., _Client],
    address: str,
    key: str | None,
    ca: Path | None,
    cert: Path | None,
    cert_key: Path | None,
    insecure: bool,
) -> _Client:
    """Returns the client that the options describe. Raises WrongUsage."""
    if not key:
        raise WrongUsage("there is no API key: set TALLYWIRE_API_KEY (or pass --key)")
    try:
        return make(
            address,
            api_key=key,
            root_certificates=_read(ca, "--ca"),
            certificate_chain=_read(cert, "--cert"),
            private_key=_read(cert_key, "--cert-key"),
            insecure=insecure,
        )
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def granularity(text: str | None) -> GranularityName | None:
    """Returns the granularity of that name, or None without one. Raises WrongUsage."""
    if text is None:
        return None
    choices: tuple[GranularityName, ...] = get_args(GranularityName)
    for choice in choices:
        if choice == text:
            return choice
    raise WrongUsage(f"--granularity is one of {', '.join(choices)}, not {text!r}")


def question(last: str | None, start: str | None, end: str | None, zone: str | None) -> period.Question:
    """Returns which period the options ask about. Raises WrongUsage."""
    asked = period.Question(last=last, start=start, end=end, zone=zone, now=datetime.now(UTC))
    asked.check()
    return asked


def asked(question: period.Question, server: client.Client) -> period.AskedPeriod:
    """Returns the period, for dates after a look at the organization's zone. Raises WrongUsage."""
    quarter = timedelta(minutes=15)
    return question.period(lambda: server.overview(question.now - quarter, question.now).context.time_zone)


def _read(path: Path | None, option: str) -> bytes | None:
    """Returns the bytes of a file, or None without one. Raises WrongUsage."""
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise WrongUsage(f"{option}: {error.strerror}: {path}") from None
