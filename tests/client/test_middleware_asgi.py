"""ASGI middleware around real frameworks: templates, sizes, ends of every kind; and a host that notices nothing."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import fastapi
import pytest
import scripted
from reported import Message, Peer, Reported, ask
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

import tallywire
from tallywire.middleware import AsgiMiddleware
from tests.support.waiting import until


async def hello(request: Request) -> Response:
    """Answers with five bytes."""
    return PlainTextResponse("hello")


async def fails(request: Request) -> Response:
    """Fails before its answer."""
    raise KeyError("unlucky")


async def echo(request: Request) -> Response:
    """Answers with what came."""
    return Response(await request.body(), status_code=201)


async def ignored(socket: Any) -> None:
    """A socket that says hello."""
    await socket.accept()
    await socket.close()


async def endless(request: Request) -> Response:
    """Streams until its peer hangs up."""

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"piece"
            await asyncio.sleep(0.01)

    return StreamingResponse(pieces())


async def breaks_off(request: Request) -> Response:
    """Fails in the middle of its answer."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"piece"
        raise KeyError("unlucky")

    return StreamingResponse(pieces())


async def fails_afterwards(request: Request) -> Response:
    """Fails in what it does once its answer is sent."""

    def work() -> None:
        raise KeyError("unlucky")

    return PlainTextResponse("hello", background=BackgroundTask(work))


def starlette(observed: Reported, folder: str = ".", **options: Any) -> Starlette:
    """An application with routes of every kind."""
    shop = Starlette(routes=[Route("/orders/{id:int}", hello, methods=["GET", "POST"])])
    return Starlette(
        routes=[
            Route("/", hello),
            Route("/users/{user}", hello),
            Route("/echo", echo, methods=["POST"]),
            Route("/fails", fails),
            Route("/endless/{id}", endless),
            Route("/breaks-off", breaks_off),
            Route("/afterwards", fails_afterwards),
            Route("/healthz", hello),
            WebSocketRoute("/socket", ignored),
            Mount("/static", StaticFiles(directory=folder, check_dir=False)),
            Mount("/v1", routes=[Mount("/shops/{shop:int}", shop), Route("/users/{user}", hello)]),
        ],
        middleware=[Middleware(AsgiMiddleware, tracker=observed.tracker, **options)],
    )


@pytest.mark.parametrize(
    ("path", "endpoint", "status"),
    [
        ("/", "/", 200),
        ("/users/ann", "/users/{user}", 200),
        ("/v1/users/ann", "/v1/users/{user}", 200),
        # Leading zeros: what a mount took cannot be told from the value of its parameter.
        ("/v1/shops/007/orders/5", "/v1/shops/{shop:int}/orders/{id:int}", 200),
        ("/nowhere/5", "(none)", 404),
        ("/v1/shops/007/nowhere", "/v1/shops/{shop:int}/{path}", 404),
        ("/static/secret-5.txt", "/static/{path}", 404),
        ("/echo", "/echo", 405),
    ],
)
@pytest.mark.parametrize("root", ["", "/behind/proxy"])
async def test_templates_of_starlette(observed: Reported, path: str, endpoint: str, status: int, root: str) -> None:
    assert await ask(starlette(observed), path, root_path=root) == status
    assert observed.calls() == [("GET", endpoint if endpoint == "(none)" else root + endpoint, status)]


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/users/ann", "/users/{user}"),
        ("/v1/shops/007/orders/5", "/v1/shops/{shop:int}/orders/{id:int}"),
        ("/static/secret-5.txt", "/static/{path}"),
        ("/nowhere", "(none)"),
    ],
)
async def test_templates_of_a_starlette_that_does_not_leave_its_route(
    observed: Reported, path: str, endpoint: str
) -> None:
    inner = starlette(observed, exclude=["*"])

    async def old(scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Message) -> None:
            scope.pop("route", None)
            await send(message)

        await inner(scope, receive, sending)

    await ask(AsgiMiddleware(old, tracker=observed.tracker), path)
    assert [one for _, one, _ in observed.calls()] == [endpoint]


async def test_templates_of_fastapi(observed: Reported) -> None:
    router = fastapi.APIRouter(prefix="/orders")

    @router.get("/{order_id}")
    async def order(order_id: int) -> int:
        return order_id

    @router.get("/{order_id}/fails")
    def failing(order_id: int) -> int:
        raise KeyError(order_id)

    inner = fastapi.FastAPI()
    inner.include_router(router, prefix="/v2")
    app = fastapi.FastAPI()
    app.include_router(router, prefix="/v1")
    app.mount("/tenants/{tenant}", inner)
    app.add_middleware(AsgiMiddleware, tracker=observed.tracker)
    assert await ask(app, "/v1/orders/7") == 200
    assert await ask(app, "/v1/orders/seven") == 422
    assert await ask(app, "/v1/orders/7", "DELETE") == 405
    with pytest.raises(KeyError):
        await ask(app, "/v1/orders/7/fails")
    assert await ask(app, "/nowhere") == 404
    assert await ask(app, "/tenants/ann/v2/orders/7") == 200
    assert observed.calls() == [
        ("GET", "/v1/orders/{order_id}", 200),
        ("GET", "/v1/orders/{order_id}", 422),
        ("DELETE", "/v1/orders/{order_id}", 405),
        ("GET", "/v1/orders/{order_id}/fails", 500),
        ("GET", "(none)", 404),
        ("GET", "/tenants/{tenant}/v2/orders/{order_id}", 200),
    ]


async def test_templates_that_an_application_says_itself(observed: Reported) -> None:
    async def litestar(scope: Any, receive: Any, send: Any) -> None:
        scope["path_template"] = "/orders/{id:int}"
        await PlainTextResponse("hello")(scope, receive, send)

    async def own(scope: Any, receive: Any, send: Any) -> None:
        scope["tallywire.route"] = "/x/{id}"
        await PlainTextResponse("hello")(scope, receive, send)

    assert await ask(AsgiMiddleware(litestar, tracker=observed.tracker), "/orders/1") == 200
    assert await ask(AsgiMiddleware(own, tracker=observed.tracker), "/x/1") == 200
    named = AsgiMiddleware(own, tracker=observed.tracker, route=lambda scope: "ü" * 200)
    assert await ask(named, "/x/1") == 200
    assert [endpoint for _, endpoint, _ in observed.calls()] == ["/orders/{id:int}", "/x/{id}", "ü" * 128]


async def test_sizes_times_and_methods(observed: Reported) -> None:
    app = starlette(observed)
    assert await ask(app, "/echo", "POST", body=(b"a" * 700, b"b" * 300)) == 201
    assert await ask(app, "/users/ann") == 200
    assert await ask(app, "/users/ann", "HEAD") == 200
    assert await ask(app, "/users/ann", "BREW-57") == 405
    posted, got, _, invented = observed.events()
    assert (posted.api.request_bytes, posted.api.response_bytes) == (1_000, 1_000)
    assert not got.api.HasField("request_bytes")  # nobody has read it
    assert got.api.response_bytes == 5
    assert all(event.api.HasField("latency_ms") for event in (posted, got))
    assert invented.api.method == "(other)"


@pytest.mark.parametrize("path", ["/fails", "/breaks-off"])
async def test_a_handler_that_fails_is_a_500_and_its_error_goes_on(observed: Reported, path: str) -> None:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - frameworks wrap what was raised in groups, or not
        await ask(starlette(observed), path)
    assert "unlucky" in repr(caught.value)
    assert observed.calls() == [("GET", path, 500)]


async def test_what_fails_after_the_response_does_not_count(observed: Reported) -> None:
    with pytest.raises(KeyError):
        await ask(starlette(observed), "/afterwards")
    assert observed.calls() == [("GET", "/afterwards", 200)]


async def test_an_application_that_answers_nothing_is_a_500(observed: Reported) -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        return

    with pytest.raises(IndexError):
        await ask(AsgiMiddleware(silent, tracker=observed.tracker), "/x")
    assert observed.calls() == [("GET", "(none)", 500)]


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
async def test_a_peer_that_hangs_up_is_a_499(observed: Reported, spec: str) -> None:
    """Servers say it by a message, or from 2.4 on by an error; or they cancel the application."""
    app = starlette(observed)
    peer = Peer(path="/endless/5", spec=spec)
    asked = asyncio.create_task(peer.ask(app))
    await peer.began.wait()
    peer.hung_up.set()
    with contextlib.suppress(ClientDisconnect):
        await asked
    cancelled = Peer(path="/endless/6", spec=spec)
    asked = asyncio.create_task(cancelled.ask(app))
    await cancelled.began.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert observed.calls() == [("GET", "/endless/{id}", 499)] * 2


async def test_health_checks_and_sockets_are_left_out(observed: Reported) -> None:
    app = starlette(observed)
    assert await ask(app, "/healthz") == 200
    assert await ask(app, "/healthz/") in (200, 307)
    own = starlette(observed, exclude=["/users/*"])
    assert await ask(own, "/users/ann") == 200
    assert await ask(own, "/healthz") == 200

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/socket", "headers": [], "subprotocols": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert observed.calls() == [("GET", "/healthz", 200)]


async def test_who_a_call_is_about_comes_from_the_application(observed: Reported) -> None:
    def who(scope: Any) -> tallywire.contexts.Who:
        return {"user_id": scope["path_params"]["user"], "agent_id": "bot", "channel": None, "team_id": 7}

    with tallywire.context(channel="web", agent_id="other"):
        await ask(starlette(observed, who=who), "/users/ann")
        await ask(starlette(observed, who=lambda scope: None), "/users/ann")
    told, untold = observed.events()
    assert (told.user_id, told.agent_id, told.channel, told.team_id) == ("ann", "bot", "web", "7")
    assert (untold.user_id, untold.agent_id, untold.channel) == ("", "other", "web")


async def test_functions_of_the_application_that_fail_cost_a_line_and_nothing_else(
    observed: Reported, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(scope: Any) -> Any:
        raise ZeroDivisionError

    app = starlette(observed, who=fault, route=fault)
    wrong = starlette(observed, who=lambda scope: {"agent": "bot"}, route=lambda scope: 5)
    with caplog.at_level(logging.WARNING, "tallywire"):
        for _ in range(5):
            assert await ask(app, "/users/ann") == 200
        assert await ask(wrong, "/users/ann") == 200
    assert len(observed.events()) == 6
    lines = [record.getMessage() for record in caplog.records if "failed" in record.getMessage()]
    assert len([line for line in lines if "ZeroDivisionError" in line]) == 2  # one for each function, not for each call


async def test_a_sample_says_its_rate(observed: Reported) -> None:
    app = starlette(observed, sample_rate=0.5)
    for _ in range(200):
        await ask(app, "/users/ann")
    events = observed.events()
    assert 0 < len(events) < 200  # the chance of the contrary is 2 to the power of -199
    assert {event.properties["sample_rate"] for event in events} == {0.5}
    await ask(starlette(observed, sample_rate=0), "/users/ann")
    assert len(observed.events()) == len(events)
    with pytest.raises(ValueError, match="sample_rate is from 0 to 1, not 20"):
        AsgiMiddleware(app, tracker=observed.tracker, sample_rate=20)
    with pytest.raises(TypeError, match="exclude is a sequence of patterns"):
        AsgiMiddleware(app, tracker=observed.tracker, exclude="/x")


async def test_without_the_metrics_server_requests_neither_fail_nor_wait(nobody: str) -> None:
    """By order: all requests are answered before the server is there, and then their events come, each once."""
    with tallywire.Tracker(nobody, api_key="k", flush_interval=0.01, max_events=50) as tracker:
        app = starlette(Reported(tracker=tracker, script=scripted.Script()))
        for _ in range(60):
            assert await ask(app, "/users/ann") == 200
        stats = tracker.stats()
        assert (stats.pending, stats.dropped, stats.sent) == (50, 10, 0)
        there = scripted.start(int(nobody.rpartition(":")[2]))
        try:
            await until(lambda: tracker.stats().sent == 50)
            assert len(there.script.stored) == 50
        finally:
            there.server.stop(None)
