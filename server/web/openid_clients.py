"""Identity providers as pages use them: where a provider signs people in, and what it gives for a code."""

import asyncio
import base64
import binascii
import json
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from server import errors, identity_file
from server.identity_file import ProviderClient
from server.web import documents, flows
from server.web.documents import ProviderAway
from server.web.flows import Flow

_FRESH_SECONDS: Final = 3600.0  # of a provider's document
_AGAIN_SECONDS: Final = 10.0  # between two fetches that fail
_LONGEST_TOKEN: Final = 8 * 1024  # the service takes no longer one
_MOST_SECRET: Final = 4 * 1024  # bytes


class BadExchange(errors.ForOperators):
    """What a provider gives for a code is not good; says why, and nothing of what was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoints:
    """Where a provider signs in and exchanges codes, by its document."""

    authorization: str
    token: str
    is_basic: bool  # whether a secret goes in a header; else in the form
    names_itself: bool  # whether answers say whose they are (RFC 9207)


class OpenIdClient:
    """This service as a client of one provider."""

    def __init__(self, provider: ProviderClient, redirect_uri: str) -> None:
        self.provider = provider
        self.label = provider.label or provider.name
        self._client_id = provider.client_id or ""
        self._secret = _secret(provider)
        self._redirect_uri = redirect_uri
        self._found: tuple[float, _Endpoints] | None = None
        self._failed: tuple[float, ProviderAway] | None = None
        self._one = asyncio.Lock()

    async def start_url(self, flow: Flow) -> str:
        """Returns where the provider signs somebody in. Raises ProviderAway."""
        address = (await self._endpoints()).authorization
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        return f"{address}{'&' if '?' in address else '?'}{urllib.parse.urlencode(asked)}"

    async def is_its_answer(self, issuer: str | None) -> bool:
        """Returns whether an answer may come from this provider, by the issuer that it names. Raises ProviderAway."""
        if issuer is None:
            return not (await self._endpoints()).names_itself
        return issuer == self.provider.issuer

    async def identity_token(self, code: str, flow: Flow) -> str:
        """Exchanges a code for an identity token, which is of this sign-in, and for this client; its signature is left
        to the service. Raises ProviderAway and BadExchange.
        """
        endpoints = await self._endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = []
        if self._secret is not None and endpoints.is_basic:
            pair = ":".join(urllib.parse.quote_plus(one) for one in (self._client_id, self._secret))
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        else:
            form["client_id"] = self._client_id
            if self._secret is not None:
                form["client_secret"] = self._secret
        status, body = await documents.ask(endpoints.token, form=form, headers=headers)
        if status >= 500 or status == 429:
            raise ProviderAway(f"the token endpoint answers with status {status}")
        if status != 200:
            raise BadExchange(f"the token endpoint refuses the code with status {status}, {_error(body)}")
        token = _object(body).get("id_token")
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise BadExchange("the token endpoint gives no identity token")
        self._check(_claims(token), flow)
        return token

    def _check(self, claims: Mapping[str, Any], flow: Flow) -> None:
        audience, party, nonce = claims.get("aud"), claims.get("azp"), claims.get("nonce")
        if claims.get("iss") != self.provider.issuer:
            raise BadExchange("the identity token is of another issuer")
        if self._client_id not in (audience if isinstance(audience, list) else [audience]):
            raise BadExchange("the identity token is for another client")
        if party is not None and party != self._client_id:
            raise BadExchange("the identity token is for another client")
        if not isinstance(nonce, str) or not flows.is_equal(nonce, flow.nonce):
            raise BadExchange("the identity token is of another sign-in")

    async def _endpoints(self) -> _Endpoints:
        async with self._one:
            now = time.monotonic()
            if self._found is not None and now - self._found[0] < _FRESH_SECONDS:
                return self._found[1]
            if self._failed is not None and now - self._failed[0] < _AGAIN_SECONDS:
                raise ProviderAway(str(self._failed[1]))
            try:
                found = await self._discovered()
            except ProviderAway as error:
                self._failed = (time.monotonic(), error)
                raise
            self._found, self._failed = (time.monotonic(), found), None
            return found

    async def _discovered(self) -> _Endpoints:
        issuer = self.provider.issuer
        status, body = await documents.ask(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if status != 200:
            raise ProviderAway(f"the discovery document has the status {status}")
        try:
            document = _object(body)
        except BadExchange:
            raise ProviderAway("the discovery document is no JSON object") from None
        if document.get("issuer") != issuer:
            raise ProviderAway("the discovery document is of another issuer")
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return _Endpoints(
            authorization=_address(document, "authorization_endpoint", issuer),
            token=_address(document, "token_endpoint", issuer),
            is_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )


def _address(document: Mapping[str, Any], name: str, issuer: str) -> str:
    url = document.get(name)
    if not isinstance(url, str) or not identity_file.is_safe(url):
        raise ProviderAway(f"the discovery document has no https:// address as {name}")
    if url.startswith("http:") and not issuer.startswith("http:"):
        raise ProviderAway(f"the discovery document leads from https to http as {name}")
    return url


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadExchange("the provider's answer is no JSON object")
    return found


def _error(body: bytes) -> str:
    """Returns the error that a provider names, where it is one that standards could name: a word."""
    try:
        found = str(_object(body).get("error"))
    except BadExchange:
        found = ""
    return found if flows.ERROR.fullmatch(found) else "without a reason"


def _claims(token: str) -> Mapping[str, Any]:
    """Returns the claims of a token whose signature nobody has looked at yet."""
    parts = token.split(".")
    try:
        return _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, binascii.Error, ValueError):
        raise BadExchange("the identity token cannot be read") from None


def _secret(provider: ProviderClient) -> str | None:
    """Returns the secret of a confidential client; SetupError where its file cannot be used."""
    if provider.client_secret_file is None:
        return None
    where = f"{identity_file.VARIABLE}: [providers.{provider.name}]: client_secret_file={provider.client_secret_file}"
    try:
        with Path(provider.client_secret_file).open("rb") as file:
            found = file.read(_MOST_SECRET + 1).decode().strip()
    except OSError as error:
        raise errors.SetupError(f"{where}: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise errors.SetupError(f"{where}: is no text") from None
    if not found or len(found) > _MOST_SECRET:
        raise errors.SetupError(f"{where}: holds no secret of up to {_MOST_SECRET:,} bytes")
    return found
