"""What parts have done to the change of a ratio adds up to the change, whatever the parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.anomalies import contributions
from server.anomalies.contributions import Amounts, Moved

AMOUNTS = st.builds(
    lambda below, above: Amounts(above=above, below=below), st.integers(0, 10**6), st.integers(0, 10**6)
)
PARTS = st.lists(st.builds(lambda before, now: Moved(before=before, now=now), AMOUNTS, AMOUNTS), min_size=1, max_size=8)


def whole(parts: list[Moved]) -> Moved:
    def added(amounts: list[Amounts]) -> Amounts:
        return Amounts(above=sum(one.above for one in amounts), below=sum(one.below for one in amounts))

    return Moved(before=added([one.before for one in parts]), now=added([one.now for one in parts]))


@given(PARTS)
def test_effects_add_up(parts: list[Moved]) -> None:
    total = whole(parts)
    before, now = total.before.ratio, total.now.ratio
    if before is None or now is None:
        return
    found = [contributions.effects(part, total) for part in parts]
    tolerance = 1e-9 * max(1.0, *(one.ratio or 0.0 for part in parts for one in (part.before, part.now)), before, now)
    assert sum(one.change for one in found) == pytest.approx(now - before, abs=tolerance)
    assert sum(one.weight_now for one in found) == pytest.approx(1.0)
    back = [
        contributions.effects(Moved(before=one.now, now=one.before), Moved(before=total.now, now=total.before))
        for one in parts
    ]
    for there, again in zip(found, back, strict=True):
        assert there.change == pytest.approx(-again.change, abs=tolerance)


def test_mix_and_rate_by_hand() -> None:
    """One part stays at 10 %, the other at 50 %, which grows from a fifth to a half of all: that is mix alone."""
    calm = Moved(before=Amounts(above=80, below=800), now=Amounts(above=50, below=500))
    busy = Moved(before=Amounts(above=100, below=200), now=Amounts(above=250, below=500))
    total = whole([calm, busy])
    found = [contributions.effects(one, total) for one in (calm, busy)]
    assert [one.rate for one in found] == [0.0, 0.0]
    # The ratio goes from 18 % to 30 %, whose middle is 24 %: -0.3 × (10 % - 24 %), and 0.3 × (50 % - 24 %).
    assert [one.mix for one in found] == pytest.approx([0.042, 0.078])
    # And where weights stay, all is rate.
    worse = Moved(before=Amounts(above=100, below=200), now=Amounts(above=160, below=200))
    steady = Moved(before=Amounts(above=80, below=800), now=Amounts(above=80, below=800))
    found = [contributions.effects(one, whole([worse, steady])) for one in (worse, steady)]
    assert [one.mix for one in found] == pytest.approx([0.0, 0.0])
    assert [one.rate for one in found] == pytest.approx([0.06, 0.0])
