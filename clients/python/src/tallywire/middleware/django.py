"""What Django needs besides WsgiMiddleware or AsgiMiddleware: its requests tell their route to nobody outside."""

import inspect
from collections.abc import Callable
from typing import Any

from tallywire.middleware import asgi_routes


class DjangoRoute:
    """A middleware of Django that says which route a request took: put it first in MIDDLEWARE.

    `"tallywire.middleware.DjangoRoute"` does nothing but leave the template where WsgiMiddleware and AsgiMiddleware
    find it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        # Django brings it.
        from asgiref import sync

        self._get_response = get_response
        self._is_async = sync.iscoroutinefunction(get_response)
        if self._is_async:
            sync.markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Has a request answered, and notes its route."""
        if self._is_async:
            return self._answered(request)
        response = self._get_response(request)
        _mark(request)
        return response

    async def _answered(self, request: Any) -> Any:
        found = self._get_response(request)
        response = await found if inspect.isawaitable(found) else found
        _mark(request)
        return response


def _mark(request: Any) -> None:
    """Notes the route of a request in what the middleware around Django has made it from."""
    match = getattr(request, "resolver_match", None)
    if match is not None:
        place = getattr(request, "scope", None)
        place = request.META if place is None else place
        place[asgi_routes.MARK] = "/" + match.route.removeprefix("^")
