"""What a field of an event takes: numbers of every kind that are whole, and ids that are text, numbers or UUIDs."""

import operator
import reprlib
import uuid
from typing import Final, SupportsIndex

# Times and money come out of arithmetic with floats, and less than half of a thousandth or millionth is lost.
_ROUNDED: Final = ("_ms", "_micros")
_LIMITS: Final = {32: 2**31, 64: 2**63}

Id = str | SupportsIndex | uuid.UUID
"""An id as event() takes it: a text, a whole number or a UUID."""


class WrongType(TypeError):
    """A value is of a type that its field does not take."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class WrongValue(ValueError):
    """A value is one that its field does not take."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def whole(field: str, value: object, bits: int) -> int:
    """Returns a number as the whole one that the field takes.

    4.0, Decimal("4") and whole numbers of other libraries are 4. Where the name of the field ends in _ms or _micros,
    others are rounded to the nearest, halves to the even one: 12.5 is 12, and 13.5 is 14. Elsewhere they are refused,
    and so are True, texts, infinity and what is no number. Raises WrongType and WrongValue.
    """
    if type(value) is int:
        number = value
    elif isinstance(value, SupportsIndex) and not isinstance(value, bool):
        number = operator.index(value)
    elif hasattr(value, "__round__") and not isinstance(value, bool):
        number = _rounded(field, value)
    else:
        raise WrongType(field, f"{field} is a whole number, not {_shown(value)}{_advice(value)}")
    if not -_LIMITS[bits] <= number < _LIMITS[bits]:
        raise WrongValue(field, f"{field} is a whole number of {bits} bits, and {_shown(number)} does not fit")
    return number


def identity(field: str, value: object) -> str:
    """Returns an id as text: a whole number and a UUID as one is written, None as none. Raises WrongType."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return str(operator.index(value))
    raise WrongType(field, f"{field} is a text, a whole number or a UUID, not {_shown(value)}")


def _rounded(field: str, value: object) -> int:
    """Returns the nearest whole number, where the field may be rounded or nothing is lost by it."""
    try:
        number = round(value)  # type: ignore[call-overload]
    except (ValueError, OverflowError, TypeError, ArithmeticError):
        raise WrongValue(field, f"{field} is a whole number, not {_shown(value)}") from None
    if not isinstance(number, int):
        raise WrongType(field, f"{field} is a whole number, not {_shown(value)}")
    if number != value and not field.endswith(_ROUNDED):
        raise WrongValue(field, f"{field} is a whole number, not {_shown(value)}: round it as fits its meaning")
    return number


def _advice(value: object) -> str:
    """Returns what to do about a text that is a number."""
    return f": pass the number, int({value!r})" if isinstance(value, str) and value.strip().isdecimal() else ""


def _shown(value: object) -> str:
    """Returns a value and its type as a message shows them, however long the value is."""
    return f"{reprlib.repr(value)} ({type(value).__name__})"
