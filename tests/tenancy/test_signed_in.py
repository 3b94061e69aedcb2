"""Sessions of those who are signed in: who sees them, and who ends them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest

from server.store.isolation import EVERY
from server.tenancy import api_keys
from server.tenancy.principal import Scope
from tests.support import administering, serving, waiting
from tests.support.administering import asked, operator, reason
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller, holding


async def one(caller: Caller, rpc: str, **fields: Any) -> Any:
    (answer,) = await answers(caller, f"AccountService/{rpc}", fields)
    return answer


async def why(caller: Caller, rpc: str, **fields: Any) -> str:
    return await administering.reason_of(caller, f"AccountService/{rpc}", **fields)


async def signed_in(caller: Caller, name: str = "") -> Caller:
    """A session of a key: of the key itself, or of somebody by name."""
    shown = {"api_key": caller.key.secret}
    if name:
        shown = {"code": (await one(caller, "CreateSignInCode", subject=name)).code}
    return holding(caller, (await one(holding(caller, "nothing"), "SignIn", **shown)).credential)


async def its_id(session: Caller) -> str:
    return (await one(session, "GetSession")).session.session_id


async def ids(caller: Caller, **fields: Any) -> Sequence[str]:
    return [found.session_id for found in (await one(caller, "ListOwnSessions", **fields)).sessions]


async def all_ids(caller: Caller, **fields: Any) -> Sequence[str]:
    return [found.session_id for found in (await asked(caller, "ListSessions", **fields)).sessions]


async def is_over(session: Caller) -> bool:
    return await why(session, "GetSession") == "CREDENTIALS_INVALID"


async def test_people_see_and_end_their_own_sessions(accounts: Accounts) -> None:
    owner = await administering.admin(accounts)
    ada, elsewhere, bob = [await signed_in(owner, name) for name in ("ada", "ada", "bob")]
    by_key = await signed_in(owner)
    shown = (await one(ada, "ListOwnSessions")).sessions
    assert [found.session_id for found in shown] == [await its_id(elsewhere), await its_id(ada)]
    assert [found.is_current for found in shown] == [False, True]
    assert {(found.subject, found.key_id, found.role) for found in shown} == {("user:ada", owner.key.key_id, "")}
    assert shown[1].HasField("last_used_at")
    assert shown[1].created_at.ToNanoseconds() < shown[1].idle_until.ToNanoseconds()
    assert owner.key.secret.split("_")[2] not in str(shown)
    assert await ids(by_key) == await ids(owner) == [await its_id(by_key)], "the key itself is one subject"
    assert await ids(bob) == [await its_id(bob)]

    gone = await its_id(elsewhere)
    ended = (await one(ada, "RevokeOwnSession", session_id=gone)).session
    assert ended.HasField("revoked_at")
    assert (await one(ada, "RevokeOwnSession", session_id=gone)).session == ended
    await waiting.until(lambda: is_over(elsewhere))
    assert await ids(ada) == [await its_id(ada)]
    told = [entry for entry in await administering.trail(owner) if entry[2] == "session.revoked"]
    assert told == [("key", await its_id(ada), "session.revoked", gone)], "once"


async def test_nobody_ends_the_sessions_of_others(accounts: Accounts) -> None:
    owner, stranger = await administering.admin(accounts), await administering.admin(accounts)
    ada, bob = await signed_in(owner, "ada"), await signed_in(owner, "bob")
    same_name = await signed_in(stranger, "ada")
    another = await accounts.another(owner, scopes=(Scope.READ,))
    for caller in (bob, same_name, another, stranger, owner):
        assert await why(caller, "RevokeOwnSession", session_id=await its_id(ada)) == "SESSION_NOT_FOUND"
        assert (await one(caller, "RevokeOtherSessions")).revoked_count == 0
    for session_id in (owner.key.key_id, another.key.key_id, "none"):
        assert await why(another, "RevokeOwnSession", session_id=session_id) == "SESSION_NOT_FOUND", "a key is none"
        assert await reason(owner, "RevokeSession", session_id=session_id) == "SESSION_NOT_FOUND"
    assert await why(ada, "RevokeOwnSession") == "REQUIRED_FIELD"
    assert await reason(stranger, "RevokeSession", session_id=await its_id(ada)) == "SESSION_NOT_FOUND"
    assert await reason(another, "ListSessions") == "SCOPE_MISSING"
    for session in (ada, bob, same_name):
        assert not await is_over(session)


async def test_everywhere_else_is_signed_out(accounts: Accounts) -> None:
    owner = await administering.admin(accounts)
    here, *elsewhere = [await signed_in(owner, "ada") for _ in range(4)]
    bob = await signed_in(owner, "bob")
    counts = await asyncio.gather(*(one(here, "RevokeOtherSessions") for _ in range(3)))
    assert sum(found.revoked_count for found in counts) == 3
    for session in elsewhere:
        await waiting.until(lambda session=session: is_over(session))
    assert await ids(here) == [await its_id(here)]
    assert not await is_over(bob)
    mine = [await signed_in(owner) for _ in range(2)]
    assert (await one(owner, "RevokeOtherSessions")).revoked_count == 2, "a key ends all that come from it"
    await waiting.until(lambda: is_over(mine[0]))


async def test_admins_and_operators_see_and_end_all_of_an_organization(accounts: Accounts) -> None:
    owner, above = await administering.admin(accounts), await operator(accounts)
    named = await accounts.another(owner, scopes=(Scope.READ,))
    ada, by_key = await signed_in(owner, "ada"), await signed_in(named)
    both = [await its_id(by_key), await its_id(ada)]
    assert await all_ids(owner) == await all_ids(above, organization=owner.name) == both
    assert await all_ids(owner, subject="user:ada") == both[1:]
    assert await all_ids(owner, subject=f"key:{named.key.key_id}") == both[:1]
    assert await all_ids(owner, key_id=named.key.key_id) == both[:1]
    assert not await all_ids(owner, key_id="none")
    assert await reason(above, "ListSessions") == "REQUIRED_FIELD"
    ended = await asked(owner, "RevokeSession", session_id=both[0])
    again = await asked(above, "RevokeSession", organization=owner.name, session_id=both[0])
    assert ended == again
    await waiting.until(lambda: is_over(by_key))
    await asked(above, "RevokeSession", organization=owner.name, session_id=both[1])
    assert not await all_ids(owner)
    told = [entry for entry in await administering.trail(owner) if entry[2] == "session.revoked"]
    assert [(entry[0], entry[3]) for entry in told] == [("key", both[0]), ("operator", both[1])]


async def test_sessions_that_are_over_are_not_listed(accounts: Accounts) -> None:
    owner = await administering.admin(accounts)
    named = await accounts.another(owner, scopes=(Scope.READ,))
    idle, out, orphan = await signed_in(owner), await signed_in(owner), await signed_in(named)
    idle_id = await its_id(idle)
    await its_id(orphan)
    async with accounts.database.transaction(of=EVERY) as driver:
        await driver.execute("UPDATE api_keys SET idle_until = now() WHERE key_id = $1", idle_id)
    await one(out, "SignOut")
    await api_keys.revoke_key(accounts.database, named.key.key_id)
    assert not await all_ids(owner)
    assert (await asked(owner, "RevokeSession", session_id=idle_id)).session.session_id == idle_id


async def test_pages_of_sessions(accounts: Accounts) -> None:
    owner, other = await administering.admin(accounts), await administering.admin(accounts)
    made = [await its_id(await signed_in(owner, "ada")) for _ in range(5)]
    ada = await signed_in(owner, "ada")
    made.append(await its_id(ada))
    for rpc in ("ListOwnSessions", "ListSessions"):
        ask = one if rpc == "ListOwnSessions" else asked
        caller, seen, token, pages = (ada if rpc == "ListOwnSessions" else owner), list[str](), "", 0
        while pages == 0 or token:
            page = await ask(caller, rpc, page_size=4, page_token=token)
            seen += [found.session_id for found in page.sessions]
            token, pages, last = page.next_page_token, pages + 1, token or page.next_page_token
        assert (seen, pages) == (made[::-1], 2)
    assert await reason(other, "ListSessions", page_token=last) == "PAGE_TOKEN_INVALID"
    assert await reason(owner, "ListSessions", page_token=last, subject="user:ada") == "PAGE_TOKEN_MISMATCH"
    first = await one(ada, "ListOwnSessions", page_size=4)
    assert await why(await signed_in(owner, "bob"), "ListOwnSessions", page_token=first.next_page_token) == (
        "PAGE_TOKEN_MISMATCH"
    )


async def test_streams_of_a_revoked_session_end(accounts: Accounts) -> None:
    owner = await administering.admin(accounts)
    session = await signed_in(owner)
    session_id = await its_id(session)
    watch = session.channel.unary_stream("/tallywire.v1.RealtimeService/WatchMetrics")
    call = watch(b"", metadata=session.metadata, timeout=60)
    assert await call.read() is not grpc.aio.EOF
    await asked(owner, "RevokeSession", session_id=session_id)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await _read_on(call)
    assert serving.refusal(ended.value).reason == "CREDENTIALS_INVALID"


async def _read_on(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass
