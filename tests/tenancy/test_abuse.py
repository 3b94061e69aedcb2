"""What somebody tries with credentials and tokens that are not theirs, or no longer good, or never were."""

import ast
import asyncio
import base64
import json
import pathlib
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

import server as service
from server.app import Running
from server.clock import Clock
from server.delivery.links import Links
from server.organizations.api_key import CODE_LIFETIME
from server.query.page_tokens import ListPlace, PageTokens
from server.store.database import Database
from server.store.isolation import EVERY
from server.tenancy import api_keys, authentication, bad_credentials, embed_tokens
from server.tenancy.authentication import Authenticator
from server.tenancy.embed_tokens import EmbedTokens
from server.tenancy.keyed_hashes import KeyedHashes
from server.tenancy.principal import CallerKind, EmbedGrant, Scope
from tests.support import serving, wire
from tests.support.rpcs import answers
from tests.support.serving import Accounts, Caller, holding

READS = (Scope.READ, Scope.EVENTS, Scope.INGEST, Scope.BACKFILL)
SESSION = "AccountService/GetSession"
SIGN_IN = "AccountService/SignIn"
ORIGINS = {"origins": ["https://app.example.com"]}


async def one(caller: Caller, rpc: str, **fields: Any) -> Any:
    (answer,) = await answers(caller, rpc, fields)
    return answer


async def why(caller: Caller, rpc: str, **fields: Any) -> str:
    """The reason for which a call is refused; empty where it is not."""
    try:
        await answers(caller, rpc, fields)
    except grpc.aio.AioRpcError as error:
        return serving.refusal(error).reason
    return ""


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call looks its key up."""
    monkeypatch.setattr(authentication, "_FRESH_SECONDS", -1.0)


# Guesses


async def test_guesses_at_a_key_are_bounded_and_do_not_lock_its_holder_out(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    bystander = await accounts.caller(scopes=READS)
    prefix = caller.key.secret[:-43]
    seen = []
    for number in range(bad_credentials.BAD_PER_WINDOW + 20):
        seen.append(await why(holding(caller, f"{prefix}{number:043}"), SESSION))
        if number % 10 == 0:  # from the same address as the guesses
            assert await why(caller, SESSION) == await why(bystander, SESSION) == ""
    assert set(seen[:50]) == {"CREDENTIALS_INVALID"}
    assert set(seen) <= {"CREDENTIALS_INVALID", "AUTH_RATE_LIMIT"}
    signed_in = await one(holding(caller, "nothing"), SIGN_IN, api_key=caller.key.secret)
    assert await why(holding(caller, signed_in.credential), SESSION) == ""


async def test_guesses_at_a_sign_in_are_counted_as_those_of_calls(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bad_credentials, "BAD_PER_WINDOW", 5)
    monkeypatch.setattr(bad_credentials, "_WINDOW_SECONDS", 600.0)
    caller = await accounts.caller(scopes=READS)
    guess = {"api_key": f"{caller.key.secret[:-43]}{'x' * 43}"}
    seen = [await why(caller, SIGN_IN, **guess) for _ in range(8)]
    assert seen == ["CREDENTIALS_INVALID"] * 5 + ["AUTH_RATE_LIMIT"] * 3
    assert await why(holding(caller, guess["api_key"]), SESSION) == "AUTH_RATE_LIMIT"
    assert await why(caller, SIGN_IN, api_key=caller.key.secret) == ""


# Replays


async def test_a_code_is_of_no_use_after_its_time_or_its_key(accounts: Accounts, forgetful: None) -> None:
    caller = await accounts.caller(scopes=READS)
    late, orphan = [(await one(caller, "AccountService/CreateSignInCode")).code for _ in range(2)]
    key_id = late.split("_")[1]
    async with accounts.database.transaction(of=EVERY) as driver:
        statement = "UPDATE api_keys SET expires_at = expires_at - $2::interval WHERE key_id = $1"
        await driver.execute(statement, key_id, CODE_LIFETIME)
    assert await why(caller, SIGN_IN, code=late) == "CREDENTIALS_INVALID"
    await api_keys.revoke_key(accounts.database, caller.key.key_id)
    assert await why(caller, SIGN_IN, code=orphan) == "CREDENTIALS_INVALID"


async def test_many_replays_of_a_code_are_one_session(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    code = (await one(caller, "AccountService/CreateSignInCode")).code
    seen = await asyncio.gather(*(why(caller, SIGN_IN, code=code) for _ in range(12)))
    assert sorted(seen) == ["", *["CREDENTIALS_INVALID"] * 11]


async def test_what_came_from_a_key_ends_with_the_overlap_of_its_rotation(accounts: Accounts, forgetful: None) -> None:
    caller = await accounts.caller(scopes=READS)
    session = holding(caller, (await one(caller, SIGN_IN, api_key=caller.key.secret)).credential)
    panels = [
        holding(caller, (await one(maker, "AccountService/CreateEmbedToken", **ORIGINS)).token)
        for maker in (caller, session)
    ]
    code = (await one(caller, "AccountService/CreateSignInCode")).code
    ends = serving.now() + timedelta(hours=1)
    new = await api_keys.rotate_key(accounts.database, accounts.secrets, caller.key.key_id, old_ends_at=ends)
    for held in (caller, session, *panels, holding(caller, new.secret)):
        assert await why(held, SESSION) == ""
    assert (await one(session, SESSION)).session.expires_at == serving.stamp(ends)
    within = await one(caller, SIGN_IN, api_key=caller.key.secret)  # a sign-in within the overlap ends with it
    assert within.session.expires_at == serving.stamp(ends)
    async with accounts.database.transaction(of=EVERY) as driver:
        statement = (
            "UPDATE api_keys SET expires_at = now() - interval '1 minute' WHERE key_id = $1 OR parent_key_id = $1"
        )
        await driver.execute(statement, caller.key.key_id)
    for held in (caller, session, *panels, holding(caller, within.credential)):
        assert await why(held, SESSION) == "CREDENTIALS_INVALID"
    assert await why(caller, SIGN_IN, code=code) == "CREDENTIALS_INVALID"
    assert await why(caller, SIGN_IN, api_key=caller.key.secret) == "CREDENTIALS_INVALID"
    assert await why(holding(caller, new.secret), SESSION) == ""


# Forgeries


def grant_of(caller: Caller, **changes: Any) -> EmbedGrant:
    told: dict[str, Any] = {
        "token_id": "0" * 16,
        "organization_id": caller.organization_id,
        "maker_id": caller.key.key_id,
        "conditions": (("team", "sales"),),
        "rpcs": ("GetOverview",),
        "origins": ("https://app.example.com",),
        "expires_at": serving.now().replace(microsecond=0) + timedelta(hours=1),
    }
    return EmbedGrant(**{**told, **changes})


def sealed_bytes(token: str) -> bytes:
    data = token.removeprefix(embed_tokens.PREFIX)
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def as_token(sealed: bytes) -> str:
    return embed_tokens.PREFIX + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


async def test_no_byte_of_an_embed_token_can_be_changed(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    tokens = EmbedTokens(accounts.secrets)
    token = tokens.token(grant_of(caller))
    assert token is not None
    assert tokens.opened(token) == grant_of(caller)
    sealed = sealed_bytes(token)
    forged = [
        *(sealed[:at] + bytes((sealed[at] ^ bit,)) + sealed[at + 1 :] for at in range(len(sealed)) for bit in (1, 128)),
        *(sealed[:length] for length in range(len(sealed))),
        *(sealed + more for more in (b"\0", b"x", sealed)),
    ]
    assert not [one for one in forged if tokens.opened(as_token(one)) is not None]
    for sent in (as_token(forged[0]), as_token(sealed[:-1]), token + "AAAA", token.swapcase(), token[4:]):
        assert await why(holding(caller, sent), SESSION) == "CREDENTIALS_INVALID"


async def test_what_was_sealed_for_something_else_is_no_embed_token(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS)
    grant = grant_of(caller)
    content = json.dumps(["0" * 16, grant.organization_id, grant.maker_id, [], ["GetOverview"], [], 2**31]).encode()
    assert EmbedTokens(accounts.secrets).opened(as_token(accounts.secrets.sealed(b"embed:", content))) is not None
    stranger = KeyedHashes("a pepper that another deployment has, and nobody here")
    others = [
        accounts.secrets.sealed(context, content) for context in (b"", b"page:", b"list:", b"download:", b"mail:")
    ]
    page = PageTokens(accounts.secrets).token_after(
        caller.organization_id, "q", ListPlace(epoch="e", revision=1, after=[])
    )
    for sealed in (*others, stranger.sealed(b"embed:", content), page.encode()):
        assert await why(holding(caller, as_token(sealed)), SESSION) == "CREDENTIALS_INVALID"


async def test_an_embed_token_names_its_makers_organization_and_ends_in_time(
    accounts: Accounts, database: Database
) -> None:
    caller, other = await accounts.caller(scopes=READS), await accounts.caller(scopes=READS)
    clock, tokens = Clock(), EmbedTokens(accounts.secrets)
    authenticator = Authenticator(database, accounts.secrets, clock)

    async def opens(grant: EmbedGrant) -> bool:
        token = tokens.token(grant)
        assert token is not None
        principal = await authenticator.authenticate(token)
        assert principal is None or principal.kind is CallerKind.EMBEDDED
        return principal is not None

    assert await opens(grant_of(caller))
    assert not await opens(grant_of(caller, organization_id=other.organization_id))
    assert not await opens(grant_of(caller, maker_id="a" * 16))
    assert not await opens(grant_of(caller, expires_at=serving.now().replace(microsecond=0) - timedelta(seconds=1)))
    last = grant_of(caller)
    clock.set(last.expires_at + timedelta(seconds=1))
    assert not await opens(last)


async def test_a_code_or_a_session_makes_no_embed_token_that_outlives_it(accounts: Accounts) -> None:
    caller = await accounts.caller(scopes=READS, expires_at=serving.now() + timedelta(seconds=90))
    made = await one(caller, "AccountService/CreateEmbedToken", lifetime_seconds=3600, **ORIGINS)
    assert made.expires_at.ToDatetime() <= (serving.now() + timedelta(seconds=91)).replace(tzinfo=None)
    panel = holding(caller, made.token)
    assert await why(panel, "AccountService/CreateSignInCode") == "EMBED_NOT_ALLOWED"
    assert await why(panel, SIGN_IN, api_key=made.token) == "CREDENTIALS_INVALID"
    assert await why(panel, SIGN_IN, code=made.token) == "CREDENTIALS_INVALID"


async def test_a_link_to_a_file_is_one_and_nothing_else(accounts: Accounts, caller: Caller) -> None:
    links = Links(accounts.secrets, "https://app.example.com", timedelta(days=7))
    now = serving.now()
    token = links.to_file(caller.organization_id, "1", 0, now)[0].rpartition("/")[2]
    assert links.file(token) is not None
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    forged = [
        *(sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :] for at in range(len(sealed))),
        *(sealed[:length] for length in range(len(sealed))),
    ]
    texts = [base64.urlsafe_b64encode(one).decode().rstrip("=") for one in forged]
    assert not [one for one in texts if links.file(one) is not None or links.mail(one) is not None]
    refusal = links.to_refusal(caller.organization_id, "ada@example.com").rpartition("/")[2]
    assert links.mail(token) is None
    assert links.file(refusal) is None
    for text in (texts[0], refusal, caller.key.secret, token):  # the last one's file is not there
        assert await why(holding(caller, ""), "DeliveryService/ReadDownload", token=text) == "LINK_INVALID"
    for field in ({"api_key": token}, {"code": token}):
        assert await why(caller, SIGN_IN, **field) == "CREDENTIALS_INVALID"
    assert await why(holding(caller, token), SESSION) == "CREDENTIALS_INVALID"


# Where a credential does not belong


async def status(server: Running, pairs: Sequence[wire.Pair], path: str = serving.TRACK_EVENT) -> str:
    """How a call with these headers ends, which no client would send."""
    async with wire.connected(server.address) as connection:
        connection.headers(1, wire.request(path, *pairs))
        connection.data(1, wire.message(serving.body()), end=True)
        return await connection.answer(seconds=30)


async def test_a_credential_is_taken_from_its_place_alone(server: Running, caller: Caller) -> None:
    secret = caller.key.secret
    assert await status(server, [("authorization", f"Bearer {secret}")]) == "OK"
    assert await status(server, [("authorization", f"bearer {secret}")]) == "OK"  # schemes have no case (RFC 9110)
    places: list[list[wire.Pair]] = [
        [("x-api-key", secret)],
        [("cookie", f"__Host-tallywire={secret}; tallywire={secret}")],
        [("proxy-authorization", f"Bearer {secret}")],
        [("authorization-bin", base64.b64encode(f"Bearer {secret}".encode()).decode())],
        [("authorization", f"Basic {base64.b64encode(secret.encode()).decode()}")],
        [("authorization", f"Token {secret}")],
        [("authorization", secret)],
        [("authorization", f"Bearer  {secret}")],
        [("authorization", f"Bearer\t{secret}")],
        [("authorization", f"Bearer {secret}, Bearer {secret}")],
        [("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}")],
        [("authorization", "Bearer nothing"), ("authorization", f"Bearer {secret}")],
    ]
    for pairs in places:
        assert await status(server, pairs) == "UNAUTHENTICATED", pairs[0][0]
    for path in (f"{serving.TRACK_EVENT}?key={secret}", f"{serving.TRACK_EVENT}?authorization=Bearer%20{secret}"):
        assert await status(server, [], path) in ("UNIMPLEMENTED", "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "text",
    [
        "ключ",
        "tw_\u00e9" + "a" * 60,
        "\udcff",
        "tw_" + "\u0430" * 16 + "_" + "a" * 43,
        "💥" * 20,
        "%00",
        "tw_" + "a" * 16,
    ],
)
async def test_a_credential_that_is_no_ascii_is_bad_and_breaks_nothing(
    server: Running, caller: Caller, text: str
) -> None:
    sent = b"Bearer " + text.encode(errors="surrogateescape")
    assert await status(server, [("authorization", sent)]) in ("UNAUTHENTICATED", "reset", "goaway", "http 400")
    await caller.track(serving.event())
    for field in ({"api_key": text}, {"code": text}):
        if text.isprintable():
            assert await why(caller, SIGN_IN, **field) == "CREDENTIALS_INVALID"


@pytest.mark.parametrize("size", [1_000, 7_000, 20_000, 200_000])
async def test_a_credential_of_any_length_is_refused_and_the_server_goes_on(
    server: Running, caller: Caller, size: int
) -> None:
    for text in ("x" * size, embed_tokens.PREFIX + "A" * size, f"{caller.key.secret}{'x' * size}"):
        said = await status(server, [("authorization", f"Bearer {text}")])
        assert said in ("UNAUTHENTICATED", "RESOURCE_EXHAUSTED", "reset", "goaway", "closed"), said
    await caller.track(serving.event())


# Comparisons


def test_secrets_are_compared_in_constant_time() -> None:
    """Wherever a proof or a hash of a secret is compared, hmac.compare_digest does it."""
    (folder,) = service.__path__
    names = {"proof", "secret_hmac"}
    wrong = []
    for path in pathlib.Path(folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops):
                compared = {getattr(one, "id", getattr(one, "attr", "")) for one in (node.left, *node.comparators)}
                wrong += [f"{path.name}:{node.lineno}"] if compared & names else []
    assert not wrong


@pytest.mark.parametrize("opened", ["key", "proof", "sealed", "kept"])
def test_what_opens_something_is_compared_by_compare_digest(opened: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = KeyedHashes("a pepper of a test that is long enough")
    sealed, kept, proof = hashes.sealed(b"c", b"x"), hashes.kept(b"c", b"x"), hashes.token_hash(b"x")
    compared: list[int] = []
    monkeypatch.setattr(
        "server.tenancy.keyed_hashes.hmac.compare_digest", lambda a, b: compared.append(len(a)) or a == b
    )
    match opened:
        case "key":
            assert not hashes.opens("another", _key(hashes))
        case "proof":
            assert hashes.proves(proof, b"x")
        case "sealed":
            assert hashes.opened(b"c", sealed) == b"x"
        case "kept":
            assert hashes.read_kept(b"c", kept) == b"x"
    assert compared == [32 if opened == "key" else 16]


def _key(hashes: KeyedHashes) -> Any:
    return SimpleNamespace(pepper_id=hashes.pepper_id, secret_hmac=hashes.key_hash("secret"))
