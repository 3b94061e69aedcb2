"""What the URL of a database means: as libpq reads it, as hosters of PostgreSQL hand it out, and as SQLAlchemy does."""

import pathlib
import urllib.parse

from server import errors

SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
# What the driver does as it is told, under libpq's names.
_UNDERSTOOD = (
    "host port dbname database user password passfile service sslmode sslcert sslkey sslrootcert sslcrl sslpassword"
    " sslnegotiation ssl_min_protocol_version ssl_max_protocol_version target_session_attrs krbsrvname gsslib options"
)
# What the service decides by itself: names of sessions, time limits, and what is prepared.
_DECIDED = (
    "application_name fallback_application_name connect_timeout client_encoding keepalives keepalives_idle"
    " keepalives_interval keepalives_count tcp_user_timeout prepared_statement_cache_size statement_cache_size"
    " pgbouncer"
)
# What the driver cannot do, by the values that do without.
_OPTIONAL = {"channel_binding": ("disable", "prefer"), "gssencmode": ("disable", "prefer")}
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")


def dsn(url: str, variable: str = "DATABASE_URL") -> str:
    """A setting's URL as the driver takes it. SetupError for parameters that nobody knows or that ask too much."""
    parts = urllib.parse.urlsplit(url)
    kept = {}
    for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True):
        if name in _FILES:
            _check_file(variable, name, value)
        if name == "ssl":  # SQLAlchemy's word
            kept["sslmode"] = value
        elif name in _UNDERSTOOD.split():
            kept[name] = value
        elif name in _OPTIONAL:
            if value not in _OPTIONAL[name]:
                raise errors.SetupError(
                    f"{variable} asks for {name}={value}, which this service cannot do: write {name}=disable"
                )
        elif name not in _DECIDED.split():
            raise errors.SetupError(f"{variable} has a parameter that this service does not know: remove {name}")
    return urllib.parse.urlunsplit(parts._replace(scheme="postgresql", query=urllib.parse.urlencode(kept)))


def place(url: str) -> str:
    """Where a URL leads to, as it may be shown: host and port, with commas between several. ValueError where a port is
    none.
    """
    parts = urllib.parse.urlsplit(url)
    otherwise = urllib.parse.parse_qs(parts.query).get("host", ["localhost"])[0]
    each = [urllib.parse.urlsplit(f"//{one}") for one in parts.netloc.rpartition("@")[2].split(",")]
    return ",".join(f"{one.hostname or otherwise}:{one.port or 5432}" for one in each)


def _check_file(variable: str, name: str, value: str) -> None:
    if value != "system" and not pathlib.Path(value).is_file():
        raise errors.SetupError(f"{variable} names {name}={value}, and there is no such file")


_OF_LOGINS = ("host", "port", "sslmode", "sslnegotiation", "target_session_attrs")


def of_login(url: str, role: str, password: str, database: str) -> str:
    """The URL by which another role reaches a database on the same server."""
    parts = urllib.parse.urlsplit(url)
    kept = [(name, value) for name, value in urllib.parse.parse_qsl(parts.query) if name in _OF_LOGINS]
    user = f"{urllib.parse.quote(role, safe='')}:{urllib.parse.quote(password, safe='')}"
    return urllib.parse.urlunsplit(
        (
            "postgresql",
            f"{user}@{parts.netloc.rpartition('@')[2]}",
            urllib.parse.quote(database, safe=""),
            urllib.parse.urlencode(kept),
            "",
        )
    )
