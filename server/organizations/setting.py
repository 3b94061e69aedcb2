"""What a setting of an organization is: its name, the values that it can have, and how people see them."""

import dataclasses
from collections.abc import Collection
from typing import Any, TypeAlias

from server import timerange
from server.catalog import dimensions, pairs
from server.errors import Refused
from server.organizations import currencies
from server.organizations.errors import InvalidSetting

Value: TypeAlias = "str | int | bool | tuple[str, ...] | None"

UNLIMITED = 0
_LONGEST_NAME = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ZoneName:
    """The name of an IANA time zone."""

    def checked(self, setting: str, value: Any) -> str:
        """Returns the zone's name as IANA spells it."""
        try:
            return timerange.zone(value).key
        except Refused as refusal:
            raise InvalidSetting(setting, f"{value!r}: {refusal.message.removeprefix('time_zone ')}") from None

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return str(value)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Yes or no."""

    def checked(self, setting: str, value: Any) -> bool:
        """Returns the value."""
        if not isinstance(value, bool):
            raise InvalidSetting(setting, f"{value!r} is neither true nor false")
        return value

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return "yes" if value else "no"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """A whole number within bounds. unset: what no number means, in words; None where there has to be one."""

    least: int
    most: int
    unset: str | None = None
    may_be_unlimited: bool = False  # as 0
    unit: str = ""

    def checked(self, setting: str, value: Any) -> int | None:
        """Returns the number."""
        if value is None and self.unset is not None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and self._is_within(value):
            return value
        raise InvalidSetting(setting, f"{value!r} is not {self.choices}")

    def _is_within(self, value: int) -> bool:
        return self.least <= value <= self.most or (value == UNLIMITED and self.may_be_unlimited)

    @property
    def words(self) -> str:
        """Returns the words that can stand in place of a number."""
        if self.unset is None:
            return ""
        return "unlimited or default" if self.may_be_unlimited else "or default"

    @property
    def choices(self) -> str:
        """Returns the values that it can have, in words."""
        return f"a number from {self.least:,} to {self.most:,}" + (f", {self.words}" if self.words else "")

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        if value is None:
            return str(self.unset)
        return "unlimited" if self.may_be_unlimited and value == UNLIMITED else f"{value:,}{self.unit}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Any number of names, up to a limit."""

    most: int

    def checked(self, setting: str, value: Collection[str]) -> tuple[str, ...]:
        """Returns the names, each once."""
        if len(value) > self.most:
            raise InvalidSetting(setting, f"at most {self.most} names")
        for name in value:
            if len(name) > _LONGEST_NAME or not name.isprintable() or not any(map(str.isalpha, name)):
                rule = f"a name of 1 to {_LONGEST_NAME} printable characters with a letter"
                raise InvalidSetting(setting, f"{name[:_LONGEST_NAME]!r} is not {rule}")
        return tuple(dict.fromkeys(value))

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return ", ".join(value) or "none"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairNames:
    """Pairs of dimensions, up to a limit, as in "agent,channel"."""

    most: int

    def checked(self, setting: str, value: Collection[str]) -> tuple[str, ...]:
        """Returns the pairs by their names, each once."""
        found: list[str] = []
        for name in value:
            pair = pairs.named(name)
            if pair is None:
                known = ", ".join(one.name for one in dimensions.TABLE.filters)
                rule = f"does not name two of the dimensions {known}, of which an event can carry both"
                raise InvalidSetting(setting, f"{name[:_LONGEST_NAME]!r} {rule}")
            if pair in dimensions.TABLE.standing:
                raise InvalidSetting(setting, f"{pair.name} is kept for every organization: leave it out")
            found.append(pair.name)
        if len(set(found)) > self.most:
            raise InvalidSetting(setting, f"at most {self.most} pairs")
        return tuple(dict.fromkeys(found))

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return " and ".join(value) or "none"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyCode:
    """The code of a currency."""

    def checked(self, setting: str, value: Any) -> str:
        """Returns the code in capitals."""
        code = str(value).upper()
        if code not in currencies.CODES:
            raise InvalidSetting(setting, f"{value!r} is not the code of a currency in ISO 4217, such as EUR")
        return code

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return str(value)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DayName:
    """A day of the week."""

    def checked(self, setting: str, value: Any) -> str:
        """Returns the day's name."""
        name = str(value).lower()
        if name not in timerange.WEEKDAYS:
            raise InvalidSetting(setting, f"{value!r} is not a day of the week, such as sunday")
        return name

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return str(value)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def checked(self, setting: str, value: Any) -> str:
        """Returns the word."""
        if value not in self.words:
            raise InvalidSetting(setting, f"{value!r} is none of {', '.join(self.words)}")
        return str(value)

    def shown(self, value: Any) -> str:
        """Returns the value for people."""
        return str(value)


Kind: TypeAlias = ZoneName | Flag | WholeNumber | Names | PairNames | CurrencyCode | DayName | Choice


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """An entry of the list of settings. Its name is that of the attribute and of the column in the store."""

    name: str
    kind: Kind
    default: Value
    help: str
    changeable: bool  # also after the organization was made
    option: str  # of the command line
    heading: str | None  # of its column in the list of organizations; None: not shown there
    summary: str | None  # how it is told once settings were changed, where not as its name and value
    always_shown: bool  # also where it has its default
    operators_only: bool  # an organization does not change it itself

    def checked(self, value: Any) -> Value:
        """Returns the value as it is stored; raises InvalidSetting where the setting cannot have it."""
        return self.kind.checked(self.name, value)

    def shown(self, value: Any) -> str:
        """Returns a value for people."""
        return self.kind.shown(value)


def entry(
    default: Value,
    kind: Kind,
    help: str,  # noqa: A002 - it is what --help shows
    *,
    changeable: bool = False,
    option: str | None = None,
    heading: str | None = None,
    summary: str | None = None,
    always_shown: bool = False,
    operators_only: bool = False,
) -> Any:
    """Returns a field of a dataclass of settings that is described in full where it is declared."""
    known = Setting(
        name="",
        kind=kind,
        default=default,
        help=help,
        changeable=changeable,
        option=option or "",
        heading=heading,
        summary=summary,
        always_shown=always_shown,
        operators_only=operators_only,
    )
    return dataclasses.field(default=default, metadata={"setting": known})


def declared(settings: type) -> tuple[Setting, ...]:
    """Returns the entries of a dataclass of settings, in the order of its fields."""
    return tuple(
        dataclasses.replace(known, name=field.name, option=known.option or f"--{field.name.replace('_', '-')}")
        for field in dataclasses.fields(settings)
        for known in (field.metadata["setting"],)
    )
