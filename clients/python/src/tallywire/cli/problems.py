"""Errors of commands: one line on stderr with what to do, and the exit code."""

import functools
import os
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

import typer

from tallywire import errors
from tallywire.cli import formatting

_P = ParamSpec("_P")
_R = TypeVar("_R")


class WrongUsage(Exception):
    """The error of arguments that make no sense; the message says which, and what to write instead."""


def reported(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Makes a command end with a line on stderr and an exit code instead of a traceback."""

    @functools.wraps(command)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except WrongUsage as problem:
            fail(str(problem), 2)
        except errors.TallywireError as problem:
            fail(explain(problem), 1)
        except KeyboardInterrupt:
            fail("interrupted", 130)
        except BrokenPipeError:
            # Whoever read our output has enough. Python would complain again when it flushes stdout at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (OSError, ValueError) as problem:
            # A disk that fails, an argument that is not text: the user's to mend, and a traceback would not help.
            fail(str(problem), 1)

    return wrapper


def note(text: str) -> None:
    """Writes one line on stderr."""
    sys.stderr.write(formatting.plain(text) + "\n")
    sys.stderr.flush()


def fail(text: str, code: int) -> NoReturn:
    """Ends the command with one line on stderr."""
    note(f"tallywire: {text}")
    raise typer.Exit(code) from None


def explain(error: errors.TallywireError) -> str:
    """Returns what happened and what to do about it."""
    match error:
        case errors.Unavailable() if not error.reason:
            return f"{error.message}. Is the server running, and the address right (--address, TALLYWIRE_ADDRESS)?"
        case errors.Unauthenticated():
            return f"{error}. Set TALLYWIRE_API_KEY to a key that is valid"
        case errors.PermissionDenied():
            return f"{error}. Use a key with the scope {error.metadata.get('scope', 'that the call needs')}"
        case errors.NotFound(reason="AGENT_NOT_FOUND" | "TEAM_NOT_FOUND" | "CAMPAIGN_NOT_FOUND"):
            dimension = error.reason.partition("_")[0].lower()
            return f"{error}. Check its spelling: `tallywire values {dimension} PREFIX` lists those that begin so"
        case errors.NotFound(reason="CONVERSATION_NOT_FOUND"):
            return f"{error}. Check its spelling: `tallywire conversations --list` lists those of a period"
        case errors.InvalidArgument(reason="DIMENSION_REQUIRED"):
            name = error.metadata.get("dimension", "DIMENSION")
            return f"{error}. Add --by {name} to `query`, or --where {name}=VALUE (`tallywire values {name}`)"
        case errors.FailedPrecondition(reason="RAW_EVENTS_GONE") if "kept_from" in error.metadata:
            return f"{error}. Ask about a period from then on: --from {error.metadata['kept_from']}"
        case errors.NotFound(reason="ALERT_RULE_NOT_FOUND"):
            return f"{error}. `tallywire alerts list` lists those that there are"
        case errors.NotFound(reason="INCIDENT_NOT_FOUND"):
            return f"{error}. `tallywire incidents list` lists those that there are"
        case errors.NotFound(reason="DESTINATION_NOT_FOUND"):
            return f"{error}. `tallywire destinations list` lists those that there are"
        case errors.NotFound(reason="CUSTOM_METRIC_NOT_FOUND"):
            return f"{error}. `tallywire custom-metrics list` lists those that there are"
        case errors.FailedPrecondition(reason="PAIR_INCOMPLETE" | "CUSTOM_METRIC_INCOMPLETE") if (
            "complete_from" in error.metadata
        ):
            return f"{error}. Ask about a period from then on: --from {error.metadata['complete_from']}"
        case errors.Restored():
            return f"{error}. Begin anew; for `updates`, remove the file of --resume to go on from now"
        case errors.OutOfRange(reason="COMPACTED"):
            return f"{error}. What came since then is lost to it: remove the file of --resume to go on from now"
        case errors.OutOfRange(reason="FUTURE_REVISION"):
            return f"{error}. The database was set back: remove the file of --resume to go on from now"
        case errors.InvalidArgument(reason="RESUME_TOKEN_INVALID"):
            return f"{error}. Use the key's organization and the options of before, or another file for --resume"
        case errors.FailedPrecondition(reason="PAGE_TOKEN_EXPIRED"):
            return f"{error}. Ask for what fits in one page: --limit 1000 instead of --all, or a filter"
        case errors.DeadlineExceeded():
            return f"{error}. The server did not answer in time: try again, or ask about a shorter period"
        case errors.Internal():
            request_id = error.metadata.get("request_id", "")
            return f"{error}. Tell the operator{f' the request id {request_id}' if request_id else ''}"
    if error.retry_after is not None:
        return f"{error}. Try again in {error.retry_after:.0f} s"
    return str(error)
