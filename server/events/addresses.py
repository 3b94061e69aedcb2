"""E-mail addresses that stand where an id should: found in every usual spelling, and brought into one form."""

import html
import re
import unicodedata
import urllib.parse

# Ids with an @ and without a dot behind it, such as user@home, are none.
_ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+")
# One that is in its normal form, but for capitals; nearly all are.
_USUAL = re.compile(r"[a-z0-9_+-](?:[a-z0-9._+-]*[a-z0-9_+-])?@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_NAMED = re.compile(r"[^<>]*<([^<>]*@[^<>]*)>[^<>]*")  # Ann Lee <ann@example.org>
_COMMENT = re.compile(r"\([^()@]*\)")  # ann@example.org (Ann Lee)
_AROUND = " \t\"'`´<>()[]{}.,;:!?“”„‘’‚«»‹›"
_DECODINGS = 3  # an address may be encoded twice or three times on its way


def normal_form(value: str) -> str | None:
    """The one form of an e-mail address, whatever its case, encoding, display name and punctuation; None for what holds
    none. Of an id that holds an address beside other things, the whole id.
    """
    if value.isascii() and "@" not in value and "%" not in value and "&" not in value:
        return None
    if _USUAL.fullmatch(text := value.lower()):
        return text
    text = _decoded(value)
    bare = _bare(text)
    if _ADDRESS.fullmatch(bare):
        local, _, domain = bare.rpartition("@")
        return f"{local}@{_ascii(domain)}"
    return text if _ADDRESS.search(text) else None


def _decoded(value: str) -> str:
    for _ in range(_DECODINGS):
        # Normalized first, since that may be what makes an encoding of it, as of "%²0".
        decoded = html.unescape(urllib.parse.unquote(unicodedata.normalize("NFKC", value)))
        if decoded == value:
            break
        value = decoded
    # Compatible characters become one, and those that cannot be seen go. Case is folded before and after, since either
    # makes work for the other.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold())
    text = "".join(character for character in text if unicodedata.category(character) not in ("Cf", "Cc"))
    # Marks that stand side by side now have an order.
    return re.sub(r"\s*@\s*", "@", " ".join(unicodedata.normalize("NFKC", text).split()))


def _bare(text: str) -> str:
    """An address without what may stand around it."""
    named = _NAMED.fullmatch(text)
    text = _COMMENT.sub("", named[1] if named else text).strip(_AROUND)
    if text.startswith("mailto:"):
        text = text.removeprefix("mailto:").partition("?")[0].strip(_AROUND)
    return text


def _ascii(domain: str) -> str:
    """A domain in its ASCII form, where it has one."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
