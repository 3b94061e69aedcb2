"""Tasks of an organization that have failed for good, as its destinations are told of them."""

from collections.abc import Sequence
from typing import Final

from server.delivery import queueing
from server.organizations.delivery import Message, Topic
from server.store.database import Driver
from server.store.tasks import SERVICE, FailedTask

_SHOWN: Final = 2_000  # characters of an error
# A delivery that has no task gets one from the sweep, and says of itself what became of it.
_OWN: Final = frozenset(kind.name for kind in queueing.KINDS.values())


async def tell(driver: Driver, failed: Sequence[FailedTask]) -> None:
    """Queues a message for each failure, in the transaction that records it, for destinations that ask for it; once,
    however often the failure is recorded.
    """
    for task in failed:
        if task.organization_id != SERVICE and task.kind not in _OWN:
            key = f"task:{task.task_id}:{task.epoch}"
            await queueing.enqueue(driver, task.organization_id, _message(task), None, key=key)


def _message(task: FailedTask) -> Message:
    error = task.error[:_SHOWN]
    return Message(
        topic=Topic.TASK,
        kind="task.failed",
        subject_id=str(task.task_id),
        title=f"Failed: {task.kind}",
        text=f"The task {task.task_id} ({task.kind}) has failed for good after {task.attempts} tries: {error}",
        data={"task_id": task.task_id, "task_kind": task.kind, "error": error, "tries": task.attempts},
    )
