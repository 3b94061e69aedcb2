"""Mutants: the service with a mistake in it, to see that the harness finds it.

A process makes a mistake in itself where its environment names one, before it begins to work.
"""

import os
from collections.abc import Mapping

from tests.harness.faults import ingest_mistakes, projection_mistakes, store_mistakes, stream_mistakes, task_mistakes
from tests.harness.faults.mistake import Mistake
from tests.harness.faults.nursery import MISTAKE

MUTANTS: Mapping[str, Mistake] = {
    **ingest_mistakes.MISTAKES,
    **projection_mistakes.MISTAKES,
    **store_mistakes.MISTAKES,
    **stream_mistakes.MISTAKES,
    **task_mistakes.MISTAKES,
}
# Only power cuts show what a database loses that does not flush; the service must not see that it does not.
UNFLUSHED: Mapping[str, Mistake] = {"without-fsync": store_mistakes.BLIND}


def make_named() -> None:
    """Makes the mistake that this process's environment names, if any."""
    if name := os.environ.get(MISTAKE):
        {**MUTANTS, **UNFLUSHED}[name].make()
