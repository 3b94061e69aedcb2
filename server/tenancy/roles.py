"""Roles: sets of scopes with a name. Those here are in every organization; others are made by it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from server.tenancy.principal import Scope

BUILT_IN: Final[Mapping[str, frozenset[Scope]]] = MappingProxyType(
    {
        "viewer": frozenset({Scope.READ}),
        "analyst": frozenset({Scope.READ, Scope.EVENTS}),
        "editor": frozenset({Scope.READ, Scope.EVENTS, Scope.EDIT}),
        "admin": frozenset({Scope.ADMIN}),
    }
)
DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "viewer": "figures, live figures, dashboards and reports",
        "analyst": "and rows: events, conversations, users, leads, and exports of them",
        "editor": "and changes of what is shared: reports, alerts, dashboards, states of content gaps",
        "admin": "everything in the organization",
    }
)
