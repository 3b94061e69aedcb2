"""Which organizations a connection sees: policies of PostgreSQL keep the rows of all others from it.

Every connection is taken for one organization, for several, or, by few loops and the operator's commands, for every
one. What it is for goes with BEGIN and ends with the transaction. A session that says nothing sees nothing.
"""

import enum
from collections.abc import Collection
from typing import Final, TypeAlias

SETTING = "tallywire.organizations"


class Everyone(enum.Enum):
    """Stands for every organization."""

    EVERY = "*"


EVERY: Final = Everyone.EVERY
Of: TypeAlias = int | Collection[int] | Everyone

NOBODY = ""


def single(of: Of) -> int | None:
    """Returns the organization where it is a single one."""
    if isinstance(of, Everyone):
        return None
    if isinstance(of, int):
        return of
    return next(iter(of)) if len(of) == 1 else None


def value(of: Of) -> str:
    """Returns what the setting says of organizations: * for every one, and otherwise an array of their ids."""
    if isinstance(of, Everyone):
        return of.value
    if isinstance(of, int):
        return f"{{{of:d}}}"
    return "{" + ",".join([f"{one:d}" for one in of]) + "}"
