"""Who comes back: the BG/NBD model of users' active days (Fader, Hardie and Lee, 2005).

While a user is active, days with something come at a rate of the user's own; after each of them the user leaves for
good with a probability of the user's own. Rates have a gamma distribution (r, alpha), probabilities a beta distribution
(a, b). Whether a user comes back follows from how many days there were, the first, the last, and how long ago that is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from server.forecasts.arrays import Floats, Integers

_TRIES = 3  # of the search, each from where the one before ended
_STEPS = 400
_TOLERANCE = 1e-7
_BOUND = 12.0  # of the logarithm of each parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """Users by what they did: on how many days after the first, from the first to the last in days, from the first to
    now in days, and how many users did so: [N] each.
    """

    repeats: Integers
    recency: Floats
    age: Floats
    users: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The parameters of the model, with the logarithm of the likelihood of the users that they were fitted to."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


def fit(known: Histories) -> Parameters:
    """Returns the parameters that make what users did most likely."""
    unit = max(float(np.average(known.age, weights=known.users)), 1.0)
    scaled = Histories(
        repeats=known.repeats, recency=known.recency / unit, age=known.age / unit, users=known.users
    )  # of order 1, so that all parameters are
    best = np.zeros(4)
    for _ in range(_TRIES):
        best = _least(lambda at: -_log_likelihood(scaled, np.exp(np.clip(at, -_BOUND, _BOUND))), best)
    r, alpha, a, b = np.exp(np.clip(best, -_BOUND, _BOUND)).tolist()
    found = np.array([r, alpha * unit, a, b])
    return Parameters(r=r, alpha=alpha * unit, a=a, b=b, log_likelihood=_log_likelihood(known, found))


def alive(parameters: Parameters, known: Histories) -> Floats:
    """Returns the probability that users have not left: [N]."""
    r, alpha, a, b = parameters.r, parameters.alpha, parameters.a, parameters.b
    x = known.repeats
    silence = (r + x) * (np.log(alpha + known.age) - np.log(alpha + known.recency))
    odds = np.log(a) - np.log(np.maximum(b + x - 1, 1e-12)) + silence
    return np.asarray(np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700))), 1.0))


def returning(parameters: Parameters, known: Histories, days: float) -> Floats:
    """Returns the probability that users come back within some days: [N]. It is exact: of a user who has not left, the
    rate has the gamma distribution (r + x, alpha + T), and nobody leaves before coming back.
    """
    silent = (parameters.r + known.repeats) * np.log1p(days / (parameters.alpha + known.age))
    return np.asarray(alive(parameters, known) * -np.expm1(-silent))


def _log_likelihood(known: Histories, parameters: Floats) -> float:
    r, alpha, a, b = parameters.tolist()
    x = known.repeats
    most = int(x.max()) + 1
    first = _rising(r, most)[x] + r * math.log(alpha)
    second = _rising(b, most)[x] - _rising(a + b, most)[x]
    stays = -(r + x) * np.log(alpha + known.age)
    with np.errstate(divide="ignore"):
        leaves = np.where(
            x > 0,
            math.log(a) - np.log(np.maximum(b + x - 1, 1e-300)) - (r + x) * np.log(alpha + known.recency),
            -np.inf,
        )
    return float(np.sum(known.users * (first + second + np.logaddexp(stays, leaves))))


def _rising(start: float, most: int) -> Floats:
    """Returns the logarithms of gamma(start + k) ÷ gamma(start), for k up to a number: [most]."""
    return np.concatenate([[0.0], np.cumsum(np.log(start + np.arange(most - 1)))])


def _least(loss: Callable[[Floats], float], start: Floats) -> Floats:
    """Returns where a function is least, near a start (Nelder and Mead, 1965)."""
    size = len(start)
    corners = np.vstack([start, start + np.eye(size) * 0.5])
    values = np.array([loss(one) for one in corners])
    for _ in range(_STEPS):
        order = np.argsort(values, kind="stable")
        corners, values = corners[order], values[order]
        if values[-1] - values[0] <= _TOLERANCE * (1 + abs(values[0])):
            break
        middle = corners[:-1].mean(axis=0)
        reflected = middle + (middle - corners[-1])
        value = loss(reflected)
        if value < values[0]:
            further = middle + 2 * (middle - corners[-1])
            other = loss(further)
            corners[-1], values[-1] = (further, other) if other < value else (reflected, value)
        elif value < values[-2]:
            corners[-1], values[-1] = reflected, value
        else:
            inside = middle + 0.5 * ((reflected if value < values[-1] else corners[-1]) - middle)
            other = loss(inside)
            if other < min(value, values[-1]):
                corners[-1], values[-1] = inside, other
            else:
                corners[1:] = corners[0] + 0.5 * (corners[1:] - corners[0])
                values[1:] = [loss(one) for one in corners[1:]]
    return np.asarray(corners[int(np.argmin(values))])
