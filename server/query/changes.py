"""Changes: figures of a period against those of an earlier one."""

import enum
from dataclasses import dataclass

from server.catalog import figures, registry
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension


class Absence(enum.Enum):
    """Why a figure or a change cannot be computed."""

    NO_BASELINE = enum.auto()
    BEFORE_FLOOR = enum.auto()
    TOO_EARLY = enum.auto()
    NOT_KEPT = enum.auto()
    BEFORE_FIRST_EVENT = enum.auto()
    TOO_MANY = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in percent, or why there is none."""

    percent: float | None
    absence: Absence | None = None


def absent(absence: Absence) -> dict[str, Change]:
    """Returns every change of the catalogue as absent for that reason."""
    return dict.fromkeys(registry.CHANGES, Change(percent=None, absence=absence))


def changes(now: Cell, before: Cell, by: Dimension) -> dict[str, Change]:
    """Returns every change of the catalogue between two cells of a dimension, by name."""
    return {name: change(metric, now, before, by) for name, metric in registry.CHANGES.items()}


def change(name: str, now: Cell, before: Cell, by: Dimension) -> Change:
    """Returns the change of a metric between two cells of a dimension."""
    if not figures.is_kept(name, by):
        return Change(percent=None, absence=Absence.NOT_KEPT)
    metric = registry.METRICS[name]
    percent = figures.change(figures.figure(metric, now), figures.figure(metric, before))
    return Change(percent=percent, absence=Absence.NO_BASELINE if percent is None else None)
