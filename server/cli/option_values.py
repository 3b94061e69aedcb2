"""Values that were typed on the command line, as they are stored."""

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def expiry(text: str | None) -> datetime | None:
    """The instant that far from now. Raises BadParameter."""
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not a time such as 30m, 12h, 90d or 8w", param_hint="--expires-in")
    return datetime.now(UTC) + timedelta(**{_UNITS[found[2]]: int(found[1])})
