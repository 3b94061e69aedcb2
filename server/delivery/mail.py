"""Mail: addresses, messages and the way to the mail server.

Messages are made by EmailMessage alone, which refuses the end of a line in a header: nothing that a tenant writes can
become a header of its own.
"""

import asyncio
import contextlib
import html
import re
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Self

import aiosmtplib

from server import errors, settings
from server.delivery.http_post import kept_text

_SECONDS: Final = 30.0  # for a mail with its attachments
_LONGEST_ADDRESS: Final = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_EXAMPLE = "smtp+starttls://user:password@mail.example.org:587?from=reports@example.org"
_WHY: Final = "You get this mail because somebody has chosen your address in tallywire."
_WHOLE: Final = ("list-unsubscribe", "message-id")
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class _Policy(policy.EmailPolicy):
    """As policy.SMTP, but for headers that hold one long word: that would encode what does not fit into a line, and
    nobody would find a link in it.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Returns a header as it is sent."""
        if name.lower() in _WHOLE:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


_POLICY: Final = _Policy(linesep="\r\n")


class InvalidAddress(ValueError):
    """A text is not the address of a mailbox; says why."""


class NotTaken(Exception):
    """The mail server has not taken a mail. status is its code, 0 where it has not answered; is_final says that another
    try cannot help.
    """

    def __init__(self, why: str, *, status: int = 0, answer: str = "", is_final: bool = False) -> None:
        super().__init__(why)
        self.status = status
        self.answer = answer
        self.is_final = is_final


def address(text: str) -> str:
    """Returns the address of a mailbox, its domain in ASCII and small letters; raises InvalidAddress."""
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise InvalidAddress("is not like name@example.org")
    try:
        ascii_domain = domain.lower() if domain.isascii() else domain.lower().encode("idna").decode()
    except UnicodeError:
        raise InvalidAddress("has a domain that is none") from None
    if len(local) > 64 or _LOCAL.fullmatch(local) is None:
        raise InvalidAddress("has a name before the @ that is not made of letters, digits and common signs")
    if _DOMAIN.fullmatch(ascii_domain) is None:
        raise InvalidAddress("has no domain like example.org behind the @")
    found = f"{local}@{ascii_domain}"
    if len(found) > _LONGEST_ADDRESS:
        raise InvalidAddress(f"is longer than {_LONGEST_ADDRESS} characters")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFile:
    """A file that is linked, with its size in bytes."""

    name: str
    size: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that is attached."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail to one recipient. receipt_id names it for receivers; page_url shows what it is about, and refusal_url is
    where they refuse further ones.
    """

    recipient: str
    receipt_id: str
    title: str
    text: str
    html: str
    refusal_url: str
    at: datetime
    page_url: str = ""
    attached: Sequence[AttachedFile] = ()
    linked: Sequence[LinkedFile] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """The way to the mail server, and whom mails are from."""

    host: str
    port: int
    scheme: str
    user: str
    password: str = field(repr=False)
    sender: str
    sender_name: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Returns the mail server of a URL; SetupError, without the password, where it is none."""
        try:
            return cls._of(url)
        except ValueError as error:
            raise errors.SetupError(f"TALLYWIRE_SMTP: {error}; it is like {_EXAMPLE}") from None

    @classmethod
    def _of(cls, url: str) -> Self:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("it does not begin with smtp+starttls://, smtps:// or smtp://")
        if not parts.hostname:
            raise ValueError("it names no host")
        options = urllib.parse.parse_qs(parts.query, strict_parsing=True) if parts.query else {}
        if unknown := options.keys() - {"from", "name"}:
            raise ValueError(f"{', '.join(sorted(unknown))} is no option: there are from and name")
        if "from" not in options:
            raise ValueError("it lacks ?from=ADDRESS")
        if parts.scheme == "smtp" and parts.username and not settings.is_loopback_host(parts.hostname):
            raise ValueError("a password would go in plaintext: use smtp+starttls:// or smtps://")
        try:
            sender = address(options["from"][0])
        except InvalidAddress as error:
            raise ValueError(f"from={options['from'][0]} {error}") from None
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            scheme=parts.scheme,
            user=urllib.parse.unquote(parts.username or ""),
            password=urllib.parse.unquote(parts.password or ""),
            sender=sender,
            sender_name=options.get("name", ["tallywire"])[0],
        )

    async def send(self, letter: Letter) -> str:
        """Sends a mail, and returns what the server said when it took it. Raises NotTaken."""
        content = composed(letter, self.sender, self.sender_name).as_bytes()
        async with self._connected() as client:
            _, said = await client.sendmail(self.sender, [letter.recipient], content)
        return kept_text(said.encode())

    async def greet(self) -> None:
        """Signs in as for a mail, and sends none. Raises NotTaken."""
        async with self._connected() as client:
            await client.noop()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A client that is signed in; what goes wrong in the block raises NotTaken."""
        client = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.scheme == "smtps",
            start_tls=self.scheme == "smtp+starttls",
            timeout=_SECONDS,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                await client.connect()
                if self.user:
                    await client.login(self.user, self.password)
                yield client
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _answered(error.recipients[0]) from None
        except aiosmtplib.SMTPAuthenticationError as error:  # the operator's fault, and mended by the operator
            raise NotTaken("the mail server does not know us", status=error.code) from None
        except aiosmtplib.SMTPDataError as error:
            raise _answered(error) from None
        except aiosmtplib.SMTPResponseException as error:  # about us and not about this mail: another try may help
            raise _answered(error, is_about_us=True) from None
        except (aiosmtplib.SMTPException, TimeoutError) as error:
            raise NotTaken(f"no answer of the mail server: {type(error).__name__}") from None
        except ssl.SSLError as error:
            raise NotTaken(f"no TLS connection to the mail server: {error.reason}") from None
        except OSError as error:
            raise NotTaken(f"no connection to the mail server: {error.strerror or type(error).__name__}") from None
        finally:
            client.close()  # without QUIT: the mail is taken, and until that is on record every moment counts


def _answered(said: aiosmtplib.SMTPResponseException, *, is_about_us: bool = False) -> NotTaken:
    """Returns what a code means: those of 5xx are for good where they are about the recipient or the mail. Where the
    server takes nothing from us (a block list, a sender that it does not know), the operator mends that.
    """
    is_final = 500 <= said.code < 600 and not is_about_us
    return NotTaken(
        f"the mail server said {said.code}",
        status=said.code,
        answer=kept_text(said.message.encode()),
        is_final=is_final,
    )


def composed(letter: Letter, sender: str, sender_name: str) -> EmailMessage:
    """Returns the message of a mail. Its Message-ID is the same in every try, so that receivers can drop repeats."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(sender_name, addr_spec=sender)
    message["To"] = Address(addr_spec=letter.recipient)
    message["Subject"] = " ".join(letter.title.split())
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{letter.receipt_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{letter.refusal_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    links = [f"{one.name} ({shown_size(one.size)}): {one.url}" for one in letter.linked]
    links += [letter.page_url] if letter.page_url else []
    foot = (
        f"You get this mail because somebody has chosen your address in tallywire. No more mails: {letter.refusal_url}"
    )
    text = "\n".join([letter.text.rstrip(), *(["", *links] if links else []), "", "-- ", foot, ""])
    message.set_content(text)
    if letter.html:
        message.add_alternative(_with_foot(letter), subtype="html")
    for one in letter.attached:
        main, _, sub = one.media_type.partition("/")
        message.add_attachment(one.content, maintype=main, subtype=sub or "octet-stream", filename=one.name)
    return message


def _with_foot(letter: Letter) -> str:
    """Returns the HTML of a mail with its links, in front of the end of the body."""
    style = "font:13px/1.5 sans-serif;color:#57606a"
    links = [
        f'<p style="{style}"><a href="{html.escape(one.url)}">{html.escape(one.name)}</a> ({shown_size(one.size)})</p>'
        for one in letter.linked
    ]
    if letter.page_url:
        links.append(f'<p style="{style}"><a href="{html.escape(letter.page_url)}">Open in tallywire</a></p>')
    foot = f'<p style="{style}">{_WHY} <a href="{html.escape(letter.refusal_url)}">No more mails</a></p>'
    body, end, rest = letter.html.rpartition("</body>")
    return f"{body}{''.join(links)}{foot}{end}{rest}" if end else f"{letter.html}{''.join(links)}{foot}"


def shown_size(size: int) -> str:
    """Returns a number of bytes for people."""
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 2**10:,.1f} KiB" if size < 2**20 else f"{size / 2**20:,.1f} MiB"
