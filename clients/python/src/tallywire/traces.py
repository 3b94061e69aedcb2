"""The trace that a call belongs to: that of the program's current span, where the program uses OpenTelemetry.

Nothing is needed for that: the API of OpenTelemetry is asked only if the program has loaded it.
"""

import importlib.util
import sys
from collections.abc import Mapping
from typing import Any, Final

_HEADER: Final = "traceparent"


def may_be_there() -> bool:
    """Returns whether the program may come to have spans."""
    try:
        return importlib.util.find_spec("opentelemetry.trace") is not None
    except (ImportError, ValueError):
        return False


def added(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the arguments of a call with the current span in its metadata, as W3C has it."""
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return options
    of = api.get_current_span().get_span_context()
    metadata = tuple(options.get("metadata") or ())
    if not of.is_valid or any(key == _HEADER for key, _ in metadata):
        return options
    parent = f"00-{of.trace_id:032x}-{of.span_id:016x}-{int(of.trace_flags):02x}"
    return {**options, "metadata": (*metadata, (_HEADER, parent))}
