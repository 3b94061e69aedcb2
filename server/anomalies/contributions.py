"""Contributions: what the parts of a whole have done to a change of it. What they have done adds up to the change."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What a ratio is made of, of a part or of the whole: above ÷ below."""

    above: int
    below: int

    @property
    def ratio(self) -> float | None:
        """Returns the ratio; None where there is nothing to divide by."""
        return self.above / self.below if self.below else None

    def less(self, others: Sequence["Amounts"]) -> "Amounts":
        """Returns what is left without others."""
        return Amounts(
            above=self.above - sum(one.above for one in others), below=self.below - sum(one.below for one in others)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A part, or the whole, before and now."""

    before: Amounts
    now: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a part has done to the change of a ratio of the whole.

    mix is what came of its weight, which is its share of what the whole is divided by, and rate what came of its own
    ratio.
    """

    mix: float
    rate: float
    weight_before: float
    weight_now: float

    @property
    def change(self) -> float:
        """Returns both together."""
        return self.mix + self.rate


def effects(part: Moved, whole: Moved) -> Effects:
    """Returns the effects of a part of a whole, which must have a ratio before and now.

    With weights w and ratios r of a part, and R of the whole, the change of R is the sum over all parts of (w₁ - w₀) ·
    ((r₀ + r₁) ÷ 2 - (R₀ + R₁) ÷ 2), the mix, and (w₀ + w₁) ÷ 2 · (r₁ - r₀), the rate: exactly, since weights add up to
    1 before and now. Both periods count alike, so that a change and its reverse have opposite effects. A part that was
    not there has the ratio that it has in the other period, so that its coming or going is mix alone.
    """
    ratio_before, ratio_now = whole.before.above / whole.before.below, whole.now.above / whole.now.below
    weight_before, weight_now = part.before.below / whole.before.below, part.now.below / whole.now.below
    now = _ratio(part.now, part.before)
    before = _ratio(part.before, part.now)
    mix = (weight_now - weight_before) * ((before + now) / 2 - (ratio_before + ratio_now) / 2)
    rate = (weight_before + weight_now) / 2 * (now - before)
    # What is counted above and has nothing below, such as errors without calls, has no ratio: it is rate.
    lost = _without_weight(part.now, whole.now) - _without_weight(part.before, whole.before)
    return Effects(mix=mix, rate=rate + lost, weight_before=weight_before, weight_now=weight_now)


def _ratio(amounts: Amounts, otherwise: Amounts) -> float:
    return next((one.ratio for one in (amounts, otherwise) if one.ratio is not None), 0.0)


def _without_weight(part: Amounts, whole: Amounts) -> float:
    return 0.0 if part.below else part.above / whole.below
