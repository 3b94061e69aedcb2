"""The command `alerts watch`: how all rules stand, whenever that changes."""

from typing import Final

from rich.console import Console

from tallywire import aio, errors
from tallywire.alerts import AlertBoard
from tallywire.cli import alert_tables, json_output, problems, stop_request

_INTERRUPTED: Final = 130


async def run(server: aio.AsyncClient, *, as_json: bool) -> int:
    """Watches until somebody stops it, and returns the exit code."""
    end = stop_request.StopRequest()
    async with server:
        await server.connect()
        code = await end.during(_print(server, as_json=as_json))
    # Ctrl-C is how people end it.
    return 0 if code == _INTERRUPTED else code


async def _print(server: aio.AsyncClient, *, as_json: bool) -> None:
    """Prints what differs from what was printed last, in whatever else it says when it was so."""
    console, last, is_lost = Console(markup=False), None, False

    def lost(error: errors.TallywireError, _: float) -> None:
        nonlocal is_lost
        if not is_lost:
            problems.note(f"tallywire: the connection is lost: {error.message}")
        is_lost = True

    async with server.alerts.watch(on_retry=lost) as boards:
        async for board in boards:
            is_lost = False
            if (shown := _without_time(board)) == last:
                continue
            last = shown
            if as_json:
                json_output.emit(json_output.of(board))
            else:
                alert_tables.show_board(console, board)


def _without_time(board: AlertBoard) -> bytes:
    copy = AlertBoard()
    copy.CopyFrom(board)
    copy.ClearField("at")
    return copy.SerializeToString(deterministic=True)
