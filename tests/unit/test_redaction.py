"""Which keys name secrets: held against names that others have found, and names that are none."""

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.events import redaction
from server.events.redaction import SecretKeys

_DATA = pathlib.Path(__file__).parents[1] / "data"
_USUAL = SecretKeys()


def _names(file: str) -> list[str]:
    lines = (_DATA / file).read_text().splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


def test_nine_of_ten_names_of_secrets_are_found() -> None:
    """92 % of 321. Missed are those that need knowledge of a vendor (sentry_key, omise_skey) or are also ordinary words
    of analytics: session, signature, tokens. An organization can name them.
    """
    names = _names("secret_names.txt")
    found = [name for name in names if _USUAL.named(name)]
    assert len(found) / len(names) > 0.91


def test_names_of_what_is_no_secret_are_left_alone() -> None:
    """None of 351."""
    assert [name for name in _names("innocent_names.txt") if _USUAL.named(name)] == []


@pytest.mark.parametrize(
    "key",
    [
        *("password", "PASSWORD", "userPassword", "user.password.2", "pass_word", "Passwort"),
        *("x-api-key", "X_API_KEY", "myAPIKey", "api key", "apikey2", "ａｐｉ_ｋｅｙ"),
        *("token", "HTTPAuthToken", "token.value", "access_token_hash", "refreshtoken"),
        *("card_number", "cardNumber", "credit-card", "creditCardNumber", "pan", "pin", "cvv2"),
    ],
)
def test_a_secret_is_known_however_its_name_is_written(key: str) -> None:
    assert _USUAL.named(key)


@pytest.mark.parametrize("key", ["token_count", "has_password", "password_policy", "pan_id", "", "7", "_", "secretary"])
def test_what_is_only_about_secrets_or_sounds_like_them_is_none(key: str) -> None:
    assert not _USUAL.named(key)


def test_names_of_an_organization_hold_wherever_their_words_stand() -> None:
    own = SecretKeys(["badge number", "token_count", "7"])
    assert all(map(own.named, ("badgeNumber", "STAFF_BADGE_NUMBER", "badge.number.old", "tokenCount", "password")))
    assert not any(map(own.named, ("badge", "number_badge", "numbers", "7")))


@given(st.text())
def test_any_text_may_be_a_key(key: str) -> None:
    # Not in front, where a word such as "is" makes a flag of it.
    assert _USUAL.named(f"the {key} password")
    assert not _USUAL.named(f"the {key} password count")


def test_the_documentation_has_every_word() -> None:
    text = (_DATA.parents[1] / "docs/operations/security.md").read_text()
    section = text.partition("## What is not stored\n")[2].partition("\n## ")[0]
    pairs = {" ".join(pair) for pair in redaction.PAIRS}
    for word in redaction.WORDS | redaction.LAST_WORDS | redaction.NAMES | pairs:
        assert f"`{word}`" in section, word
