"""Three weeks of hours with a spike in one of them."""

from datetime import UTC, datetime, timedelta

from tallywire.v1 import event_pb2
from tests.support import serving
from tests.support.serving import Caller

HOUR = timedelta(hours=1)
START = datetime(2024, 4, 8, tzinfo=UTC)  # a Monday
SPIKE = datetime(2024, 4, 30, 12, tzinfo=UTC)  # a Tuesday, 14:00 in Berlin
END = datetime(2024, 5, 1, tzinfo=UTC)


def sent(at: datetime, agent_id: str, *, failed: bool = False) -> event_pb2.Event:
    message = event_pb2.MessageDetail(failed=failed, response_time_ms=100)
    return serving.event("message.sent", at=at, agent_id=agent_id, channel="web", message=message)


def world() -> list[event_pb2.Event]:
    """Three to five messages an hour, by turns of two agents, and forty more of one in one hour."""
    hours = [START + hour * HOUR for hour in range(int((END - START) / HOUR))]
    usual = [
        sent(at + number * timedelta(minutes=10), "ab"[number % 2])
        for hour, at in enumerate(hours)
        for number in range(3 + hour * 7 % 3)
    ]
    return usual + [sent(SPIKE + number * timedelta(minutes=1), "a") for number in range(40)]


async def fill(caller: Caller) -> None:
    made = world()
    for first in range(0, len(made), 1_000):
        await caller.track_all(made[first : first + 1_000])
