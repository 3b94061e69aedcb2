"""Rows tokens: what a figure was counted from, signed, so that a list can show exactly these rows.

An answer makes a token for each of its figures (opened, and RowsTokens.token). A list takes one in place of its
filters (RowsTokens.counted), holds its epoch against the one that it reads (check_epoch), and shows what counted for
the metric, in the part, within the bounds and up to the revision of the token: their amounts add up to its figure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server import timerange
from server.catalog import cells, dimensions, figures, rows
from server.catalog.catalogue import BUILT_IN, Catalogue
from server.catalog.cells import Cell
from server.catalog.dimensions import Dimension
from server.catalog.filters import Filter
from server.catalog.rows import RowsKind, RowSum
from server.errors import Reason, Refused
from server.events import rules
from server.query.answers import Context
from server.query.signed_tokens import NotOurs, SignedTokens
from server.tenancy.keyed_hashes import KeyedHashes
from server.timerange import Interval

_MAX_LENGTH = 4096
_FIELD = "rows_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRows:
    """The rows that a figure was counted from: those that count for a metric in a part of the organization, within
    bounds, up to a revision of an epoch. figure is what their amounts add up to.
    """

    metric: str
    part: Filter
    bounds: Interval
    epoch: str
    revision: int
    figure: int

    @property
    def sum(self) -> RowSum:
        """Returns what the amounts of rows are, and of which kind rows are."""
        found = rows.behind(BUILT_IN.metrics[self.metric])
        assert found is not None  # noqa: S101 - there are tokens of such metrics alone
        return found

    @property
    def kind(self) -> RowsKind:
        """Returns which list opens it."""
        return self.sum.kind

    @property
    def conditions(self) -> list[tuple[Dimension, str]]:
        """Returns the values that rows carry, by their dimensions: those of a pair apart, unless it is what has no
        figures of its own.
        """
        dimension, value = self.part.dimension, self.part.value
        if self.part.is_whole:
            return []
        if value == cells.OTHER or "," not in dimension.name:
            return [(dimension, value)]
        return list(zip(map(_named, dimension.name.split(",")), dimensions.parted(value), strict=True))


def opened(
    names: Iterable[str], cell: Cell, part: Filter, context: Context, catalogue: Catalogue = BUILT_IN
) -> dict[str, CountedRows]:
    """Returns the rows behind figures of a cell, by their names, as far as there are lists of them: of a part of the
    organization, over the period of an answer and as of its revision.
    """
    found = {}
    for name in names:
        metric = catalogue.metrics.get(name)
        behind = None if metric is None else rows.behind(metric, catalogue)
        if behind is None or not figures.is_kept(name, part.dimension, catalogue):
            continue
        if part.dimension is dimensions.USER and behind.kind is not RowsKind.EVENTS:
            continue  # such as the conversations that a user began: no list is of those
        projections = {catalogue.measure(term).projection for term in behind.terms}
        revisions = [context.lagging.get(one, context.as_of.revision) for one in projections]
        found[name] = CountedRows(
            metric=name,
            part=part,
            bounds=context.period.bounds,
            epoch=context.as_of.epoch,
            revision=min(revisions),
            figure=behind.of(cell, catalogue),
        )
    return found


class RowsTokens:
    """Makes and reads the tokens of rows behind figures."""

    def __init__(self, secrets: KeyedHashes) -> None:
        self._tokens = SignedTokens(secrets, "rows", longest=_MAX_LENGTH)

    def token(self, organization_id: int, counted: CountedRows) -> str:
        """Returns the token of rows."""
        bounds = (rules.microseconds(at) for at in (counted.bounds.start, counted.bounds.end))
        part = (counted.part.dimension.name, counted.part.value)
        values = (counted.metric, *part, *bounds, counted.epoch, counted.revision, counted.figure)
        return self._tokens.token(organization_id, values)

    def tokens(self, organization_id: int, each: Mapping[str, CountedRows]) -> dict[str, str]:
        """Returns the tokens of rows by the names of figures."""
        return {name: self.token(organization_id, counted) for name, counted in each.items()}

    def counted(self, organization_id: int, token: str, kind: RowsKind) -> CountedRows:
        """Returns the rows that a token stands for; refuses one of another organization, or of rows of another kind."""
        try:
            values = self._tokens.values(organization_id, token)
        except NotOurs:
            raise Refused(
                Reason.ROWS_TOKEN_INVALID, "the token is damaged, or belongs to another organization", field=_FIELD
            ) from None
        metric, dimension, value, start, end, epoch, revision, figure = values
        found = CountedRows(
            metric=metric,
            part=Filter(dimension=_named(dimension), value=value),
            bounds=Interval(start=timerange.of_microseconds(start), end=timerange.of_microseconds(end)),
            epoch=epoch,
            revision=revision,
            figure=figure,
        )
        if found.kind is not kind:
            raise Refused(
                Reason.ROWS_TOKEN_INVALID,
                f"the rows behind {metric} are {found.kind.name.lower()}, and this list is of {kind.name.lower()}",
                field=_FIELD,
                metadata={"kind": found.kind.name},
            )
        return found


def check_epoch(counted: CountedRows, epoch: str) -> None:
    """Refuses rows of a figure from before the database was restored."""
    if counted.epoch != epoch:
        raise expired(counted, "the database was restored to an earlier point since the figure was answered")


def expired(counted: CountedRows, why: str) -> Refused:
    """Returns the refusal of rows that can no longer be told from those of now."""
    return Refused(
        Reason.ROWS_TOKEN_EXPIRED,
        f"{why}: ask for the figure again",
        field=_FIELD,
        metadata={"revision": str(counted.revision)},
    )


def _named(name: str) -> Dimension:
    """Returns a dimension, a pair or a combination of others by its name."""
    if name == dimensions.USER.name:
        return dimensions.USER
    found = dimensions.TABLE.by_name.get(name) or dimensions.TABLE.pairs.get(name)
    return found or dimensions.combination(*map(_named, name.split(",")))
