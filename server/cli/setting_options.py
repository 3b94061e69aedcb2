"""Settings of organizations on the command line: an option for each, made from its entry."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from server.organizations.errors import InvalidSetting
from server.organizations.setting import (
    UNLIMITED,
    Choice,
    CurrencyCode,
    DayName,
    Flag,
    Names,
    PairNames,
    Setting,
    Value,
    WholeNumber,
    ZoneName,
)

_Command = TypeVar("_Command", bound=Callable[..., None])
_DEFAULT = "default"  # takes back what was set
_NONE = "none"  # stands for no pair


def with_options(settings: Iterable[Setting]) -> Callable[[_Command], _Command]:
    """Gives a command an option for each of the settings; the command gets what was typed as further arguments."""

    def decorated(command: _Command) -> _Command:
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(one))
            for one in settings
        ]
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own[:1], *added, *own[1:])]
        )
        return command

    return decorated


def _annotation(setting: Setting) -> Any:
    text = help_text(setting)
    match setting.kind:
        case Flag():
            return Annotated[bool | None, typer.Option(f"{setting.option}/--no-{setting.option[2:]}", help=text)]
        case Names():
            return Annotated[list[str] | None, typer.Option(setting.option, metavar="NAME", help=text)]
        case PairNames():
            return Annotated[list[str] | None, typer.Option(setting.option, metavar="NAME,NAME", help=text)]
        case WholeNumber():
            return Annotated[str | None, typer.Option(setting.option, metavar="N", help=text)]
        case ZoneName():
            return Annotated[str | None, typer.Option(setting.option, metavar="ZONE", help=text)]
        case CurrencyCode():
            return Annotated[str | None, typer.Option(setting.option, metavar="CODE", help=text)]
        case DayName():
            return Annotated[str | None, typer.Option(setting.option, metavar="DAY", help=text)]
        case Choice():
            return Annotated[str | None, typer.Option(setting.option, metavar="WORD", help=text)]


def help_text(setting: Setting) -> str:
    """Returns the help of a setting: its purpose, the words that it takes beside numbers, and its default."""
    words = ""
    if isinstance(setting.kind, WholeNumber) and setting.changeable and setting.kind.words:
        words = f" A number, {setting.kind.words}."
    return f"{setting.help}{words} Default: {_default(setting)}."


def _default(setting: Setting) -> str:
    shown = setting.shown(setting.default)
    return "the operator's" if shown == _DEFAULT else shown


def parsed(settings: Iterable[Setting], typed: Mapping[str, Any]) -> dict[str, Value]:
    """Returns the settings that were typed, by name, as they are stored; raises BadParameter for nonsense."""
    return {one.name: _parsed(one, typed[one.name]) for one in settings if typed[one.name] not in (None, [])}


def _parsed(setting: Setting, typed: Any) -> Value:
    value: Any = typed
    if typed in (_DEFAULT, [_DEFAULT]):
        value = setting.default
    elif isinstance(setting.kind, PairNames) and typed == [_NONE]:
        value = ()
    elif isinstance(setting.kind, WholeNumber):
        value = _number(setting.kind, typed)
    if isinstance(setting.kind, ZoneName):
        return str(value)  # which zones there are is known where organizations are made
    try:
        return setting.checked(value)
    except InvalidSetting as error:
        raise typer.BadParameter(str(error), param_hint=setting.option) from None


def _number(kind: WholeNumber, typed: str) -> int | str:
    if typed == "unlimited" and kind.may_be_unlimited:
        return UNLIMITED
    # 0 is stored for "unlimited", which is to be typed as the word.
    found = re.fullmatch(r"[0-9]{1,19}", typed)
    return int(typed) if found and int(typed) >= kind.least else typed


def shown(settings: Iterable[Setting], values: object) -> str:
    """Returns values of settings in one line: those that are always shown, and those that differ from the default."""
    parts = []
    for one in settings:
        value = getattr(values, one.name)
        if one.always_shown or value != one.default:
            summary = one.summary or f", {one.name.replace('_', ' ')} {{}}"
            parts.append(summary.format(one.shown(value)))
    return "".join(parts).removeprefix(", ")


def documentation(settings: Iterable[Setting]) -> str:
    """Returns the settings as a table in Markdown, for the documentation."""
    rows = ["| option | what it sets | values | default | can be changed |", "|---|---|---|---|---|"]
    for one in settings:
        cells = (f"`{one.option}`", one.help, _values(one), _default(one), "yes" if one.changeable else "no")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _values(setting: Setting) -> str:
    match setting.kind:
        case Flag():
            return "yes or no"
        case Names():
            return f"up to {setting.kind.most} names"
        case PairNames():
            return f"up to {setting.kind.most} times the names of two dimensions"
        case WholeNumber():
            return setting.kind.choices
        case ZoneName():
            return "the name of an IANA time zone"
        case CurrencyCode():
            return "a code of ISO 4217"
        case DayName():
            return "monday to sunday"
        case Choice():
            return " or ".join(setting.kind.words)
