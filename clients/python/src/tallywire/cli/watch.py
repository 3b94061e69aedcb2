"""The command `watch`: a dashboard until somebody ends it, or lines for scripts."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, RenderableType

from tallywire import aio, errors, progress, requests
from tallywire.aio_subscription import AsyncSubscription
from tallywire.cli import dashboard, json_output, stop_request, terminal, trends
from tallywire.v1 import realtime_service_pb2

_INTERRUPTED: Final = 130
_FRAME_SECONDS, _FRAME_LINES = 5.0, 24  # between two frames, and of one, where the cursor cannot move
_States = AsyncSubscription[realtime_service_pb2.WatchMetricsResponse]


@dataclass(slots=True, kw_only=True)
class Board:
    """The latest state and connection. Times are those of the monotonic clock."""

    title: str
    hint: str = ""
    state: realtime_service_pb2.RealtimeState | None = None
    revision: int = 0
    heard_at: float = 0.0
    problem: str = ""
    problem_at: float = 0.0
    going: trends.MinuteTrends = field(default_factory=trends.MinuteTrends)

    def heard(self, response: realtime_service_pb2.WatchMetricsResponse) -> None:
        """Takes a state or a heartbeat: there is a connection."""
        self.problem, self.revision = "", response.revision
        if response.HasField("state"):
            self.state, self.heard_at = response.state, time.monotonic()
            self.going.take(response.state)

    def lost(self, error: errors.TallywireError) -> None:
        """Records that the connection is lost, or cannot be made."""
        if not self.problem:
            self.problem_at = time.monotonic()
        self.problem = error.message

    def view(self) -> dashboard.Dashboard:
        """Returns the current contents of the dashboard."""
        now = time.monotonic()
        return dashboard.Dashboard(
            title=self.title,
            hint=self.hint,
            state=self.state,
            revision=self.revision,
            age=now - self.heard_at,
            trends={card.name: self.going.of(card.name) for row in dashboard.CARDS for card in row},
            problem=self.problem,
            problem_age=now - self.problem_at,
        )


async def run(server: aio.AsyncClient, only: requests.RealtimeOnly, *, interval: float, as_json: bool) -> int:
    """Watches until somebody stops it, and returns the exit code."""
    end = stop_request.StopRequest()
    async with server:
        await server.connect()

        def subscribe(on_retry: progress.OnRetry | None) -> _States:
            return server.watch(min_interval=interval, heartbeats=not as_json, on_retry=on_retry, **only)

        if as_json:
            return await end.during(_print_lines(subscribe(None)))
        board = Board(title=title(only))
        console = Console(markup=False)
        if console.is_terminal and not console.is_dumb_terminal:
            code = await end.during(_live(console, board, subscribe, end))
        else:
            code = await end.during(_frames(console, board, subscribe))
    # Ctrl-C is how people end it.
    return 0 if code == _INTERRUPTED else code


def title(only: requests.RealtimeOnly) -> str:
    """Returns what a dashboard is about, in words."""
    narrowed = requests.realtime_filter(**only)
    if narrowed is None:
        return "everything"
    values: dict[str, list[str]] = {"agent": list(narrowed.agent_ids), "channel": [narrowed.channel]}
    for one in narrowed.dimensions:
        values.setdefault(one.dimension, []).append(one.value)
    return " and ".join(f"{name} {', '.join(filter(None, some))}" for name, some in values.items() if any(some))


async def _print_lines(states: _States) -> None:
    """Prints each state as a line of JSON."""
    async with states:
        async for response in states:
            json_output.emit(json_output.of(response.state))


async def _frames(console: Console, board: Board, subscribe: Callable[[progress.OnRetry], _States]) -> None:
    """Prints the dashboard again and again, one below the other, and every change of the connection at once."""
    printed_at, was_lost = 0.0, False

    def show() -> None:
        nonlocal printed_at
        console.print(dashboard.render(board.view(), console.width, _FRAME_LINES))
        printed_at = time.monotonic()

    def lost(error: errors.TallywireError, _: float) -> None:
        nonlocal was_lost
        board.lost(error)
        if not was_lost:
            was_lost = True
            show()

    async with subscribe(lost) as states:
        async for response in states:
            board.heard(response)
            if response.HasField("state") and (was_lost or time.monotonic() - printed_at >= _FRAME_SECONDS):
                was_lost = False
                show()


async def _live(
    console: Console,
    board: Board,
    subscribe: Callable[[progress.OnRetry], _States],
    end: stop_request.StopRequest,
) -> None:
    """Keeps the dashboard on the screen."""

    def picture() -> RenderableType:
        return dashboard.render(board.view(), console.width, console.height)

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            live.update(picture(), refresh=True)

    with terminal.screen(console, picture, end.ask) as (live, has_keys):
        board.hint = "q quits" if has_keys else "Ctrl-C quits"
        ticking = asyncio.create_task(tick())
        try:
            async with subscribe(lambda error, _: board.lost(error)) as states:
                async for response in states:
                    board.heard(response)
                    live.update(picture(), refresh=True)
        finally:
            ticking.cancel()
