"""Messages for chats: within the limits of Slack, escaped whole, with links that are whole or not there."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.delivery import chat
from server.delivery.links import Links
from server.organizations.delivery import Attachment, Channel, DeliveryState, KeptDelivery, KeptMessage, Message, Topic
from server.store.deliveries import Try
from server.tenancy.keyed_hashes import KeyedHashes

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
LINKS = Links(KeyedHashes("p" * 32), "https://metrics.example.org", timedelta(days=14))
SPECIAL = st.lists(st.sampled_from([*"&<>|*_`@!# \n\r\tabcü😀", "https://a.b/c?d&e"]), max_size=60).map("".join)


def _sent(title: str, text: str, *, page: str = "", files: Sequence[str] = ()) -> Any:
    attachments = [Attachment(name=name, media_type="text/plain", key=name, size=1, sha256="00") for name in files]
    message = Message(
        topic=Topic.ALERT,
        kind="alert.firing",
        subject_id="i-1",
        title=title,
        text=text,
        attachments=attachments,
        page=page,
    )
    delivery = KeptDelivery(
        delivery_id="dlv_1",
        destination_id="dst_1",
        channel=Channel.WEBHOOK,
        recipient="https://example.org/",
        message_id="m1",
        state=DeliveryState.QUEUED,
        tries=0,
        sends=0,
        created_at=AT,
        next_try_at=AT,
        ended_at=None,
        error="",
        topic=Topic.ALERT,
        kind="alert.firing",
        subject_id="i-1",
        title=title,
    )
    kept = KeptMessage(message_id="m1", created_at=AT, message=message, is_revoked=False)
    return chat.payload(LINKS, 7, Try(delivery=delivery, message=kept, run=1, at=AT))


def test_a_message_with_a_page_and_a_file() -> None:
    sent = _sent("Errors & more", "more than <5> of 100\nsince 12:00", page="/alerts/i-1", files=["a|b.pdf"])
    head, said, actions = sent["blocks"]
    assert head == {"type": "header", "text": {"type": "plain_text", "text": "Errors & more", "emoji": False}}
    assert said["text"]["text"] == "more than &lt;5&gt; of 100\nsince 12:00"
    page, file = actions["elements"]
    assert (page["text"]["text"], page["url"]) == ("Open", "https://metrics.example.org/alerts/i-1")
    assert file["url"].startswith("https://metrics.example.org/download/")
    assert sent["text"] == (
        "*Errors &amp; more*\nmore than &lt;5&gt; of 100\nsince 12:00"
        f"\n<https://metrics.example.org/alerts/i-1|Open>\n<{file['url']}|a/b.pdf>"
    )


def test_a_message_without_a_text_or_a_link_has_no_block_for_it() -> None:
    sent = _sent(" \n", "", page="")
    assert sent["text"] == "*alert.firing*"
    assert [one["type"] for one in sent["blocks"]] == ["header"]


def test_what_is_too_long_is_cut_between_characters() -> None:
    sent = _sent("t" * 400, "&" * 4_000, files=[f"file {number}.csv" for number in range(10)])
    head, said, actions = sent["blocks"]
    assert head["text"]["text"] == "t" * 149 + "…"
    assert said["text"]["text"] == "&amp;" * 599 + "…"
    assert len(actions["elements"]) == 10
    assert re.fullmatch(r"\*t+…\*\n(&amp;)*…(\n<https:[^>|]+\|file \d\.csv>)+", sent["text"])
    assert len(sent["text"]) <= 2_000


def test_urls_in_a_text_are_links_that_are_whole_or_not_there() -> None:
    sent = _sent(
        "Slow", "What to do: https://example.org/a?b=1&c=2. Or (http://example.org)!\nhttps:// no <https://x|y>"
    )
    said = sent["blocks"][1]["text"]["text"]
    assert said == (
        "What to do: <https://example.org/a?b=1&amp;c=2>. Or (<http://example.org>)!\nhttps:// no &lt;<https://x>|y&gt;"
    )
    assert sent["text"] == f"*Slow*\n{said}"
    long = _sent("Slow", "x" * 2_985 + " https://example.org/runbook and more")["blocks"][1]["text"]["text"]
    assert long == "x" * 2_985 + " …"


@given(
    SPECIAL | st.text(max_size=4_000), SPECIAL | st.text(max_size=4_000), st.lists(SPECIAL, max_size=3), st.booleans()
)
def test_every_message_is_within_the_limits_and_escaped(
    title: str, text: str, files: list[str], has_page: bool
) -> None:
    sent = _sent(title, text * 3, files=files, page="/alerts" if has_page else "")
    json.dumps(sent)
    assert 0 < len(sent["text"]) <= 2_000
    assert len(sent["blocks"]) <= 3
    texts = [re.sub(r"\n<https://metrics\.example\.org/[^<>|\s]+\|[^<>|\n]*>", "", sent["text"])]
    for block in sent["blocks"]:
        if block["type"] == "header":
            assert 0 < len(block["text"]["text"]) <= 150
        elif block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= 3_000
            texts.append(block["text"]["text"])
        else:
            assert all(0 < len(one["text"]["text"]) <= 75 for one in block["elements"])
    for one in (re.sub(r"<https?://[^<>|\s]+>", "", one) for one in texts):
        assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", one)
