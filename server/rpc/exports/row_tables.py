"""Lists of the contract as tables: a row for each event, conversation, user, lead, gap, agent or audit entry."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from server.exports.tables import DataColumn, Row, Value, ValueKind
from server.rpc.exports.fields import Fields, enum_names, structure
from tallywire.v1 import event_pb2, list_events_pb2

_EVENT: Final = event_pb2.Event.DESCRIPTOR
_DETAILS: Final = tuple(one.name for one in _EVENT.oneofs_by_name["detail"].fields)
_OF_FIGURES = "amount"  # what a row adds to the figure that a rows token opens


class RowTable:
    """The columns of a list, and the rows that its messages make. Without a rows token there is no amount."""

    def __init__(self, kind: Any, *, currency: str, with_amount: bool) -> None:
        without = () if with_amount else (_OF_FIGURES,)
        self._convert: Callable[[Any], list[Value]]
        if kind is list_events_pb2.EventRow.DESCRIPTOR:
            self._event = Fields(_EVENT, currency=currency, without=(*_DETAILS, "properties"))
            self._of_row = Fields(kind, currency=currency, without=(*without, "event"))
            texts = (("detail", "Detail"), ("properties", "Properties"))
            more = [DataColumn(name=name, title=title, kind=ValueKind.TEXT) for name, title in texts]
            self.columns: Sequence[DataColumn] = [*self._event.columns, *more, *self._of_row.columns]
            self._convert = self._event_row
        else:
            fields = Fields(kind, currency=currency, without=without)
            self.columns = fields.columns
            self._convert = fields.values

    def rows(self, messages: Sequence[Any]) -> Sequence[Row]:
        """Returns the rows of messages."""
        return [self._convert(one) for one in messages]

    def _event_row(self, message: Any) -> list[Value]:
        event = message.event
        detail = event.WhichOneof("detail")
        return [
            *self._event.values(event),
            None if detail is None else _detail(getattr(event, detail)),
            json.dumps(structure(event.properties), ensure_ascii=False) if event.HasField("properties") else None,
            *self._of_row.values(message),
        ]


def _detail(message: Any) -> str:
    """Returns a detail as JSON, with the names and units of the contract."""
    told = {
        field.name: enum_names(field.enum_type).get(value) if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM else value
        for field, value in message.ListFields()
    }
    return json.dumps(told, ensure_ascii=False)
