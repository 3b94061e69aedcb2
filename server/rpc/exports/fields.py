"""The columns that messages of a type make, and their values. What is not set is absent; a text without a character is
what nobody told, and absent too.
"""

import functools
import json
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from server.catalog import registry
from server.catalog.metrics import Unit
from server.exports.tables import DataColumn, Value, ValueKind

_TIMESTAMP, _STRUCT = "google.protobuf.Timestamp", "google.protobuf.Struct"
_CHANGE, _BUCKET = "tallywire.v1.Change", "tallywire.v1.Bucket"
_SKIPPED = frozenset({"rows_tokens", "etag", "restated"})
# Messages whose fields stand for themselves: their columns have no prefix.
_PLAIN = frozenset({"figures", "bucket", "event", "roi"})
_KINDS = {
    Unit.MILLISECONDS: ValueKind.DURATION_MS,
    Unit.BYTES: ValueKind.BYTES,
    Unit.MICROS: ValueKind.MONEY_MICROS,
    Unit.FRACTION: ValueKind.FRACTION,
}
_UNITS = {kind: unit.value for unit, kind in _KINDS.items()}
_SUFFIXES = (("_ms", ValueKind.DURATION_MS), ("_micros", ValueKind.MONEY_MICROS), ("_bytes", ValueKind.BYTES))
_FRACTIONS = re.compile(r"(^|_)(rate|share|occupancy|coverage|progress|roi)$")
_INTEGERS = frozenset({FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64})
_COUNTS = frozenset({"count", "reviews"})  # of a distribution, whatever its values are
_WORDS = {"id": "ID", "api": "API", "ms": "", "micros": "", "roi": "ROI", "avg": "Mean", "p50": "Median"}


def number_column(name: str, title: str, unit: str, currency: str, *, whole: bool) -> DataColumn:
    """Returns the column of a figure by its unit, as in ListMetrics."""
    kind = next((kind for known, kind in _KINDS.items() if known == unit), None)
    if kind is None:
        kind = ValueKind.INTEGER if whole else ValueKind.DECIMAL
    money = currency if kind is ValueKind.MONEY_MICROS else ""
    return DataColumn(name=name, title=title, kind=kind, unit=unit, currency=money, whole=whole)


def words(name: str) -> str:
    """Returns the title of a field that no metric names: "Began at"."""
    some = [_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(word for word in some if word)
    return text[:1].upper() + text[1:]


class Fields:
    """The columns of a type of messages. Names of nested fields have the names of the messages around them in front.

    currency is that of money, unless messages have a field currency of their own; without leaves fields out.
    """

    def __init__(self, descriptor: Any, *, currency: str, prefix: str = "", without: Collection[str] = ()) -> None:
        self.columns: list[DataColumn] = []
        self._parts: list[Callable[[Any, list[Value]], None]] = []
        own = "currency" in descriptor.fields_by_name
        for one in descriptor.fields:
            if one.name not in _SKIPPED and one.name not in without:
                self._add(one, "" if own else currency, prefix, without)

    def values(self, message: Message | None) -> list[Value]:
        """Returns the values of a message: all absent without one."""
        if message is None:
            return [None] * len(self.columns)
        found: list[Value] = []
        for part in self._parts:
            part(message, found)
        return found

    def _add(self, one: FieldDescriptor, currency: str, prefix: str, without: Collection[str]) -> None:
        name = f"{prefix}_{one.name}" if prefix else one.name
        kind = one.message_type
        if one.is_repeated:
            self._leaf(DataColumn(name=name, title=_title(name, prefix, one), kind=ValueKind.TEXT), one, _listed)
        elif kind is None:
            self._leaf(_scalar(one, name, prefix, currency), one, _convert(one))
        elif kind.full_name == _TIMESTAMP:
            self._leaf(DataColumn(name=name, title=_title(name, prefix, one), kind=ValueKind.INSTANT), one, _instant)
        elif kind.full_name == _STRUCT:
            self._leaf(DataColumn(name=name, title=_title(name, prefix, one), kind=ValueKind.TEXT), one, _structured)
        elif kind.full_name == _CHANGE:
            title = f"{_title(name.removesuffix('_change'), '', one)}, change"
            column = DataColumn(name=f"{name}_percent", title=title, kind=ValueKind.DECIMAL, unit=Unit.PERCENT.value)
            self._leaf(column, one, _percent)
        else:
            inner_prefix = prefix if one.name in _PLAIN else name
            inner = Fields(kind, currency=currency, prefix=inner_prefix, without=without)
            self.columns += inner.columns
            self._parts.append(functools.partial(_add_nested, one.name, inner))

    def _leaf(self, column: DataColumn, one: FieldDescriptor, convert: Callable[[Any], Value]) -> None:
        self.columns.append(column)
        add = _add_present if one.has_presence else _add_plain
        self._parts.append(functools.partial(add, one.name, convert))


def _add_nested(name: str, inner: Fields, message: Message, found: list[Value]) -> None:
    found += inner.values(getattr(message, name) if message.HasField(name) else None)


def _add_present(name: str, convert: Callable[[Any], Value], message: Message, found: list[Value]) -> None:
    found.append(convert(getattr(message, name)) if message.HasField(name) else None)


def _add_plain(name: str, convert: Callable[[Any], Value], message: Message, found: list[Value]) -> None:
    found.append(convert(getattr(message, name)))


def _title(name: str, prefix: str, one: FieldDescriptor) -> str:
    if (known := registry.ALL.get(name) or (None if prefix else registry.ALL.get(one.name))) is not None:
        return known.title
    if not prefix:
        return words(name)
    inner = words(one.name)
    return f"{_title(prefix, '', one)}, {inner if inner[1:2].isupper() else inner[:1].lower() + inner[1:]}"


def _scalar(one: FieldDescriptor, name: str, prefix: str, currency: str) -> DataColumn:
    title = _title(name, prefix, one)
    match one.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING | FieldDescriptor.CPPTYPE_ENUM:
            return DataColumn(name=name, title=title, kind=ValueKind.TEXT)
        case FieldDescriptor.CPPTYPE_BOOL:
            return DataColumn(name=name, title=title, kind=ValueKind.BOOLEAN)
    whole = one.cpp_type in _INTEGERS
    if one.name in _COUNTS:
        return number_column(name, title, Unit.COUNT.value, currency, whole=whole)
    if (known := registry.ALL.get(name)) is not None:
        return number_column(name, title, known.unit, currency, whole=whole)
    for suffix, kind in _SUFFIXES:
        if name.endswith(suffix) or prefix.endswith(suffix) or name == suffix[1:]:
            return number_column(name, title, _UNITS[kind], currency, whole=whole)
    if _FRACTIONS.search(name) and not whole:
        return number_column(name, title, Unit.FRACTION.value, currency, whole=False)
    return number_column(name, title, Unit.COUNT.value, currency, whole=whole)


def _convert(one: FieldDescriptor) -> Callable[[Any], Value]:
    match one.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            return _text
        case FieldDescriptor.CPPTYPE_ENUM:
            return enum_names(one.enum_type).get
    return _same


@functools.cache
def enum_names(one: EnumDescriptor) -> dict[int, str]:
    """Returns the names of an enum's values without what all of them begin with, in small letters; the first, which
    means that nobody said, has none.
    """
    first = one.values[0].name
    common = first.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(common).lower() for value in one.values if value.number}


def _text(value: str) -> str | None:
    return value or None


def _same(value: Any) -> Value:
    return value  # type: ignore[no-any-return] # a number or a truth, by its descriptor


def _instant(value: Any) -> Value:
    return value.ToDatetime(tzinfo=UTC)  # type: ignore[no-any-return] # a Timestamp, by its descriptor


def _percent(value: Any) -> Value:
    return value.percent if value.HasField("percent") else None


def _structured(value: Any) -> str | None:
    return json.dumps(structure(value), ensure_ascii=False) if value.fields else None


def structure(value: Any) -> dict[str, Any]:
    """Returns a Struct as JSON has it: whole numbers without a fraction."""
    return {name: _plain(one) for name, one in value.fields.items()}


def _plain(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return structure(value.struct_value)
        case "list_value":
            return [_plain(one) for one in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)


def _listed(values: Sequence[Any]) -> str | None:
    """Returns repeated values as JSON."""
    some = [
        json_format.MessageToDict(one, preserving_proto_field_name=True) if isinstance(one, Message) else one
        for one in values
    ]
    return json.dumps(some, ensure_ascii=False) if some else None
