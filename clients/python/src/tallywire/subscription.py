"""Subscriptions for ordinary, blocking code: streams that reconnect by themselves."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

import grpc

from tallywire import errors, progress

_Response = TypeVar("_Response")
_ResponseOut = TypeVar("_ResponseOut", covariant=True)


class Call(Protocol[_ResponseOut]):
    """A stream of responses that can be cancelled."""

    def __iter__(self) -> Iterator[_ResponseOut]:
        """Returns the responses."""

    def __next__(self) -> _ResponseOut:
        """Returns the next response."""

    def cancel(self) -> bool:
        """Ends the call."""


class Subscription(progress.Resumable[_Response]):
    """An iterator over the messages of the server; it connects with the first step.

    It ends when it is closed: at the end of `with`, by close(), which any thread may call, or when nobody refers to it
    any more.
    """

    def __init__(
        self,
        connect: Callable[[Any], Call[_Response]],
        seen: progress.SubscriptionProgress[Any, _Response],
        options: progress.SubscriptionOptions,
    ) -> None:
        super().__init__(seen, options)
        self._connect = connect
        self._watched: _SilenceWatch[_Response] | None = None
        self._closed = threading.Event()

    def __iter__(self) -> Self:
        """Returns the subscription itself."""
        return self

    def __next__(self) -> _Response:
        """Returns the next message; waits through lost connections."""
        try:
            while not self._closed.is_set():
                try:
                    response = self._received()
                except errors.TallywireError as error:
                    self._pause(error)
                    continue
                taken = self._seen.take(response)
                if taken is not None:
                    return taken
        except errors.TallywireError:
            self.close()
            raise
        raise StopIteration

    def __enter__(self) -> Self:
        """Returns the subscription itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the subscription."""
        self.close()

    def __del__(self) -> None:
        """Ends the call of a subscription that was left behind."""
        if getattr(self, "_watched", None) is not None:
            self._drop()

    def close(self) -> None:
        """Ends the subscription; a step that is waiting in another thread ends its loop."""
        self._closed.set()
        self._drop()

    def _received(self) -> _Response:
        """Returns the next message of the connection, which is opened if need be. Raises the error of its end."""
        watched = self._opened()
        try:
            response = watched.next()
        except StopIteration:
            error = progress.ended()
        except grpc.RpcError as failure:
            error = progress.silent(self.silence) if watched.was_silent else errors.from_rpc(failure, out_of_time=False)
        else:
            self._policy.heard()
            return response
        self._drop()
        raise progress.lost(error)

    def _opened(self) -> "_SilenceWatch[_Response]":
        watched = self._watched
        if watched is None:
            try:
                watched = _SilenceWatch(self._connect(self._seen.request()), self.silence)
            except ValueError:
                raise errors.closed() from None
            self._watched = watched
            if self._closed.is_set():
                watched.cancel()  # closed by another thread meanwhile
        return watched

    def _drop(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            watched.cancel()

    def _pause(self, error: errors.TallywireError) -> None:
        """Waits before the next connection, or raises the error if it is final."""
        if self._closed.is_set():
            return
        wait = self._policy.wait_before_retry(error)
        self._closed.wait(wait)


class _SilenceWatch(Generic[_Response]):
    """A call that is cancelled after too long a silence: blocking reads have no timeout of their own."""

    def __init__(self, call: Call[_Response], seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._done = threading.Event()
        self._waiting_since: float | None = None
        self.was_silent = False
        threading.Thread(target=self._watch, name="tallywire-silence", daemon=True).start()

    def next(self) -> _Response:
        """Returns the next response."""
        self._waiting_since = time.monotonic()
        try:
            return next(self._call)
        finally:
            self._waiting_since = None

    def cancel(self) -> None:
        """Ends the call."""
        self._done.set()
        self._call.cancel()

    def _watch(self) -> None:
        """Checks now and then how long the reader has been waiting."""
        while not self._done.wait(self._seconds / 10):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._seconds:
                self.was_silent = True
                self._call.cancel()
                return
