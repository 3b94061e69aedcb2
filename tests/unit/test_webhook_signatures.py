"""Signatures of webhooks: ours and those of the reference library hold each other, and nothing else passes."""

import base64
import json
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from server.delivery import signing
from tallywire import webhooks
from tallywire.webhooks import InvalidSignature

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
BODY = '{"type":"report.finished","data":{"title":"Wöchentlich"}}'


def headers(body: str = BODY, *secrets: bytes) -> dict[str, str]:
    return signing.headers("dlv_1", AT, body, list(secrets or (SECRET,)))


def verified(sent: dict[str, str], body: bytes | str = BODY, secret: bytes = SECRET, late: float = 0) -> object:
    return webhooks.verify(signing.shown(secret), sent, body, clock=lambda: AT.timestamp() + late)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_what_is_signed_is_believed_by_everybody(content: dict[str, object]) -> None:
    body = json.dumps(content, ensure_ascii=False)
    sent = headers(body)
    assert verified(sent, body.encode()) == content
    now = datetime.now(UTC)
    fresh = signing.headers("dlv_1", now, body, [SECRET])
    assert standardwebhooks.Webhook(signing.shown(SECRET)).verify(body, fresh) == content


def test_either_secret_is_enough_while_there_are_two() -> None:
    sent = headers(BODY, SECRET, OTHER)
    for secret in (SECRET, OTHER):
        assert verified(sent, secret=secret) == json.loads(BODY)
    known = [signing.shown(bytes(32)), signing.shown(OTHER)]
    assert webhooks.verify(known, headers(BODY, OTHER), BODY, clock=AT.timestamp) == json.loads(BODY)


def test_names_of_headers_have_any_case() -> None:
    assert verified({name.title(): value for name, value in headers().items()}) == json.loads(BODY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"webhook-id": "dlv_2"}, "no signature"),
        ({"webhook-timestamp": str(int(AT.timestamp()) + 1)}, "no signature"),
        ({"webhook-timestamp": "soon"}, "no number"),
        ({"webhook-timestamp": "-1"}, "no number"),
        ({"webhook-signature": ""}, "no signature"),
        ({"webhook-signature": "v1,"}, "no signature"),
        ({"webhook-signature": "v1"}, "no signature"),
        ({"webhook-signature": "v1,\u00e9"}, "no signature"),
        ({"webhook-signature": headers()["webhook-signature"].replace("v1,", "v2,")}, "no signature"),
    ],
)
def test_whatever_is_changed_is_noticed(changes: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidSignature, match=why):
        verified({**headers(), **changes})


@pytest.mark.parametrize("name", sorted(headers()))
def test_without_a_header_nothing_is_believed(name: str) -> None:
    with pytest.raises(InvalidSignature, match=f"{name} is missing"):
        verified({one: value for one, value in headers().items() if one != name})


def test_another_body_or_secret_or_time_is_noticed() -> None:
    with pytest.raises(InvalidSignature, match="no signature"):
        verified(headers(), BODY + " ")
    with pytest.raises(InvalidSignature, match="no signature"):
        verified(headers(), secret=OTHER)
    for late in (301, -301):
        with pytest.raises(InvalidSignature, match="300 s"):
            verified(headers(), late=late)
    assert verified(headers(), late=299) == json.loads(BODY)
    with pytest.raises(InvalidSignature, match="no JSON"):
        verified(headers("no json"), "no json")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_???", "whsec_a"])
def test_a_secret_that_is_none_is_an_error_of_the_receiver(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        webhooks.verify(secret, headers(), BODY, clock=AT.timestamp)


def test_a_secret_is_kept_without_padding_too() -> None:
    bare = base64.b64encode(SECRET).decode().rstrip("=")
    assert webhooks.verify(bare, headers(), BODY, clock=AT.timestamp) == json.loads(BODY)
