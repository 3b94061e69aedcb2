"""A setting of an organization is one entry: a new one, declared here, appears wherever settings do."""

import dataclasses
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from server.cli import setting_options
from server.organizations import setting
from server.organizations.errors import InvalidSetting
from server.organizations.setting import Flag, Names, WholeNumber, entry
from server.organizations.settings import SETTINGS, OrganizationSettings
from server.store import setting_columns


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extended(OrganizationSettings):
    """The settings there are, and three more."""

    idle_minutes: int | None = entry(
        None,
        WholeNumber(least=1, most=60, unset="never"),
        "Minutes of silence that end a conversation.",
        changeable=True,
    )
    is_pilot: bool = entry(False, Flag(), "Whether the organization tries what is new.", changeable=True)
    greetings: tuple[str, ...] = entry((), Names(most=3), "A word that greets.", changeable=True, option="--greeting")


DECLARED = setting.declared(Extended)


def typed(*arguments: str) -> dict[str, Any]:
    """What a command with an option for every setting gets from its command line."""
    found: dict[str, Any] = {}
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @setting_options.with_options(DECLARED)
    def command(name: str, **given: Any) -> None:
        found.update(setting_options.parsed(DECLARED, given), name=name)

    done = CliRunner().invoke(app, ["acme", *arguments], catch_exceptions=False)
    return found if done.exit_code == 0 else {"exit code": done.exit_code, "said": done.output}


def test_a_new_setting_has_an_option_and_a_row_in_the_documentation() -> None:
    found = typed("--idle-minutes", "5", "--is-pilot", "--greeting", "hello", "--greeting", "hi", "--weight", "3")
    assert found == {"name": "acme", "idle_minutes": 5, "is_pilot": True, "greetings": ("hello", "hi"), "weight": 3}
    table = setting_options.documentation(DECLARED)
    assert (
        "| `--idle-minutes` | Minutes of silence that end a conversation. | a number from 1 to 60, or default |"
        in table
    )
    assert table.count("\n") == 2 + len(SETTINGS) + 3


@pytest.mark.parametrize(
    "arguments", ["--idle-minutes 61", "--idle-minutes soon", "--greeting 7", "--burst 0", "--events-per-second -1"]
)
def test_a_value_that_makes_no_sense_is_wrong_usage(arguments: str) -> None:
    found = typed(*arguments.split())
    assert found["exit code"] == 2
    assert "is not a" in found["said"]


def test_default_takes_back_what_was_set() -> None:
    found = typed("--idle-minutes", "default", "--greeting", "default", "--events-per-second", "unlimited")
    assert found == {"name": "acme", "idle_minutes": None, "greetings": (), "events_per_second": setting.UNLIMITED}


def test_a_new_setting_is_told_where_it_is_not_as_by_default() -> None:
    assert "idle minutes" not in setting_options.shown(DECLARED, Extended())
    assert setting_options.shown(DECLARED, Extended(idle_minutes=5, weight=2)).endswith(", weight 2, idle minutes 5")


@given(
    idle=st.none() | st.integers(1, 60),
    pilot=st.booleans(),
    greetings=st.lists(st.text("abc", min_size=1), max_size=3, unique=True),
)
def test_a_new_setting_is_stored_and_read(idle: int | None, pilot: bool, greetings: list[str]) -> None:
    chosen = Extended(idle_minutes=idle, is_pilot=pilot, greetings=tuple(greetings), monthly_events=7).checked()
    written = setting_columns.written(dataclasses.asdict(chosen))
    assert tuple(written) == setting_columns.names(Extended)
    assert written["greetings"] == greetings  # as the driver takes an array
    assert setting_columns.read(Extended, written) == chosen


def test_names_are_stored_as_their_lists_spell_them() -> None:
    chosen = Extended(time_zone="asia/kathmandu", currency="npr", week_start="Sunday").checked()
    assert (chosen.time_zone, chosen.currency, chosen.week_start) == ("Asia/Kathmandu", "NPR", "sunday")
    found = typed("--currency", "chf", "--week-start", "SATURDAY", "--time-zone", "UTC")
    assert found == {"name": "acme", "currency": "CHF", "week_start": "saturday", "time_zone": "UTC"}
    assert typed("--currency", "dollars")["exit code"] == typed("--week-start", "7")["exit code"] == 2


def test_what_a_setting_cannot_have_names_the_setting() -> None:
    for wrong in (
        Extended(idle_minutes=0),
        Extended(greetings=("a", "b", "c", "d")),
        Extended(time_zone="Mars/Olympus"),
        Extended(currency="EURO"),
        Extended(currency="XAU"),  # gold is no money to count in
        Extended(week_start="someday"),
    ):
        with pytest.raises(InvalidSetting) as refusal:
            wrong.checked()
        assert refusal.value.setting in ("idle_minutes", "greetings", "time_zone", "currency", "week_start")
