"""Messages of rows tokens."""

import functools
from collections.abc import Callable, Mapping
from typing import TypeAlias

from server.catalog.rows import RowsKind
from server.query.rows_tokens import CountedRows, RowsTokens
from tallywire.v1 import rows_pb2

KINDS = {one: rows_pb2.RowsKind.Value(f"ROWS_KIND_{one.name}") for one in RowsKind}
# Makes the messages of what figures open, by their names.
Tokens: TypeAlias = Callable[[Mapping[str, CountedRows]], dict[str, rows_pb2.RowsToken]]


def of(tokens: RowsTokens, organization_id: int) -> Tokens:
    """Returns what makes the tokens of an organization."""
    return functools.partial(_messages, tokens, organization_id)


def _messages(
    tokens: RowsTokens, organization_id: int, opened: Mapping[str, CountedRows]
) -> dict[str, rows_pb2.RowsToken]:
    return {
        name: rows_pb2.RowsToken(token=tokens.token(organization_id, one), kind=KINDS[one.kind], figure=one.figure)
        for name, one in opened.items()
    }
