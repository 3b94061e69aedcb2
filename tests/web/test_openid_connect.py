"""Sign-in at an identity provider: who comes back is signed in, and nobody else."""

import contextlib
import json
import logging
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from server import errors, identity_file, log_throttle
from server.app import Running
from server.settings import Settings
from server.web import flows, openid_clients, sessions
from server.web.headers import PublicSite
from server.web.running import RunningWeb
from tallywire.v1 import account_service_pb2
from tests.support import browsing, openid_provider, serving
from tests.support.browsing import Answer, Browser
from tests.support.identity_provider import new_key
from tests.support.openid_provider import CLIENT_ID, SECRET, SigningProvider
from tests.support.serving import Accounts, Caller
from tests.support.waiting import until

FLOW, SESSION = "-sign-in", "AccountService/GetSession"
KEY = "a key of web processes that all of them have"


@dataclass(kw_only=True)
class Hall:
    """A server that trusts two providers, a web process in front of it, and a browser."""

    ours: SigningProvider
    others: SigningProvider
    caller: Caller
    server: Running
    web: RunningWeb
    settings: Settings
    browser: Browser

    async def begin(self, provider: str = "ours", to: str = "/overview?days=7") -> str:
        """Begins to sign in; returns where the browser is sent."""
        query = urllib.parse.urlencode({"provider": provider, "to": to})
        answer = await self.browser.ask("GET", f"/auth/start?{query}")
        assert answer.status == 303, answer.body
        return answer.headers["location"]

    async def sent_back(self, provider: str = "ours", to: str = "/overview?days=7") -> str:
        """Signs in at a provider; returns where it sends the browser back to, within our pages."""
        url = await self.begin(provider, to)
        parts = urllib.parse.urlsplit(url)
        at = Browser(address=parts.netloc)
        back = (await at.ask("GET", f"{parts.path}?{parts.query}")).headers["location"]
        return back.removeprefix(f"http://{self.web.address}")

    async def signed_in(self, provider: str = "ours", to: str = "/overview?days=7") -> Answer:
        return await self.back(await self.sent_back(provider, to))

    async def back(self, path: str) -> Answer:
        return await self.browser.ask("GET", path, headers={"sec-fetch-site": "cross-site"})

    async def subject(self) -> str:
        """Who is signed in; empty: nobody."""
        answer = await self.browser.call(SESSION)
        if answer.status != 200:
            return ""
        return account_service_pb2.GetSessionResponse.FromString(answer.body).session.subject

    @property
    def flow_cookie(self) -> str:
        return next(value for name, value in self.browser.cookies.items() if name.endswith(FLOW))


def written(folder: Path, caller: Caller, providers: dict[str, SigningProvider], **changes: Any) -> Path:
    """The operator's file."""
    lines = []
    for name, provider in providers.items():
        table = {**provider.table, "organization": caller.name, "subject_prefix": f"{name}:", "role_claim": "role"}
        lines.append(f"[providers.{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in {**table, **changes}.items()]
        lines.append('roles = {viewer = "viewer"}')
    path = folder / "providers.toml"
    path.write_text("\n".join(lines))
    return path


@contextlib.asynccontextmanager
async def web_of(hall: Hall, path: Path) -> AsyncIterator[None]:
    """Another web process in the place of the first, until the block ends."""
    folder, before = path.parent / "static", (hall.web, hall.browser)
    changes = {"identity_providers": path, "web_sign_in_key": None}
    async with browsing.web(hall.settings, hall.server.address, folder, **changes) as web:
        hall.web, hall.browser = web, Browser(address=web.address)
        hall.ours.redirect_uri = f"http://{web.address}/auth/callback"
        yield
    hall.web, hall.browser = before


@pytest.fixture
async def hall(settings: Settings, accounts: Accounts, tmp_path: Path) -> AsyncIterator[Hall]:
    caller = await accounts.caller()
    async with openid_provider.running() as ours, openid_provider.running() as others:
        path = written(tmp_path, caller, {"ours": ours, "others": others})
        async with (
            serving.running(settings, identity_providers=path) as server,
            browsing.web(settings, server.address, tmp_path / "static", identity_providers=path) as web,
        ):
            for one in (ours, others):
                one.redirect_uri = f"http://{web.address}/auth/callback"
            yield Hall(
                ours=ours,
                others=others,
                caller=caller,
                server=server,
                web=web,
                settings=settings,
                browser=Browser(address=web.address),
            )


async def test_whoever_signs_in_at_a_provider_is_signed_in(hall: Hall) -> None:
    answer = await hall.signed_in()
    assert (answer.status, answer.headers["location"]) == (303, "/overview?days=7")
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await hall.subject()).endswith(":ada")
    assert hall.ours.exchanges == ["public"]
    assert (await hall.browser.call("AccountService/SignOut")).status == 200
    assert await hall.subject() == ""


async def test_cookies_are_kept_from_scripts_and_the_one_of_the_sign_in_ends(hall: Hall) -> None:
    await hall.signed_in()
    begun, session, ended = hall.browser.set_cookies
    name = hall.web.site.cookie
    for cookie in (begun, session, ended):
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert (begun.partition("=")[0], session.partition("=")[0]) == (name + FLOW, name)
    assert "Max-Age=600" in begun
    assert ended.startswith(f"{name}{FLOW}=;")
    assert "Max-Age=0" in ended


def test_with_tls_the_cookie_is_of_this_host_alone() -> None:
    site = PublicSite(origin="https://m.example.com", aliases=frozenset(), embed_origins=())
    header = flows.FlowCookie(site, KEY).set(flows.begun("ours", "/")).decode()
    assert header.startswith("__Host-tallywire-sign-in=")
    assert header.endswith("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure")


async def test_pages_are_told_which_providers_there_are(hall: Hall) -> None:
    found = await hall.browser.ask("GET", "/auth/providers")
    assert [one["name"] for one in found.error["providers"]] == ["ours", "others"]
    assert found.error["providers"][0] == {"name": "ours", "label": "Acme <Login>"}
    assert found.headers["cache-control"] == "public, max-age=60"
    for path in ("/auth/start?provider=nobody", "/auth/start", "/auth/else"):
        assert (await hall.browser.ask("GET", path)).status == 404
    assert (await hall.browser.ask("POST", "/auth/start?provider=ours")).status == 405


async def test_an_answer_with_another_state_signs_nobody_in(hall: Hall) -> None:
    path = await hall.sent_back()
    state = urllib.parse.parse_qs(path.partition("?")[2])["state"][0]
    answer = await hall.back(path.replace(state, f"{state}x"))
    assert (answer.status, await hall.subject()) == (400, "")
    # That was this sign-in's only chance.
    assert (await hall.back(path)).status == 400
    assert hall.ours.tokens == []
    # A state that stands there twice is none.
    path = await hall.sent_back()
    assert (await hall.back(f"{path}&state=x")).status == 400


async def test_an_answer_without_the_cookie_of_its_sign_in_signs_nobody_in(hall: Hall) -> None:
    path = await hall.sent_back()
    cookies, hall.browser.cookies = hall.browser.cookies, {}
    assert (await hall.back(path)).status == 400  # sent to somebody else
    name = hall.web.site.cookie + FLOW
    value = cookies[name]
    hall.browser.cookies = {name: value[:-8] + "AAAAAAA="}
    assert (await hall.back(path)).status == 400  # not sealed by us
    assert (hall.ours.tokens, await hall.subject()) == ([], "")


async def test_an_answer_that_is_replayed_signs_nobody_in(hall: Hall) -> None:
    path = await hall.sent_back()
    begun = dict(hall.browser.cookies)
    assert (await hall.back(path)).status == 303
    session, hall.browser.cookies = dict(hall.browser.cookies), {}
    hall.browser.cookies = {name: value for name, value in session.items() if name.endswith(FLOW)}
    assert (await hall.back(path)).status == 400
    hall.browser.cookies = begun  # even with the cookie: providers take a code once
    answer = await hall.back(path)
    assert (answer.status, await hall.subject()) == (401, "")
    assert len(hall.ours.tokens) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"nonce": 7},
        {"nonce": "\ud800"},
        {"aud": "another client"},
        {"aud": ["another client", CLIENT_ID], "azp": "another client"},
        {"iss": "https://login.example.org"},
    ],
)
async def test_a_token_that_is_of_another_sign_in_or_client_signs_nobody_in(hall: Hall, claims: dict[str, Any]) -> None:
    hall.ours.person |= claims
    answer = await hall.signed_in()
    assert (answer.status, await hall.subject()) == (401, "")
    assert b"What Acme &lt;Login&gt; answers is not good" in answer.body


async def test_a_token_that_is_signed_by_nobody_known_signs_nobody_in(hall: Hall) -> None:
    key, token = new_key(), hall.ours.token
    hall.ours.token = lambda **claims: token(key=key, **claims)  # type: ignore[method-assign]
    answer = await hall.signed_in()
    assert (answer.status, await hall.subject()) == (401, "")
    assert b"it is not signed by a known key" in answer.body


async def test_a_code_counts_with_its_verifier_alone(hall: Hall) -> None:
    theirs = urllib.parse.parse_qs((await hall.sent_back()).partition("?")[2])["code"][0]
    mine = await hall.sent_back()
    code = urllib.parse.parse_qs(mine.partition("?")[2])["code"][0]
    answer = await hall.back(mine.replace(code, theirs))  # somebody else's code, put into this browser
    assert (answer.status, await hall.subject(), hall.ours.tokens) == (401, "", [])


async def test_what_a_provider_says_is_told_without_its_text(hall: Hall) -> None:
    hall.ours.refusal = "access_denied"
    answer = await hall.signed_in()
    assert (answer.status, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert b"Acme &lt;Login&gt; says access_denied" in answer.body
    assert b"script" not in answer.body
    hall.ours.refusal = "<b>bad</b>"
    answer = await hall.signed_in()
    assert (answer.status, b"says an error" in answer.body, b"<b>" in answer.body) == (403, True, False)


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/.//evil.example",
        "/overview//../..//evil.example",
        "javascript:alert(1)",
        "overview",
        "/auth/start?provider=others",
        "/é",
        "/a\r\nset-cookie: x=y",
        "/" + "a" * 2_000,
        "",
    ],
)
def test_people_are_led_to_our_own_pages_alone(to: str) -> None:
    assert flows.own_path(to) == "/"


@pytest.mark.parametrize("to", ["/", "/overview?from=2026-01-01&filter=agent%3Da//b", "/agents/a%20b"])
def test_people_go_on_where_they_were(to: str) -> None:
    assert flows.own_path(to) == to


async def test_an_address_elsewhere_leads_to_the_first_page(hall: Hall) -> None:
    assert (await hall.signed_in(to="//evil.example/")).headers["location"] == "/"


async def test_a_provider_that_is_away_is_told(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid_clients, "_AGAIN_SECONDS", 0.0)
    await until(lambda: "/keys" in hall.ours.fetches)  # the service has what it needs
    hall.ours.is_away = True
    answer = await hall.browser.ask("GET", "/auth/start?provider=ours")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    assert b"Acme &lt;Login&gt; does not answer" in answer.body
    hall.ours.is_away = False
    path = await hall.sent_back()
    hall.ours.code_status = 500
    assert (await hall.back(path)).status == 503
    hall.ours.code_status = 200
    assert (await hall.signed_in()).status == 303


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://login.example.org"},
        {"authorization_endpoint": "http://login.example.org/"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_document_that_leads_elsewhere_is_not_followed(hall: Hall, document: dict[str, Any]) -> None:
    hall.ours.discovery = document
    assert (await hall.browser.ask("GET", "/auth/start?provider=ours")).status == 503


async def test_somebody_without_a_role_is_told_whom_to_ask(hall: Hall) -> None:
    hall.ours.person["role"] = "nothing"
    answer = await hall.signed_in()
    assert (answer.status, await hall.subject()) == (403, "")
    assert b"You have no role here" in answer.body


async def test_an_answer_of_one_provider_does_not_count_for_another(hall: Hall) -> None:
    hall.ours.answer_more = {"iss": hall.others.issuer}
    answer = await hall.signed_in()
    assert (answer.status, hall.ours.codes != {}, hall.ours.tokens) == (401, True, [])
    hall.ours.answer_more = {"iss": hall.ours.issuer}
    assert (await hall.signed_in()).status == 303
    # Whoever says in its document that answers name it must do so.
    hall.others.discovery = {"authorization_response_iss_parameter_supported": True}
    assert (await hall.signed_in("others")).status == 401
    hall.others.answer_more = {"iss": hall.others.issuer}
    assert (await hall.signed_in("others")).status == 303


async def test_a_token_of_one_provider_does_not_count_for_another(hall: Hall) -> None:
    path = await hall.sent_back()
    asked = next(iter(hall.ours.codes.values()))
    hall.ours.token = lambda **_: hall.others.token(aud=CLIENT_ID, nonce=asked["nonce"], role="viewer")  # type: ignore[method-assign]
    assert ((await hall.back(path)).status, await hall.subject()) == (401, "")


async def test_ten_wrong_sign_ins_in_a_minute_and_the_address_waits(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_WINDOW_SECONDS", 3600.0)  # a slow machine takes longer than a minute
    hall.ours.person["nonce"] = "wrong"
    for _ in range(10):
        assert (await hall.signed_in()).status == 401
    hall.ours.person.pop("nonce")
    answer = await hall.signed_in()
    assert (answer.status, int(answer.headers["retry-after"]) > 0) == (429, True)
    assert (await hall.browser.sign_in(hall.caller.key.secret)).status == 429  # they count together


async def test_nothing_secret_is_logged(
    hall: Hall, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_throttle, "write", log_throttle.Lines().write)
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        path = await hall.sent_back()
        cookie = hall.flow_cookie
        assert (await hall.back(path)).status == 303
        hall.ours.person["nonce"] = "wrong"
        assert (await hall.signed_in()).status == 401
    told = f"{logs}{caplog.text}"
    assert "the identity token is of another sign-in" in told
    code, state = (urllib.parse.parse_qs(path.partition("?")[2])[name][0] for name in ("code", "state"))
    session = hall.browser.cookies[hall.web.site.cookie]
    for secret in (code, state, cookie, session, *hall.ours.tokens, hall.ours.tokens[0].split(".")[2]):
        assert secret not in told


@pytest.mark.parametrize(("method", "how"), [("client_secret_basic", "basic"), ("client_secret_post", "form")])
async def test_a_confidential_client_shows_its_secret(hall: Hall, tmp_path: Path, method: str, how: str) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    hall.ours.secret = SECRET
    hall.ours.discovery = {"token_endpoint_auth_methods_supported": [method]}
    path = written(tmp_path, hall.caller, {"ours": hall.ours}, client_secret_file=str(tmp_path / "secret"))
    async with web_of(hall, path):
        assert (await hall.signed_in()).status == 303
        assert hall.ours.exchanges == [how]
        assert (await hall.subject()).endswith(":ada")


async def test_operators_are_told_what_a_provider_has_against_us(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_throttle, "write", log_throttle.Lines().write)
    hall.ours.secret = SECRET  # which the file does not name
    with capture_logs() as logs:
        answer = await hall.signed_in()
    assert (answer.status, b"invalid_client" in answer.body) == (401, False)
    assert [one["why"] for one in logs if "why" in one] == [
        "the token endpoint refuses the code with status 401, invalid_client"
    ]


async def test_an_alias_of_the_origin_begins_at_the_origin(hall: Hall) -> None:
    port = hall.web.address.rpartition(":")[2]
    answer = await hall.browser.ask(
        "GET", "/auth/start?provider=ours&to=%2Fagents", headers={"host": f"localhost:{port}"}
    )
    assert answer.headers["location"] == f"{hall.web.site.origin}/auth/start?provider=ours&to=%2Fagents"
    assert answer.status == 303


def test_web_processes_with_one_key_go_on_with_each_other_s_sign_ins() -> None:
    site = PublicSite(origin="https://m.example.com", aliases=frozenset(), embed_origins=())
    flow = flows.begun("ours", "/agents")
    header = flows.FlowCookie(site, KEY).set(flow).decode().partition(";")[0]
    assert flows.FlowCookie(site, KEY).flow({"cookie": header}) == flow
    assert flows.FlowCookie(site, f"{KEY}!").flow({"cookie": header}) is None
    assert flows.FlowCookie(site, None).flow({"cookie": header}) is None


def test_a_sign_in_that_takes_long_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    site = PublicSite(origin="https://m.example.com", aliases=frozenset(), embed_origins=())
    cookie = flows.FlowCookie(site, KEY)
    monkeypatch.setattr(flows, "SECONDS", 0)
    header = cookie.set(flows.begun("ours", "/")).decode().partition(";")[0]
    assert cookie.flow({"cookie": header}) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"audiences": ["another"]}, "audiences must name the client_id"),
        ({"scopes": ["email"]}, "openid one of them"),
        ({"scopes": ["openid email"]}, "scopes must be names without spaces"),
        ({"client_id": None}, "label needs client_id"),
        ({"client_secret_file": "/nowhere/secret"}, "client_secret_file=/nowhere/secret: No such file"),
    ],
)
def test_what_is_wrong_with_a_client_is_one_line(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    table = {
        "issuer": "https://login.example.org",
        "audiences": ["pages"],
        "client_id": "pages",
        "label": "Login",
        **changes,
    }
    path = tmp_path / "providers.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items() if value is not None]
    path.write_text("\n".join(["[providers.ours]", *lines]))

    def clients() -> list[openid_clients.OpenIdClient]:
        return [openid_clients.OpenIdClient(one, "https://m.example.com/back") for one in identity_file.clients(path)]

    with pytest.raises(errors.SetupError) as told:
        clients()
    assert problem in str(told.value)
    assert "\n" not in str(told.value)
