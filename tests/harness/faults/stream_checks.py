"""Holds what each subscriber of a run was told against the promises of the streams."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.harness.faults import promises
from tests.harness.faults.checker import Facts, Stored, Violation
from tests.harness.faults.history import Delivered, History
from tests.harness.faults.promises import Content, Delivery
from tests.harness.faults.subscribers import Interest
from tests.harness.faults.workload import Fact

_EXAMPLES = 3  # of each promise and subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscriber of updates, and what it asked for."""

    organization: int
    subscriber: str
    interest: Interest


def judge(
    history: History,
    subscriptions: Sequence[Subscription],
    stored: Mapping[int, Stored],
    facts: Facts,
    *,
    complete: bool = True,
) -> list[Violation]:
    """Everything that subscribers were told wrongly, or not at all.

    stored and facts are by organization, facts then by event id. complete: all subscribers had the time to get to the
    head; otherwise what they were told last counts as that.
    """
    reported: dict[tuple[int, str], list[Delivered]] = defaultdict(list)
    resumed: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
    for entry in history.delivered:
        reported[entry.organization, entry.subscriber].append(entry)
    for one in history.resumed:
        resumed[one.organization, one.subscriber][one.connection] = one.after
    found: list[Violation] = []
    for subscription in subscriptions:
        key = (subscription.organization, subscription.subscriber)
        mine = [entry.delivery for entry in reported[key]]
        contents = _contents(stored[subscription.organization], subscription.interest, facts[subscription.organization])
        newest = stored[subscription.organization].revision if complete else max(one.revision for one in mine)
        for check, problems in _problems(mine, resumed[key], contents, newest):
            found += [
                Violation(
                    check=check,
                    text=f"organization {subscription.organization}, {subscription.subscriber}: {problem}",
                    evidence=_around(reported[key], problem),
                )
                for problem in itertools.islice(problems, _EXAMPLES)
            ]
    return [*found, *_shown(history)]


def _problems(
    reported: Sequence[Delivery], resumed: Mapping[int, int], contents: Mapping[int, Content], newest: int
) -> Iterator[tuple[str, Iterator[str]]]:
    yield "stream out of order", promises.ordered(reported)
    yield "stream repeats", promises.unique(reported)
    yield "stream gap", promises.reliable(reported, newest)
    yield "update not whole", promises.atomic(reported, contents)
    yield "resumed elsewhere", promises.resumable(reported, resumed)
    yield "bookmark", promises.bookmarkable(reported)


def _contents(stored: Stored, interest: Interest, facts: Mapping[str, Fact]) -> dict[int, Content]:
    """What each revision holds of what a subscriber asked for, by what is stored in the end."""
    held: dict[int, list[str]] = {revision: [] for revision in stored.updates}
    for event_id, revision in stored.events:
        if event_id in facts and interest.holds(facts[event_id]):
            held.setdefault(revision, []).append(event_id)
    return {
        revision: Content(
            counted=len(ids),
            begun=stored.updates[revision].begun.get(interest.part, 0) if revision in stored.updates else 0,
            event_ids=tuple(ids) if interest.include_events else None,
        )
        for revision, ids in held.items()
    }


def _around(reported: Sequence[Delivered], problem: str) -> tuple[str, ...]:
    """The deliveries at the revision that a problem names first, with their neighbours."""
    number = next((int(word) for word in problem.split() if word.isdigit()), 0)
    at = next((position for position, one in enumerate(reported) if one.delivery.revision >= number), len(reported))
    return tuple(
        f"{one.at:.3f} connection {one.delivery.connection} to {one.server}:"
        f" {'bookmark' if one.delivery.bookmark else 'revision'} {one.delivery.revision},"
        f" {one.delivery.counted} events, {one.delivery.begun:+} conversations"
        for one in reported[max(0, at - 2) : at + 3]
    )


def _shown(history: History) -> Iterator[Violation]:
    revisions: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    for one in history.shown:
        revisions[one.organization, one.subscriber, one.connection].append(one.revision)
    for (organization, subscriber, _), some in revisions.items():
        for problem in itertools.islice(promises.monotonic(some), 1):
            yield Violation(check="state went back", text=f"organization {organization}, {subscriber}: {problem}")
