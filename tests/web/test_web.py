"""The web process in front of the real service: pages, sign-in, forged requests, calls, streams and what they share."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pool

from server import errors
from server.app import Running
from server.settings import Settings
from server.tenancy import api_keys
from server.tenancy.principal import Scope
from server.web import headers as site_headers
from server.web import methods, pages, sessions
from server.web.running import RunningWeb
from tallywire.v1 import account_service_pb2, audit_service_pb2, metrics_service_pb2, realtime_service_pb2
from tests.support import browsing, serving
from tests.support.browsing import Browser, Stream
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller
from tests.support.tiny_worlds import DAY, THE_DAY
from tests.support.waiting import until

READS = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
PANEL_HOST = "https://app.example.com"
WATCH = "RealtimeService/WatchMetrics"
OVERVIEW = "MetricsService/GetOverview"
SESSION = "AccountService/GetSession"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages as the build makes them."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "assets").mkdir()
    for name in ("index", "embed"):
        (folder / f"{name}.html").write_text(
            f'<!doctype html><head><script type="module" src="./assets/{name}.js"></script></head>'
        )
        (folder / f"assets/{name}.js").write_text(f"// {name}\n" * 100)
    (folder / "build.json").write_text("{}")
    (folder / "preloads.json").write_text('{"/overview": ["assets/index.js"], "/agents/": ["assets/embed.js"]}')
    return folder


@pytest.fixture(scope="module")
async def web(settings: Settings, server: Running, built: Path) -> AsyncIterator[RunningWeb]:
    """A web process that all tests of this file share."""
    async with browsing.web(settings, server.address, built, web_embed_origins=PANEL_HOST) as running:
        yield running


@pytest.fixture
def browser(web: RunningWeb) -> Browser:
    """A browser without a session."""
    return Browser(address=web.address)


async def signed_in(web: RunningWeb, caller: Caller) -> Browser:
    browser = Browser(address=web.address)
    assert (await browser.sign_in(caller.key.secret)).status == 200
    return browser


def of_the_day() -> metrics_service_pb2.GetOverviewRequest:
    return metrics_service_pb2.GetOverviewRequest(time_range=THE_DAY)


def every(milliseconds: int = 100) -> realtime_service_pb2.WatchMetricsRequest:
    request = realtime_service_pb2.WatchMetricsRequest()
    request.min_interval.FromMilliseconds(milliseconds)
    return request


async def state(stream: Stream) -> realtime_service_pb2.WatchMetricsResponse:
    async with asyncio.timeout(30):
        found = await stream.next()
    assert isinstance(found, bytes), found
    return realtime_service_pb2.WatchMetricsResponse.FromString(found)


async def end(stream: Stream) -> dict[str, Any]:
    """What the end of a stream says."""
    async with asyncio.timeout(60):
        while isinstance(found := await stream.next(), bytes):
            pass
    return found


# Pages


async def test_pages_are_found_and_may_not_be_framed(browser: Browser, web: RunningWeb) -> None:
    for path in ("/", "/overview", "/agents/some-agent"):
        page = await browser.ask("GET", path)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["cache-control"] == "no-cache"
        assert page.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
            " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script';"
            " trusted-types 'none'"
        )
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
    panel = await browser.ask("GET", "/embed/panel")
    assert f"frame-ancestors {PANEL_HOST};" in panel.headers["content-security-policy"]
    source = page.body.decode().partition('src="')[2].partition('"')[0]
    for encoding in ("gzip", "identity"):
        script = await browser.ask("GET", source, headers={"accept-encoding": encoding})
        assert script.headers.get("content-encoding") == (encoding if encoding == "gzip" else None)
        assert script.body.startswith(b"// index\n")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/assets/0/index.js", "/favicon.ico", "/build.json", "/preloads.json", "/assets/../index.html"):
        assert (await browser.ask("GET", path)).status == 404
    assert (await browser.ask("HEAD", "/")).status == 200
    assert (await browser.ask("DELETE", "/")).status == 405


@pytest.mark.parametrize(
    ("path", "file"),
    [("/", "index"), ("/overview", "index"), ("/agents/some-agent", "embed"), ("/agents", None), ("/nowhere", None)],
)
async def test_a_page_names_the_files_that_it_will_need(browser: Browser, path: str, file: str | None) -> None:
    _, _, links = (await browser.ask("GET", path)).body.decode().partition("modulepreload")
    source = links.partition('href="')[2].partition('"')[0]
    if file is None:
        assert not links
    else:
        script = await browser.ask("GET", source)
        assert (script.status, script.body.decode().startswith(f"// {file}\n")) == (200, True)


async def test_pages_that_are_not_built_are_one_line(settings: Settings, server: Running, tmp_path: Path) -> None:
    async with browsing.web(settings, server.address, tmp_path) as running:
        page = await Browser(address=running.address).ask("GET", "/")
    assert (page.status, page.body.decode()) == (503, f"{pages.NOT_BUILT}\n")


async def test_health_is_that_of_the_service(browser: Browser, settings: Settings, built: Path) -> None:
    assert (await browser.ask("GET", "/healthz")).status == 200
    async with browsing.web(settings, "127.0.0.1:1", built) as running:
        assert (await Browser(address=running.address).ask("GET", "/healthz")).status == 503


# Sign-in


async def test_a_key_becomes_a_cookie_that_scripts_cannot_read(
    accounts: Accounts, browser: Browser, web: RunningWeb, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caller = await accounts.caller(scopes=READS)
    answer = await browser.sign_in(caller.key.secret)
    (name, value), *_ = browser.cookies.items()
    assert answer.headers["set-cookie"] == f"{name}={value}; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"
    assert name == f"tallywire-{web.address.rpartition(':')[2]}"
    told = account_service_pb2.SignInResponse.FromString(answer.body)
    assert (told.credential, told.session.organization.name) == ("", caller.name)
    found = await browser.call(SESSION)
    session = account_service_pb2.GetSessionResponse.FromString(found.body).session
    assert session.session_id == told.session.session_id
    for secret in (caller.key.secret, value):
        assert secret.encode() not in answer.body + found.body
        assert secret not in caplog.text
    out = await browser.call("AccountService/SignOut")
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (200, True)
    assert (await browser.call(SESSION)).error["code"] == "unauthenticated"


async def test_a_link_signs_in_once(accounts: Accounts, web: RunningWeb) -> None:
    caller = await accounts.caller(scopes=READS)
    (made,) = await answers(caller, "AccountService/CreateSignInCode", {})
    first, second = Browser(address=web.address), Browser(address=web.address)
    assert (await first.sign_in(code=made.code)).status == 200
    assert (await first.call(SESSION)).status == 200
    refused = await second.sign_in(code=made.code)
    assert (refused.status, refused.error["code"], second.cookies) == (401, "unauthenticated", {})


async def test_ten_wrong_sign_ins_and_the_address_waits(
    accounts: Accounts, settings: Settings, server: Running, built: Path
) -> None:
    caller = await accounts.caller(scopes=READS)
    async with browsing.web(settings, server.address, built) as running:
        browser = Browser(address=running.address)
        for _ in range(10):
            assert (await browser.sign_in("tw_wrong")).status == 401
        waits = await browser.sign_in(caller.key.secret)
        assert (waits.status, waits.error["code"]) == (429, "resource_exhausted")
        assert 1 <= int(waits.headers["retry-after"]) <= 61
        assert {one["type"] for one in waits.error["details"]} == {"google.rpc.ErrorInfo", "google.rpc.RetryInfo"}
        # Another address behind the proxy, which is on this machine.
        other = {"x-forwarded-for": "203.0.113.7"}
        request = account_service_pb2.SignInRequest(api_key=caller.key.secret)
        assert (await browser.call(browsing.SIGN_IN, request, other)).status == 200


def test_guessers_in_one_network_are_one() -> None:
    guesses = sessions.Guesses()
    for number in range(10):
        guesses.note(f"2001:db8::{number:x}")
    assert guesses.refusal("2001:db8::ffff") is not None
    assert guesses.refusal("2001:db8:0:1::1") is None
    assert guesses.refusal("192.0.2.1") is None


@pytest.mark.parametrize(
    "forged",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": None, "origin": None},
        {"sec-fetch-site": None, "origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site", "origin": None},
    ],
)
async def test_forged_requests_are_refused(
    accounts: Accounts, web: RunningWeb, forged: Mapping[str, str | None]
) -> None:
    browser = await signed_in(web, await accounts.caller(scopes=READS))
    assert (await browser.call(SESSION, headers=forged)).status == 403
    stream = await browser.watch(WATCH, every(), forged)
    assert stream.status == 403
    stream.close()


async def test_older_browsers_are_known_by_their_origin(accounts: Accounts, web: RunningWeb) -> None:
    browser = await signed_in(web, await accounts.caller(scopes=READS))
    port = web.address.rpartition(":")[2]
    for origin in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert (await browser.call(SESSION, headers={"sec-fetch-site": None, "origin": origin})).status == 200


FORMS = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json")


@pytest.mark.parametrize("kind", FORMS)
async def test_types_that_forms_can_send_are_refused(accounts: Accounts, web: RunningWeb, kind: str) -> None:
    browser = await signed_in(web, await accounts.caller(scopes=READS))
    assert (await browser.call(SESSION, headers={"content-type": kind})).status == 415


# Calls


def test_the_listed_methods_are_those_of_the_contract_and_none_sends_events() -> None:
    pool = descriptor_pool.Default()
    for path in methods.UNARY | methods.STREAMS:
        service, _, name = path.strip("/").partition("/")
        method = pool.FindServiceByName(service).FindMethodByName(name)
        assert not method.client_streaming
        assert method.server_streaming == (path in methods.STREAMS)
    changing = ("TrackEvent", "TrackEvents", "StreamEvents", "CorrectEvents", "RetractEvents", "CreateSignInCode")
    assert not {path.rpartition("/")[2] for path in methods.UNARY | methods.STREAMS} & set(changing)


async def test_a_page_gets_what_the_service_answers_and_nothing_of_others(accounts: Accounts, web: RunningWeb) -> None:
    caller, other = await accounts.caller(scopes=READS), await accounts.caller(scopes=READS)
    await caller.track_all([serving.event(at=DAY, agent_id="ada") for _ in range(3)])
    browser, stranger = await signed_in(web, caller), await signed_in(web, other)
    found = metrics_service_pb2.GetOverviewResponse.FromString((await browser.call(OVERVIEW, of_the_day())).body)
    assert found.overview == (await caller.overview(THE_DAY)).overview
    assert found.overview.events == 3
    nothing = metrics_service_pb2.GetOverviewResponse.FromString((await stranger.call(OVERVIEW, of_the_day())).body)
    assert nothing.overview.events == 0
    listed = await browser.call("MetricsService/ListMetrics", headers={"accept-encoding": "gzip"})
    assert listed.headers["content-encoding"] == "gzip"
    assert metrics_service_pb2.ListMetricsResponse.FromString(listed.body).metrics


async def test_refusals_have_their_details(accounts: Accounts, web: RunningWeb, browser: Browser) -> None:
    assert (await browser.call(OVERVIEW, of_the_day())).status == 401
    own = await signed_in(web, await accounts.caller(scopes=(Scope.READ,)))
    refused = await own.call(OVERVIEW)
    assert (refused.status, refused.error["code"]) == (400, "invalid_argument")
    assert [one["type"] for one in refused.error["details"]] == ["google.rpc.ErrorInfo", "google.rpc.BadRequest"]
    assert (await own.call("DirectoryService/ListUsers")).error["code"] == "permission_denied"
    assert (await own.call("EventService/TrackEvent")).status == 404
    assert (await own.call("EventService/Nothing")).status == 404
    assert (await own.ask("GET", browsing.RPC + OVERVIEW)).status == 405
    assert (await own.call(OVERVIEW, b"x" * (1024 * 1024 + 1))).status == 413
    assert (await own.call(OVERVIEW, headers={"content-length": str(2**40)})).status == 413
    assert (await own.call(OVERVIEW, headers={"connect-timeout-ms": "soon"})).status == 400
    late = await own.call(OVERVIEW, of_the_day(), {"connect-timeout-ms": "0"})
    assert (late.status, late.error["code"]) == (504, "deadline_exceeded")


async def test_a_panel_calls_with_its_token_and_a_key_does_not_pass(accounts: Accounts, web: RunningWeb) -> None:
    caller = await accounts.caller(scopes=READS)
    (made,) = await answers(caller, "AccountService/CreateEmbedToken", {"origins": [PANEL_HOST]})
    panel = Browser(address=web.address)
    told = await panel.call(SESSION, headers={"authorization": f"Bearer {made.token}"})
    session = account_service_pb2.GetSessionResponse.FromString(told.body).session
    assert (session.kind, list(session.embed.origins)) == (3, [PANEL_HOST])
    refused = await panel.call("DirectoryService/ListAgents", headers={"authorization": f"Bearer {made.token}"})
    assert refused.status == 403
    key = {"authorization": f"Bearer {caller.key.secret}"}
    assert (await panel.call(SESSION, headers=key)).status == 401
    # A header counts, and not the cookie of somebody who has signed in on the same machine.
    signed = await signed_in(web, caller)
    assert (await signed.call(SESSION, headers=key)).status == 401


# Streams


async def test_a_hundred_readers_are_one_stream_of_the_service(
    accounts: Accounts, web: RunningWeb, server: Running
) -> None:
    caller = await accounts.caller(scopes=READS)
    browsers = [await signed_in(web, caller) for _ in range(2)]
    before = web.app.fan_out.open
    streams = [await browsers[number % 2].watch(WATCH, every()) for number in range(100)]
    try:
        assert {(one.status, one.headers["x-accel-buffering"]) for one in streams} == {(200, "no")}
        await asyncio.gather(*(state(one) for one in streams))
        assert web.app.fan_out.open == before + 1
        await caller.track(serving.event("message.received"))

        async def sees(one: Stream) -> None:
            while (await state(one)).state.metrics.messages_today < 1:
                pass

        await asyncio.gather(*(sees(one) for one in streams))
        assert (await browsers[0].call(OVERVIEW, of_the_day())).status == 200
        newcomer = await browsers[1].watch(WATCH, every())
        assert (await state(newcomer)).state.metrics.messages_today == 1
        newcomer.close()
    finally:
        for one in streams:
            one.close()
    await until(lambda: web.app.fan_out.open == before)


async def test_organizations_scopes_and_tokens_share_nothing(accounts: Accounts, web: RunningWeb) -> None:
    caller, other = await accounts.caller(scopes=READS), await accounts.caller(scopes=READS)
    narrow = {"origins": [PANEL_HOST], "filter": {"agent_id": "ada"}}
    tokens = [(await answers(caller, "AccountService/CreateEmbedToken", narrow))[0].token for _ in range(2)]
    before = web.app.fan_out.open
    streams = [await (await signed_in(web, one)).watch(WATCH, every()) for one in (caller, other)]
    panel = Browser(address=web.address)
    streams += [await panel.watch(WATCH, every(), {"authorization": f"Bearer {token}"}) for token in tokens]
    await asyncio.gather(*(state(one) for one in streams))
    assert web.app.fan_out.open == before + 3  # two panels with the same ties share one
    await caller.track_all([serving.event("message.received", agent_id=agent) for agent in ("ada", "bob")])

    async def counts(stream: Stream, number: int) -> None:
        while (await state(stream)).state.metrics.messages_today != number:
            pass

    await asyncio.gather(counts(streams[0], 2), counts(streams[2], 1), counts(streams[3], 1))
    for one in streams:
        one.close()
    await until(lambda: web.app.fan_out.open == before)


async def test_a_session_that_ends_takes_its_streams_with_it_and_no_others(
    accounts: Accounts, web: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FRESH_SECONDS", 0.2)
    caller = await accounts.caller(scopes=READS)
    first, second = await signed_in(web, caller), await signed_in(web, caller)
    streams = [await browser.watch(WATCH, every()) for browser in (first, second)]
    await asyncio.gather(*(state(one) for one in streams))
    await first.call("AccountService/SignOut")
    assert (await end(streams[0]))["error"]["code"] == "unauthenticated"
    await caller.track(serving.event("message.received"))
    while (await state(streams[1])).state.metrics.messages_today < 1:
        pass
    await api_keys.revoke_key(accounts.database, caller.key.key_id)
    assert (await end(streams[1]))["error"]["code"] == "unauthenticated"


async def test_a_reader_who_may_see_something_else_now_leaves_what_others_read(
    accounts: Accounts, web: RunningWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FRESH_SECONDS", 0.2)
    browser = await signed_in(web, await accounts.caller(scopes=READS))
    stream = await browser.watch(WATCH, every())
    await state(stream)
    monkeypatch.setattr(sessions, "_shared", lambda session: b"a part of " + session.SerializeToString())
    error = (await end(stream))["error"]
    assert (error["code"], error["message"]) == ("unavailable", "what you may see has changed; connect again")
    await state(again := await browser.watch(WATCH, every()))
    again.close()


@pytest.mark.parametrize("credential", ["tw_\xe9", "x" * 4_000, "a.b.c", "two_", "twe_"])
async def test_what_is_no_credential_is_refused_as_a_wrong_one_is(browser: Browser, credential: str) -> None:
    browser.cookies["tallywire-" + browser.address.rpartition(":")[2]] = credential
    answer = await browser.call(SESSION)
    assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
    del browser.cookies["tallywire-" + browser.address.rpartition(":")[2]]
    answer = await browser.call(SESSION, headers={"authorization": f"Bearer twe_{credential}"})
    assert (answer.status, answer.error["code"]) == (401, "unauthenticated")
    stream = await browser.watch(WATCH, every(), {"authorization": f"Bearer twe_{credential}"})
    assert (await end(stream))["error"]["code"] == "unauthenticated"


async def test_a_stream_without_a_session_ends_with_its_error(browser: Browser) -> None:
    stream = await browser.watch(WATCH, every())
    assert (await end(stream))["error"]["code"] == "unauthenticated"
    browser.cookies["tallywire-" + browser.address.rpartition(":")[2]] = "tw_nothing"
    stream = await browser.watch(WATCH, every())
    assert (await end(stream))["error"]["code"] == "unauthenticated"


async def test_a_service_that_is_restarted_under_an_open_page_comes_back(
    accounts: Accounts, settings: Settings, built: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        service = contextlib.AsyncExitStack()
        running = await service.enter_async_context(serving.running(settings))
        address = running.address
        caller = await accounts.caller(scopes=READS)
        web = await stack.enter_async_context(browsing.web(settings, address, built))
        browser = await signed_in(web, caller)
        stream = await browser.watch(WATCH, every())
        await state(stream)
        await service.aclose()
        assert (await end(stream))["error"]["code"] == "unavailable"
        error = (await browser.call(OVERVIEW, of_the_day())).error
        assert error["code"] == "unavailable"
        assert address not in json.dumps(error)
        async with serving.running(settings, listen=address):

            async def is_back() -> bool:
                return (await browser.call(OVERVIEW, of_the_day())).status == 200

            await until(is_back)
            again = await browser.watch(WATCH, every())
            await state(again)
            again.close()


async def test_a_process_that_stops_ends_streams_in_order(
    accounts: Accounts, settings: Settings, server: Running, built: Path
) -> None:
    async with browsing.web(settings, server.address, built) as running:
        browser = await signed_in(running, await accounts.caller(scopes=READS))
        stream = await browser.watch(WATCH, every())
        await state(stream)
        stopped = asyncio.create_task(running.stop())
        error = (await end(stream))["error"]
        assert (error["code"], error["details"][0]["type"]) == ("unavailable", "google.rpc.ErrorInfo")
        await stopped


async def test_a_stream_of_ones_own_passes_through(accounts: Accounts, web: RunningWeb) -> None:
    caller = await accounts.caller(scopes=READS)
    await caller.track(serving.event(at=DAY))
    browser = await signed_in(web, caller)
    stream = await browser.watch(
        "AuditService/VerifyMetrics", audit_service_pb2.VerifyMetricsRequest(time_range=THE_DAY)
    )
    assert await end(stream) == {}


# Where it may be served


@pytest.mark.parametrize(
    ("listen", "changes", "refused"),
    [
        ("0.0.0.0:8080", {}, True),
        ("0.0.0.0:8080", {"allow_plaintext": True}, False),
        ("0.0.0.0:8080", {"web_origin": "https://metrics.example.com"}, False),
        ("127.0.0.1:8080", {}, False),
        ("127.0.0.1:8080", {"web_origin": "metrics.example.com"}, True),
        ("127.0.0.1:8080", {"web_origin": "https://metrics.example.com/pages"}, True),
        ("127.0.0.1:8080", {"web_embed_origins": "https://a.example; script-src *"}, True),
    ],
)
def test_pages_are_served_where_sessions_are_safe(
    settings: Settings, listen: str, changes: Mapping[str, Any], refused: bool
) -> None:
    known = settings.model_copy(update=dict(changes))
    if refused:
        with pytest.raises(errors.SetupError):
            site_headers.site(known, listen)
    else:
        site_headers.site(known, listen)


def test_with_tls_the_cookie_is_bound_to_its_host(settings: Settings) -> None:
    site = site_headers.site(settings.model_copy(update={"web_origin": "https://m.example.com/"}), "127.0.0.1:8080")
    assert site.session_cookie("x", 9) == b"__Host-tallywire=x; Path=/; Max-Age=9; HttpOnly; SameSite=Lax; Secure"
    assert (b"strict-transport-security", b"max-age=31536000") in site.headers()
    assert site.aliases == {"https://m.example.com"}
