"""Metrics whose values must not be mixed: amounts of several currencies, scores by several rubrics."""

from collections.abc import Sequence

from server.catalog import figures
from server.catalog.catalogue import Catalogue
from server.catalog.dimensions import Dimension
from server.errors import Reason, Refused


def check(names: Sequence[str], among: Sequence[Dimension], catalogue: Catalogue) -> None:
    """Refuses metrics that would be mixed in everything that a question asks about."""
    for name in names:
        needed = figures.only_by(name, catalogue)
        if needed and not any(figures.is_kept(name, one, catalogue) for one in among):
            by = " or ".join(needed)
            raise Refused(
                Reason.DIMENSION_REQUIRED,
                f"{name} is never added up over values of {by}: narrow the question to one of them, or ask for a row of"
                " each",
                field="metrics",
                metadata={"metric": name, "dimension": ",".join(needed)},
            )
