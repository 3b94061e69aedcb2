"""What custom metrics need of the events of somebody who was erased, so that their figures stay as they were counted.

Numbers that are added up stay, and so does what a filter asks for. Values that are told apart, and values of a metric's
own dimension, stay where other people have them, too; others make room for a text that tells nothing. All else goes.
"""

import base64
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, cast

from server.catalog import custom_counting
from server.catalog.cells import OTHER
from server.catalog.custom_counting import ValueKey
from server.catalog.custom_metrics import KeptMetric, Path
from server.catalog.metrics import Aggregation
from server.events import erased
from server.events.event import Event

_ADDED_UP = (Aggregation.SUM, Aggregation.HISTOGRAM)
_KEY_LENGTH = 26  # 130 bits


class Text(NamedTuple):
    """A text at a path, which some metric tells apart from others."""

    path: str
    text: str


def replacement(value_key: bytes, text: str) -> str:
    """Returns what takes the place of a text: always the same, and nothing that leads back once the key is gone."""
    digest = hmac.digest(value_key, text.encode(), "sha256")
    return f"{erased.SHOWN}:{base64.b32encode(digest).decode()[:_KEY_LENGTH]}"


class Scrubbing:
    """What an organization's metrics need of events."""

    def __init__(self, metrics: Sequence[KeptMetric]) -> None:
        self._by_type: dict[str, list[KeptMetric]] = {}
        for metric in metrics:
            for event_type in metric.definition.event_types:
                self._by_type.setdefault(event_type, []).append(metric)
        self._metrics = metrics
        # Nothing takes the place of what is added up elsewhere, or is what a filter asks for.
        self._kept_paths: set[str] = set()
        self._kept_texts: set[Text] = set()
        for own in (metric.definition for metric in metrics):
            if own.value is not None and own.aggregation in _ADDED_UP:
                self._kept_paths.add(own.value.text)
            if own.filter is not None and isinstance(own.filter.equals, str):
                self._kept_texts.add(Text(own.filter.path.text, own.filter.equals))
            elif own.filter is not None:
                self._kept_paths.add(own.filter.path.text)

    def paths(self) -> dict[str, tuple[Path, list[str]]]:
        """Returns the paths at which something is told apart, and the types of the events in which it is."""
        found: dict[str, tuple[Path, list[str]]] = {}
        for metric in self._metrics:
            for path in _told_apart(metric):
                found.setdefault(path.text, (path, []))[1].extend(metric.definition.event_types)
        return found

    def texts(self, event: Event) -> Iterator[Text]:
        """Yields what another text may take the place of."""
        properties = _read(event)
        for metric in self._counting(event, properties):
            for path in _told_apart(metric):
                text = custom_counting.text_of(custom_counting.at(path, event.detail, properties)) or ""
                found = Text(path.text, text)
                if text not in ("", OTHER) and path.text not in self._kept_paths and found not in self._kept_texts:
                    yield found

    def keys(self, texts: Iterable[Text]) -> Iterator[tuple[ValueKey, Text]]:
        """Yields the distinct values of metrics that these texts are."""
        wanted = list(texts)
        for metric in self._metrics:
            own = metric.definition
            for one in wanted:
                if own.aggregation is Aggregation.UNIQUE and own.value and own.value.text == one.path:
                    yield ValueKey(metric.number, False, custom_counting.digest_of(one.text)), one
                if own.dimension and own.dimension.text == one.path:
                    yield ValueKey(metric.number, True, one.text), one

    @staticmethod
    def renamed(key: ValueKey, name: str) -> str:
        """Returns the distinct value that a text is which takes the place of another one."""
        return name if key.is_dimension else custom_counting.digest_of(name)

    def scrubbed(self, event: Event, alias: str, replaced: Mapping[Text, str]) -> Event:
        """Returns an event as it is kept. What it adds to figures is the same, once texts that are replaced are so
        among the distinct values, too.
        """
        before = _read(event)
        detail: dict[str, object] = {**erased.impersonal_detail(event.event_type, event.detail)}
        properties: dict[str, object] = {}
        present: list[Path] = []

        def keep(path: Path, value: object) -> None:
            _put(detail if path.is_detail else properties, path.keys, value)

        for metric in self._counting(event, before):
            own = metric.definition
            for path in _told_apart(metric):
                told = custom_counting.at(path, event.detail, before)
                if (text := custom_counting.text_of(told)) is not None:
                    keep(path, replaced.get(Text(path.text, text), _short(metric, path, told)))
            if own.filter is not None:
                keep(own.filter.path, custom_counting.at(own.filter.path, event.detail, before))
            if own.value is not None and own.aggregation in _ADDED_UP:
                keep(own.value, custom_counting.at(own.value, event.detail, before))
            elif own.value is not None and own.aggregation is Aggregation.COUNT:
                present.append(own.value)
        for path in present:
            if custom_counting.at(path, detail, properties) is None:
                keep(path, 1 if path.is_detail else True)
        kept = cast("Mapping[str, int | str]", detail)  # as the fields of details are
        return event._replace(
            event_id="", user_id=alias, detail=kept, properties=_json(properties) if properties else ""
        )

    def _counting(self, event: Event, properties: Mapping[str, object]) -> Iterator[KeptMetric]:
        """Yields the metrics that count an event."""
        for metric in self._by_type.get(event.event_type, ()):
            if custom_counting.counts(metric.definition, event.detail, properties):
                yield metric


def _told_apart(metric: KeptMetric) -> Iterator[Path]:
    """Yields the paths at which a metric tells values apart. What is told apart by itself comes last, since it is kept
    whatever its length.
    """
    own = metric.definition
    if own.dimension is not None:
        yield own.dimension
    if own.value is not None and own.aggregation is Aggregation.UNIQUE:
        yield own.value


def _short(metric: KeptMetric, path: Path, told: object) -> object:
    """Returns a value that stays: of a dimension's value that is counted under OTHER for its length, OTHER."""
    if path is metric.definition.dimension and custom_counting.label_of(told) == OTHER:
        return OTHER
    return told


def _read(event: Event) -> dict[str, object]:
    found: dict[str, object] = json.loads(event.properties, parse_float=Decimal) if event.properties else {}
    return found


def _put(into: dict[str, object], keys: Sequence[str], value: object) -> None:
    for key in keys[:-1]:
        inner = into.get(key)
        if not isinstance(inner, dict):
            inner = into[key] = {}
        into = inner
    into[keys[-1]] = value


def _json(value: object) -> str:
    """Returns a value as JSON, with every digit of its numbers."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_json(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value)
