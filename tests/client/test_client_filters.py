"""Filters of the client and of the command: by any dimension, several values and several dimensions."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import scripted
from typer.testing import Result

import tallywire
from tallywire.cli import watch

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
Run = Callable[..., Result]


def named(narrowed: Any) -> list[tuple[str, str]]:
    """The dimensions and values of a filter."""
    return [(one.dimension, one.value) for one in narrowed.dimensions]


def test_questions_carry_every_dimension_and_value(client: tallywire.Client, script: scripted.Script) -> None:
    """Which can be combined is for the server to say."""
    client.overview(START, END, dimensions={"agent": "a", "channel": "web"})
    client.usage(START, END, dimensions={"model": ["small", "large"]}, team_id="t")
    pair, several = script.requests
    assert named(pair.filter) == [("agent", "a"), ("channel", "web")]
    assert (named(several.filter), several.filter.team_id) == ([("model", "small"), ("model", "large")], "t")


async def test_subscriptions_carry_them_too(
    client: tallywire.Client, running: scripted.Running, script: scripted.Script
) -> None:
    only: Any = {"dimensions": {"team": ["north", "south"]}}
    async with tallywire.AsyncClient(running.address, api_key=scripted.KEY) as aclient:
        await aclient.realtime(**only)
        async with aclient.watch(**only) as states, aclient.updates(bookmarks=True, **only) as updates:
            await anext(states)
            await anext(updates)

    def blocking() -> None:
        client.realtime(**only)
        with client.watch(**only) as states, client.updates(bookmarks=True, **only) as updates:
            next(states)
            next(updates)

    await asyncio.to_thread(blocking)
    assert [named(one.filter) for one in script.live.requests] == [[("team", "north"), ("team", "south")]] * 6


def test_a_dimension_without_a_value_is_refused(client: tallywire.Client, script: scripted.Script) -> None:
    """The answer would be about everything."""
    for nothing in ("", []):
        only: Any = {"dimensions": {"team": nothing}}
        for ask in (client.realtime, client.watch, client.updates):
            with pytest.raises(ValueError, match="team has no value"):
                ask(**only)
        with pytest.raises(ValueError, match="team has no value"):
            client.overview(START, END, **only)
    assert not script.requests
    assert not script.live.requests


@pytest.mark.parametrize("command", ["overview", "usage"])
def test_where_narrows_a_question(run: Run, script: scripted.Script, command: str) -> None:
    assert run(command, "--where", "model=gpt-4o", "--where", "endpoint=GET /a?b=c", "--channel", "web").exit_code == 0
    narrowed = script.requests[-1].filter
    assert (named(narrowed), narrowed.channel) == ([("model", "gpt-4o"), ("endpoint", "GET /a?b=c")], "web")


def command(running: scripted.Running, *arguments: str) -> "subprocess.Popen[str]":
    """Starts a command without any terminal."""
    environment = scripted.environment(TALLYWIRE_API_KEY="k", TALLYWIRE_ADDRESS=running.address)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "tallywire.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--team", "north", "--team", "south"], [("team", "north"), ("team", "south")]),
        (["--where", "channel=web", "--where", "channel=phone"], [("channel", "web"), ("channel", "phone")]),
        (["--team", "north", "--where", "team=south"], [("team", "north"), ("team", "south")]),
    ],
)
def test_where_and_team_narrow_a_subscription(
    running: scripted.Running, script: scripted.Script, arguments: Sequence[str], expected: Sequence[tuple[str, str]]
) -> None:
    with command(running, "watch", "--json", *arguments) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline()
        watching.send_signal(signal.SIGTERM)
    with command(running, "updates", *arguments) as reading:
        script.live.wait_until(lambda: len(script.live.requests) == 2, 60)
        reading.send_signal(signal.SIGTERM)
    assert [named(one.filter) for one in script.live.requests] == [expected] * 2


@pytest.mark.parametrize("name", ["overview", "usage", "watch", "updates"])
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("model", "--where has the form key=value, not 'model'"),
        ("=m", "--where has the form key=value, not '=m'"),
        ("team=", "--where team= has no value"),
    ],
)
def test_what_is_no_filter_is_wrong_usage(run: Run, script: scripted.Script, name: str, where: str, said: str) -> None:
    result = run(name, "--where", where)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"tallywire: {said}\n")
    assert not script.requests
    assert not script.live.requests


@pytest.mark.parametrize(
    ("only", "title"),
    [
        ({}, "everything"),
        ({"agent_ids": ["a", "b"]}, "agent a, b"),
        ({"agent_ids": [], "channel": "web", "dimensions": {}}, "channel web"),
        ({"dimensions": {"team": ["north", "south"]}}, "team north, south"),
        ({"agent_ids": ["a"], "dimensions": {"agent": "b"}}, "agent a, b"),
        ({"channel": "web", "dimensions": {"team": "north"}}, "channel web and team north"),
    ],
)
def test_the_dashboard_says_what_it_shows(only: Any, title: str) -> None:
    assert watch.title(only) == title


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tallywire overview --where m", ["model=", "method="]),
        ("tallywire watch --where ", ["agent=", "channel=", "team="]),
        ("tallywire updates --where event", ["event_type="]),
    ],
)
def test_the_shell_offers_dimensions(line: str, offered: list[str]) -> None:
    completing = {"_TALLYWIRE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "3"}
    ran = subprocess.run(
        [sys.executable, "-m", "tallywire.cli"],
        capture_output=True,
        text=True,
        timeout=60,
        env=scripted.environment(**completing),
    )
    assert ran.stdout.split() == offered
