"""Who may call what: every RPC of the contract is called by every kind of caller, with an empty request.

What is expected follows from the table of scopes, the built-in roles and the rules of restricted callers and embed
tokens; nothing of it is copied here. A call is refused with the very reason that follows from them, or let through:
then it may answer whatever it likes, but no refusal of authorization.
"""

import asyncio
import json
import pathlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from server.errors import Reason
from server.organizations.organization import OrganizationState
from server.organizations.restriction import Restriction
from server.rpc import embedding, restricting, services
from server.settings import Settings
from server.tenancy import administration, api_keys, bad_credentials
from server.tenancy.principal import Scope
from server.tenancy.roles import BUILT_IN
from tests.support import administering, certified, identity_provider, serving, waiting
from tests.support.certificates import Certificates
from tests.support.rpcs import METHODS, answers
from tests.support.serving import Accounts, Caller

SIGN_OUT = "/tallywire.v1.AccountService/SignOut"  # ends what it is called with
SPIFFE = "spiffe://example.org/collector"
SALES = Restriction(dimension="team", values=("sales",))
# What refuses callers because of who they are. Whatever else an answer says, the caller was let through.
REASONS = {
    Reason.CREDENTIALS_MISSING,
    Reason.CREDENTIALS_INVALID,
    Reason.AMBIGUOUS_CREDENTIALS,
    Reason.AUTH_RATE_LIMIT,
    Reason.SCOPE_MISSING,
    Reason.TENANT_SUSPENDED,
    Reason.RESTRICTED,
    Reason.NETWORK_NOT_ALLOWED,
    Reason.EMBED_NOT_ALLOWED,
    Reason.NOT_FOR_OPERATORS,
    Reason.NO_ROLE,
}
LET_THROUGH = ("", "")
ADMINISTRATION = "/tallywire.v1.AdminService/"
ROLES_OF_CLAIMS = 'role_claim = "role"\nroles = {viewer = "viewer", editor = "editor", admin = "admin"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a kind of caller is known to have; refused: why it gets nothing at all."""

    scopes: Collection[Scope] = ()
    is_restricted: bool = False
    is_embedded: bool = False
    is_operator: bool = False
    refused: Reason | None = None


def expected(method: str, rights: Rights) -> tuple[str, str]:
    """The reason for which a caller is refused, and the scope that it lacks, if that is why."""
    if method in services.OPEN:
        return LET_THROUGH
    if rights.refused is not None:
        return rights.refused.name, ""
    if rights.is_operator:
        return LET_THROUGH if method.startswith(ADMINISTRATION) else (Reason.NOT_FOR_OPERATORS.name, "")
    needs = services.SCOPES[method]
    if needs not in rights.scopes and Scope.ADMIN not in rights.scopes:
        return Reason.SCOPE_MISSING.name, needs.value
    if rights.is_embedded and method not in {*embedding.METHODS.values(), embedding.ALWAYS}:
        return Reason.EMBED_NOT_ALLOWED.name, ""
    if rights.is_restricted and method not in restricting.NARROWED | restricting.OPEN | restricting.WITHIN:
        return Reason.RESTRICTED.name, ""
    return LET_THROUGH


_TRIES = 10


async def found(caller: Caller, method: str) -> tuple[str, str]:
    """How an empty request is answered, in the same words."""
    for _ in range(_TRIES):
        try:
            await first_answer(caller, method)
        except grpc.aio.AioRpcError as error:
            refused = error
            # gRPC's client could not send, since the call was over already, and keeps to itself how it ended.
            if "execute_batch" not in (error.debug_error_string() or ""):
                break
        else:
            return LET_THROUGH
    reason = serving.refusal(refused).reason
    assert reason not in ("", Reason.INTERNAL.name), (method, refused)
    return (reason, serving.info(refused).get("scope", "")) if reason in {one.name for one in REASONS} else LET_THROUGH


async def first_answer(caller: Caller, method: str) -> None:
    """Sends an empty request, and waits for the first message of the answer or for its end."""
    kind, options = STREAMING.get(method, (False, False)), {"metadata": caller.metadata, "timeout": 60}
    if kind == (False, False):
        await caller.channel.unary_unary(method)(b"", **options)
        return
    streams = caller.channel.stream_stream(method) if kind[0] else caller.channel.unary_stream(method)
    call = streams(iter([b""]) if kind[0] else b"", **options)
    try:
        async for _ in call:
            return
    finally:
        call.cancel()


# Kinds of callers


async def of_role(accounts: Accounts, role: str, **more: Any) -> Caller:
    return await accounts.caller(scopes=tuple(BUILT_IN[role]), role=role, **more)


async def nobody(accounts: Accounts) -> Caller:
    return serving.holding(await accounts.caller(), "")


async def with_a_bad_key(accounts: Accounts) -> Caller:
    return serving.holding(await accounts.caller(), api_keys.new_key().secret)


async def revoked(accounts: Accounts) -> Caller:
    caller = await of_role(accounts, "admin")
    await api_keys.revoke_key(accounts.database, caller.key.key_id)
    return caller


async def suspended(accounts: Accounts) -> Caller:
    caller = await of_role(accounts, "admin")
    await administration.set_state(accounts.database, caller.name, OrganizationState.SUSPENDED)
    return caller


async def in_a_session(accounts: Accounts, role: str = "editor", **more: Any) -> Caller:
    caller = await of_role(accounts, role, **more)
    [answer] = await answers(caller, "AccountService/SignIn", {"api_key": caller.key.secret})
    return serving.holding(caller, answer.credential)


async def embedded(accounts: Accounts) -> Caller:
    caller = await of_role(accounts, "editor")
    asked = {"origins": ["https://app.example.com"], "rpcs": list(embedding.METHODS)}
    [answer] = await answers(caller, "AccountService/CreateEmbedToken", asked)
    return serving.holding(caller, answer.token)


Make = Callable[[Accounts], Awaitable[Caller]]
SENDS = (Scope.INGEST, Scope.BACKFILL)
KINDS: Mapping[str, tuple[Make, Rights]] = {
    "no credential": (nobody, Rights(refused=Reason.CREDENTIALS_MISSING)),
    "bad key": (with_a_bad_key, Rights(refused=Reason.CREDENTIALS_INVALID)),
    "revoked key": (revoked, Rights(refused=Reason.CREDENTIALS_INVALID)),
    "suspended organization": (suspended, Rights(refused=Reason.TENANT_SUSPENDED)),
    **{
        role: (lambda accounts, role=role: of_role(accounts, role), Rights(scopes=scopes))
        for role, scopes in BUILT_IN.items()
    },
    "ingest key": (lambda accounts: accounts.caller(scopes=SENDS), Rights(scopes=SENDS)),
    "restricted viewer": (
        lambda accounts: of_role(accounts, "viewer", restriction=SALES),
        Rights(scopes=BUILT_IN["viewer"], is_restricted=True),
    ),
    "restricted editor": (
        lambda accounts: of_role(accounts, "editor", restriction=SALES),
        Rights(scopes=BUILT_IN["editor"], is_restricted=True),
    ),
    "session": (in_a_session, Rights(scopes=BUILT_IN["editor"])),
    "restricted session": (
        lambda accounts: in_a_session(accounts, "analyst", restriction=SALES),
        Rights(scopes=BUILT_IN["analyst"], is_restricted=True),
    ),
    "operator": (administering.operator, Rights(is_operator=True)),
    "embed token": (embedded, Rights(scopes=(Scope.READ,), is_embedded=True)),
}


def path(rpc: str) -> str:
    return f"/{METHODS[rpc].containing_service.full_name}/{METHODS[rpc].name}"


# Whether requests are streams, and whether answers are.
STREAMING = {path(rpc): (method.client_streaming, method.server_streaming) for rpc, method in METHODS.items()}


def test_the_matrix_has_every_rpc_of_the_contract() -> None:
    everything = {path(rpc) for rpc in METHODS}
    assert everything <= services.SCOPES.keys() | services.OPEN
    assert not services.SCOPES.keys() & services.OPEN
    assert {one for one in services.SCOPES if one.startswith("/tallywire.")} | services.OPEN == everything


@pytest.mark.parametrize("kind", KINDS)
async def test_every_rpc_is_for_those_that_its_scope_names(
    accounts: Accounts, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bad_credentials, "BAD_PER_WINDOW", 1_000)  # the same bad credential is shown to each RPC
    make, rights = KINDS[kind]
    assert not await wrong(await make(accounts), rights)


async def wrong(caller: Caller, rights: Rights) -> Mapping[str, str]:
    """The RPCs that a caller is let into or refused against its rights."""
    methods = [one for one in (*services.SCOPES, *services.OPEN) if one != SIGN_OUT]
    outcomes = dict(zip(methods, await asyncio.gather(*(found(caller, one) for one in methods)), strict=True))
    outcomes[SIGN_OUT] = await found(caller, SIGN_OUT)
    return {
        method: f"{outcome}, not {expected(method, rights)}"
        for method, outcome in outcomes.items()
        if outcome != expected(method, rights)
    }


async def test_identity_tokens_may_do_what_their_roles_may(
    settings: Settings, accounts: Accounts, tmp_path: pathlib.Path
) -> None:
    """Each role, and a suspended organization, at a server that trusts their provider."""
    own, other = await accounts.caller(), await accounts.caller()
    async with identity_provider.running() as provider:
        table = {**provider.table, "organization_claim": "tenant", "organizations": [own.name, other.name]}
        lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        path = tmp_path / "providers.toml"
        path.write_text("\n".join(["[providers.ours]", *lines, ROLES_OF_CLAIMS]))
        async with (
            serving.running(settings, identity_providers=path) as server,
            grpc.aio.insecure_channel(server.address) as channel,
        ):
            caller = serving.through(own, channel)

            async def by(role: str, name: str, rights: Rights) -> Mapping[str, str]:
                return await wrong(serving.holding(caller, provider.token(role=role, tenant=name)), rights)

            for role in ("viewer", "editor", "admin"):
                assert not await by(role, own.name, Rights(scopes=BUILT_IN[role])), role
            assert not await by("nothing", own.name, Rights(refused=Reason.NO_ROLE))
            await administration.set_state(accounts.database, other.name, OrganizationState.SUSPENDED)
            assert not await by("admin", other.name, Rights(refused=Reason.TENANT_SUSPENDED))


async def test_client_certificates_may_do_what_their_roles_may(
    settings: Settings, accounts: Accounts, certificate: Certificates, tmp_path: pathlib.Path
) -> None:
    """Each role, of two organizations, at servers that know one program by its SPIFFE id and one by its common name."""
    own, other = await accounts.caller(), await accounts.caller()
    for name, roles in (("first", ("viewer", "editor")), ("second", ("admin", "nothing"))):
        file = tmp_path / f"{name}.toml"
        file.write_text(_programs((own, roles[0]), (other, roles[1])))
        async with serving.running(settings, identity_providers=file, **certified.tls(certificate)) as server:
            pairs = ((certificate.program, own), (certificate.client, other))
            for (pair, owner), role in zip(pairs, roles, strict=True):
                async with certified.shown(server.address, certificate, pair, owner) as caller:
                    has = Rights(scopes=BUILT_IN[role]) if role in BUILT_IN else Rights(refused=Reason.NO_ROLE)
                    assert not await wrong(caller, has), role
                    if role in BUILT_IN:  # whose it is follows from the certificate alone
                        [answer] = await answers(caller, "AccountService/GetSession", {})
                        assert answer.session.organization.name == owner.name
            async with certified.shown(server.address, certificate, certificate.nobody, own) as caller:
                assert not await wrong(caller, Rights(refused=Reason.CREDENTIALS_MISSING)), "one that nobody has named"


async def test_client_certificates_of_other_and_of_suspended_organizations(
    settings: Settings, accounts: Accounts, certificate: Certificates, tmp_path: pathlib.Path
) -> None:
    own, other = await accounts.caller(), await accounts.caller()
    file = tmp_path / "programs.toml"
    file.write_text(_programs((own, "admin"), (other, "admin")))
    async with (
        serving.running(settings, identity_providers=file, **certified.tls(certificate)) as server,
        certified.shown(server.address, certificate, certificate.program, own) as caller,
        certified.shown(server.address, certificate, certificate.client, other) as foreign,
    ):
        for one, another in ((caller, other), (foreign, own)):
            named = {"organization": another.name}
            assert await administering.reason(one, "GetOrganization", **named) == Reason.ORGANIZATION_NOT_FOUND.name
            assert await administering.reason(one, "ListKeys", **named) == Reason.ORGANIZATION_NOT_FOUND.name
            assert await administering.reason(one, "RevokeKey", key_id=another.key.key_id) == Reason.KEY_NOT_FOUND.name
        await administration.set_state(accounts.database, other.name, OrganizationState.SUSPENDED)

        async def is_suspended() -> bool:
            return await found(foreign, SIGN_OUT) == (Reason.TENANT_SUSPENDED.name, "")

        await waiting.until(is_suspended)
        assert not await wrong(foreign, Rights(refused=Reason.TENANT_SUSPENDED))
        assert not await wrong(caller, Rights(scopes=BUILT_IN["admin"])), "the other one goes on"


def _programs(*of: tuple[Caller, str]) -> str:
    """A file that names two programs: the organization of each, and its role."""
    lines = []
    for number, (one, role) in enumerate(of):
        identity = (f'spiffe_id = "{SPIFFE}"', 'common_name = "client"')[number]
        whose = f"organization = {json.dumps(one.name)}"
        lines += [f"[certificates.program{number}]", identity, whose, f"role = {json.dumps(role)}"]
    return "\n".join(lines)
