"""Tallies: sums and sizes without walking over all."""

from hypothesis import given
from hypothesis import strategies as st

from server.tally import Tally


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 100))))
def test_what_everybody_has_adds_up_and_nothing_is_kept_of_those_who_have_nothing(held: list[tuple[int, int]]) -> None:
    tally = Tally()
    for organization_id, amount in held:
        tally.add(organization_id, amount)
    assert tally.total == sum(amount for _, amount in held)
    assert len(tally) == len({one for one, _ in held})
    assert all(tally[one] == sum(amount for other, amount in held if other == one) for one in range(6))
    for organization_id, amount in held:
        tally.add(organization_id, -amount)
    assert (tally.total, len(tally), tally[1]) == (0, 0, 0)
