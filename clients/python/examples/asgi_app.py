"""A service that reports the use of its own API, and the conversations that it holds.

    pip install fastapi uvicorn
    TALLYWIRE_API_KEY=... uvicorn asgi_app:app

`tallywire api --last today` then shows its endpoints.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import fastapi

import tallywire
from tallywire.middleware import AsgiMiddleware

tracker = tallywire.Tracker(
    os.environ.get("TALLYWIRE_ADDRESS", "127.0.0.1:50051"), api_key=os.environ["TALLYWIRE_API_KEY"]
)


@contextlib.asynccontextmanager
async def lifespan(_: fastapi.FastAPI) -> AsyncIterator[None]:
    """Sends what is left when the service stops."""
    yield
    await asyncio.to_thread(tracker.close)


def who(scope: Any) -> dict[str, str | None]:
    """Says who a request is about, once it has been answered."""
    return {"agent_id": "support-bot", "conversation_id": scope.get("path_params", {}).get("conversation_id")}


app = fastapi.FastAPI(lifespan=lifespan)
app.add_middleware(AsgiMiddleware, tracker=tracker, who=who)


@app.get("/healthz")
async def healthz() -> str:
    """Is not reported."""
    return "ok"


@app.post("/conversations/{conversation_id}/messages")
async def answer(conversation_id: str, text: str) -> str:
    """Answers a message; everything tracked in the block belongs to its conversation."""
    with tracker.context(conversation_id=conversation_id, agent_id="support-bot", channel="web"):
        tracker.track("message.received")
        began = time.perf_counter()
        reply = f"You said: {text}"  # where the model would be called
        tracker.track("message.sent", response_time_ms=(time.perf_counter() - began) * 1000)
    return reply
