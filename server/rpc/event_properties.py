"""The free properties of events, between their messages and JSON."""

from typing import NamedTuple

from google.protobuf import struct_pb2

from server.admission.request_limits import PROPERTIES, PROPERTY_VALUES
from server.errors import Reason, Refused
from server.events import redaction, rules
from server.events.event import Warning
from server.events.redaction import SecretKeys


class Properties(NamedTuple):
    """The properties of an event as JSON with sorted keys: as they were sent, and as they are stored."""

    sent: str
    stored: str
    warnings: tuple[Warning, ...]


def read(message: struct_pb2.Struct, secret_keys: SecretKeys) -> Properties:
    """Returns the checked properties of an event. Values under keys that name secrets are not stored, except true,
    false and null.
    """
    PROPERTIES.check(len(message.fields))
    reader = _Reader(secret_keys)
    values = reader.struct(message, 0)
    sent = rules.properties(values)
    warnings = (Warning.PRECISION,) if reader.inexact else ()
    if not reader.secrets:
        return Properties(sent, sent, warnings)
    return Properties(sent, rules.json_text(_redacted(values, secret_keys)), (Warning.REDACTED, *warnings))


class _Reader:
    """The recursive reading of properties, which notes secrets and numbers that may have been rounded."""

    def __init__(self, secret_keys: SecretKeys) -> None:
        self._is_secret = secret_keys.named
        self.secrets = self.inexact = False
        self._least = 0  # characters that the values read so far, and those within them, take at least

    def struct(self, message: struct_pb2.Struct, depth: int) -> dict[str, object]:
        if depth > rules.MAX_PROPERTIES_DEPTH:
            raise _too_deep()
        values: dict[str, object] = {}
        self._expect(5 * len(message.fields))  # two quotes, a colon, a value and a comma
        for key in sorted(message.fields):
            rules.property_key(key)
            values[key] = value = self._value(message.fields[key], depth)
            if self._is_secret(key) and not _is_flag(value):
                self.secrets = True
        return values

    def _value(self, message: struct_pb2.Value, depth: int) -> object:
        match message.WhichOneof("kind"):
            case "string_value":
                return rules.property_text(message.string_value)
            case "number_value":
                return self._number(message.number_value)
            case "bool_value":
                return message.bool_value
            case "struct_value":
                return self.struct(message.struct_value, depth + 1)
            case "list_value":
                if depth + 1 > rules.MAX_PROPERTIES_DEPTH:
                    raise _too_deep()
                self._expect(2 * len(message.list_value.values))  # a value and a comma
                return [self._value(item, depth + 1) for item in message.list_value.values]
            case _:
                return None

    def _number(self, value: float) -> float:
        number = rules.property_number(value)
        if abs(number) >= rules.FIRST_INEXACT and value.is_integer():
            self.inexact = True
        return number

    def _expect(self, characters: int) -> None:
        """Refuses properties as soon as they are certain to be too large, before they are read to the end."""
        self._least += characters
        PROPERTY_VALUES.check(self._least // 2)


def _is_flag(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _redacted(value: object, secret_keys: SecretKeys) -> object:
    """Returns a value with the contents of secret keys replaced."""
    match value:
        case dict():
            return {
                key: redaction.REDACTED
                if secret_keys.named(key) and not _is_flag(inner)
                else _redacted(inner, secret_keys)
                for key, inner in value.items()
            }
        case list():
            return [_redacted(inner, secret_keys) for inner in value]
        case _:
            return value


def _too_deep() -> Refused:
    return Refused(
        Reason.PROPERTIES_TOO_DEEP,
        f"nested more than {rules.MAX_PROPERTIES_DEPTH} deep",
        field="properties",
    )
