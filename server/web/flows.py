"""A sign-in that is under way at an identity provider: what the browser keeps of it until it comes back.

It is sealed in a cookie, so that this process keeps nothing, and any web process with the same key can go on with it.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.web.headers import PublicSite

SECONDS: Final = 600  # for which somebody may take at the provider
ERROR: Final = re.compile(r"[a-z_]{1,40}")  # a word, as standards name errors of providers
_LONGEST_PATH = 1_200  # a cookie holds 4 KiB
_SEALED_FOR = b"tallywire sign-in at a provider, 1"
_NONCE_BYTES = 12  # of AES-GCM


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A sign-in under way. to is where the person goes afterwards."""

    provider: str
    state: str
    nonce: str
    verifier: str
    to: str
    until: int  # in seconds of Unix

    @property
    def challenge(self) -> str:
        """Returns what the provider is told of the verifier (PKCE, S256)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


def begun(provider: str, to: str) -> Flow:
    """Returns a new sign-in; to may be anything that a browser has sent."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    until = int(time.time()) + SECONDS
    return Flow(provider=provider, state=state, nonce=nonce, verifier=verifier, to=own_path(to), until=until)


def own_path(text: str) -> str:
    """Returns a path of our own pages; the first page for whatever else a text is."""
    is_plain = text.isascii() and text.isprintable() and len(text) <= _LONGEST_PATH and not set(text) & set(' \\"<>')
    if not is_plain or not text.startswith("/") or text.startswith(("//", "/auth/")):
        return "/"
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return "/"
    # "/.//host" and the like become "//host" where somebody takes the dots away.
    return "/" if parts.scheme or parts.netloc or "//" in parts.path or "/." in parts.path else text


def is_equal(one: str, other: str) -> bool:
    """Returns whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))


class FlowCookie:
    """The cookie that holds a sign-in under way."""

    def __init__(self, site: PublicSite, key: str | None) -> None:
        self._site = site
        self._cipher = AESGCM(secrets.token_bytes(32) if key is None else hashlib.sha256(key.encode()).digest())
        self.name = f"{site.cookie}-sign-in"

    def set(self, flow: Flow) -> bytes:
        """Returns the header that keeps a sign-in in the browser."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, json.dumps(asdict(flow)).encode(), _SEALED_FOR)
        return self._header(base64.urlsafe_b64encode(sealed).decode(), SECONDS)

    def removed(self) -> bytes:
        """Returns the header that removes it."""
        return self._header("", 0)

    def _header(self, value: str, seconds: int) -> bytes:
        secure = "; Secure" if self._site.is_secure else ""
        return f"{self.name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}".encode()

    def is_in(self, headers: Mapping[str, str]) -> bool:
        """Returns whether a request has the cookie, whatever is in it."""
        return self._value(headers) is not None

    def flow(self, headers: Mapping[str, str]) -> Flow | None:
        """Returns the sign-in of a request; None where there is none, it is not ours, or it took too long."""
        try:
            data = base64.b64decode(self._value(headers) or "", altchars=b"-_", validate=True)
            found = Flow(**json.loads(self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _SEALED_FOR)))
        except (binascii.Error, InvalidTag, ValueError, TypeError):  # TypeError: of another version
            return None
        return found if found.until > time.time() else None

    def _value(self, headers: Mapping[str, str]) -> str | None:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.name and value:
                return value
        return None
