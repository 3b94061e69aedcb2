"""Options that have the form key=value: those of `track`, and filters."""

import json
from collections.abc import Sequence
from typing import Any

from tallywire import events
from tallywire.cli.problems import WrongUsage


def properties(pairs: Sequence[str]) -> dict[str, object]:
    """Returns --property options; a value that is JSON counts as such, any other as text. Raises WrongUsage."""
    return dict(values(pairs, "--property"))


def values(pairs: Sequence[str], option: str) -> list[tuple[str, object]]:
    """Returns pairs with values: one that is JSON counts as such, any other as text. Raises WrongUsage."""
    return [(key, _json(value)) for key, value in _split(pairs, option)]


def detail(event_type: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Returns --set options as keyword arguments of event(). Raises WrongUsage."""
    found: dict[str, Any] = {}
    for key, value in _split(pairs, "--set"):
        try:
            found[key] = events.from_text(event_type, key, value)
        except TypeError as error:
            hint = "" if events.fields_of(event_type) else " (on the command line: --property)"
            raise WrongUsage(f"{error}{hint}") from None
        except ValueError as error:
            raise WrongUsage(f"--set {error}") from None
    return found


def dimensions(pairs: Sequence[str]) -> dict[str, list[str]]:
    """Returns --where options as values by dimension. Raises WrongUsage."""
    found: dict[str, list[str]] = {}
    for name, value in _split(pairs, "--where"):
        if not value:
            raise WrongUsage(f"--where {name}= has no value")
        found.setdefault(name, []).append(value)
    return found


def texts(pairs: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Returns pairs with values that are text, whatever they look like. Raises WrongUsage."""
    return _split(pairs, option)


def _split(pairs: Sequence[str], option: str) -> list[tuple[str, str]]:
    """Returns the pairs, split at the first =."""
    split = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise WrongUsage(f"{option} has the form key=value, not {pair!r}")
        split.append((key, value))
    return split


def _json(text: str) -> object:
    """Returns the JSON value that a text is, or the text; NaN and Infinity are not JSON."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return value


def _refuse(name: str) -> object:
    """Refuses what Python reads as JSON and JSON does not know."""
    raise ValueError(name)
