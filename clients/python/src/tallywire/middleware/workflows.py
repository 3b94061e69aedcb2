"""Tasks of Celery and arq as workflows: how many ran and failed, and how long they took."""

import asyncio
import contextvars
import dataclasses
import functools
import time
import types
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from tallywire import tracker
from tallywire.middleware import reports

_Function = TypeVar("_Function")

_RESOURCE: Final = "workflow"
_MAX_ID: Final = 256  # bytes
# What arq raises in a task that is to be made again; by name, since arq is not imported.
_AGAIN: Final = frozenset(("arq.worker.Retry", "arq.worker.RetryJob"))
# arq's clock starts some turns of the loop before a job does.
_EARLY: Final = 0.1  # of its time limit
_NONE: Final[Mapping[str, float]] = types.MappingProxyType({})


class _Runs:
    """Reports the runs of tasks. Nothing here raises."""

    def __init__(self, to: tracker.Tracker, who: reports.WhoOf | None, exclude: Iterable[str], rate: float) -> None:
        self._reports = reports.Reports(to, who, exclude, rate)

    def report(
        self, name: str, arguments: tuple[Sequence[Any], Mapping[str, Any]], started: float | None, *, failed: bool
    ) -> None:
        """Reports a run that has ended; without its start it has no duration."""
        try:
            if not self._reports.wants(name):
                return
            self._reports.send(
                "workflow.failed" if failed else "workflow.executed",
                self._reports.who(name, *arguments),
                {_RESOURCE: name},
                duration_ms=None if started is None else reports.milliseconds_since(started),
                resource_type=_RESOURCE,
                resource_id=name.encode()[:_MAX_ID].decode(errors="ignore"),
            )
        except Exception as error:  # noqa: BLE001 - the host's work matters more than its metrics
            self._reports.trouble("reporting a task", error)


def celery_workflows(
    tracker: tracker.Tracker,
    app: Any = None,
    *,
    who: reports.WhoOf | None = None,
    exclude: Iterable[str] = ("celery.*",),
    sample_rate: float = 1.0,
) -> None:
    """Reports each task that a Celery worker has run: `workflow.executed`, or `workflow.failed` if it failed.

    Call it once, where the application is made. With an `app` its tasks alone are reported. `who` returns who a run is
    about, from the name of the task and its arguments: `lambda name, args, kwargs: {"user_id": kwargs["user_id"]}`.
    Tasks whose names match a pattern of `exclude` are not reported; with a `sample_rate` below 1 each run is with that
    probability. An attempt that Celery makes again is reported by its last one alone, with the duration of that. A task
    whose process was lost, or ended at its hard time limit, is a failure without a duration.
    """
    from celery import signals

    runs = _Runs(tracker, who, exclude, sample_rate)
    # By task: Celery runs tasks in tasks when they are called eagerly.
    started: contextvars.ContextVar[Mapping[str, float]] = contextvars.ContextVar("started", default=_NONE)

    def begins(task_id: str | None = None, **_: object) -> None:
        started.set({**started.get(), str(task_id): time.perf_counter()})

    def ends(task_id: str | None = None, **_: object) -> None:
        started.set({key: at for key, at in started.get().items() if key != task_id})

    def report(task: Any, *, failed: bool) -> None:
        if app is None or task.app is app:
            request = task.request
            arguments = (request.args or (), request.kwargs or {})
            runs.report(task.name, arguments, started.get().get(str(request.id)), failed=failed)

    def succeeded(sender: Any = None, **_: object) -> None:
        report(sender, failed=False)

    def has_failed(sender: Any = None, **_: object) -> None:
        report(sender, failed=True)

    for signal, receiver in (
        (signals.task_prerun, begins),
        (signals.task_success, succeeded),
        (signals.task_failure, has_failed),
        (signals.task_postrun, ends),
    ):
        signal.connect(receiver, weak=False)


def arq_workflows(
    tracker: tracker.Tracker,
    functions: Iterable[_Function],
    *,
    who: reports.WhoOf | None = None,
    exclude: Iterable[str] = (),
    sample_rate: float = 1.0,
    job_timeout: float = 300.0,
    max_tries: int = 5,
) -> list[_Function]:
    """Returns the functions or cron jobs of an arq worker so that each run is reported, under the same names.

    For the `functions` and `cron_jobs` of WorkerSettings: `functions = arq_workflows(tracker, [send_report])`. What is
    said of `who`, `exclude`, `sample_rate` and attempts for Celery holds here, too; the arguments are without the
    context. `job_timeout` (seconds) and `max_tries` are those of WorkerSettings: a run that is cancelled after that
    time has failed, and so has a last attempt that asks for another one. One that is cancelled before is made again.
    """
    runs = _Runs(tracker, who, exclude, sample_rate)
    return [_watched(runs, function, job_timeout, max_tries) for function in functions]


def _watched(runs: _Runs, function: Any, job_timeout: float, max_tries: int) -> Any:
    """Returns a function of a worker, or arq's description of one, wrapped."""
    described: Any = function
    if not dataclasses.is_dataclass(function):
        return _run_of_arq(runs, described.__qualname__, described, job_timeout, max_tries)
    limits = (
        job_timeout if described.timeout_s is None else described.timeout_s,
        max_tries if described.max_tries is None else described.max_tries,
    )
    return dataclasses.replace(described, coroutine=_run_of_arq(runs, described.name, described.coroutine, *limits))


def _run_of_arq(
    runs: _Runs, name: str, coroutine: Callable[..., Awaitable[Any]], timeout: float, max_tries: int
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(coroutine)
    async def run(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            result = await coroutine(ctx, *args, **kwargs)
        except asyncio.CancelledError:
            if time.perf_counter() - started >= timeout * (1 - _EARLY):
                runs.report(name, (args, kwargs), started, failed=True)
            raise
        except BaseException as error:
            again = any(f"{kind.__module__}.{kind.__name__}" in _AGAIN for kind in type(error).__mro__)
            if not again or ctx.get("job_try", 1) >= max_tries:
                runs.report(name, (args, kwargs), started, failed=True)
            raise
        runs.report(name, (args, kwargs), started, failed=False)
        return result

    return run
