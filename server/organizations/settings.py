"""What can be set for one organization.

A further setting is an entry here and a column of its name in the table organizations. Its part in every statement, its
option of `organizations create` and `organizations set`, and its row in the documentation come from the entry.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from server.catalog import pairs as declared_pairs
from server.organizations import assumptions, setting
from server.organizations.setting import (
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
    entry,
)

PSEUDONYMOUS, REFUSE = "pseudonymous", "refuse"  # what becomes of later events of erased people
_DAYS = WholeNumber(least=1, most=36_500, unset="for ever", unit=" days")
_RATE = WholeNumber(least=0, most=2**62, unset="no price")


def _assumption(most: int, default: int) -> WholeNumber:
    return WholeNumber(least=0, most=most, unset=f"{default:,}")


_LIMIT = WholeNumber(least=1, most=2**31 - 1, unset="default", may_be_unlimited=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationSettings:
    """What an organization has chosen. Days of None mean for ever, rates of None that there is no rate; limits of None
    are the operator's defaults, and 0 is no limit; assumptions (roi_…) of None are the service's defaults.
    """

    time_zone: str = entry(
        "UTC",
        ZoneName(),
        "IANA time zone of the organization's days, for questions that name none.",
        changeable=True,
        heading="TIME ZONE",
    )
    week_start: str = entry(
        "monday",
        DayName(),
        "Day on which weeks begin, for questions that name none.",
        changeable=True,
    )
    currency: str = entry(
        "USD",
        CurrencyCode(),
        "Currency of all money that events tell and that rates are in. Changing it converts nothing.",
        changeable=True,
    )
    event_retention_days: int | None = entry(
        None, _DAYS, "Days for which raw events are kept. Metrics stay for ever.", heading="EVENTS KEPT"
    )
    key_retention_days: int | None = entry(
        None, _DAYS, "Days for which an event that is sent again is recognized.", heading="KEYS KEPT"
    )
    audit_retention_days: int = entry(
        400,
        WholeNumber(least=1, most=36_500, unit=" days"),
        "Days for which the organization's audit trail is kept.",
        changeable=True,
        operators_only=True,
    )
    audit_reads: bool = entry(
        True,
        Flag(),
        "Note in the audit trail who has read rows about people: events, conversations, leads and users.",
        changeable=True,
        operators_only=True,
    )
    delivery_retention_days: int = entry(
        90,
        WholeNumber(least=1, most=36_500, unit=" days"),
        "Days for which messages that were sent, and every try, are kept; links in them end with them.",
        changeable=True,
    )
    report_retention_days: int = entry(
        90,
        WholeNumber(least=1, most=36_500, unit=" days"),
        "Days for which runs of reports and their files are kept.",
        changeable=True,
    )
    keep_user_details: bool = entry(False, Flag(), "Keep what events say about users beside their ids.")
    presence_timeout: int = entry(
        12,
        WholeNumber(least=1, most=8_784, unit=" hours"),
        "Hours without any event of an agent after which it counts as offline.",
        changeable=True,
    )
    storage_rate_micros: int | None = entry(
        None, _RATE, "Price of storage per GiB and 30 days, in millionths of the currency."
    )
    bandwidth_rate_micros: int | None = entry(None, _RATE, "Price of bandwidth per GiB, in millionths of the currency.")
    roi_hourly_cost_micros: int | None = entry(
        None,
        _assumption(assumptions.MOST_MICROS, assumptions.HOURLY_COST_MICROS),
        "Cost of an hour of human work that AI agents spare, in millionths of the currency.",
        changeable=True,
    )
    roi_handling_seconds: int | None = entry(
        None,
        _assumption(assumptions.MOST_SECONDS, assumptions.HANDLING_SECONDS),
        "Seconds that a human would work on a conversation that an AI agent has resolved.",
        changeable=True,
    )
    roi_conversation_cost_micros: int | None = entry(
        None,
        _assumption(assumptions.MOST_MICROS, assumptions.CONVERSATION_COST_MICROS),
        "Cost of AI for a conversation where none is recorded, in millionths of the currency.",
        changeable=True,
    )
    events_per_second: int | None = entry(
        None,
        _LIMIT,
        "Events that the organization may send per second.",
        changeable=True,
        operators_only=True,
        heading="PER SECOND",
        always_shown=True,
    )
    burst_events: int | None = entry(
        None,
        WholeNumber(least=1, most=2**31 - 1, unset="default"),
        "Events that the organization may send at once after a pause.",
        changeable=True,
        operators_only=True,
        option="--burst",
        summary=" (up to {} at once)",
    )
    monthly_events: int | None = entry(
        None,
        WholeNumber(least=1, most=2**62, unset="default", may_be_unlimited=True),
        "Events that the organization may store in a calendar month of UTC.",
        changeable=True,
        operators_only=True,
        heading="PER MONTH",
        summary=", per month {}",
        always_shown=True,
    )
    weight: int = entry(
        1,
        WholeNumber(least=1, most=100),
        "Share of the service that the organization gets when several compete for it.",
        changeable=True,
        operators_only=True,
        heading="WEIGHT",
        always_shown=True,
    )
    close_idle_after: int | None = entry(
        None,
        WholeNumber(least=1, most=43_200, unset="never", unit=" minutes"),
        "Minutes without any event after which the service ends a conversation.",
        changeable=True,
        heading="IDLE AFTER",
    )
    erased_user_events: str = entry(
        PSEUDONYMOUS,
        Choice(words=(PSEUDONYMOUS, REFUSE)),
        "Whether later events of an erased person are stored without the person, or refused.",
        changeable=True,
    )
    secret_keys: tuple[str, ...] = entry(
        (),
        Names(most=100),
        "Name of a property whose values are never stored, beside the names that always mean secrets. Repeatable.",
        changeable=True,
        option="--secret-key",
    )
    pairs: tuple[str, ...] = entry(
        declared_pairs.DEFAULT_NAMES,
        PairNames(most=declared_pairs.MOST),
        "Two dimensions by which figures are kept together, as in agent,channel; `none` for no pair. Repeatable.",
        changeable=True,
        option="--pair",
    )

    def checked(self) -> "OrganizationSettings":
        """Returns the settings as they are stored; raises InvalidSetting where one cannot have its value."""
        settings = setting.declared(type(self))
        values: dict[str, Any] = {one.name: one.checked(getattr(self, one.name)) for one in settings}
        return dataclasses.replace(self, **values)


SETTINGS: Mapping[str, Setting] = {one.name: one for one in setting.declared(OrganizationSettings)}


def checked_changes(chosen: Mapping[str, Value]) -> dict[str, Value]:
    """Returns changes of settings, by name, as they are stored.

    Raises InvalidSetting for a value that a setting cannot have, and ValueError for what is no setting that can change.
    """
    if not chosen or not all(name in SETTINGS and SETTINGS[name].changeable for name in chosen):
        raise ValueError(f"no settings that can be changed: {', '.join(chosen) or 'none'}")
    return {name: SETTINGS[name].checked(value) for name, value in chosen.items()}
