"""Surprise: how improbable a value is, in standard deviations of a normal distribution.

Every test here ends in that unit, so that one sensitivity means the same for counts, fractions and other values.
"""

import functools
import math
from collections.abc import Callable
from statistics import NormalDist

# Beyond this a score says nothing more, and it stays a number that every client can show.
MAX_SIGMAS = 99.0
_NORMAL = NormalDist()
_LEAST = 1e-300
_ENOUGH = 1e-12  # what a term may leave out of a tail
_MOST_TERMS = 10_000
_MOST_BOUNDED = 30.0  # bounds farther out are hardly a number that anybody reaches


def of_tail(tail: float) -> float:
    """Returns how many sigmas have that probability above them; tails beyond one half are no surprise."""
    return max(0.0, -_NORMAL.inv_cdf(min(0.5, max(_LEAST, tail))))


def of_distance(distance: float, freedom: float) -> float:
    """Returns the sigmas of a distance that is told in estimated standard deviations.

    An estimate from little is often too small: this is Student's t with that many degrees of freedom as a normal score
    (Wallace 1959, "Bounds on normal approximations to Student's and the chi-square distributions").
    """
    sigmas = _shrinking(freedom) * math.sqrt(freedom * math.log1p(distance * distance / freedom))
    return math.copysign(min(MAX_SIGMAS, sigmas), distance)


def to_distance(sigmas: float, freedom: float) -> float:
    """Returns the distance whose surprise is so many sigmas: the inverse of of_distance."""
    exponent = (sigmas / _shrinking(freedom)) ** 2 / freedom
    return math.sqrt(freedom * math.expm1(min(exponent, 600.0)))


def _shrinking(freedom: float) -> float:
    return (8 * freedom + 1) / (8 * freedom + 3)


@functools.lru_cache(maxsize=8_192)
def of_count(count: float, rate: float, samples: int) -> float:
    """Returns the signed surprise of a count after a mean rate of so many samples.

    Poisson, with what is not known about the rate: a negative binomial distribution (the predictive one of a Gamma with
    Jeffreys' prior). Half of the probability of the count itself counts, so that there is no surprise in the usual.
    """
    shape, missing = rate * samples + 0.5, 1 / (samples + 1)

    def log_mass(k: float) -> float:
        return (
            math.lgamma(k + shape)
            - math.lgamma(shape)
            - math.lgamma(k + 1)
            + shape * math.log1p(-missing)
            + k * math.log(missing)
        )

    k = max(0, round(count))
    above = k >= shape * missing / (1 - missing)
    step = _up(lambda i: (i + shape) / (i + 1) * missing) if above else _down(lambda i: i / (i + shape - 1) / missing)
    return _signed(k, log_mass(k), step, above)


def of_successes(successes: float, trials: int, probability: float, samples: int) -> float:
    """Returns the signed surprise of so many successes after a mean share of samples with about as many trials.

    Binomial, with what is not known about the probability: a beta-binomial distribution with Jeffreys' prior.
    """
    seen = samples * trials
    a, b = probability * seen + 0.5, (1 - probability) * seen + 0.5
    k = min(trials, max(0, round(successes)))

    def log_mass(k: int) -> float:
        chosen = math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1)
        return chosen + _log_beta(k + a, trials - k + b) - _log_beta(a, b)

    above = k >= trials * a / (a + b)
    up = _up(lambda i: (trials - i) / (i + 1) * (i + a) / (trials - i - 1 + b) if i < trials else 0.0)
    down = _down(lambda i: i / (trials - i + 1) * (trials - i + b) / (i - 1 + a))
    return _signed(k, log_mass(k), up if above else down, above)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


# A walk along a distribution: the next number, and how much more probable it is than the one before.
_Step = Callable[[int], tuple[int, float]]


def _up(ratio: Callable[[int], float]) -> _Step:
    return lambda k: (k + 1, ratio(k))


def _down(ratio: Callable[[int], float]) -> _Step:
    return lambda k: (k - 1, ratio(k) if k > 0 else 0.0)


def _signed(k: int, log_mass: float, step: _Step, above: bool) -> float:
    """Returns the surprise of k and everything beyond it."""
    term, total = 1.0, 0.5
    for _ in range(_MOST_TERMS):
        k, ratio = step(k)
        term *= ratio
        total += term
        if term < _ENOUGH * total:
            break
    log_tail = log_mass + math.log(total)
    # Far out the tail of the normal distribution falls as exp(-s²/2) does.
    sigmas = of_tail(math.exp(log_tail)) if log_tail > math.log(_LEAST) else math.sqrt(-2 * log_tail)
    return min(MAX_SIGMAS, sigmas) * (1 if above else -1)


@functools.lru_cache(maxsize=8_192)
def count_bounds(rate: float, samples: int, sigmas: float) -> tuple[int, int]:
    """Returns the least and the greatest count whose surprise stays below so many sigmas."""
    sigmas = min(sigmas, _MOST_BOUNDED)
    middle = round(rate)
    spread = math.sqrt(rate + 1) * (sigmas + 1) ** 2 + 10
    high = _last(middle, middle + math.ceil(spread), lambda k: of_count(k, rate, samples) < sigmas)
    low = -_last(-middle, 0, lambda k: of_count(-k, rate, samples) > -sigmas)
    return low, high


def success_bounds(trials: int, probability: float, samples: int, sigmas: float) -> tuple[int, int]:
    """Returns the least and the greatest number of successes whose surprise stays below so many sigmas."""
    sigmas = min(sigmas, _MOST_BOUNDED)
    middle = round(probability * trials)
    high = _last(middle, trials, lambda k: of_successes(k, trials, probability, samples) < sigmas)
    low = -_last(-middle, 0, lambda k: of_successes(-k, trials, probability, samples) > -sigmas)
    return low, high


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Returns the greatest number up to high for which it holds, at least low."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
