"""The settings of organizations as columns: one each, of the setting's name."""

from collections.abc import Mapping
from typing import TypeVar

import asyncpg

from server.organizations import setting
from server.organizations.setting import Value

_Settings = TypeVar("_Settings")


def names(settings: type) -> tuple[str, ...]:
    """Returns the names of the columns."""
    return tuple(one.name for one in setting.declared(settings))


def written(chosen: Mapping[str, Value]) -> dict[str, object]:
    """Returns settings, by name, as the driver takes them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}


def read(settings: type[_Settings], row: asyncpg.Record) -> _Settings:
    """Returns the settings in a row that has their columns."""
    values = {name: row[name] for name in names(settings)}
    return settings(**{name: tuple(one) if isinstance(one, list) else one for name, one in values.items()})
