"""A worker that folds because of wake-ups alone: it never looks by itself for what is due."""

from workers import __main__ as program
from workers.process import Process


async def _nothing(_: Process) -> None:
    """Does nothing."""


if __name__ == "__main__":
    Process._fold_due = Process._project_due = _nothing  # type: ignore[method-assign]
    program.app(prog_name="woken_worker")
