"""The tool that replays real conversations beside workers that are killed finds every figure right."""

import itertools
import random

from server.local import embedded
from tests.harness import replays


async def test_figures_are_right_while_workers_are_killed(engines: embedded.Engines) -> None:
    """A few conversations: the tool itself has all of them, and workers that are absent or at work."""
    some = itertools.islice(replays.recordings(part=400), 1)
    await replays.run(engines, "killed", some, random.Random(1))
