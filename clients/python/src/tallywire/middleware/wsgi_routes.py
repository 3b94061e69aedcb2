"""The template of the route that a WSGI application chose, as frameworks leave it in the environ."""

from collections.abc import Mapping
from typing import Any

from tallywire.middleware import asgi_routes


def template(environ: Mapping[str, Any]) -> str | None:
    """Returns the template of a request that was routed, with the prefix of its mount; None without one."""
    path = (
        environ.get(asgi_routes.MARK)
        or getattr(getattr(environ.get("werkzeug.request"), "url_rule", None), "rule", None)  # Flask's
        or getattr(environ.get("bottle.route"), "rule", None)
    )
    return f"{environ.get('SCRIPT_NAME', '')}{path}" if path else None
