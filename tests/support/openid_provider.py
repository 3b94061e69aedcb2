"""An identity provider that signs people in: OpenID Connect's code flow as far as clients need it, on loopback.

It takes a code once, from the client and for the address that it was given to, with the verifier of its challenge.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tests.support.identity_provider import Provider, encoded

CLIENT_ID = "tallywire-pages"
SECRET = "a secret of the client, with & and :"


class SigningProvider(Provider):
    """A provider at which one person is signed in already, so that it asks for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.person: dict[str, Any] = {"sub": "ada", "role": "viewer"}  # claims; None leaves one out
        self.secret: str | None = None
        self.redirect_uri = ""
        self.codes: dict[str, Mapping[str, str]] = {}  # what was asked, by codes that nobody has used
        self.refusal = ""  # the error that it sends people back with
        self.answer_more: dict[str, str] = {}  # beside code and state
        self.tokens: list[str] = []  # that it has given
        self.code_status = 200
        self.exchanges: list[str] = []  # how clients proved who they are

    @property
    def table(self) -> dict[str, Any]:
        """The provider in the operator's file."""
        return {**super().table, "audiences": [CLIENT_ID], "client_id": CLIENT_ID, "label": "Acme <Login>"}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target = head.split()[:2]
            self.fetches.append(target)
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            plain = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            form = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
            await self.answers.wait()
            status, found = self._found(method, target, dict(urllib.parse.parse_qsl(form)), plain)
            location = f"Location: {found}\r\n" if status == 303 else ""
            body = b"" if status == 303 else json.dumps(found).encode()
            line = "503 Away" if self.is_away else f"{status} Said"
            writer.write(f"HTTP/1.1 {line}\r\n{location}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    def _found(self, method: str, target: str, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        if path == "/.well-known/openid-configuration":
            own = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
            return 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **own, **self.discovery}
        if path == "/keys":
            return 200, self.key_set()
        if path == "/authorization_endpoint" and method == "GET":
            return 303, self._sent_back(dict(urllib.parse.parse_qsl(query)))
        if path == "/token_endpoint" and method == "POST":
            return self._exchanged(form, headers)
        return 404, {}

    def _sent_back(self, asked: dict[str, str]) -> str:
        assert asked["response_type"] == "code"
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT_ID, self.redirect_uri)
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        answer = {"state": asked["state"], **self.answer_more}
        if self.refusal:
            answer |= {"error": self.refusal, "error_description": "<script>alert(1)</script>"}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            answer["code"] = code
        return f"{asked['redirect_uri']}?{urllib.parse.urlencode(answer)}"

    def _exchanged(self, form: dict[str, str], headers: dict[str, str]) -> tuple[int, Any]:
        if self.code_status != 200:
            return self.code_status, {}
        if not self._is_client(form, headers):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        challenge = encoded(hashlib.sha256(form["code_verifier"].encode()).digest())
        is_good = asked is not None and form["redirect_uri"] == asked["redirect_uri"]
        if asked is None or not is_good or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant", "error_description": "<script>alert(2)</script>"}
        self.tokens.append(self.token(**{"aud": CLIENT_ID, "nonce": asked["nonce"], **self.person}))
        return 200, {"access_token": "of no use", "token_type": "Bearer", "id_token": self.tokens[-1]}

    def _is_client(self, form: dict[str, str], headers: dict[str, str]) -> bool:
        basic = headers.get("Authorization", headers.get("authorization", "")).removeprefix("Basic ")
        if basic:
            self.exchanges.append("basic")
            name, _, secret = base64.b64decode(basic).decode().partition(":")
            return (name, urllib.parse.unquote_plus(secret)) == (CLIENT_ID, self.secret)
        self.exchanges.append("form" if "client_secret" in form else "public")
        return (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, self.secret)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[SigningProvider]:
    """A provider that answers until the block ends."""
    provider = SigningProvider()
    server = await asyncio.start_server(provider._serve, "127.0.0.1", 0)
    async with server:
        provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider
