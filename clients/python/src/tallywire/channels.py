"""One or several connections as one channel, which calls use in turn, and calls as parts of the program's traces.

Server processes share a port by connections, and a connection takes a limited number of calls. A program that makes
many calls uses several.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from tallywire import traces


def _in_turn(kind: str, channels: Sequence[Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Returns what makes calls of one method, each on the next connection."""
    turns = itertools.cycle([getattr(channel, kind)(*arguments, **options) for channel in channels])

    def call(*given: Any, **more: Any) -> Any:
        return next(turns)(*given, **traces.added(more))  # atomic, so threads may share it

    return call


class _Methods:
    """What both kinds of channel have: the four kinds of method."""

    def __init__(self, channels: Sequence[Any]) -> None:
        self._channels = channels

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """Returns a method with one request and one response."""
        return _in_turn("unary_unary", self._channels, arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        """Returns a method with one request and a stream of responses."""
        return _in_turn("unary_stream", self._channels, arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        """Returns a method with a stream of requests and one response."""
        return _in_turn("stream_unary", self._channels, arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        """Returns a method with streams both ways."""
        return _in_turn("stream_stream", self._channels, arguments, options)


class ChannelSet(_Methods, grpc.Channel):
    """Channels for ordinary code; the first one tells of its connection."""

    def subscribe(
        self, callback: Callable[[grpc.ChannelConnectivity], None], try_to_connect: bool | None = False
    ) -> None:
        """Calls back whenever the state of the first connection changes."""
        self._channels[0].subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        """Ends what subscribe() began."""
        self._channels[0].unsubscribe(callback)

    def close(self) -> None:
        """Closes all connections."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> "ChannelSet":
        """Returns the channel itself."""
        return self

    def __exit__(self, *_: object) -> bool | None:
        """Closes all connections."""
        self.close()
        return None


class AsyncChannelSet(_Methods, grpc.aio.Channel):
    """Channels for asyncio; the first one tells of its connection."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Returns the state of the first connection."""
        state: grpc.ChannelConnectivity = self._channels[0].get_state(try_to_connect=try_to_connect)
        return state

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Waits until the state of the first connection is another one."""
        await self._channels[0].wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Waits until all connections are there."""
        for channel in self._channels:
            await channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        """Closes all connections."""
        for channel in self._channels:
            await channel.close(grace)

    async def __aenter__(self) -> "AsyncChannelSet":
        """Returns the channel itself."""
        return self

    async def __aexit__(self, *_: object) -> bool | None:
        """Closes all connections."""
        await self.close()
        return None
