"""Tracks one conversation of an AI agent and reads the figures back.

Needs a server and a key with the scopes ingest and read:

    TALLYWIRE_API_KEY=... python track_and_read.py [127.0.0.1:50051]
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import tallywire


def main(address: str, key: str) -> None:
    """Tracks a question, its answer and its rating, then prints what the service counted."""
    agent, user, conversation = "example-bot", "example-user", tallywire.uuid7()

    # In the path of a request: never waits, never raises, sends in the background.
    with tallywire.Tracker(address, api_key=key) as tracker:
        who = {"agent_id": agent, "user_id": user, "conversation_id": conversation, "channel": "web"}
        tracker.track("conversation.started", **who)
        tracker.track("message.received", **who)
        answer_ms = 420  # measured around the call of the model
        tracker.track("message.sent", **who, response_time_ms=answer_ms, prompt_tokens=250, completion_tokens=80)
    print("sent in the background:", tracker.stats())

    with tallywire.Client(address, api_key=key) as client:
        # Where the outcome matters: returns when the event is durable and counted, raises when it is refused.
        rating = tallywire.event("feedback.submitted", agent_id=agent, conversation_id=conversation, rating=5)
        print("rating:", client.track(rating).event_id)
        try:
            client.track(tallywire.event("feedback.submitted", agent_id=agent, rating=9))
        except tallywire.OutOfRange as error:
            print("refused:", error.field, error.reason, error.metadata)

        now = datetime.now(UTC)
        response = client.overview(now - timedelta(days=1), now + timedelta(minutes=1), time_zone="Europe/Paris")
        figures = response.overview
        print("messages:", figures.total_messages, "tokens:", figures.token_usage)
        # What cannot be computed is absent, not 0.
        if figures.HasField("satisfaction_score"):
            print("satisfaction:", figures.satisfaction_score)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051", os.environ["TALLYWIRE_API_KEY"])
