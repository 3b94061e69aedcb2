"""The public keys of identity providers: fetched when they are needed, and kept while a provider is away."""

import asyncio
import json
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from server import errors, identity_file, log_throttle
from server.errors import Reason, Refused
from server.tenancy.identity_providers import IdentityProvider

_MOST_BYTES: Final = 256 * 1024  # of a document
_MOST_KEYS: Final = 100
_FEWEST_BITS, _MOST_BITS = 2048, 8192  # of an RSA key
_FRESH_SECONDS = 300.0  # then keys are fetched again, behind the calls that use them
_AGAIN_SECONDS = 10.0  # between two fetches, whatever tokens name
_KEPT_SECONDS = 24 * 3600.0  # for which keys are used while their provider is away
_WAIT_SECONDS = 5.0  # of a call for a fetch
_MOST_WAITING = 1_000
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_log = structlog.get_logger(__name__)


class Fetch(Protocol):
    """Returns what is at a URL, of at most so many bytes."""

    def __call__(self, url: str, *, most: int) -> Awaitable[bytes]: ...


class _Unusable(errors.ForOperators):
    """A document of a provider is not what it should be; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _SigningKey:
    """A public key, and the algorithms that it may be used with."""

    kid: str
    algorithms: frozenset[str]
    key: Any


class ProviderKeys:
    """The keys of one provider.

    Whatever tokens name, keys are fetched once in 10 seconds at most, by one request for all who wait. Keys of an
    earlier fetch are used for a day while the provider is away; then nobody can say whether a token is good.
    """

    def __init__(self, provider: IdentityProvider, fetch: Fetch) -> None:
        self._provider = provider
        self._fetch = fetch
        self._keys: Sequence[_SigningKey] = ()
        self._fetched_at: float | None = None
        self._asked_at: float | None = None
        self._is_away = False  # as of the last fetch
        self._fetching: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._waiting = 0

    def start(self) -> None:
        """Begins to fetch the keys again and again, so that no call need wait for them, and so that a key that its
        provider has withdrawn is not used for long.
        """
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Fetches no more."""
        tasks = [one for one in (self._following, self._fetching) if one is not None]
        for one in tasks:
            one.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _follow(self) -> None:
        while True:
            self._begin()
            if self._fetching is not None:
                await asyncio.wait([self._fetching])
            await asyncio.sleep(_AGAIN_SECONDS if self._is_away else _FRESH_SECONDS)

    async def find(self, kid: str | None, algorithm: str) -> Any:
        """Returns the public key for a token, or None where the provider has no such key. Without the id of a key it is
        the only one that fits. Raises Refused where keys cannot be fetched.
        """
        now = time.monotonic()
        if self._fetched_at is not None and now - self._fetched_at < _KEPT_SECONDS:
            found = self._known(kid, algorithm)
            if found is not None:
                if now - self._fetched_at > _FRESH_SECONDS:
                    self._begin()
                return found
        self._begin()
        is_over = self._fetching is None or await self._wait(self._fetching)
        is_kept = self._fetched_at is not None and time.monotonic() - self._fetched_at < _KEPT_SECONDS
        if self._is_away or not is_over or not is_kept:
            raise Refused(
                Reason.IDENTITY_PROVIDER_UNAVAILABLE,
                "the keys of the identity provider cannot be fetched now; the token may be good",
                retry_after=_AGAIN_SECONDS,
            )
        return self._known(kid, algorithm)

    def _known(self, kid: str | None, algorithm: str) -> Any:
        fitting = [one for one in self._keys if algorithm in one.algorithms and kid in (None, one.kid)]
        return fitting[0].key if len(fitting) == 1 else None

    def _begin(self) -> None:
        """Begins a fetch, unless one is under way or was just made."""
        now = time.monotonic()
        if self._fetching is None and (self._asked_at is None or now - self._asked_at >= _AGAIN_SECONDS):
            self._asked_at = now
            self._fetching = asyncio.create_task(self._refresh())

    async def _wait(self, fetching: "asyncio.Task[None]") -> bool:
        """Waits for a fetch; returns whether it is over."""
        if self._waiting >= _MOST_WAITING:
            raise Refused(
                Reason.OVERLOADED, "too many calls wait for the keys of an identity provider", retry_after=1.0
            )
        self._waiting += 1
        try:
            done, _ = await asyncio.wait([fetching], timeout=_WAIT_SECONDS)
        finally:
            self._waiting -= 1
        return bool(done)

    async def _refresh(self) -> None:
        name = self._provider.name
        try:
            keys = _parsed(await self._document(await self._address()), self._provider.algorithms)
        except Exception as error:  # noqa: BLE001 - whatever a provider does, the keys that are known stay
            self._is_away = True
            why = errors.describe(error)
            log_throttle.write(
                "warning", "keys of an identity provider cannot be fetched", (name, why), provider=name, why=why
            )
        else:
            if {one.kid for one in keys} != {one.kid for one in self._keys}:
                _log.info("keys of an identity provider", provider=name, keys=len(keys))
            self._keys, self._fetched_at, self._is_away = keys, time.monotonic(), False
        finally:
            self._fetching = None

    async def _address(self) -> str:
        """Returns where the keys are."""
        if self._provider.jwks_url is not None:
            return self._provider.jwks_url
        issuer = self._provider.issuer
        found = await self._document(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise _Unusable("the discovery document is of another issuer")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or not identity_file.is_safe(url):
            raise _Unusable("the discovery document names no https:// address of keys")
        if url.startswith("http:") and not issuer.startswith("http:"):
            raise _Unusable("the discovery document leads from https to http")
        return url

    async def _document(self, url: str) -> Mapping[str, Any]:
        try:
            found = json.loads(await self._fetch(url, most=_MOST_BYTES))
        except (ValueError, RecursionError):
            raise _Unusable("a document is no JSON") from None
        if not isinstance(found, dict):
            raise _Unusable("a document is no JSON object")
        return found


def _parsed(document: Mapping[str, Any], algorithms: Sequence[str]) -> Sequence[_SigningKey]:
    """Returns the keys of a set that can prove signatures by these algorithms; others are left out, as the standard
    has it.
    """
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > _MOST_KEYS:
        raise _Unusable(f"the set of keys does not hold up to {_MOST_KEYS} keys")
    keys = [key for one in entries if isinstance(one, dict) and (key := _key(one, algorithms)) is not None]
    if not keys:
        raise _Unusable("the set of keys holds none that fits the algorithms")
    return keys


def _key(entry: Mapping[str, Any], algorithms: Sequence[str]) -> _SigningKey | None:
    kid = entry.get("kid", "")
    operations = entry.get("key_ops", ["verify"])
    is_for_signatures = entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    if not isinstance(kid, str) or not is_for_signatures or entry.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    public = {name: value for name, value in entry.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "alg")}
    try:
        key = jwt.PyJWK(public).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    fitting = frozenset(one for one in algorithms if fits(key, one) and entry.get("alg", one) == one)
    return _SigningKey(kid=kid, algorithms=fitting, key=key) if fitting else None


def fits(key: Any, algorithm: str) -> bool:
    """Returns whether a public key is of the kind that an algorithm takes, and strong enough."""
    match algorithm[:2]:
        case "RS" | "PS":
            return isinstance(key, RSAPublicKey) and _FEWEST_BITS <= key.key_size <= _MOST_BITS
        case "ES":
            return isinstance(key, EllipticCurvePublicKey) and key.curve.name == _CURVES[algorithm]
        case _:
            return algorithm == "EdDSA" and isinstance(key, (Ed25519PublicKey, Ed448PublicKey))
