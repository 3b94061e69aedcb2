"""WSGI middleware around Flask, Django and bare applications: templates, sizes, ends, and bodies that are closed."""

import asyncio
import io
import subprocess
import sys
import wsgiref.util
from collections.abc import Iterable, Iterator
from typing import Any

import django.conf
import django.core.asgi
import django.core.wsgi
import django.http
import django.urls
import flask
import pytest
import scripted
from reported import Reported, ask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, EnvironBuilder, run_wsgi_app

import tallywire
from tallywire.middleware import AsgiMiddleware, WsgiMiddleware

Environ = dict[str, Any]


def environ(path: str, method: str = "GET", **more: Any) -> Environ:
    """What a server knows of a request."""
    return {**EnvironBuilder(path=path, method=method).get_environ(), **more}


def start(status: str, headers: Any, exc_info: Any = None) -> Any:
    """What a server starts a response with."""
    return lambda data: None


class Body:
    """A body in two pieces, which knows whether it was closed."""

    def __init__(self, *, fails: bool = False) -> None:
        self.closed = 0
        self.fails = fails

    def __iter__(self) -> Iterator[bytes]:
        yield b"one"
        if self.fails:
            raise KeyError("unlucky")
        yield b"three"

    def close(self) -> None:
        """Counts."""
        self.closed += 1


def bare(result: Any, status: str = "200 OK") -> Any:
    """An application that returns something."""

    def application(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response(status, [])
        return result  # type: ignore[no-any-return]  # the tests give what they please

    return application


@pytest.fixture(scope="module")
def shop() -> flask.Flask:
    """An application of Flask."""
    shop = flask.Flask(__name__)

    @shop.get("/orders/<int:order>")
    def order(order: int) -> str:
        flask.g.user = f"u{order}"
        return "hello"

    @shop.post("/orders")
    def new() -> tuple[str, int]:
        return str(len(flask.request.get_data())), 201

    @shop.get("/fails")
    def fails() -> str:
        raise KeyError("unlucky")

    @shop.get("/stream/<name>")
    def stream(name: str) -> flask.Response:
        return flask.Response(iter([b"a", b"bc"]))

    return shop


def test_flask(observed: Reported, shop: flask.Flask) -> None:
    def who(environ: Environ) -> Any:
        return {"user_id": flask.g.get("user")}

    client = Client(WsgiMiddleware(shop, tracker=observed.tracker, who=who))
    assert client.get("/orders/7", buffered=True).status_code == 200
    assert client.post("/orders", data=b"x" * 300, buffered=True).data == b"300"
    assert client.get("/fails", buffered=True).status_code == 500
    assert client.delete("/orders/7", buffered=True).status_code == 405
    assert client.get("/nowhere", buffered=True).status_code == 404
    assert client.get("/stream/ann", buffered=True).data == b"abc"
    mounted = Client(WsgiMiddleware(DispatcherMiddleware(bare([]), {"/v1": shop}), tracker=observed.tracker))
    assert mounted.get("/v1/orders/7", buffered=True).status_code == 200
    assert observed.calls() == [
        ("GET", "/orders/<int:order>", 200),
        ("POST", "/orders", 201),
        ("GET", "/fails", 500),
        ("DELETE", "(none)", 405),
        ("GET", "(none)", 404),
        ("GET", "/stream/<name>", 200),
        ("GET", "/v1/orders/<int:order>", 200),
    ]
    got, posted, *_ = observed.events()
    assert (got.user_id, got.api.response_bytes, got.api.request_bytes) == ("u7", 5, 0)
    assert (posted.api.request_bytes, posted.api.response_bytes) == (300, 3)


@pytest.fixture(scope="module")
def configured() -> None:
    """Django with some routes."""

    def order(request: Any, order: int) -> django.http.HttpResponse:
        return django.http.HttpResponse(b"hello")

    async def later(request: Any, name: str) -> django.http.StreamingHttpResponse:
        async def pieces() -> Any:
            yield b"a"
            yield b"bc"

        return django.http.StreamingHttpResponse(pieces())

    def fails(request: Any) -> django.http.HttpResponse:
        raise KeyError("unlucky")

    inner = [django.urls.path("orders/<int:order>/", order), django.urls.path("later/<name>", later)]

    class Urls:
        urlpatterns = (
            django.urls.path("v1/", django.urls.include(inner)),
            django.urls.re_path(r"^old/(?P<order>\d+)$", order),
            django.urls.path("fails", fails),
        )

    django.conf.settings.configure(
        ROOT_URLCONF=Urls,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="none",
        LOGGING_CONFIG=None,
        MIDDLEWARE=["tallywire.middleware.DjangoRoute", "django.middleware.common.CommonMiddleware"],
    )


def test_django_by_wsgi(observed: Reported, configured: None) -> None:
    client = Client(WsgiMiddleware(django.core.wsgi.get_wsgi_application(), tracker=observed.tracker))
    assert client.get("/v1/orders/7/", buffered=True).data == b"hello"
    assert client.get("/old/7", buffered=True).status_code == 200
    assert client.get("/fails", buffered=True).status_code == 500
    assert client.get("/nowhere", buffered=True).status_code == 404
    assert observed.calls() == [
        ("GET", "/v1/orders/<int:order>/", 200),
        ("GET", r"/old/(?P<order>\d+)$", 200),
        ("GET", "/fails", 500),
        ("GET", "(none)", 404),
    ]
    assert observed.events()[0].api.response_bytes == 5


async def test_django_by_asgi(observed: Reported, configured: None) -> None:
    app = AsgiMiddleware(django.core.asgi.get_asgi_application(), tracker=observed.tracker)
    assert await ask(app, "/v1/later/ann") == 200
    assert await ask(app, "/v1/orders/7/", root_path="/behind") == 200
    assert await ask(app, "/nowhere") == 404
    assert await asyncio.to_thread(observed.calls) == [
        ("GET", "/v1/later/<name>", 200),
        ("GET", "/behind/v1/orders/<int:order>/", 200),
        ("GET", "(none)", 404),
    ]


def test_bodies_are_handed_on_and_closed(observed: Reported) -> None:
    body = Body()
    answer, status, _ = run_wsgi_app(WsgiMiddleware(bare(body), tracker=observed.tracker), environ("/"), buffered=True)
    assert (b"".join(answer), status, body.closed) == (b"onethree", "200 OK", 1)
    listed = [b"one", b"three"]
    assert WsgiMiddleware(bare(listed), tracker=observed.tracker)(environ("/"), start) is listed
    assert [event.api.response_bytes for event in observed.events()] == [8, 8]


def test_files_stay_what_servers_can_send_by_themselves(observed: Reported) -> None:
    wrapper = wsgiref.util.FileWrapper
    made = wrapper(io.BytesIO(b"file"))
    found = WsgiMiddleware(bare(made), tracker=observed.tracker)(environ("/", **{"wsgi.file_wrapper": wrapper}), start)
    assert found is made
    raw = io.BytesIO(b"file")  # what uWSGI's function returns
    app = WsgiMiddleware(bare(raw), tracker=observed.tracker)
    assert app(environ("/", **{"wsgi.file_wrapper": lambda file: file}), start) is raw
    assert observed.calls() == [("GET", "(none)", 200)] * 2
    assert not any(event.api.HasField("response_bytes") for event in observed.events())


def test_ends_of_every_kind(observed: Reported) -> None:
    body = Body(fails=True)
    iterator = iter(WsgiMiddleware(bare(body), tracker=observed.tracker)(environ("/"), start))
    assert next(iterator) == b"one"
    with pytest.raises(KeyError):
        next(iterator)
    iterator.close()  # type: ignore[attr-defined]  # servers do it
    assert body.closed == 1

    gone = Body()
    left: Any = iter(WsgiMiddleware(bare(gone), tracker=observed.tracker)(environ("/"), start))
    assert next(left) == b"one"
    left.close()
    assert gone.closed == 1

    head: Any = WsgiMiddleware(bare(Body()), tracker=observed.tracker)(environ("/", "HEAD"), start)
    head.close()

    def fails(environ: Environ, start_response: Any) -> Iterable[bytes]:
        raise KeyError("unlucky")

    with pytest.raises(KeyError):
        WsgiMiddleware(fails, tracker=observed.tracker)(environ("/"), start)
    assert observed.calls() == [
        ("GET", "(none)", 500),
        ("GET", "(none)", 499),
        ("HEAD", "(none)", 200),
        ("GET", "(none)", 500),
    ]


def test_what_is_written_counts_and_the_last_status_holds(observed: Reported) -> None:
    def old(environ: Environ, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        write = start_response("503 No", [], None)
        write(b"written")
        return [b"returned"]

    assert WsgiMiddleware(old, tracker=observed.tracker)(environ("/"), start) == [b"returned"]
    (event,) = observed.events()
    assert (event.api.status_code, event.api.response_bytes) == (503, 15)


def test_functions_that_fail_and_paths_that_are_left_out(observed: Reported) -> None:
    def fault(environ: Environ) -> Any:
        raise ZeroDivisionError

    app = WsgiMiddleware(bare([b"x"]), tracker=observed.tracker, route=fault, who=fault)
    assert app(environ("/"), start) == [b"x"]
    assert app(environ("/healthz/"), start) == [b"x"]
    named = WsgiMiddleware(bare([b"x"]), tracker=observed.tracker, route=lambda environ: "/named")
    assert named(environ("/", CONTENT_LENGTH="many"), start) == [b"x"]
    assert observed.calls() == [("GET", "(none)", 200), ("GET", "/named", 200)]


def test_without_the_metrics_server_nothing_fails_and_nothing_waits(nobody: str, shop: flask.Flask) -> None:
    """By order: the requests are answered while no event can be sent."""
    with tallywire.Tracker(nobody, api_key="k", max_events=5, shutdown_timeout=0) as tracker:
        client = Client(WsgiMiddleware(shop, tracker=tracker))
        assert [client.get("/orders/7", buffered=True).status_code for _ in range(10)] == [200] * 10
        assert (tracker.stats().pending, tracker.stats().dropped) == (5, 5)


def test_no_framework_is_imported() -> None:
    frameworks = {"starlette", "fastapi", "flask", "werkzeug", "django", "asgiref", "celery", "arq"}
    code = f"import sys, tallywire.middleware; sys.exit(sorted({frameworks!r} & sys.modules.keys()) or 0)"
    subprocess.run([sys.executable, "-c", code], env=scripted.environment(), check=True, timeout=60)
