"""What was given on the command line, as it is stored. Each raises BadParameter where it makes no sense."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import typer

from server.tenancy.limits import UNLIMITED

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST_SECRET_KEYS = 100


def expiry(text: str | None) -> datetime | None:
    """The instant that far from now. Raises BadParameter."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 30m, 12h, 90d or 8w", param_hint="--expires-in")
    return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})


def limit(option: str, text: str, *, most: int, may_be_unlimited: bool = True) -> int | None:
    """A limit as it is stored: None is the operator's default, 0 no limit. Raises BadParameter."""
    if text == "default":
        return None
    if text == "unlimited" and may_be_unlimited:
        return UNLIMITED
    if re.fullmatch(r"[1-9][0-9]{0,18}", text) and int(text) <= most:
        return int(text)
    words = "unlimited or default" if may_be_unlimited else "or default"
    raise typer.BadParameter(f"{text!r} is not a number from 1 to {most:,}, {words}", param_hint=option)


def secret_keys(names: Sequence[str]) -> tuple[str, ...]:
    """Keys that name secrets, as they are stored. Raises BadParameter."""
    if len(names) > _MOST_SECRET_KEYS:
        raise typer.BadParameter(f"at most {_MOST_SECRET_KEYS} names", param_hint="--secret-key")
    for name in names:
        if len(name) > 100 or not name.isprintable() or not any(map(str.isalpha, name)):
            message = f"{name[:100]!r} is not a name of 1 to 100 printable characters with a letter"
            raise typer.BadParameter(message, param_hint="--secret-key")
    return tuple(dict.fromkeys(names))
