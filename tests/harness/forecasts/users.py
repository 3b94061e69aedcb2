"""Users who came back or did not: those of real conversations, and made ones, at several instants."""

import collections
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from server.forecasts import returning
from server.forecasts.returning import Histories
from server.local import chitchat

_DAY = 86_400
_TENTHS = 10
Days = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What was expected of the users known at an instant, and what came: of all, and of each tenth the share expected
    and the share that came back.
    """

    at: int
    users: int
    expected: float
    returned: int
    tenths: Sequence[tuple[float, float]]

    @property
    def error(self) -> float:
        """The mean difference of shares."""
        return float(np.mean([abs(expected - came) for expected, came in self.tenths]))


def of_conversations() -> Days:
    """On which days each user of chitchat wrote."""
    days: dict[str, set[int]] = collections.defaultdict(set)
    for one in chitchat.conversations():
        days[one.user_id] |= {at // _DAY for sender, at in one.messages if sender == one.user_id}
    first = min(min(one) for one in days.values() if one)
    return {user: sorted(day - first for day in one) for user, one in days.items() if one}


def made(count: int, length: int, seed: int) -> Days:
    """Users who come at rates of their own until they leave."""
    chance = random.Random(seed)
    found = {}
    for number in range(count):
        at, rate, leaves = chance.uniform(0, length - 30), chance.gammavariate(1.2, 0.1), chance.betavariate(1, 6)
        days = set()
        while at < length:
            days.add(int(at))
            if chance.random() < leaves:
                break
            at += 1 + chance.expovariate(rate)
        found[f"user-{number}"] = sorted(days)
    return found


def held_out(users: Days, ahead: int, instants: Sequence[int]) -> Iterator[HeldOut]:
    """Yields what was expected at each instant from what was known then, and what came."""
    for at in instants:
        known = [[day for day in days if day < at] for days in users.values()]
        came = [any(at <= day < at + ahead for day in days) for days in users.values()]
        rows = [(one, back) for one, back in zip(known, came, strict=True) if one]
        histories = Histories(
            repeats=np.array([len(one) - 1 for one, _ in rows]),
            recency=np.array([float(one[-1] - one[0]) for one, _ in rows]),
            age=np.array([float(at - one[0]) for one, _ in rows]),
            users=np.ones(len(rows)),
        )
        chances = returning.returning(returning.fit(histories), histories, ahead)
        backs = np.array([back for _, back in rows])
        groups = np.array_split(np.argsort(chances, kind="stable"), _TENTHS)
        yield HeldOut(
            at=at,
            users=len(rows),
            expected=float(chances.sum()),
            returned=int(backs.sum()),
            tenths=[(float(chances[one].mean()), float(backs[one].mean())) for one in groups],
        )
