"""WSGI middleware: Flask, Django and any other application."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from tallywire import tracker
from tallywire.middleware import reports, wsgi_routes

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_WITHOUT_BODY: Final = (204, 304)


class WsgiMiddleware:
    """A WSGI application that reports each request of another one as `api.called`.

    `route` returns the template of a request from its environ, when the application starts its response; without one,
    the templates of Flask, Bottle and (with DjangoRoute) Django are known. `who` returns who a request is about, from
    the same environ; under Flask, `flask.g` and `flask.request` are there for it.

    A request whose path matches one of the patterns of `exclude` is not reported. With a `sample_rate` below 1 each is
    with that probability. What the application and the server see is unchanged: lists and files are handed on as they
    are, other responses in an iterator that closes them.
    """

    def __init__(
        self,
        app: App,
        *,
        tracker: tracker.Tracker,
        route: Callable[[Environ], str | None] | None = None,
        who: reports.WhoOf | None = None,
        exclude: Iterable[str] = reports.HEALTH_CHECKS,
        sample_rate: float = 1.0,
    ) -> None:
        self._app = app
        self._route = wsgi_routes.template if route is None else route
        self._reports = reports.Reports(tracker, who, exclude, sample_rate)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Runs the application, and reports the request when its response has ended."""
        if not self._reports.wants(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        call = _Request(self._reports, self._route, environ, start_response)
        try:
            result = self._app(environ, call.start_response)
        except BaseException:
            call.end(reports.FAILED)
            raise
        return call.watched(result)


class _Request:
    """A request under way."""

    def __init__(
        self,
        to: reports.Reports,
        route: Callable[[Environ], str | None],
        environ: Environ,
        start_response: StartResponse,
    ) -> None:
        self._reports = to
        self._route = route
        self._environ = environ
        self._start_response = start_response
        self._started = time.perf_counter()
        self._status: int | None = None
        # Looked up when the response starts: then the application still knows, and afterwards it forgets.
        self._endpoint = reports.NO_ROUTE
        self._who: Any = None
        self._sent: int | None = 0
        self._ended = False

    def start_response(self, status: str, *rest: Any, **named: Any) -> Callable[[bytes], object]:
        """Starts the response for the application."""
        self._status = int(status[:3]) if status[:3].isdecimal() else reports.FAILED
        self._look_up()
        write = self._start_response(status, *rest, **named)

        def counted(data: bytes) -> object:
            self.sends(data)
            return write(data)

        return counted

    def watched(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """Returns what the application returned, so that its end is noticed."""
        if isinstance(result, list | tuple):  # servers look at its length
            for data in result:
                self.sends(data)
            self.end()
            return result
        if self._is_file(result):  # servers send it by themselves
            self._sent = None
            self.end()
            return result
        return _Body(result, self)

    def sends(self, data: bytes) -> None:
        """Counts a piece of the response."""
        if self._sent is not None and isinstance(data, bytes | bytearray | memoryview):
            self._sent += len(data)

    def closed_early(self) -> None:
        """Reports a response that the server did not read to its end, unless it is one without a body."""
        bodiless = self._environ.get("REQUEST_METHOD") == "HEAD" or self._status in _WITHOUT_BODY
        self.end(None if bodiless else reports.GONE)

    def end(self, status: int | None = None) -> None:
        """Reports the request, once: with its own status unless another one is given."""
        if self._ended:
            return
        self._ended = True
        latency_ms = reports.milliseconds_since(self._started)
        if self._who is None:
            self._look_up()
        size = str(self._environ.get("CONTENT_LENGTH") or "")
        self._reports.send(
            "api.called",
            self._who,
            endpoint=self._endpoint,
            method=reports.http_method(self._environ.get("REQUEST_METHOD", "")),
            status_code=status or self._status or reports.FAILED,
            latency_ms=latency_ms,
            request_bytes=int(size) if size.isascii() and size.isdecimal() and len(size) < 11 else None,
            response_bytes=self._sent,
        )

    def _look_up(self) -> None:
        self._who = self._reports.who(self._environ)
        self._endpoint = self._reports.endpoint(self._route, self._environ)

    def _is_file(self, result: object) -> bool:
        wrapper = self._environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type):
            return isinstance(result, wrapper)
        return wrapper is not None and hasattr(result, "read")


class _Body:
    """The body of a response, which reports the request at its end."""

    def __init__(self, result: Iterable[bytes], call: _Request) -> None:
        self._result = result
        self._iterator: Iterator[bytes] | None = None
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        """Returns itself."""
        return self

    def __next__(self) -> bytes:
        """Returns the next piece."""
        try:
            if self._iterator is None:
                self._iterator = iter(self._result)
            data = next(self._iterator)
        except StopIteration:
            self._call.end()
            raise
        except BaseException:
            self._call.end(reports.FAILED)
            raise
        self._call.sends(data)
        return data

    def close(self) -> None:
        """Closes the response of the application."""
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
        finally:
            self._call.closed_early()
