"""Mails as messages: nothing that somebody writes becomes a header, and addresses are addresses."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import errors
from server.delivery import mail
from server.delivery.mail import AttachedFile, InvalidAddress, Letter, LinkedFile, MailServer

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}


def letter(**changes: Any) -> Letter:
    usual = {
        "recipient": "ada@example.org",
        "receipt_id": "dlv_1",
        "title": "Weekly overview",
        "text": "All is well.",
        "html": "<html><body><p>All is well.</p></body></html>",
        "refusal_url": "https://metrics.example.org/mail/token",
        "at": AT,
    }
    return Letter(**{**usual, **changes})  # type: ignore[arg-type]


def sent(one: Letter) -> Any:
    content = mail.composed(one, "reports@example.org", "Acme reports").as_bytes()
    return message_from_bytes(content, policy=policy.default)


def test_a_mail_says_who_sent_it_and_how_to_get_no_more() -> None:
    found = sent(letter(attached=[AttachedFile(name="übersicht.pdf", media_type="application/pdf", content=b"%PDF")]))
    assert found["From"] == "Acme reports <reports@example.org>"
    assert found["Message-ID"] == "<dlv_1@example.org>"
    assert found["List-Unsubscribe"] == "<https://metrics.example.org/mail/token>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert found.get_body(("plain",)).get_content().startswith("All is well.\r\n\r\n-- \r\n")
    assert "/mail/token" in found.get_body(("html",)).get_content().partition("</body>")[0]
    (attached,) = found.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("übersicht.pdf", b"%PDF")


def test_a_long_link_in_a_header_stays_whole() -> None:
    one = letter(refusal_url=f"https://metrics.example.org/mail/{'a' * 300}")
    content = mail.composed(one, "reports@example.org", "Acme reports").as_bytes()
    assert f"List-Unsubscribe: <{one.refusal_url}>".encode() in content


def test_what_is_too_large_is_linked_with_its_size() -> None:
    linked = LinkedFile(name="<b>.pdf", size=23_000_000, url="https://metrics.example.org/download/x")
    found = sent(letter(linked=[linked]))
    assert "<b>.pdf (21.9 MiB): https://metrics.example.org/download/x" in found.get_body(("plain",)).get_content()
    assert "&lt;b&gt;.pdf" in found.get_body(("html",)).get_content()


@given(st.text(st.sampled_from("aB: \r\n\t\0\u2028\x0b\x85é<>@,;\"'%"), max_size=80))
def test_no_title_becomes_a_header(text: str) -> None:
    title = f"x{text}\r\nBcc: eve@example.org\n\nBcc: eve@example.org"
    found = sent(letter(title=title))
    assert set(found.keys()) <= HEADERS
    assert "Bcc" not in found


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@localhost",
            "ada@exa mple.org",
            "a b@example.org",
            "ada@example.org\n",
        ),
        *("ada@example.org\r\nBcc: eve@example.org", "ada@example.org,eve@example.org", "<ada@example.org>"),
        *("Ada <ada@example.org>", '"a b"@example.org', "ada@[127.0.0.1]", "ada@-example.org", "é@example.org"),
        *("ada..b@example.org", ".ada@example.org", f"{'a' * 65}@example.org", f"a@{'b' * 64}.org", "ada@example.1"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        mail.address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada.Byron+x@Example.ORG", "Ada.Byron+x@example.org"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("o'neil@example.co.uk", "o'neil@example.co.uk"),
    ],
)
def test_addresses_have_one_form(text: str, expected: str) -> None:
    assert mail.address(text) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mail.example.org", "does not begin with"),
        ("smtp+starttls://?from=a@example.org", "names no host"),
        ("smtps://mail.example.org", "lacks"),
        ("smtps://mail.example.org?from=nobody", "from=nobody is not like"),
        ("smtps://mail.example.org?from=a@example.org&to=b@example.org", "to is no option"),
        ("smtp://me:geheim@mail.example.org?from=a@example.org", "in plaintext"),
    ],
)
def test_a_wrong_mail_server_is_told_without_its_password(url: str, why: str) -> None:
    with pytest.raises(errors.SetupError, match=why) as told:
        MailServer.of(url)
    assert "geheim" not in str(told.value)


def test_a_mail_server_in_a_url() -> None:
    found = MailServer.of("smtp+starttls://me%40x:pass%2Fword@mail.example.org?from=a@example.org&name=Acme%20Reports")
    assert (found.port, found.user, found.password, found.sender_name) == (587, "me@x", "pass/word", "Acme Reports")
    assert "pass" not in repr(found)
