"""What clients make for people: sign-in codes, embed tokens, dashboards; in ordinary code and on asyncio alike."""

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

import tallywire
from server.app import Running
from server.tenancy.principal import Scope
from tallywire import accounts as client_accounts
from tallywire import aio_accounts, aio_dashboards
from tallywire import dashboards as client_dashboards
from tests.support.rpcs import answers
from tests.support.serving import Accounts

HOST = "https://app.example.com"


async def _ordinary(client: tallywire.Client, path: str, *arguments: Any, **options: Any) -> Any:
    group, _, name = path.partition(".")
    return await asyncio.to_thread(getattr(getattr(client, group), name), *arguments, **options)


async def _on_asyncio(client: tallywire.AsyncClient, path: str, *arguments: Any, **options: Any) -> Any:
    group, _, name = path.partition(".")
    return await getattr(getattr(client, group), name)(*arguments, **options)


async def every(client: Any, path: str) -> list[Any]:
    """The rows of a list, of either kind of client."""
    group, _, name = path.partition(".")
    call = getattr(getattr(client, group), name)
    if isinstance(client, tallywire.AsyncClient):
        return [one async for one in call()]
    return await asyncio.to_thread(lambda: list(call()))


@pytest.mark.parametrize("kind", [tallywire.Client, tallywire.AsyncClient])
async def test_a_backend_makes_links_panels_and_dashboards(server: Running, accounts: Accounts, kind: Any) -> None:
    caller = await accounts.caller(scopes=(Scope.ADMIN,))
    client = kind(server.address, api_key=caller.key.secret)
    use: Any = _on_asyncio if kind is tallywire.AsyncClient else _ordinary
    try:
        session = await use(client, "accounts.session")
        assert (session.session_id, session.organization.name) == (caller.key.key_id, caller.name)
        code = await use(client, "accounts.sign_in_code", subject="ada", scopes=["read"])
        assert code.code.startswith("tw_")
        where, lifetime = {"agent": "bot-1"}, timedelta(minutes=10)
        token = await use(client, "accounts.embed_token", [HOST], where=where, lifetime=lifetime)
        panel = kind(server.address, api_key=token.token)
        told = await use(panel, "accounts.session")
        assert (told.embed.filter.dimensions[0].value, list(told.embed.origins)) == ("bot-1", [HOST])
        closed = panel.close()
        if inspect.isawaitable(closed):
            await closed
        with pytest.raises(TypeError):
            await use(client, "accounts.embed_token", HOST)

        link = await use(client, "accounts.sign_in_code")
        await answers(caller, "AccountService/SignIn", {"code": link.code})
        (signed_in,) = await every(client, "accounts.sessions")
        assert (signed_in.key_id, signed_in.is_current) == (caller.key.key_id, False)
        assert (await use(client, "accounts.revoke_session", signed_in.session_id)).HasField("revoked_at")
        assert await use(client, "accounts.revoke_other_sessions") == 0
        assert not await every(client, "accounts.sessions")

        made = await use(client, "dashboards.create", client_dashboards.Dashboard(title="Support"))
        made.title = "Changed"
        changed = await use(client, "dashboards.update", made)
        with pytest.raises(tallywire.FailedPrecondition):
            await use(client, "dashboards.update", made)
        assert [one.title for one in await use(client, "dashboards.list")] == ["Changed"]
        assert (await use(client, "dashboards.get", made.dashboard_id, version=1)).title == "Support"
        await use(client, "dashboards.delete", made.dashboard_id, etag=changed.etag)
        with pytest.raises(tallywire.NotFound):
            await use(client, "dashboards.get", made.dashboard_id)
    finally:
        closed = client.close()
        if inspect.isawaitable(closed):
            await closed


@pytest.mark.parametrize(
    ("ordinary", "on_asyncio"),
    [
        (client_accounts.Accounts, aio_accounts.AsyncAccounts),
        (client_dashboards.Dashboards, aio_dashboards.AsyncDashboards),
    ],
)
def test_both_kinds_take_the_same(ordinary: Any, on_asyncio: Any) -> None:
    def taken(kind: Any) -> dict[str, str]:
        return {
            name: str(inspect.signature(value).parameters)
            for name, value in vars(kind).items()
            if not name.startswith("_") and callable(value)
        }

    assert taken(ordinary) == taken(on_asyncio)
