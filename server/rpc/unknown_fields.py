"""Unknown fields of questions from newer clients. If they were ignored, a filter would be answered for everything."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from server.errors import Reason, Refused


def refuse(request: Message) -> None:
    """Refuses a question that holds a field, at any depth, that this server does not know."""
    found = _first(request, "")
    if found is None:
        return
    path, number = found
    where = f"{path} has a field {number}" if path else f"the request has a field {number}"
    raise Refused(
        Reason.UNKNOWN_FIELD,
        f"{where} that this server does not know: leave it out, or ask a newer server",
        metadata={"path": path, "number": str(number)},
    )


def _first(message: Message, path: str) -> tuple[str, int] | None:
    """Returns the path of the first unknown field, and its number."""
    unknown = UnknownFieldSet(message)
    if len(unknown):
        return path, unknown[0].field_number
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        inside = f"{path}.{field.name}" if path else field.name
        for one in _messages(field, value):
            if (found := _first(one, inside)) is not None:
                return found
    return None


def _messages(field: Any, value: Any) -> Iterable[Message]:
    """Returns the messages that a field holds; for a map, its values."""
    if field.message_type.GetOptions().map_entry:
        return value.values() if field.message_type.fields_by_name["value"].message_type is not None else ()
    return value if field.is_repeated else (value,)
