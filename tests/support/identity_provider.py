"""An identity provider on loopback: it publishes keys, signs tokens, and counts who asks for its keys."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support import serving

AUDIENCE = "tallywire"
ES256, RS256 = "ES256", "RS256"


class Provider:
    """A provider with one key, "first", until a test gives it others."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.more: list[dict[str, Any]] = []  # other entries of its key set
        self.discovery: dict[str, Any] = {}  # what its document says otherwise
        self.fetches: list[str] = []
        self.is_away = False
        self.answers = asyncio.Event()  # until then it says nothing
        self.answers.set()
        self.answer: bytes | None = None  # in place of the key set
        self.issuer = ""

    @property
    def table(self) -> dict[str, Any]:
        """The provider in the operator's file, but for organizations and roles."""
        return {
            "issuer": self.issuer,
            "audiences": [AUDIENCE],
            "jwks_url": f"{self.issuer}/keys",
            "algorithms": [ES256, RS256, "EdDSA"],
        }

    def key_set(self) -> dict[str, Any]:
        """What is published."""
        return {"keys": [*(public(kid, key) for kid, key in self.keys.items()), *self.more]}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a token of now; those that are changed to None are left out."""
        now = serving.now()
        found = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now - timedelta(seconds=5),  # before now by the service's clock, too
            "exp": now + timedelta(minutes=10),
            **changes,
        }
        return {name: second(value) for name, value in found.items() if value is not None}

    def token(
        self, *, kid: str | None = "first", header: Mapping[str, Any] = {}, key: Any = None, **claims: Any
    ) -> str:
        """A token that is signed by a key of this provider, or by another one."""
        key = key or self.keys[kid or "first"]
        headers = {**({} if kid is None else {"kid": kid}), **header}
        return jwt.encode(self.claims(**claims), key, algorithm(key), headers=headers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split()[1].decode()
            self.fetches.append(path)
            await self.answers.wait()
            if path.endswith("/.well-known/openid-configuration"):
                found = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **self.discovery}
                body = json.dumps(found).encode()
            else:
                body = json.dumps(self.key_set()).encode() if self.answer is None else self.answer
            status = b"503 Away" if self.is_away else b"200 OK"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Provider]:
    """A provider that answers until the block ends."""
    provider = Provider()
    server = await asyncio.start_server(provider._serve, "127.0.0.1", 0)
    async with server:
        provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key that nobody has published."""
    return ec.generate_private_key(ec.SECP256R1())


def public(kid: str, key: Any) -> dict[str, Any]:
    """The public part of a key, as key sets hold it."""
    kinds = {ES256: ECAlgorithm, "ES384": ECAlgorithm, RS256: RSAAlgorithm, "EdDSA": OKPAlgorithm}
    made: dict[str, Any] = kinds[algorithm(key)].to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig"}


def algorithm(key: Any) -> str:
    """The algorithm that a private key signs by."""
    if isinstance(key, rsa.RSAPrivateKey):
        return RS256
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "EdDSA"
    return ES256 if key.curve.name == "secp256r1" else "ES384"


def second(value: Any) -> Any:
    """A time as tokens tell it; other values as they are."""
    return int(value.timestamp()) if isinstance(value, datetime) else value


def encoded(data: bytes) -> str:
    """Bytes as tokens hold them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: Mapping[str, Any]) -> str:
    """A header or claims as a part of a token."""
    return encoded(json.dumps(value).encode())
