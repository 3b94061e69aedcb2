"""Tokens of places in lists: what goes in comes out, and nothing else is taken."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Reason, Refused
from server.events import erased
from server.query.page_tokens import ListPlace, Page, PageTokens
from server.tenancy.keyed_hashes import KeyedHashes

TOKENS = PageTokens(KeyedHashes("a pepper of a test that is long enough"))
VALUES = st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=256)), max_size=4)


@given(VALUES, st.integers(0, 2**63 - 1))
def test_a_place_comes_back(after: list[str | int | None], revision: int) -> None:
    place = ListPlace(epoch="e", revision=revision, after=after)
    assert TOKENS.place(7, "question", TOKENS.token_after(7, "question", place)) == place


def refused(organization_id: int, question: str, token: str) -> Reason:
    with pytest.raises(Refused) as caught:
        TOKENS.place(organization_id, question, token)
    return caught.value.reason


def test_a_place_belongs_to_its_list_alone() -> None:
    token = TOKENS.token_after(7, "question", ListPlace(epoch="e", revision=3, after=["a", 4]))
    assert refused(8, "question", token) is Reason.PAGE_TOKEN_INVALID
    assert refused(7, "another", token) is Reason.PAGE_TOKEN_MISMATCH
    assert refused(7, "question", token[:-4]) is Reason.PAGE_TOKEN_INVALID
    assert refused(7, "question", "é" + token) is Reason.PAGE_TOKEN_INVALID
    data = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    data[-3] ^= 1
    assert refused(7, "question", base64.urlsafe_b64encode(data).decode().rstrip("=")) is Reason.PAGE_TOKEN_INVALID


def test_a_page_of_a_table_is_no_place_in_a_list() -> None:
    token = TOKENS.token(7, "question", Page(epoch="e", revision=3, skip=1, shown=[], exact_bounds=(True, False)))
    assert refused(7, "question", token) is Reason.PAGE_TOKEN_INVALID


def test_nobody_reads_what_a_token_holds() -> None:
    """It may be the alias of a person who was erased, whom answers do not name."""
    alias = erased.new_alias()
    tokens = [
        TOKENS.token_after(7, "question", ListPlace(epoch="e", revision=3, after=[alias, number])) for number in (1, 2)
    ]
    for token in tokens:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        assert alias.encode() not in data
        assert alias.encode()[-9:] not in data
    first, second = (base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[16:] for token in tokens)
    same = sum(one == other for one, other in zip(first, second, strict=True))
    assert same < len(first) / 4, "two tokens do not tell where they are alike"


def test_a_token_of_another_pepper_is_read_while_that_is_accepted() -> None:
    place = ListPlace(epoch="e", revision=3, after=["a", 4])
    old, new = "a pepper of a test that is long enough", "another pepper of a test, long enough"
    token = PageTokens(KeyedHashes(old)).token_after(7, "question", place)
    assert PageTokens(KeyedHashes(new, accepted=[old])).place(7, "question", token) == place
    with pytest.raises(Refused):
        PageTokens(KeyedHashes(new)).place(7, "question", token)
