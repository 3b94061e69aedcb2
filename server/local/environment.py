"""The environment of what is tried out: nothing in it leads to the real service."""

import os

# The demo has engines, keys and a port of its own: what is set for the real service is not for it.
_NOT_OURS = frozenset(
    {
        "DATABASE_URL",
        "TALLYWIRE_QUERY_DATABASE_URLS",
        "REDIS_URL",
        "TALLYWIRE_KEY_PEPPER",
        "TALLYWIRE_KEY_PEPPERS_ACCEPTED",
        "TALLYWIRE_PSEUDONYM_KEY",
        "TALLYWIRE_LISTEN",
        "TALLYWIRE_METRICS_ADDRESS",
        "TALLYWIRE_METRICS_PORT",
        "TALLYWIRE_SMTP",
        "TALLYWIRE_WEBHOOK_ALLOW",
        "TALLYWIRE_DELIVERY_STORES",
        "TALLYWIRE_TLS_CERTIFICATE",
        "TALLYWIRE_TLS_KEY",
        "TALLYWIRE_TLS_CLIENT_CA",
        "TALLYWIRE_WEB_ORIGIN",
        "TALLYWIRE_WEB_SERVICE",
        "TALLYWIRE_WEB_SERVICE_CA",
    }
)


def forget() -> list[str]:
    """Removes the variables of the real service from the environment, and returns the names of its engines."""
    found = [name for name in os.environ if name.upper() in _NOT_OURS]
    for name in found:
        del os.environ[name]
    return sorted(name for name in found if name.upper() in ("DATABASE_URL", "REDIS_URL"))
