"""The template of the route that an ASGI application chose, as frameworks leave it in the scope."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

MARK: Final = "tallywire.route"
"""Where an application, or DjangoRoute, can say the template itself: a key of the scope, or of a WSGI environ."""

_SOME_MOUNT: Final = "/{mount}"


def template(scope: Mapping[str, Any], root: str) -> str | None:
    """Returns the template of a request that was routed, below the root path with which it came; None without one."""
    marked = scope.get(MARK) or scope.get("path_template")  # the latter is Litestar's
    if marked:
        return f"{root}{marked}"
    root = scope.get("app_root_path", root)
    route = scope.get("route")
    path = _included(scope, route) or getattr(route, "path", None)
    mounts = str(scope.get("root_path", "")).removeprefix(root)  # the part of the path that mounts have taken
    is_mount = hasattr(route, "routes")
    if path is not None and not is_mount and not (mounts and scope.get("path_params")):
        return f"{root}{mounts}{path}"
    routes: Iterable[Any] = getattr(scope.get("router"), "routes", ())
    if path is not None and not is_mount:
        # The values that mounts took are in their parts of the path, and must not be in the template.
        return f"{root}{_mounts(routes, mounts) or _SOME_MOUNT}{path}"
    # A mount of which nothing more is known, or a Starlette that does not leave its route, as versions up to 1.0 do.
    found = _search(routes, str(scope.get("path", "")).removeprefix(root), scope.get("endpoint"))
    if found is None and is_mount:
        found = f"{_SOME_MOUNT}/{{path}}"
    return None if found is None else f"{root}{found}"


def _included(scope: Mapping[str, Any], route: object) -> str | None:
    """Returns the path of a route with the prefix of the router that FastAPI has included it from, if it tells one.

    Older versions copy such routes, which have their prefix in their path.
    """
    found = scope.get("fastapi")
    context = found.get("effective_route_context") if isinstance(found, Mapping) else None
    if context is None or getattr(context, "original_route", None) is not route:
        return None
    return getattr(context, "path", None) or getattr(getattr(context, "starlette_route", None), "path", None)


def _mounts(routes: Iterable[Any], taken: str) -> str | None:
    """Returns the templates of the mounts, one in another, that take exactly a part of a path; None without such."""
    if not taken:
        return ""
    for mount in routes:
        pattern: Any = getattr(mount, "path_regex", None)
        inner: Any = getattr(mount, "routes", None)
        match = None if pattern is None or inner is None else pattern.match(f"{taken}/")
        if match is None:
            continue
        own = f"{taken}/".removesuffix("/" + match["path"])
        found = _mounts(inner, taken[len(own) :])
        if found is not None:
            return f"{mount.path}{found}"
    return None


def _search(routes: Iterable[Any], path: str, endpoint: object) -> str | None:
    """Returns the template of the route, in mounts or not, that leads a path to an endpoint; None without one.

    An endpoint that is itself what a mount holds is that mount: files, or an application in which nothing matched.
    """
    for route in routes:
        pattern = getattr(route, "path_regex", None)
        match = None if pattern is None else pattern.match(path)
        if match is None:
            continue
        inner = getattr(route, "routes", None)
        if inner is None:
            if getattr(route, "endpoint", None) is endpoint:
                return str(route.path)
            continue
        found = _search(inner, f"/{match['path']}", endpoint)
        if found is None and getattr(route, "app", None) is endpoint:
            found = "/{path}"
        if found is not None:
            return f"{route.path}{found}"
    return None
