"""Signatures of webhooks: ours and those of the reference library hold each other, and nothing else passes. What every
client believes is in clients/conformance/webhooks.json.
"""

import base64
import json
import pathlib
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from server.delivery import signing
from tallywire import webhooks

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
SECRET, OTHER = bytes(range(32)), bytes(range(1, 33))
CASES: list[dict[str, Any]] = json.loads(
    (pathlib.Path(__file__).parents[2] / "clients/conformance/webhooks.json").read_text(encoding="utf-8")
)["cases"]
ERRORS: dict[str, type[Exception]] = {
    "missing_header": webhooks.MissingHeader,
    "bad_timestamp": webhooks.BadTimestamp,
    "too_old": webhooks.TooOld,
    "too_new": webhooks.TooNew,
    "no_match": webhooks.NoMatchingSignature,
    "bad_body": webhooks.BadBody,
    "bad_secret": webhooks.BadSecret,
}


def _body(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["body_base64"]) if "body_base64" in case else case["body"].encode()


def _verified(case: dict[str, Any]) -> webhooks.WebhookEvent:
    return webhooks.verify(case["secrets"], case["headers"], _body(case), clock=lambda: float(case["now"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_cases_of_every_client(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(ERRORS[case["error"]]):
            _verified(case)
        return
    event = _verified(case)
    at = event.timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"message_id": event.message_id, "type": event.type, "timestamp": at, "data": event.data}
    assert told == case["event"]


def test_the_cases_are_many_and_their_signatures_those_of_the_service() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert {case.get("error") for case in CASES} == {None, *ERRORS}
    signed = [case for case in CASES if case["name"] in ("valid", "unicode, escapes and numbers")]
    assert len(signed) == 2
    for case in signed:
        at = datetime.fromtimestamp(int(case["headers"]["webhook-timestamp"]), UTC)
        key = base64.b64decode(case["secrets"][0].removeprefix("whsec_"))
        assert signing.headers("dlv_1", at, case["body"], [key]) == case["headers"]


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers() | st.text(st.characters(codec="utf-8"))))
def test_what_is_signed_is_believed_by_everybody(data: dict[str, object]) -> None:
    content = {"type": "report.finished", "timestamp": "2026-11-30T12:00:00.000Z", "data": data}
    body = json.dumps(content, ensure_ascii=False)
    sent = signing.headers("dlv_1", AT, body, [SECRET, OTHER])
    for secret in (SECRET, OTHER):
        event = webhooks.verify(signing.shown(secret), sent, body, clock=AT.timestamp)
        assert event == webhooks.WebhookEvent(message_id="dlv_1", type="report.finished", timestamp=AT, data=data)
    fresh = signing.headers("dlv_1", datetime.now(UTC), body, [SECRET])
    assert standardwebhooks.Webhook(signing.shown(SECRET)).verify(body, fresh) == content
