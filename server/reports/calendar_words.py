"""Calendar words: "weekdays at 07:00" as the cron expression that means the same."""

import re
from typing import Final

from server.errors import Reason, Refused
from server.tasks import cron

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)"
_NAMED = re.compile(rf"(?P<days>daily|every day|weekdays|weekends|[a-z, ]+?) at {_TIME}")
_BY_DAY = re.compile(rf"(?P<unit>monthly|quarterly|yearly) on day (?P<day>[1-9]|[12]\d|3[01]) at {_TIME}")
_HOURLY = re.compile(r"hourly at :(?P<minute>[0-5]\d)")
_MONTHS: Final = {"monthly": "*", "quarterly": "1,4,7,10", "yearly": "1"}
_GROUPS: Final = {"daily": "*", "every day": "*", "weekdays": "1-5", "weekends": "6,7"}
_LEAST_MINUTES: Final = 5
FORMS: Final = (
    '"daily at 07:00", "weekdays at 07:00", "mondays and thursdays at 07:00", "monthly on day 1 at 07:00",'
    ' "quarterly on day 1 at 07:00", "hourly at :05", or five fields of cron'
)


def expression(said: str, field: str) -> str:
    """Returns the cron expression of calendar words, or of one; refuses what is neither, and what runs more often than
    every five minutes.
    """
    text = " ".join(said.casefold().split())
    found = _words(text)
    written = text if found is None else found
    try:
        parsed = cron.parse(written)
    except cron.InvalidCron as error:
        told = f": {error}" if len(text.split()) == 5 and found is None else ""
        raise Refused(Reason.INVALID_VALUE, f"{said[:64]!r} is none of {FORMS}{told}", field=field) from None
    minutes = sorted(parsed.minutes)
    pauses = [later - earlier for earlier, later in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True)]
    if min(pauses) < _LEAST_MINUTES:
        raise Refused(
            Reason.INVALID_VALUE,
            f"runs more often than every {_LEAST_MINUTES} minutes, which reports may not",
            field=field,
        )
    return written


def _words(text: str) -> str | None:
    """Returns the expression of calendar words; None where these are none."""
    if found := _HOURLY.fullmatch(text):
        return f"{int(found['minute'])} * * * *"
    if found := _BY_DAY.fullmatch(text):
        # A day that a month does not have would never come in it.
        if int(found["day"]) > 28:
            return None
        return f"{int(found['minute'])} {int(found['hour'])} {int(found['day'])} {_MONTHS[found['unit']]} *"
    if found := _NAMED.fullmatch(text):
        days = _GROUPS.get(found["days"]) or _weekdays(found["days"])
        return days and f"{int(found['minute'])} {int(found['hour'])} * * {days}"
    return None


def _weekdays(text: str) -> str | None:
    """Returns the field of days of the week for "mondays, tuesdays and fridays" or "every monday"."""
    numbers = []
    for word in re.split(r", | and ", text.removeprefix("every ").removeprefix("weekly on ")):
        day = word.removesuffix("s")
        if day not in _DAYS:
            return None
        numbers.append(_DAYS.index(day) + 1)
    return ",".join(str(one) for one in sorted(set(numbers)))
