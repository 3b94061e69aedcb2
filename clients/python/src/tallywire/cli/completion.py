"""What the shell offers that only the server knows. It never fails, and gives up after a moment."""

from typing import Final

import typer

from tallywire import client
from tallywire.v1 import metrics_service_pb2

_SECONDS: Final = 1.0


def metrics(context: typer.Context, incomplete: str) -> list[str]:
    """Returns the metrics whose names begin so, behind those that stand before a comma."""
    before, comma, begun = incomplete.rpartition(",")
    return [before + comma + name for name in _names(context) if name.startswith(begun)]


def _names(context: typer.Context) -> list[str]:
    try:
        return [one.name for one in _catalogue(context).metrics if one.has_series]
    except Exception:  # noqa: BLE001 - a shell that waits for words has no use for any error
        return []


def _catalogue(context: typer.Context) -> metrics_service_pb2.ListMetricsResponse:
    """Returns the catalogue of the server that the options and the environment name."""
    with client.Client(context.params["address"], api_key=context.params["key"], timeout=_SECONDS) as server:
        server.connect(_SECONDS)
        return server.metrics()
