"""The service's settings: the only reader of the environment."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from server import errors
from server.telemetry import LogFormat

_SECRET_LENGTH = 32
_MOST_ACCEPTED = 4  # peppers: each is tried for a token


class Settings(BaseSettings):
    """All settings of the service, read from the environment. Secrets print as stars."""

    model_config = SettingsConfigDict(env_prefix="TALLYWIRE_", frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    query_database_urls: SecretStr | None = None  # of nodes of a cluster that are asked themselves, commas between
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    key_pepper: SecretStr | None = None  # keys the hashes of API keys and tokens; at least 32 characters
    key_peppers_accepted: SecretStr | None = None  # others, with commas between: the next one, or earlier ones
    pseudonym_key: SecretStr | None = None  # of e-mail addresses; unset: the pepper that keyed them first

    listen: str = "127.0.0.1:50051"
    processes: int = Field(default=1, ge=1, le=64)  # server processes that share the port; more than one: Linux only
    allow_plaintext: bool = False  # without TLS, listen on other addresses than loopback
    otlp: bool = True  # serve OpenTelemetry's TraceService beside the others
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    identity_providers: Path | None = None  # TOML; whose identity tokens are credentials
    metrics_address: str = "127.0.0.1"  # where Prometheus is answered, without a key
    metrics_port: int = Field(default=0, ge=0, le=65535)  # 0: off

    web_listen: str = "127.0.0.1:8080"  # where pages are served
    web_service: str | None = None  # the gRPC servers for the pages, with commas between; unset: TALLYWIRE_LISTEN
    web_service_ca: Path | None = None  # PEM; the certificates that those servers are known by, else the system's
    web_origin: str | None = None  # the address that people type; unset: http:// and TALLYWIRE_WEB_LISTEN
    web_embed_origins: str | None = None  # pages that may hold the panel, with commas between
    web_proxies: str = "127.0.0.1"  # whose X-Forwarded-For is believed, with commas between
    web_sign_in_key: SecretStr | None = None  # seals a sign-in under way; unset: the web process makes its own
    web_caught_mail: Path | None = None  # mail that `up` and `demo` have caught, which pages show; they set it

    ingest_connections: int = Field(default=6, ge=1, le=200)
    query_connections: int = Field(default=8, ge=1, le=200)
    realtime_connections: int = Field(default=6, ge=2, le=200)
    max_queries: int = Field(default=64, ge=1)  # questions at once, waiting ones included
    max_queries_per_organization: int = Field(default=32, ge=1)
    max_streams_per_organization: int = Field(default=20, ge=1)
    # Distinct values of an organization that have figures of their own, by dimension, as in agent=20000,channel=50; the
    # others are counted under _other. What is not named has the limit in server/catalog/dimensions.py.
    max_distinct: Annotated[Mapping[str, int] | None, NoDecode] = None
    max_subscriptions: int = Field(default=2000, ge=1)
    max_subscriptions_per_organization: int = Field(default=100, ge=1)
    update_window_hours: int = Field(default=24, ge=24)  # how long a subscriber may stay away and go on without a gap
    events_per_second: int = Field(default=0, ge=0)  # of an organization without a limit of its own; 0: no limit
    burst_events: int = Field(default=0, ge=0)  # 0: two seconds' worth of the rate, at least 1,000
    monthly_events: int = Field(default=0, ge=0)  # 0: no limit
    rate_share: float = Field(default=1, gt=0, le=1)  # of each rate, that this server grants while Redis is away
    max_inflight_mib: int = Field(default=32, ge=16)  # a quarter of it must hold one message
    max_memory_mib: int = Field(default=1024, ge=0)  # 0: no limit
    max_queue_seconds: float = Field(default=2, gt=0)
    max_lag_seconds: float = Field(default=0.5, gt=0)
    max_call_seconds: float = Field(default=30, gt=0)
    drain_seconds: float = Field(default=10, ge=0)
    max_connection_seconds: float = Field(default=300, ge=0)  # then it takes no new calls; 0: no limit
    connection_grace_seconds: float = Field(default=300, ge=1)  # for the calls that an old connection still has
    max_stream_idle_seconds: float = Field(default=120, ge=0)  # without a whole message; 0: no limit

    smtp: SecretStr | None = None  # the mail server, as smtp+starttls://user:password@host:587?from=ADDRESS
    mail_max_mib: int = Field(default=10, ge=0, le=100)  # of files attached to a mail; more are linked
    webhook_allow: str | None = None  # networks that webhooks may reach beside the public internet, commas between
    delivery_stores: SecretStr | None = None  # object stores for deliveries, as name=s3://bucket/path,…
    download_days: int = Field(default=14, ge=1, le=365)  # for which links to files open them
    # Where files of reports are: file:, s3:, gs: or az:. Unset: the folder reports in the data folder.
    reports_store: SecretStr | None = None

    data_dir: Path = Path.home() / ".tallywire"
    operator: str | None = Field(default=None, max_length=128)  # who runs commands; unset: the account and its machine
    log_level: str = Field(default="INFO", pattern="^(?i:debug|info|warning|error)$")
    log_format: LogFormat = LogFormat.CONSOLE
    slow_query_seconds: float = Field(default=1, ge=0)  # questions that take longer are a line in the log; 0: none
    tracing: str | None = None  # where spans of the service itself are sent, as http://collector:4317; unset: nowhere
    tracing_ratio: float = Field(default=0.01, ge=0, le=1)  # of calls, tasks and folds
    tracing_followed_per_second: float = Field(default=1, ge=0)  # traces of callers that are recorded beyond that

    failpoint: str | None = Field(default=None, validation_alias="FAILPOINT")  # for tests: name:probability,…
    allow_failpoints: bool = False

    @field_validator("*", mode="before")
    @classmethod
    def _trimmed(cls, value: object) -> object:
        return value.strip() if isinstance(value, str) else value  # a secret from a file ends with the end of its line

    @field_validator("max_distinct", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.split("=") for pair in value.split(",") if pair.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("must be like agent=20000,channel=50")
        return {name.strip(): limit for name, limit in pairs}

    @field_validator(
        "key_peppers_accepted",
        "pseudonym_key",
        "identity_providers",
        "web_service_ca",
        "web_sign_in_key",
        "smtp",
        "query_database_urls",
        "tracing",
        "webhook_allow",
        "delivery_stores",
        mode="before",
    )
    @classmethod
    def _or_unset(cls, value: object) -> object:
        return value or None  # compose files pass on what is unset as nothing

    @field_validator("key_pepper", "pseudonym_key", "web_sign_in_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _SECRET_LENGTH:
            raise ValueError(f"must have at least {_SECRET_LENGTH} characters; `openssl rand -hex 32` makes one")
        return value

    @field_validator("key_pepper", "pseudonym_key")
    @classmethod
    def _without_comma(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "," in value.get_secret_value():
            raise ValueError("must not hold a comma, which separates TALLYWIRE_KEY_PEPPERS_ACCEPTED")
        return value

    @field_validator("key_peppers_accepted")
    @classmethod
    def _each_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        peppers = _listed(value)
        if any(len(one) < _SECRET_LENGTH for one in peppers) or len(peppers) > _MOST_ACCEPTED:
            raise ValueError(
                f"must be at most {_MOST_ACCEPTED} values, with commas between, of {_SECRET_LENGTH} characters or more"
            )
        return value

    @field_validator("tracing")
    @classmethod
    def _is_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must be like http://collector:4317, or https:// for TLS")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TALLYWIRE_TLS_CERTIFICATE and TALLYWIRE_TLS_KEY go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ValueError("TALLYWIRE_TLS_CLIENT_CA needs TALLYWIRE_TLS_CERTIFICATE and TALLYWIRE_TLS_KEY")
        if self.max_connection_seconds and self.connection_grace_seconds <= self.max_call_seconds:
            raise ValueError(
                f"TALLYWIRE_CONNECTION_GRACE_SECONDS={self.connection_grace_seconds:g} must be more than"
                f" TALLYWIRE_MAX_CALL_SECONDS={self.max_call_seconds:g}, or calls are cut"
            )
        if not self.tls_certificate and not self.allow_plaintext and not is_loopback(self.listen):
            raise ValueError(
                f"TALLYWIRE_LISTEN={self.listen} is not a loopback address and TLS is off: set"
                " TALLYWIRE_TLS_CERTIFICATE and TALLYWIRE_TLS_KEY, or TALLYWIRE_ALLOW_PLAINTEXT=true"
            )
        return self

    @property
    def accepted_peppers(self) -> tuple[str, ...]:
        """Returns the peppers that are accepted beside the one that is used."""
        return _listed(self.key_peppers_accepted)

    @property
    def node_urls(self) -> tuple[str, ...]:
        """Returns the URLs of nodes that are asked questions themselves."""
        text = self.query_database_urls.get_secret_value() if self.query_database_urls else ""
        # A URL may name several hosts, with commas between those, too.
        return tuple(one.strip(" ,") for one in re.split(r",(?=\s*[\w+]+://)", text) if one.strip(" ,"))

    @property
    def reports_url(self) -> str:
        """Returns the URL of the object store that files of reports are in."""
        if self.reports_store is not None and self.reports_store.get_secret_value():
            return self.reports_store.get_secret_value()
        return (self.data_dir.expanduser().absolute() / "reports").as_uri()

    @property
    def web_address(self) -> str:
        """Returns the address that people type to see the pages."""
        return (self.web_origin or "").rstrip("/") or f"http://{self.web_listen}"

    def required(self, name: str) -> str:
        """Returns a secret that the caller cannot do without; SetupError where it is not set."""
        value: SecretStr | None = getattr(self, name)
        if value is None:
            variable = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}.get(name, f"TALLYWIRE_{name.upper()}")
            raise errors.SetupError(f"{variable} is not set")
        return value.get_secret_value()


def _listed(value: SecretStr | None) -> tuple[str, ...]:
    texts = value.get_secret_value().split(",") if value else ()
    return tuple(text.strip() for text in texts if text.strip())


def is_loopback(address: str) -> bool:
    """Returns whether host:port can only be reached from this machine."""
    return is_loopback_host(address.rpartition(":")[0].strip("[]"))


def is_loopback_host(host: str) -> bool:
    """Returns whether a name or an address stands for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load() -> Settings:
    """Returns the settings of this process; SetupError in one line where one of them is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            (f"{_variable(str(one['loc'][0]))}: " if one["loc"] else "") + one["msg"].removeprefix("Value error, ")
            for one in error.errors()
        ]
        raise errors.SetupError("; ".join(problems)) from None


def _variable(name: str) -> str:
    return name if name in ("DATABASE_URL", "REDIS_URL", "FAILPOINT") else f"TALLYWIRE_{name.upper()}"
