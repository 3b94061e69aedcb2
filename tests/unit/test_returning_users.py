"""BG/NBD: parameters and probabilities against the published implementation, and against users made by the model."""

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.forecasts import returning
from server.forecasts.returning import Histories, Parameters

# lifetimes 0.11.3: BetaGeoFitter without penalty, fitted to made(800).
_FITTED = Parameters(r=1.454233, alpha=19.267547, a=1.912647, b=6.771308, log_likelihood=math.nan)


def _chances() -> Callable[[], float]:
    """A generator that anybody can write down again."""
    state = 99

    def chance() -> float:
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return (state + 1) / (2**31 + 1)

    return chance


def made(count: int) -> Histories:
    """The users of the oracle."""
    chance, rows = _chances(), []
    for _ in range(count):
        age = 20 + int(chance() * 160)
        rate, leaves = -math.log(chance()) * 0.08 + 0.01, chance() * 0.4
        at, repeats, last = 0.0, 0, 0
        while True:
            at += -math.log(chance()) / rate
            if at > age:
                break
            if int(at) > last:
                repeats, last = repeats + 1, int(at)
            if chance() < leaves:
                break
        rows.append((repeats, last, age))
    return histories(rows)


def histories(rows: list[tuple[int, int, int]]) -> Histories:
    """Users, each with how often it came back, its last day and its age."""
    repeats, recency, age = (np.array(one) for one in zip(*rows, strict=True))
    return Histories(
        repeats=repeats.astype(np.int64),
        recency=recency.astype(np.float64),
        age=age.astype(np.float64),
        users=np.ones(len(rows)),
    )


def test_parameters_are_those_of_lifetimes() -> None:
    found = returning.fit(made(800))
    for name in ("r", "alpha", "a", "b"):
        assert getattr(found, name) == pytest.approx(getattr(_FITTED, name), rel=0.01), name


def test_probabilities_are_those_of_lifetimes() -> None:
    known = histories([(0, 0, 100), (3, 20, 60), (10, 90, 100), (25, 100, 101)])
    assert returning.alive(_FITTED, known) == pytest.approx([1.0, 0.16717379, 0.75150571, 0.92805663], abs=1e-7)


def test_users_who_are_alike_count_as_many() -> None:
    each = made(120)
    rows = list(zip(each.repeats.tolist(), each.recency.tolist(), each.age.tolist(), strict=True))
    kinds = sorted(set(rows))
    together = Histories(
        repeats=np.array([one[0] for one in kinds]),
        recency=np.array([one[1] for one in kinds]),
        age=np.array([one[2] for one in kinds]),
        users=np.array([float(rows.count(one)) for one in kinds]),
    )
    assert returning.fit(together).r == pytest.approx(returning.fit(each).r, rel=1e-3)


def test_coming_back_is_as_frequent_as_expected() -> None:
    """Users with one rate and one probability of leaving, for whom the truth is known."""
    chance, rate, leaves, days = random.Random(4), 0.1, 0.1, 30.0
    fixed = Parameters(r=1e6, alpha=1e7, a=1e5, b=9e5, log_likelihood=math.nan)
    rows, came = [], []
    for _ in range(4000):
        at, last, repeats, is_gone, age = 0.0, 0.0, 0, False, chance.uniform(20, 100)
        while not is_gone:
            at += chance.expovariate(rate)
            if at > age:
                break
            repeats, last, is_gone = repeats + 1, at, chance.random() < leaves
        rows.append((repeats, last, age))
        came.append(not is_gone and at <= age + days)
    repeats_of, last_of, age_of = (np.array(one) for one in zip(*rows, strict=True))
    known = Histories(repeats=repeats_of, recency=last_of, age=age_of, users=np.ones(len(rows)))
    expected = returning.returning(fixed, known, days)
    assert expected.mean() == pytest.approx(np.mean(came), abs=0.02)
    likely = expected > 0.5
    assert expected[likely].mean() == pytest.approx(np.array(came)[likely].mean(), abs=0.03)


@given(
    st.tuples(*(st.floats(0.01, 100) for _ in range(4))),
    st.integers(0, 400),
    st.integers(0, 700),
    st.integers(1, 700),
    st.integers(1, 90),
)
def test_probabilities_are_probabilities(
    parameters: tuple[float, float, float, float], repeats: int, last: int, silent: int, days: int
) -> None:
    r, alpha, a, b = parameters
    fitted = Parameters(r=r, alpha=alpha, a=a, b=b, log_likelihood=0.0)
    recency = last if repeats else 0
    known = histories([(repeats, recency, recency + silent), (repeats, recency, recency + silent + 10)])
    active, later = returning.alive(fitted, known)
    assert 0 <= later <= active + 1e-12 <= 1 + 1e-12, "silence makes it less probable"
    back = returning.returning(fitted, known, days)
    assert np.all((back >= 0) & (back <= returning.alive(fitted, known) + 1e-12))
    assert np.all(returning.returning(fitted, known, days + 30) >= back - 1e-12)
