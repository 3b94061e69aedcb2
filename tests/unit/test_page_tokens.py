"""Tokens of places in lists: what goes in comes out, and nothing else is taken."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Reason, Refused
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
