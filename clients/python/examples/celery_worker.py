"""A worker that reports its tasks as workflows.

    pip install celery
    TALLYWIRE_API_KEY=... celery --app celery_worker worker

`tallywire usage --last today --metric workflow_executions,workflow_failures` then shows how many ran and failed.
"""

import os
from typing import Any

import celery

import tallywire
from tallywire.middleware import celery_workflows

app = celery.Celery("celery_worker", broker=os.environ.get("BROKER", "redis://127.0.0.1:6379"))
tracker = tallywire.Tracker(
    os.environ.get("TALLYWIRE_ADDRESS", "127.0.0.1:50051"), api_key=os.environ["TALLYWIRE_API_KEY"]
)


def who(name: str, args: Any, kwargs: Any) -> dict[str, str | None]:
    """Says who a run is about, from the arguments of the task."""
    return {"agent_id": "report-bot", "user_id": kwargs.get("user_id")}


celery_workflows(tracker, app, who=who)


@app.task
def write_report(*, user_id: str, pages: int) -> int:
    """Writes a report, unless there is nothing to write."""
    if pages < 1:
        raise ValueError("a report has at least one page")
    return pages
