"""Messages for people in a chat, in the form that incoming webhooks of Slack take and that Mattermost, Rocket.Chat and
Discord (URL/slack) understand: a text for all of them, blocks for Slack.

https://docs.slack.dev/reference/block-kit has the limits, https://docs.slack.dev/messaging/formatting-message-text what
has to be escaped.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from server.delivery.links import Links
from server.store.deliveries import Try

_MOST_HEAD: Final = 150  # characters of a header block
_MOST_SECTION: Final = 3_000  # of the text of a section
_MOST_LABEL: Final = 75  # of a button
_MOST_URL: Final = 3_000
_MOST_TEXT: Final = 2_000  # of the text beside the blocks: that of a message of Discord
_MOST_BUTTONS: Final = 25  # of a block of actions
_CUT: Final = "…"


def payload(links: Links, organization_id: int, one: Try) -> Mapping[str, object]:
    """Returns what a chat gets: the title, the text, and buttons for the page and the files of a message."""
    found = one.message.message
    title = " ".join(found.title.split()) or found.kind
    targets = [("Open", links.to_page(found.page))] if found.page else []
    for place, each in enumerate(found.attachments):
        url, _ = links.to_file(organization_id, one.message.message_id, place, one.at)
        targets.append((" ".join(each.name.split()) or "File", url))
    targets = [target for target in targets if len(target[1]) <= _MOST_URL][:_MOST_BUTTONS]
    return {"text": _plain(title, found.text, targets), "blocks": _blocks(title, found.text, targets)}


def _plain(title: str, text: str, targets: Sequence[tuple[str, str]]) -> str:
    """Returns the message in one text, for chats without blocks and for notifications: its links are whole, or left
    out.
    """
    kept = [f"<{url}|{_link_text(label)}>" for label, url in targets]
    while kept and sum(len(one) + 1 for one in kept) > _MOST_TEXT // 2:
        kept.pop()
    tail = "".join(f"\n{one}" for one in kept)
    head = f"*{_cut(title.replace('*', ''), _MOST_HEAD)}*"
    return head + _cut(f"\n{text.strip()}".rstrip(), _MOST_TEXT - len(head) - len(tail), links=True) + tail


def _blocks(title: str, text: str, targets: Sequence[tuple[str, str]]) -> list[Mapping[str, object]]:
    # The text of a header is plain: nothing in it has a meaning, and so nothing is escaped.
    blocks: list[Mapping[str, object]] = [{"type": "header", "text": _plain_text(title, _MOST_HEAD)}]
    if text.strip():
        # verbatim: names of channels and people in a text mention nobody. URLs are links by our own hand.
        said = {"type": "mrkdwn", "text": _cut(text.strip(), _MOST_SECTION, links=True), "verbatim": True}
        blocks.append({"type": "section", "text": said})
    if targets:
        buttons = [{"type": "button", "text": _plain_text(label, _MOST_LABEL), "url": url} for label, url in targets]
        blocks.append({"type": "actions", "elements": buttons})
    return blocks


def _plain_text(text: str, most: int) -> Mapping[str, object]:
    return {"type": "plain_text", "text": text if len(text) <= most else text[: most - 1] + _CUT, "emoji": False}


def _link_text(text: str) -> str:
    """Returns the text of a link: a bar and a line break would end it."""
    return _cut(text.replace("|", "/"), _MOST_LABEL)


def _cut(text: str, most: int, *, links: bool = False) -> str:
    """Returns a text with &, < and > escaped, and no longer than that: it is cut between characters, never within what
    an escape or, with links, a URL is written as.
    """
    pieces = _pieces(text) if links else [_ESCAPES.get(one, one) for one in text]
    if sum(map(len, pieces)) <= most:
        return "".join(pieces)
    kept, length = [], len(_CUT)
    for one in pieces:
        length += len(one)
        if length > most:
            break
        kept.append(one)
    return "".join(kept) + _CUT


def _pieces(text: str) -> list[str]:
    """Returns the characters of a text as they are written, and each of its URLs as a link."""
    pieces, done = [], 0
    for found in _URL.finditer(text):
        pieces += [_ESCAPES.get(one, one) for one in text[done : found.start()]]
        pieces.append(f"<{found[0].replace('&', _ESCAPES['&'])}>")
        done = found.end()
    return pieces + [_ESCAPES.get(one, one) for one in text[done:]]


# Without what ends a sentence behind it.
_URL: Final = re.compile(r"https?://[^\s<>|]*[^\s<>|.,;:!?)\]'\"]")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
