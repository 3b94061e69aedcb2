"""The way to a mail server: with TLS or not at all, and with a password where one is asked for."""

import functools
import pathlib
import ssl

import pytest

from server.delivery.mail import MailServer, NotTaken
from tests.support import certificates, receivers
from tests.support.certificates import Certificates
from tests.unit.test_letters import letter


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serving(made: Certificates) -> ssl.SSLContext:
    """What a mail server with a certificate of the test's authority serves with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server.certificate, made.server.key)
    return context


@pytest.fixture
def trusted(made: Certificates, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Makes the test's authority one of the system's."""
    authority = made.authority.certificate
    known = functools.partial(ssl.create_default_context, cafile=str(authority))
    monkeypatch.setattr(ssl, "create_default_context", known)
    return authority


def server(scheme: str, port: int, user: str = "") -> MailServer:
    return MailServer.of(f"{scheme}://{user}127.0.0.1:{port}?from=reports@example.org")


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_mail_goes_by_tls(serving: ssl.SSLContext, scheme: str) -> None:
    ways = {"smtps": {"tls": serving}, "smtp+starttls": {"starttls": serving}}
    async with receivers.mail_box(**ways[scheme], password="geheim") as box:
        assert await server(scheme, box.port, "me:geheim@").send(letter()) == "taken as number 1"


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
async def test_a_mail_server_that_nobody_vouches_for_gets_nothing(serving: ssl.SSLContext, scheme: str) -> None:
    ways = {"smtps": {"tls": serving}, "smtp+starttls": {"starttls": serving}}
    async with receivers.mail_box(**ways[scheme]) as box:
        with pytest.raises(NotTaken) as told:
            await server(scheme, box.port, "me:geheim@").send(letter())
    assert (box.mails, told.value.is_final) == ([], False)


async def test_what_is_to_go_by_tls_never_goes_without(serving: ssl.SSLContext) -> None:
    async with receivers.mail_box(password="geheim") as box:  # one that offers no STARTTLS, or somebody in between
        with pytest.raises(NotTaken) as told:
            await server("smtp+starttls", box.port, "me:geheim@").send(letter())
    assert (box.mails, told.value.is_final) == ([], False)


async def test_a_wrong_password_is_the_operators_to_mend_and_tried_again() -> None:
    async with receivers.mail_box(password="geheim") as box:
        with pytest.raises(NotTaken, match="does not know us") as told:
            await server("smtp", box.port, "me:wrong@").send(letter())
    assert (told.value.status, told.value.is_final) == (535, False)
    assert "wrong" not in repr(told.value)


async def test_a_mail_server_that_is_away_is_tried_again() -> None:
    async with receivers.mail_box() as box:
        port = box.port
    with pytest.raises(NotTaken) as told:
        await server("smtp", port).send(letter())
    assert (told.value.status, told.value.is_final) == (0, False)
