"""What messages without a recorded cost are estimated to have cost, by the organization's price list of models."""

import collections
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from server import timerange
from server.catalog import cells, dimensions, figures
from server.catalog.cells import Cell
from server.catalog.filters import Filter
from server.catalog.selections import Selection
from server.organizations.model_price import ModelPrice
from server.query import grouping, ranking
from server.query.reader import Reader
from server.store import model_prices
from server.timerange import Interval

FIGURES = ("uncosted_prompt_tokens", "uncosted_cached_tokens", "uncosted_completion_tokens")
_ORDER = ranking.Order(metric="uncosted_tokens", descending=True)
_PRICED_FOR = 1_000_000  # tokens
_LARGEST = 2**63 - 1  # amounts beyond it stay there, as sums do


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedSpan:
    """Tokens of a model over a span in which it has one price, or none."""

    selection: Selection
    price: ModelPrice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEstimate:
    """Tokens of messages without a recorded cost: those that have a price, what these cost by it, and the others."""

    model: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    unpriced_tokens: int
    estimated_cost_micros: int

    @property
    def tokens(self) -> int:
        """Returns the tokens read and written."""
        return self.prompt_tokens + self.completion_tokens


async def planned(reader: Reader, bounds: Interval, zone: ZoneInfo) -> list[PricedSpan]:
    """Returns what to read: for each model that was used, the parts of a period between changes of its price."""
    group = grouping.grouping([dimensions.MODEL], Filter())
    assert group is not None  # noqa: S101 - there is a dimension
    most = ranking.MAX_VALUES
    models, _ = await ranking.ranked(reader, group, bounds, _ORDER, skip=0, most=most)
    prices: dict[str, list[ModelPrice]] = collections.defaultdict(list)
    for one in await model_prices.of_models(reader.driver, reader.organization_id, models):
        prices[one.model].append(one)
    found = [part for model in models for part in parts(model, prices[model], bounds, zone)]
    return [*found, PricedSpan(selection=_tokens(cells.OTHER, bounds), price=None)]


def parts(model: str, prices: Sequence[ModelPrice], bounds: Interval, zone: ZoneInfo) -> Iterator[PricedSpan]:
    """Yields the parts of a period in which a model has one price; its prices come in the order of their days."""
    begins = [timerange.midnight(one.effective_from, zone) for one in prices]
    cuts = [bounds.start, *(min(max(begin, bounds.start), bounds.end) for begin in begins), bounds.end]
    for (start, end), price in zip(itertools.pairwise(cuts), (None, *prices), strict=True):
        if start < end:
            yield PricedSpan(selection=_tokens(model, Interval(start=start, end=end)), price=price)


def _tokens(model: str, bounds: Interval) -> Selection:
    return Selection.within(Filter(dimension=dimensions.MODEL, value=model), bounds, bins=False, sets=False)


def estimates(planned: Iterable[PricedSpan], found: Mapping[Selection, Cell]) -> list[ModelEstimate]:
    """Returns the estimate of each model that has tokens without a recorded cost, the one that cost most first."""
    by_model: dict[str, list[PricedSpan]] = collections.defaultdict(list)
    for part in planned:
        by_model[part.selection.value].append(part)
    made = [_estimate(model, mine, found) for model, mine in by_model.items()]
    return sorted(
        (one for one in made if one.tokens), key=lambda one: (-one.estimated_cost_micros, -one.tokens, one.model)
    )


def _estimate(model: str, mine: Sequence[PricedSpan], found: Mapping[Selection, Cell]) -> ModelEstimate:
    prompt, cached, completion, unpriced, cost = 0, 0, 0, 0, Fraction()
    for part in mine:
        read, from_cache, written = _counts(found[part.selection])
        prompt, cached, completion = prompt + read, cached + from_cache, completion + written
        if part.price is None:
            unpriced += read + written
        else:
            cost += _cost(part.price, read, from_cache, written)
    return ModelEstimate(
        model=model,
        prompt_tokens=prompt,
        cached_tokens=cached,
        completion_tokens=completion,
        unpriced_tokens=unpriced,
        estimated_cost_micros=min(round(cost), _LARGEST),
    )


def _counts(cell: Cell) -> tuple[int, int, int]:
    counted = figures.figures(FIGURES, cell, dimensions.MODEL)
    read, from_cache, written = (int(counted[name] or 0) for name in FIGURES)
    return read, from_cache, written


def _cost(price: ModelPrice, read: int, from_cache: int, written: int) -> Fraction:
    """Returns the cost of tokens. What comes from a cache is a part of what is read."""
    from_cache = min(from_cache, read)
    micros = (
        (read - from_cache) * price.prompt_micros + from_cache * price.cached_micros + written * price.completion_micros
    )
    return Fraction(micros, _PRICED_FOR)
