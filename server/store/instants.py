"""Instants as the code has them, in microseconds since 1970, and as columns hold them."""


def selected(column: str) -> str:
    """Returns SQL that reads a column of instants as microseconds since 1970."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def stored(microseconds: str) -> str:
    """Returns SQL that makes what a column of instants holds of microseconds since 1970."""
    return f"timestamptz '1970-01-01 00:00+00' + {microseconds} * interval '1 microsecond'"
