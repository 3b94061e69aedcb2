"""What the shell offers that only the server knows. It never fails, and gives up after a moment."""

from collections.abc import Callable
from typing import Final

import typer

from tallywire import client

_SECONDS: Final = 1.0


def metrics(context: typer.Context, incomplete: str) -> list[str]:
    """Returns the metrics whose names begin so, behind those that stand before a comma."""
    before, comma, begun = incomplete.rpartition(",")
    found = _asked(context, lambda server: [one.name for one in server.metrics().metrics if one.has_series])
    return [before + comma + name for name in found if name.startswith(begun)]


def values(context: typer.Context, incomplete: str) -> list[str]:
    """Returns the values that begin so, of the dimension that stands before."""
    return _values(context, context.params.get("dimension") or "", incomplete)


def values_of(dimension: str) -> Callable[[typer.Context, str], list[str]]:
    """Returns a function that returns the values of a dimension that begin so, the most used first."""

    def completed(context: typer.Context, incomplete: str) -> list[str]:
        return _values(context, dimension, incomplete)

    return completed


def _values(context: typer.Context, dimension: str, incomplete: str) -> list[str]:
    # The server finds values by their display names, too: the shell would not let those through.
    found = _asked(context, lambda server: [one.value for one in server.dimension_values(dimension, incomplete).values])
    return [value for value in found if value.startswith(incomplete)]


def _asked(context: typer.Context, question: Callable[[client.Client], list[str]]) -> list[str]:
    """Returns the answer of the server that the options and the environment name, or nothing without one."""
    try:
        with client.Client(context.params["address"], api_key=context.params["key"], timeout=_SECONDS) as server:
            server.connect(_SECONDS)
            return question(server)
    except Exception:  # noqa: BLE001 - a shell that waits for words has no use for any error
        return []
