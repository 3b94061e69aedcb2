"""Rows about a part of an organization, in the columns restricted_dimension and restricted_values: who may see them.

An empty dimension says that a row is about the whole organization.
"""

from collections.abc import Sequence

from server.organizations.restriction import Restriction


def within(alias: str, first: int) -> str:
    """Returns the condition that a row is seen by somebody: all are if the parameter of this number is empty, and else
    those whose part lies within the values of the next one.
    """
    dimension, values = f"${first}", f"${first + 1}::text[]"
    row = f"{alias}.restricted_dimension = {dimension} AND {alias}.restricted_values <@ {values}"
    return f"({dimension} = '' OR ({row}))"


def arguments(restriction: Restriction | None) -> tuple[str, Sequence[str]]:
    """Returns the two parameters of within, and what the columns of a row about a part hold."""
    return ("", ()) if restriction is None else (restriction.dimension, restriction.values)
