"""The example of a receiver of webhooks as a program of its own."""

import pathlib
import sys

from tests.support import webhook_receivers

EXAMPLES = pathlib.Path(__file__).parents[2] / "clients/python/examples"


async def test_it_believes_what_is_signed_and_nothing_else() -> None:
    await webhook_receivers.check(sys.executable, str(EXAMPLES / "webhook_receiver.py"), cwd=EXAMPLES)
