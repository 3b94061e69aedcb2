"""Messages of streams whose callers may not read: what a stream holds is free before such a caller is waited for."""

import asyncio
from typing import Any, TypeAlias

import grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


async def write(context: _Context, message: Any, seconds: float) -> "asyncio.Future[None] | None":
    """Sends a message. Returns the write where the caller has not read for so long: it is to be waited for once
    everything is free, since gRPC sends no status after an unfinished message.
    """
    writing = asyncio.ensure_future(context.write(message))
    try:
        done, _ = await asyncio.wait({writing}, timeout=seconds)
    except asyncio.CancelledError:
        writing.cancel()
        raise
    if not done:
        return writing
    writing.result()
    return None
