"""Receivers of what is delivered: a mail server and webhooks, which remember what they get."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

import h11
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(slots=True, kw_only=True)
class MailBox:
    """A mail server that takes everything, unless reply says otherwise for a recipient, or the other two for the sender
    and for a mail once it is there.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    reply: Callable[[str], str] = lambda _: "250 OK"
    reply_to_sender: str = "250 OK"
    reply_to_data: str = ""

    async def handle_MAIL(  # noqa: N802 - the name in aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes a sender."""
        if self.reply_to_sender.startswith("2"):
            envelope.mail_from = address
        return self.reply_to_sender

    async def handle_RCPT(  # noqa: N802 - the name in aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes a recipient."""
        said = self.reply(address)
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Takes a mail."""
        if self.reply_to_data:
            return self.reply_to_data
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 taken as number " + str(len(self.mails))


@contextlib.asynccontextmanager
async def mail_box(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None, password: str = ""
) -> AsyncIterator[MailBox]:
    """A mail server for the length of the block: with TLS from the first byte, or by STARTTLS. With a password it takes
    mail of the user "me" alone.
    """
    box, loop = MailBox(), asyncio.get_running_loop()

    def known(server: object, session: object, envelope: object, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"me", password.encode()), handled=False)

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # passwords without TLS are what some tests are about
            return SMTP(
                box,
                hostname="box.example",
                loop=loop,
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=known if password else None,
                auth_required=bool(password),
                auth_require_tls=False,
            )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A request that a webhook got."""

    headers: Mapping[str, str]
    body: str


@dataclass(slots=True, kw_only=True)
class Hook:
    """A webhook that answers as it is told."""

    port: int = 0
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b"thanks"
    calls: list[Called] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request."""
        http, headers, body = h11.Connection(our_role=h11.SERVER), {}, b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
        if isinstance(event, h11.EndOfMessage):
            self.calls.append(Called(headers=headers, body=body.decode()))
            length = ("content-length", str(len(self.body)))
            response = h11.Response(status_code=self.status, headers=[*self.headers, length])
            for one in (response, h11.Data(data=self.body), h11.EndOfMessage()):
                writer.write(http.send(one) or b"")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def hook(tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    """A webhook for the length of the block."""
    made = Hook()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
