"""Headers of every response, and which requests come from our own pages."""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from server import errors, settings

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_APP: Final = ((b"cross-origin-opener-policy", b"same-origin"),)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSite:
    """Where pages are seen: the origin that people type, others that mean the same, and the pages that may frame the
    panel.
    """

    origin: str
    aliases: frozenset[str]
    embed_origins: tuple[str, ...]

    @property
    def is_secure(self) -> bool:
        """Returns whether people reach the pages by TLS."""
        return self.origin.startswith("https:")

    @property
    def cookie(self) -> str:
        """Returns the name of the session's cookie. Ports of a machine share cookies: without TLS it names its own."""
        if self.is_secure:
            return "__Host-tallywire"
        return f"tallywire-{urllib.parse.urlsplit(self.origin).port or _PORTS['http']}"

    def headers(self, *, is_panel: bool = False) -> list[tuple[bytes, bytes]]:
        """Returns the headers of a response."""
        ancestors = " ".join(self.embed_origins) or "'none'" if is_panel else "'none'"
        found = [*_ALWAYS, (b"content-security-policy", _CSP.format(ancestors=ancestors).encode())]
        found += [] if is_panel else _APP
        return [*found, _HSTS] if self.is_secure else found

    def is_own(self, request: Mapping[str, str]) -> bool:
        """Returns whether a request that is no GET comes from our own pages, by its headers with small names.

        Browsers of the last years say so themselves, and pages cannot change that; others send an Origin.
        """
        origin, sent_by = request.get("origin"), request.get("sec-fetch-site")
        if origin is not None and origin.lower() not in self.aliases:
            return False
        return sent_by == "same-origin" if sent_by is not None else origin is not None

    def session_cookie(self, credential: str, seconds: int) -> bytes:
        """Returns the header that sets the session's cookie, or with no seconds removes it."""
        secure = "; Secure" if self.is_secure else ""
        return f"{self.cookie}={credential}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}".encode()

    def credential(self, request: Mapping[str, str]) -> str | None:
        """Returns the credential in a request's cookie."""
        for part in request.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie and value:
                return value
        return None


def site(known: settings.Settings, address: str) -> PublicSite:
    """Returns where pages are seen that are served on an address; SetupError where that is not safe."""
    origin = _origin("TALLYWIRE_WEB_ORIGIN", known.web_origin) if known.web_origin else f"http://{address}"
    if not origin.startswith("https:") and not settings.is_loopback(address) and not known.allow_plaintext:
        raise errors.SetupError(
            f"TALLYWIRE_WEB_LISTEN={address} is not a loopback address, and sessions would go over it in plain text:"
            " set TALLYWIRE_WEB_ORIGIN to the https:// address of the proxy in front, or TALLYWIRE_ALLOW_PLAINTEXT=true"
        )
    embeds = tuple(_origin("TALLYWIRE_WEB_EMBED_ORIGINS", one) for one in _listed(known.web_embed_origins or ""))
    return PublicSite(origin=origin, aliases=_aliases(origin), embed_origins=embeds)


def _listed(text: str) -> Sequence[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _origin(variable: str, text: str) -> str:
    parts = urllib.parse.urlsplit(text.rstrip("/"))
    try:
        is_origin = bool(parts.hostname) and (parts.port or True)
    except ValueError:
        is_origin = False
    plain = f"{parts.scheme}://{parts.netloc}".lower()
    unsafe = set(" ;,'\"")
    if not is_origin or parts.scheme not in _PORTS or plain != text.rstrip("/").lower() or unsafe & set(plain):
        raise errors.SetupError(f"{variable}: {text!r} is no origin, such as https://metrics.example.com")
    return plain


def _aliases(origin: str) -> frozenset[str]:
    """Returns the origins that mean the same: a loopback address has several names."""
    parts = urllib.parse.urlsplit(origin)
    if parts.hostname is None or not settings.is_loopback_host(parts.hostname):
        return frozenset({origin})
    port = f":{parts.port}" if parts.port else ""
    return frozenset({origin, *(f"{parts.scheme}://{host}{port}" for host in ("localhost", "127.0.0.1", "[::1]"))})
