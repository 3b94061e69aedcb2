"""Identity tokens: what a provider has signed for us is a credential, and nothing else is."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from server.errors import Refused
from server.tenancy import key_sets
from server.tenancy.principal import CallerKind, Scope
from tests.support import identity_provider, serving, waiting
from tests.support.identity_desk import Desk
from tests.support.identity_provider import Provider, part
from tests.support.serving import Accounts, Caller

OTHERS_KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with identity_provider.running() as provider:
        yield provider


@pytest.fixture
def desk(accounts: Accounts, provider: Provider, caller: Caller) -> Desk:
    """It trusts the provider, whose people are viewers of the test's organization."""
    return Desk(accounts, {"ours": {**provider.table, "organization": caller.name, "default_role": "viewer"}})


async def test_a_token_is_a_credential(desk: Desk, provider: Provider, caller: Caller) -> None:
    token = provider.token()
    assert desk.authenticator.known(token) is None
    principal = await desk.authenticator.authenticate(token)
    assert principal is not None
    assert principal.kind is CallerKind.IDENTITY_TOKEN
    assert (principal.organization_id, principal.scopes) == (caller.organization_id, {Scope.READ})
    assert principal.key_id.startswith("oidc:")
    assert principal.subject.startswith("user:oidc:")
    assert principal.subject.endswith(":ada")
    assert principal.expires_at is not None
    assert timedelta(minutes=9) < principal.expires_at - serving.now() <= timedelta(minutes=10)
    assert desk.authenticator.known(token) is principal  # one object for all calls


@pytest.mark.parametrize("kind", ["RS256", "EdDSA", "ES256 without the id of a key"])
async def test_tokens_of_other_algorithms(desk: Desk, provider: Provider, kind: str) -> None:
    keys = {"RS256": lambda: rsa.generate_private_key(65537, 2048), "EdDSA": ed25519.Ed25519PrivateKey.generate}
    if kind in keys:
        provider.keys["another"] = keys[kind]()
        assert await desk.says(provider.token(kid="another")) == "viewer"
    else:
        assert await desk.says(provider.token(kid=None)) == "viewer"


def unsigned(provider: Provider) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(provider.claims())}."


def by_public_key(provider: Provider) -> str:
    """Signed by HS256, with what everybody knows as its secret."""
    key = provider.keys["first"].public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'first'})}.{part(provider.claims())}"
    proof = hmac.digest(pem, text.encode(), hashlib.sha256)
    return f"{text}.{identity_provider.encoded(proof)}"


def changed(provider: Provider) -> str:
    header, _, proof = provider.token().split(".")
    return f"{header}.{part(provider.claims(sub='root'))}.{proof}"


def own_key(provider: Provider) -> str:
    header = {"jwk": identity_provider.public("first", OTHERS_KEY), "jku": f"{provider.issuer}/own", "x5u": "http://x"}
    return provider.token(key=OTHERS_KEY, header=header)


def of_kind(provider: Provider, kind: str) -> str:
    return provider.token(header={"typ": kind})


def by_longer_key(provider: Provider) -> str:
    key = ec.generate_private_key(ec.SECP384R1())
    provider.keys["long"] = key
    return provider.token(kid="long")


def late(**claims: int) -> Callable[[Provider], str]:
    """Claims that are times, in seconds from now."""
    return lambda one: one.token(
        **{name: serving.now() + timedelta(seconds=seconds) for name, seconds in claims.items()}
    )


FORGED, FORM = "not signed by a known key", "no signed token"
CLAIMS = "lacks a claim that is needed"
ABUSES: dict[str, tuple[Callable[[Provider], str], str]] = {
    "alg none": (unsigned, FORGED),
    "HS256 with the public key": (by_public_key, FORGED),
    "claims changed": (changed, FORGED),
    "key of somebody else": (lambda one: one.token(key=OTHERS_KEY), FORGED),
    "key in the header": (own_key, FORGED),
    "an id that no key has": (lambda one: one.token(kid="nobody", key=OTHERS_KEY), FORGED),
    "an algorithm that is not allowed": (by_longer_key, FORGED),
    "no signature": (lambda one: one.token().rpartition(".")[0] + ".", FORGED),
    "another signature": (lambda one: one.token().rpartition(".")[0] + "." + "A" * 86, FORGED),
    "issuer": (lambda one: one.token(iss="https://evil.example.org"), FORGED),
    "issuer with a slash": (lambda one: one.token(iss=f"{one.issuer}/"), FORGED),
    "no issuer": (lambda one: one.token(iss=None), FORM),
    "audience": (lambda one: one.token(aud="somebody"), "for another audience"),
    "audiences": (lambda one: one.token(aud=["somebody", "tallywire.example.org"]), "for another audience"),
    "no audience": (lambda one: one.token(aud=None), CLAIMS),
    "expired": (late(iat=-600, exp=-31), "has expired"),
    "not yet": (late(nbf=31), "not valid yet"),
    "issued in the future": (late(iat=40), "not valid yet"),
    "issued long ago": (late(iat=-90_000), "issued too long ago"),
    "never expires": (lambda one: one.token(exp=None), CLAIMS),
    "expires in a million years": (lambda one: one.token(exp=10**400), CLAIMS),
    "expires never in JSON": (lambda one: one.token(exp=float("inf")), CLAIMS),
    "expires by words": (lambda one: one.token(exp="9999999999"), CLAIMS),
    "issued never": (lambda one: one.token(iat=None), CLAIMS),
    "no subject": (lambda one: one.token(sub=None), CLAIMS),
    "empty subject": (lambda one: one.token(sub=""), CLAIMS),
    "subject with a control character": (lambda one: one.token(sub="ada\n"), CLAIMS),
    "long subject": (lambda one: one.token(sub="a" * 201), CLAIMS),
    "critical extension": (lambda one: one.token(header={"crit": ["exp"], "exp": 1}), FORM),
    "known critical extension": (lambda one: one.token(header={"crit": ["b64"], "b64": True}), FORM),
    "of a sign-out": (lambda one: of_kind(one, "logout+jwt"), FORM),
    "oversized": (lambda one: one.token(padding="x" * 8_192), FORM),
    "not ASCII": (lambda one: f"é{one.token()}", FORM),
    "only dots": (lambda _: "..", FORM),
    "no JSON": (lambda _: "eyJ.e30.x", FORM),
    "deep JSON": (lambda _: f"eyJ{'W' * 4_000}.{'W' * 4_000}.x", FORM),
}


@pytest.mark.parametrize("abuse", ABUSES)
async def test_a_bad_token_is_refused(desk: Desk, provider: Provider, abuse: str) -> None:
    make, why = ABUSES[abuse]
    assert why in await desk.says(make(provider))
    assert await desk.says(provider.token()) == "viewer"


async def test_headers_that_lead_to_keys_are_ignored(desk: Desk, provider: Provider) -> None:
    header = {"jku": f"{provider.issuer}/own", "x5u": f"{provider.issuer}/own", "typ": "at+jwt"}
    assert await desk.says(provider.token(header=header)) == "viewer"
    assert set(provider.fetches) == {"/keys"}


@pytest.mark.parametrize("make", [late(iat=-600, exp=-10), late(nbf=10), late(iat=10)])
async def test_clocks_may_differ_within_the_leeway(desk: Desk, provider: Provider, make: Any) -> None:
    assert await desk.says(make(provider)) == "viewer"


async def test_a_token_ends_however_often_it_was_good(desk: Desk, provider: Provider) -> None:
    token = provider.token()
    principal = await desk.authenticator.authenticate(token)
    assert principal is not None
    assert await desk.authenticator.confirm(token, principal) == principal
    desk.clock.set(serving.now() + timedelta(minutes=10, seconds=31))
    assert desk.authenticator.known(token) is None
    assert "has expired" in await desk.says(token)
    with pytest.raises(Refused, match="has expired"):
        await desk.authenticator.confirm(token, principal)


async def test_a_token_lasts_no_longer_than_the_operator_allows(
    accounts: Accounts, provider: Provider, caller: Caller
) -> None:
    table = {**provider.table, "organization": caller.name, "default_role": "viewer", "max_age_seconds": 60}
    principal = await Desk(accounts, {"ours": table}).authenticator.authenticate(provider.token())
    assert principal is not None
    assert principal.expires_at is not None
    assert principal.expires_at <= serving.now() + timedelta(seconds=60)


async def test_a_flood_of_unknown_keys_fetches_them_once(desk: Desk, provider: Provider) -> None:
    assert await desk.says(provider.token()) == "viewer"
    tokens = [provider.token(kid=f"unknown {number}", key=OTHERS_KEY) for number in range(200)]
    assert len(provider.fetches) == 1
    said = await asyncio.gather(*map(desk.says, tokens), desk.says(provider.token()))
    assert said[-1] == "viewer"
    assert all(FORGED in one or one.startswith("bad identity tokens came more than 100 times") for one in said[:-1])
    assert len(provider.fetches) == 1  # a moment ago


async def test_keys_are_there_before_the_first_call(desk: Desk, provider: Provider) -> None:
    desk.identities.start()
    await waiting.until(lambda: provider.fetches)
    assert await desk.says(provider.token()) == "viewer"
    assert provider.fetches == ["/keys"]
    await desk.identities.close()


async def test_a_withdrawn_key_is_noticed_without_any_call(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(key_sets, "_FRESH_SECONDS", 0.05)
    withdrawn = provider.token()
    provider.keys["second"] = identity_provider.new_key()
    desk.identities.start()
    assert await desk.says(provider.token()) == "viewer"
    del provider.keys["first"]
    seen = len(provider.fetches)
    await waiting.until(lambda: len(provider.fetches) > seen + 1)
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 3_600.0)  # from here on calls fetch nothing
    assert FORGED in await desk.says(withdrawn)
    await desk.identities.close()


async def test_all_who_wait_for_keys_share_a_fetch(desk: Desk, provider: Provider) -> None:
    said = await asyncio.gather(*(desk.says(provider.token(sub=f"person {number}")) for number in range(50)))
    assert set(said) == {"viewer"}
    assert provider.fetches == ["/keys"]


async def test_keys_are_rotated_without_a_restart(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    before = provider.token()
    assert await desk.says(before) == "viewer"
    provider.keys = {"second": ec.generate_private_key(ec.SECP256R1())}
    assert await desk.says(provider.token(kid="second")) == "viewer"
    assert await desk.says(before) == "viewer"  # it was seen within 5 seconds
    assert FORGED in await desk.says(provider.token(kid="first", key=OTHERS_KEY))


async def test_what_a_withdrawn_key_has_signed_is_refused(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("server.tenancy.identities._FRESH_SECONDS", -1.0)
    token = provider.token()
    principal = await desk.authenticator.authenticate(token)
    assert principal is not None
    provider.keys = {"second": ec.generate_private_key(ec.SECP256R1())}
    assert await desk.says(provider.token(kid="second")) == "viewer"
    assert FORGED in await desk.says(token)
    with pytest.raises(Refused, match=FORGED):
        await desk.authenticator.confirm(token, principal)


async def test_keys_are_fetched_again_behind_calls(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_AGAIN_SECONDS", "_FRESH_SECONDS"):
        monkeypatch.setattr(key_sets, name, -1.0)
    assert await desk.says(provider.token()) == "viewer"
    provider.is_away = True
    assert await desk.says(provider.token(sub="bob")) == "viewer"
    await asyncio.gather(*(desk.says(provider.token(sub=f"person {number}")) for number in range(5)))
    await waiting.until(lambda: len(provider.fetches) > 1)
    assert await desk.says(provider.token(sub="eve")) == "viewer"


async def test_while_a_provider_is_away_nobody_knows_whether_a_token_is_good(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    provider.is_away = True
    assert await desk.says(provider.token()) == "IDENTITY_PROVIDER_UNAVAILABLE"
    provider.is_away = False
    assert await desk.says(provider.token()) == "viewer"
    provider.is_away = True
    assert await desk.says(provider.token(sub="bob")) == "viewer"  # by the keys of before
    assert await desk.says(provider.token(kid="next", key=OTHERS_KEY)) == "IDENTITY_PROVIDER_UNAVAILABLE"
    monkeypatch.setattr(key_sets, "_KEPT_SECONDS", 0.0)
    assert await desk.says(provider.token(sub="eve")) == "IDENTITY_PROVIDER_UNAVAILABLE"


async def test_a_provider_that_says_nothing_holds_nobody_up(
    desk: Desk, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sets, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(key_sets, "_WAIT_SECONDS", 0.1)
    assert await desk.says(provider.token()) == "viewer"
    provider.answers.clear()
    provider.keys["next"] = identity_provider.new_key()
    assert await desk.says(provider.token(kid="next")) == "IDENTITY_PROVIDER_UNAVAILABLE"
    assert await desk.says(provider.token(sub="bob")) == "viewer"
    monkeypatch.setattr(key_sets, "_MOST_WAITING", 0)
    assert await desk.says(provider.token(kid="next")) == "OVERLOADED"
    assert await desk.says(provider.token(sub="eve")) == "viewer"
    provider.answers.set()
    await desk.identities.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, {"kty": "oct", "k": "AAAA", "kid": "first"}, {"kty": "RSA"}, {"kty": "EC", "crv": []}]}',
        b"[" * 200_000,
        json.dumps({"keys": [], "more": "x" * 300_000}).encode(),
    ],
)
async def test_what_is_no_set_of_keys_is_not_taken(desk: Desk, provider: Provider, answer: bytes) -> None:
    provider.answer = answer
    assert await desk.says(provider.token()) == "IDENTITY_PROVIDER_UNAVAILABLE"


async def test_weak_keys_and_keys_for_encryption_are_left_out(desk: Desk, provider: Provider) -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    sealing = ec.generate_private_key(ec.SECP256R1())
    provider.more += [
        identity_provider.public("weak", weak),
        {**identity_provider.public("sealing", sealing), "use": "enc"},
        {**identity_provider.public("other", sealing), "alg": "ES512"},
    ]
    assert await desk.says(provider.token()) == "viewer"
    for kid in ("sealing", "other"):
        assert FORGED in await desk.says(provider.token(kid=kid, key=sealing))
    with pytest.warns(match="below the minimum"):
        token = provider.token(kid="weak", key=weak)
    assert FORGED in await desk.says(token)


@pytest.mark.parametrize(
    ("discovery", "said"),
    [
        ({}, "viewer"),
        ({"issuer": "https://evil.example.org"}, "IDENTITY_PROVIDER_UNAVAILABLE"),
        ({"jwks_uri": "http://10.0.0.1/keys"}, "IDENTITY_PROVIDER_UNAVAILABLE"),
        ({"jwks_uri": "file:///etc/passwd"}, "IDENTITY_PROVIDER_UNAVAILABLE"),
        ({"jwks_uri": None}, "IDENTITY_PROVIDER_UNAVAILABLE"),
    ],
)
async def test_keys_are_found_by_discovery(
    accounts: Accounts, provider: Provider, caller: Caller, discovery: dict[str, Any], said: str
) -> None:
    provider.discovery = discovery
    table = {name: value for name, value in provider.table.items() if name != "jwks_url"}
    desk = Desk(accounts, {"ours": {**table, "organization": caller.name, "default_role": "viewer"}})
    assert await desk.says(provider.token()) == said
    assert provider.fetches[0] == "/.well-known/openid-configuration"
