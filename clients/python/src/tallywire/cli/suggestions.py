"""Names that were probably meant, where the server does not know the one that was given."""

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tallywire import client, errors
from tallywire.cli.problems import WrongUsage

_MOST: Final = 3
_ALIKE: Final = 0.6  # of 1, as difflib counts it
_CLOSE: Final = 0.15  # to the best one


@contextlib.contextmanager
def offered(server: client.Client) -> Iterator[None]:
    """Makes the refusal of a metric or dimension name those that were probably meant. Raises WrongUsage then."""
    try:
        yield
    except errors.InvalidArgument as error:
        if error.reason == "UNKNOWN_METRIC":
            raise WrongUsage(_unknown_metric(server, error.metadata.get("metric", ""))) from None
        if error.reason == "UNKNOWN_DIMENSION":
            raise WrongUsage(_unknown_dimension(server, error)) from None
        raise


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that were probably meant: those spelled most alike, then those with all words of it."""
    names, begun = sorted(known), name.lower().replace("-", "_")
    alike = {one: difflib.SequenceMatcher(None, begun, one).ratio() for one in names}
    best = max(alike.values(), default=0.0)
    spelled = [one for one in names if alike[one] >= max(_ALIKE, best - _CLOSE)]
    words = [word for word in begun.split("_") if word]
    with_words = [one for one in names if words and all(word in one for word in words)]
    found = [*sorted(spelled, key=lambda one: -alike[one]), *sorted(with_words, key=len)]
    return list(dict.fromkeys(found))[:_MOST]


def _unknown_metric(server: client.Client, name: str) -> str:
    catalogue = {one.name: one for one in server.metrics().metrics}
    if name in catalogue:
        return f"the metric {name} has no series and no place in tables; `tallywire overview` may show it"
    found = nearest(name, (one.name for one in catalogue.values() if one.has_series))
    return f"there is no metric {name!r}. {_meant(found)}`tallywire metrics WORDS` searches all metrics"


def _unknown_dimension(server: client.Client, error: errors.InvalidArgument) -> str:
    name = error.metadata.get("dimension", "")
    found = nearest(name, (one.name for one in server.metrics().dimensions))
    return f"{error.message}. {_meant(found)}`tallywire metrics` lists all dimensions"


def _meant(found: Sequence[str]) -> str:
    return f"Did you mean {' or '.join(found)}? " if found else ""
