"""Failpoints: places where a process may be told to end itself at once, as by kill -9, to prove that nothing is lost.

For tests alone. While none is armed, reaching one is a call that does nothing.
"""

import os
import random
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import structlog

from server import errors

Name = Literal[
    "ingest_before_commit",
    "ingest_after_commit",
    "notification_before_publish",
    "wakeup_before_send",
    "correction_before_commit",
    "correction_after_commit",
    "fold_before_commit",
    "projection_before_commit",
    "projection_after_commit",
    "task_after_work",
    "erasure_before_commit",
    "erasure_after_commit",
    "deletion_before_commit",
    "deletion_after_commit",
    "report_before_upload",
    "report_after_upload",
    "report_before_commit",
    "report_after_commit",
    "alert_before_commit",
    "alert_after_commit",
    "delivery_before_send",
    "delivery_after_send",
    "delivery_after_record",
]
NAMES: tuple[Name, ...] = get_args(Name)
EXIT_CODE = 137  # that of a process that was killed
_log = structlog.get_logger(__name__)


def _pass(name: Name) -> None:
    """Passes a failpoint by."""


reach: Callable[[Name], None] = _pass


def arm(text: str | None, *, allowed: bool) -> None:
    """Arms the failpoints of "name:probability,…", where that is allowed; SetupError where one is not known."""
    global reach  # noqa: PLW0603 - so that a failpoint costs nothing where none is armed
    if text is None:
        return
    if not allowed:
        _log.error("FAILPOINT is set and ignored: it is for tests, which also set TALLYWIRE_ALLOW_FAILPOINTS=true")
        return
    chances = _parse(text)

    def end(name: Name) -> None:
        if random.random() < chances.get(name, 0):  # noqa: S311 - not a secret
            _log.critical("failpoint reached", name=name)
            os._exit(EXIT_CODE)

    reach = end
    _log.critical("FAILPOINTS ARE ARMED: this process ends itself at random", failpoints=text)


def _parse(text: str) -> Mapping[str, float]:
    chances: dict[str, float] = {}
    for one in text.split(","):
        name, _, chance = one.strip().partition(":")
        try:
            chances[name] = float(chance)
        except ValueError:
            chances[name] = -1
        if name not in NAMES or not 0 <= chances[name] <= 1:
            raise errors.SetupError(
                f"FAILPOINT={text}: {one.strip()} is not name:probability with a name of {', '.join(NAMES)}"
            )
    return chances
