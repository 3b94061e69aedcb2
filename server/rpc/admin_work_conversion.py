"""Conversion of tasks and schedules between messages and values."""

import re
from typing import Final

from server.admin.work import Schedule, State, Task
from server.errors import Reason, Refused
from server.events import rules
from server.rpc.admin_conversion import instant
from tallywire.v1 import admin_service_pb2 as pb

_TASK_ID: Final = re.compile(r"[0-9]{1,18}")
_STATES = {pb.WorkTaskState.Value(f"WORK_TASK_STATE_{one.name}"): one for one in State}
_STATE_NUMBERS = {one: number for number, one in _STATES.items()}


def task_id(text: str) -> int:
    """Returns the id of a task; refuses what cannot be one as one that is not there."""
    if not text:
        raise rules.required("task_id")
    rules.identifier("task_id", text)
    if _TASK_ID.fullmatch(text) is None:
        raise Refused(
            Reason.TASK_NOT_FOUND,
            f"there is no task {text[:64]} (any more)",
            field="task_id",
            metadata={"task": text[:64]},
        )
    return int(text)


def kind(text: str) -> str | None:
    """Returns the kind that a question names; None for whatever it is."""
    return rules.identifier("kind", text) or None


def state(number: pb.WorkTaskState.ValueType) -> State | None:
    """Returns the state that a question names; None for whatever it is."""
    if number and number not in _STATES:
        raise Refused(Reason.INVALID_ENUM, "not a known state", field="state")
    return _STATES.get(number)


def schedule_name(text: str) -> str:
    """Returns the name of a schedule."""
    if not text:
        raise rules.required("schedule")
    return rules.identifier("schedule", text)


def task(one: Task) -> pb.WorkTask:
    """Returns the message of a task: without its payload and result, which are the service's own."""
    return pb.WorkTask(
        task_id=str(one.task_id),
        kind=one.kind,
        organization=one.organization or "",
        state=_STATE_NUMBERS[one.state],
        attempts=one.attempts,
        tries=one.tries,
        progress=one.progress,
        progress_line=one.progress_line,
        error=one.error or "",
        schedule=one.schedule or "",
        created_at=instant(one.created_at),
        run_at=instant(one.run_at),
        started_at=instant(one.started_at),
        ended_at=instant(one.ended_at),
        cancel_requested=one.cancel_requested,
    )


def schedule(one: Schedule) -> pb.WorkSchedule:
    """Returns the message of a schedule."""
    return pb.WorkSchedule(
        name=one.name,
        organization=one.organization or "",
        kind=one.kind,
        cron=one.cron,
        time_zone=one.time_zone,
        next_run_at=None if one.paused else instant(one.next_run_at),
        paused=one.paused,
        paused_by_operator=one.held,
        running=one.running_by is not None,
        started_at=instant(one.started_at),
        finished_at=instant(one.finished_at),
        failed_at=instant(one.failed_at),
        error=one.error or "",
        runs=one.runs,
        failures=one.failures,
    )
