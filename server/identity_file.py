"""The operator's file of identity providers, as far as servers and the web process both read it: a TOML file, and how
pages sign people in with a provider of it.
"""

import re
import tomllib
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from server import errors
from server.settings import is_loopback_host

VARIABLE: Final = "TALLYWIRE_IDENTITY_PROVIDERS"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MOST_TABLES: Final = 100  # of providers, and of certificates
_MOST_BYTES = 1024 * 1024  # of the file
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, 3.3
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=256)]


class ProviderClient(BaseModel):
    """What pages need of a provider's table to sign people in; nothing but the issuer, where there is no client_id."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: str
    issuer: Annotated[str, Field(max_length=200)]
    audiences: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    client_id: Text | None = None  # None: pages do not offer this provider
    client_secret_file: Text | None = None  # None: a public client
    scopes: Annotated[tuple[Text, ...], Field(max_length=20)] = ("openid", "email", "profile")
    label: Annotated[str, Field(min_length=1, max_length=60)] | None = None  # of the button; None: the name

    @field_validator("audiences", "scopes", mode="before")
    @classmethod
    def _sequence(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("issuer")
    @classmethod
    def _safe_issuer(cls, value: str) -> str:
        return safe(value)

    @model_validator(mode="after")
    def _client(self) -> "ProviderClient":
        if self.client_id is None:
            if given := self.model_fields_set & {"client_secret_file", "scopes", "label"}:
                raise ValueError(f"{min(given)} needs client_id")
            return self
        if not self.client_id.isascii() or not self.client_id.isprintable():
            raise ValueError("client_id holds a character that is not printable ASCII")
        if self.client_id not in self.audiences:
            raise ValueError('audiences must name the client_id: it is in "aud" of tokens that pages get')
        if "openid" not in self.scopes or not all(_SCOPE.fullmatch(one) for one in self.scopes):
            raise ValueError("scopes must be names without spaces, and openid one of them")
        if self.label is not None and not self.label.isprintable():
            raise ValueError("label holds a control character")
        return self


def safe(url: str) -> str:
    """Returns a URL that is_safe(); raises ValueError for others."""
    if not is_safe(url):
        raise ValueError("must be an https:// address; http:// is for loopback alone")
    return url


def is_safe(url: str) -> bool:
    """Returns whether documents may be fetched from a URL: nobody can change them on their way."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.fragment or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(host))


def content(path: Path) -> Mapping[str, Any]:
    """Returns what a file holds; raises SetupError in one line where it is no TOML."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise errors.SetupError(f"{VARIABLE}={path}: is larger than {_MOST_BYTES:,} bytes")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise errors.SetupError(f"{VARIABLE}={path}: {error.strerror or type(error).__name__}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.SetupError(f"{VARIABLE}={path}: is no TOML: {error}") from None


def tables(found: Mapping[str, Any], group: str) -> Mapping[str, Any]:
    """Returns the tables of a group by their names; raises ValueError where these are none."""
    among = found.get(group, {})
    if not isinstance(among, dict) or (group in found and not 1 <= len(among) <= MOST_TABLES):
        raise ValueError(f"needs 1 to {MOST_TABLES} tables [{group}.NAME]")
    for name, table in among.items():
        if NAME.fullmatch(name) is None or not isinstance(table, dict) or "name" in table:
            raise ValueError(f"[{group}.{name[:64]}] is no table with a name of [a-z0-9_-]")
    return among


def problem(error: ValidationError) -> str:
    """Returns what is wrong with a table, without its values."""
    return "; ".join(
        " ".join([*[".".join(map(str, one["loc"]))], one["msg"].removeprefix("Value error, ")]).strip()
        for one in error.errors(include_input=False, include_url=False)
    )


def clients(path: Path | None) -> tuple[ProviderClient, ...]:
    """Returns the providers that pages offer; raises SetupError in one line where a file cannot be used."""
    if path is None:
        return ()
    try:
        found = [_client(name, table) for name, table in tables(content(path), "providers").items()]
    except ValueError as error:
        raise errors.SetupError(f"{VARIABLE}={path}: {error}") from None
    return tuple(one for one in found if one.client_id is not None)


def _client(name: str, table: Mapping[str, Any]) -> ProviderClient:
    try:
        return ProviderClient.model_validate({**table, "name": name})
    except ValidationError as error:
        raise ValueError(f"[providers.{name}]: {problem(error)}") from None
