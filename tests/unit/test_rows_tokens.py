"""Tokens of the rows behind figures: what goes in comes out, for one organization and one kind of list."""

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import timerange
from server.catalog import dimensions, registry, rows
from server.catalog.filters import Filter
from server.catalog.rows import RowsKind
from server.errors import Reason, Refused
from server.query import rows_tokens
from server.query.rows_tokens import CountedRows, RowsTokens
from server.tenancy.keyed_hashes import KeyedHashes
from server.timerange import Interval

TOKENS = RowsTokens(KeyedHashes("a pepper of a test that is long enough"))
DIMENSIONS = [
    dimensions.AGENT,
    dimensions.USER,
    dimensions.STORAGE_KIND,
    dimensions.TABLE.pairs["agent,channel"],
    dimensions.combination(dimensions.AGENT, dimensions.CHANNEL, dimensions.TEAM),
]
COUNTED = CountedRows(
    metric="messages_sent",
    part=Filter(),
    bounds=Interval(start=timerange.EPOCH, end=timerange.EPOCH + timedelta(microseconds=7)),
    epoch="e",
    revision=3,
    figure=5,
)


@given(
    st.sampled_from(DIMENSIONS),
    st.text(min_size=1, max_size=256),
    st.tuples(*[st.integers(0, 4 * 10**15)] * 2),
    st.integers(-(2**63), 2**63 - 1),
)
def test_what_was_counted_comes_back(
    dimension: dimensions.Dimension, value: str, bounds: tuple[int, int], figure: int
) -> None:
    counted = dataclasses.replace(
        COUNTED,
        part=Filter(dimension=dimension, value=value),
        bounds=Interval(start=timerange.of_microseconds(bounds[0]), end=timerange.of_microseconds(bounds[1])),
        figure=figure,
    )
    assert TOKENS.counted(7, TOKENS.token(7, counted), RowsKind.EVENTS) == counted


def refused(organization_id: int, token: str, kind: RowsKind) -> Refused:
    with pytest.raises(Refused) as caught:
        TOKENS.counted(organization_id, token, kind)
    return caught.value


def test_a_token_opens_one_list_of_one_organization() -> None:
    token = TOKENS.token(7, COUNTED)
    assert refused(8, token, RowsKind.EVENTS).reason is Reason.ROWS_TOKEN_INVALID
    assert refused(7, token[1:], RowsKind.EVENTS).reason is Reason.ROWS_TOKEN_INVALID
    other = refused(7, token, RowsKind.LEADS)
    assert (other.reason, other.metadata) == (Reason.ROWS_TOKEN_INVALID, {"kind": "EVENTS"})
    rows_tokens.check_epoch(COUNTED, "e")
    with pytest.raises(Refused) as caught:
        rows_tokens.check_epoch(COUNTED, "f")
    assert caught.value.reason is Reason.ROWS_TOKEN_EXPIRED


def test_the_values_of_a_pair_are_conditions_of_their_own_unless_they_have_no_figures() -> None:
    pair = dimensions.TABLE.pairs["agent,channel"]

    def conditions(part: Filter) -> list[tuple[dimensions.Dimension, str]]:
        return dataclasses.replace(COUNTED, part=part).conditions

    assert conditions(Filter()) == []
    assert conditions(Filter(dimension=pair, value="ada\x1fweb")) == [
        (dimensions.AGENT, "ada"),
        (dimensions.CHANNEL, "web"),
    ]
    assert conditions(Filter(dimension=pair, value="_other")) == [(pair, "_other")]


def test_every_metric_of_the_catalogue_says_which_rows_are_behind_it() -> None:
    kinds = {name: behind.kind for name, one in registry.METRICS.items() if (behind := rows.behind(one))}
    assert registry.METRICS.keys() - kinds.keys() == {"active_agents"}
    assert kinds["unique_users"] is RowsKind.USERS
    assert kinds["p95_conversation_duration_ms"] is kinds["resolution_rate"] is RowsKind.CONVERSATIONS
    assert kinds["total_messages"] is kinds["error_rate"] is kinds["p95_response_time_ms"] is RowsKind.EVENTS
