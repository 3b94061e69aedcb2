"""The judge: holds the history of a run and what is stored at its end against what the service promises.

Each check is a function of its own and returns what it found, with the least evidence that shows it.
"""

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.harness.faults.history import ACCEPTED, ACKNOWLEDGED, REJECTED, Call, Fault, History, Read
from tests.harness.faults.workload import Fact

# Statuses that a client may see while parts of the service are being killed. All of them mean: perhaps stored.
EXPECTED_CODES = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")
_EXAMPLES = 3  # of each check and organization
_NEAR = 3  # faults shown around a counter-example


Part = tuple[str, str]  # of what is counted: the name of an event's field, and its value; two empty texts for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """An update as it is kept for subscribers: its events, and by how many conversations it changes the number of those
    that have begun, by part.
    """

    events: int
    begun: Mapping[Part, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What an organization's tables hold: raw events as (event id, revision), keys as event ids, updates by revision,
    deltas' revisions. stopped: the projections that have, and why.
    """

    organization: int
    revision: int
    events: Sequence[tuple[str, int]]
    keys: Sequence[str]
    updates: Mapping[int, Logged]
    delta_revisions: frozenset[int] = frozenset()
    stopped: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A promise that was not kept, and what shows it."""

    check: str
    text: str
    evidence: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How much there is to read."""
        return sum(map(len, (self.text, *self.evidence)))

    def __str__(self) -> str:
        """The violation in lines."""
        return "\n".join((f"{self.check}: {self.text}", *(f"    {line}" for line in self.evidence)))


Facts = Mapping[int, Mapping[str, Fact]]  # by organization and event id


def judge(history: History, stored: Mapping[int, Stored], facts: Facts) -> list[Violation]:
    """Everything that is wrong. To be called once every event of unknown outcome was sent again."""
    found: list[Violation] = []
    for organization in history.organizations:
        one = _Organization.of(history, stored[organization], facts[organization])
        for check in CHECKS:
            found += itertools.islice(check(one), _EXAMPLES)
    return [*found, *_audits(history), *_codes(history)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Organization:
    """One organization's part of a history, sorted for the checks. Times are by event id."""

    history: History
    calls: Sequence[Call]
    calls_of: Mapping[str, Sequence[Call]]  # by event id
    stored: Stored
    attempted: Mapping[str, float]  # when it was first sent
    acknowledged: Mapping[str, float]  # when that came back first
    facts: Mapping[str, Fact]

    @classmethod
    def of(cls, history: History, stored: Stored, facts: Mapping[str, Fact]) -> "_Organization":
        calls = [call for call in history.calls if call.organization == stored.organization]
        calls_of: dict[str, list[Call]] = defaultdict(list)
        acknowledged: dict[str, float] = {}
        for call in calls:
            for event_id in dict.fromkeys(call.event_ids):
                calls_of[event_id].append(call)
            for event_id, status in call.results:
                if status in ACKNOWLEDGED:
                    acknowledged[event_id] = min(call.ended, acknowledged.get(event_id, call.ended))
        return cls(
            history=history,
            calls=calls,
            calls_of=calls_of,
            stored=stored,
            attempted={event_id: min(call.began for call in mine) for event_id, mine in calls_of.items()},
            acknowledged=acknowledged,
            facts=facts,
        )

    def first_of_conversations(self, times: Mapping[str, float]) -> list[float]:
        """The first time of each conversation, of times of events, in order."""
        first: dict[str, float] = {}
        for event_id, at in times.items():
            conversation = self.facts[event_id].conversation_id
            if conversation:
                first[conversation] = min(at, first.get(conversation, at))
        return sorted(first.values())

    def event(self, event_id: str) -> tuple[str, ...]:
        """What happened to an event, in order, with the faults around its first call."""
        mine = self.calls_of.get(event_id, ())
        lines = [(call.began, _line(call, event_id)) for call in mine]
        if mine:
            first, last = min(call.began for call in mine), min(call.ended for call in mine)
            lines += [(fault.at, _fault(fault)) for fault in self.faults_around(first, last)]
        lines += [
            (float("inf"), f"stored under revision {number}") for one, number in self.stored.events if one == event_id
        ]
        return tuple(text for _, text in sorted(lines))

    def faults_around(self, first: float, last: float) -> list[Fault]:
        """The faults closest to a stretch of time."""
        faults = sorted(self.history.faults, key=lambda fault: max(first - fault.at, fault.at - last, 0))
        return sorted(faults[:_NEAR], key=lambda fault: fault.at)


def _line(call: Call, event_id: str) -> str:
    status = next((status for one, status in call.results if one == event_id), call.error or "no answer")
    return (
        f"{call.began:.3f} to {call.ended:.3f} {call.client} at {call.server}:"
        f" {len(call.event_ids)} events, this one {status}"
    )


def _fault(fault: Fault) -> str:
    return f"{fault.at:.3f} {fault.what} {fault.victim}"


Check = Callable[[_Organization], Iterator[Violation]]


def _sets(one: _Organization) -> Iterator[Violation]:
    """Acknowledged ⊆ stored ⊆ attempted; and since all was sent until it was acknowledged, stored = attempted."""
    stored = {event_id for event_id, _ in one.stored.events}
    for title, missing in (
        ("lost ack", one.acknowledged.keys() - stored),
        ("never stored", one.attempted.keys() - stored - one.acknowledged.keys()),
        ("stored though never sent", stored - one.attempted.keys()),
    ):
        for event_id in sorted(missing, key=lambda event_id: (len(one.calls_of.get(event_id, ())), event_id)):
            yield _violation(title, one, f"{event_id}, one of {len(missing)}", one.event(event_id))


def _once(one: _Organization) -> Iterator[Violation]:
    """No event is stored twice, each has one key, and no key is without its event."""
    events = Counter(event_id for event_id, _ in one.stored.events)
    for event_id, times in events.items():
        if times > 1:
            yield _violation("stored twice", one, f"{event_id}, {times} times", one.event(event_id))
    keys = Counter(one.stored.keys)
    for event_id, times in keys.items():
        if times > 1:
            yield _violation("two keys", one, f"{event_id} has {times}")
    for event_id in events.keys() - keys.keys():
        yield _violation("no key", one, event_id, one.event(event_id))
    for event_id in keys.keys() - events.keys():
        yield _violation("key without event", one, event_id, one.event(event_id))


def _answers(one: _Organization) -> Iterator[Violation]:
    """An event is ACCEPTED once at most, whatever came between, and no good event is refused."""
    accepted: Counter[str] = Counter()
    for call in one.calls:
        for event_id, status in call.results:
            accepted[event_id] += status == ACCEPTED
            if status.startswith(REJECTED):
                yield _violation("refused", one, f"{event_id}: {status}", one.event(event_id))
    for event_id, times in accepted.items():
        if times > 1:
            yield _violation("accepted twice", one, event_id, one.event(event_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    """What may be counted at a time: at least what is acknowledged by then, and at most what was sent."""

    acknowledged: Sequence[float]
    attempted: Sequence[float]

    def of(self, read: Read) -> tuple[int, int]:
        """The least and the most that an answer may count."""
        return bisect.bisect_left(self.acknowledged, read.began), bisect.bisect_right(self.attempted, read.ended)


def _bounds(one: _Organization) -> Iterator[Violation]:
    """Every answer counts all that was acknowledged before the question, and nothing that was not sent by its end:
    events, and the conversations that they are of.
    """
    times = (one.acknowledged, one.attempted)
    acknowledged, attempted = (sorted(some.values()) for some in times)
    events = _Bounds(acknowledged=acknowledged, attempted=attempted)
    acknowledged, attempted = map(one.first_of_conversations, times)
    conversations = _Bounds(acknowledged=acknowledged, attempted=attempted)
    for read in one.history.reads:
        if read.organization != one.stored.organization:
            continue
        yield from _counted(one, read, "events", read.events, events, ("stale read", "counted too much"))
        names = ("stale conversations", "too many conversations")
        yield from _counted(one, read, "conversations", read.conversations, conversations, names)
        for what, (left, right) in read.sums.items():
            if left != right:
                yield _violation(
                    "torn answer", one, f"{what}: {left} and {right} at {read.began:.3f} from {read.server}"
                )


def _counted(
    one: _Organization, read: Read, what: str, count: int, bounds: _Bounds, names: tuple[str, str]
) -> Iterator[Violation]:
    least, most = bounds.of(read)
    if not least <= count <= most:
        around = [_fault(fault) for fault in one.faults_around(read.began, read.ended)]
        text = f"{read.client} at {read.server} read {count} {what} at {read.began:.3f}, not {least} to {most}"
        yield _violation(names[count > most], one, text, around)


def _order(one: _Organization) -> Iterator[Violation]:
    """The revision of answers never goes back for a client, and is at least that of what it was told before."""
    reported = sorted((call.ended, call.revision) for call in one.calls if call.revision)
    last: dict[str, int] = defaultdict(int)
    for read in sorted(one.history.reads, key=lambda read: read.began):
        if read.organization != one.stored.organization:
            continue
        if read.revision < last[read.client]:
            text = f"{read.client} saw {last[read.client]}, then {read.revision} from {read.server} at {read.began:.3f}"
            yield _violation("revision went back", one, text)
        last[read.client] = max(last[read.client], read.revision)
        known = max((revision for at, revision in reported if at < read.began), default=0)
        if read.revision < known:
            text = f"{known} was acknowledged before {read.server} answered as of {read.revision} at {read.began:.3f}"
            yield _violation("own write not read", one, text)


def _revisions(one: _Organization) -> Iterator[Violation]:
    """Revisions are 1 to N without gaps, N being the organization's. Each has its update, which counts its events: none
    where a projection took it. Every event and every delta belongs to one of them.
    """
    last = one.stored.revision
    events = Counter(number for _, number in one.stored.events)
    gaps = sorted(set(range(1, last + 1)) - one.stored.updates.keys())
    if gaps:
        yield _violation("revision gap", one, f"{len(gaps)} of 1 to {last} have no update, the first is {gaps[0]}")
    for number, update in one.stored.updates.items():
        if number <= last and update.events != events[number]:
            text = f"that of revision {number} counts {update.events} events of {events[number]}"
            yield _violation("update miscounts", one, text)
    for what, found in (("events", events.keys()), ("deltas", one.stored.delta_revisions)):
        beyond = sorted(number for number in found if not 1 <= number <= last)
        if beyond:
            yield _violation("revision unknown", one, f"{what} have {beyond[0]}, the organization is at {last}")


def _projections(one: _Organization) -> Iterator[Violation]:
    """No projection has stopped: that is for faults of the service, which no fault of anything else may bring about."""
    for text in one.stored.stopped:
        yield _violation("projection stopped", one, text)


CHECKS: tuple[Check, ...] = (_sets, _once, _answers, _bounds, _order, _revisions, _projections)


def _violation(check: str, one: _Organization, text: str, evidence: Iterable[str] = ()) -> Violation:
    return Violation(check=check, text=f"organization {one.stored.organization}: {text}", evidence=tuple(evidence))


def _audits(history: History) -> Iterator[Violation]:
    """Rollups + deltas = raw events, in every snapshot that was looked at."""
    for audit in history.audits:
        if audit.mismatches:
            yield Violation(
                check=audit.check,
                text=f"organization {audit.organization}: {audit.mismatches} mismatches at {audit.at:.3f}",
                evidence=(audit.examples,),
            )


def _codes(history: History) -> Iterator[Violation]:
    """A client sees only statuses that are true."""
    unexpected = [failure for failure in history.failures if failure.code not in EXPECTED_CODES]
    for code, times in Counter(failure.code for failure in unexpected).items():
        first = next(failure for failure in unexpected if failure.code == code)
        text = f"{code}, {times} times, first to {first.client} from {first.server}: {first.message}"
        yield Violation(check="status", text=text)
