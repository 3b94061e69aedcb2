"""Recording what windows came to: incidents begin, change and end, and each of that is told once.

Windows may be looked at again, since a worker died or late events changed them. So what they came to is compared with
what is on record, and only what differs is recorded and told.
"""

import functools
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from server import telemetry, timerange
from server.alerts import machine, wording
from server.alerts.machine import Episode, Run, Turn
from server.alerts.measuring import Gauge
from server.delivery import queueing
from server.organizations.alerts import (
    MOST_ENTRIES,
    AlertCondition,
    CloseReason,
    EntryKind,
    KeptIncident,
    KeptRule,
    Mute,
    Observation,
    State,
)
from server.store import alert_evaluations as stored
from server.store.alert_evaluations import NewEntry, OpenIncident
from server.store.database import Driver
from server.tasks import cron

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A look at a rule: its windows from one instant on, up to the last one that has ended. rule is as it is now, and
    known_until the end of the last window that was looked at before.
    """

    rule: KeptRule
    gauge: Gauge
    since: datetime
    until: datetime
    known_until: datetime
    now: datetime

    def is_muted(self, at: datetime) -> bool:
        """Returns whether nobody is told of a window that ends at an instant."""
        snoozed = self.rule.snoozed_until
        if snoozed is not None and snoozed > self.now:
            return True
        return _is_muted(self.rule.draft.mutes, self.gauge.zone, at)


@functools.lru_cache(maxsize=4096)  # many values of a rule are asked about at the same instant
def _is_muted(mutes: tuple[Mute, ...], zone: ZoneInfo, at: datetime) -> bool:
    return any(
        cron.parse(one.cron).last(
            at - one.duration + _MOMENT, at, timerange.zone(one.time_zone) if one.time_zone else zone
        )
        is not None
        for one in mutes
    )


@dataclass(slots=True)
class _Change:
    """An incident with what is added to it. told is what destinations were told last; before is its state till now."""

    incident: KeptIncident
    told: State | None
    told_at: datetime | None
    before: State
    number: int
    entries: list[NewEntry] = field(default_factory=list)


async def record(
    driver: Driver, look: Look, runs: Mapping[str, Run], known: Mapping[str, Sequence[OpenIncident]]
) -> dict[str, str]:
    """Records what windows of each value came to, beside what is known of it, and queues what is to be told; returns
    the ids of the open incidents by value. The rule is locked.
    """
    changes = [
        change
        for value in sorted({*runs, *known})
        for change in _compared(look, value, known.get(value, ()), runs.get(value))
    ]
    changes.sort(key=lambda one: one.incident.closed_at is None)  # those that end first: one is open at a time
    for change in changes:
        await _store(driver, look, change)
    return {one.incident.value: one.incident.incident_id for one in changes if one.incident.closed_at is None}


def _compared(look: Look, value: str, known: Sequence[OpenIncident], run: Run | None) -> list[_Change]:
    """Returns what becomes of the incidents of a value."""
    if run is None:  # it was not looked at: nothing changes
        return [_change(one) for one in known if one.incident.closed_at is None]
    rest = list(known)
    changes = []
    for episode in run.episodes:
        before = _of_episode(rest, episode, look.since)
        if before is not None:
            rest.remove(before)
            changes.append(_continued(look, before, episode, run))
        elif not episode.is_continued:
            changes.append(_begun(look, value, episode, episode.turns))
        elif episode.state is not State.OK and run.observation is not None:  # it was open, and is on no record
            opened = Turn(kind=EntryKind.OPENED, state=episode.state, observation=run.observation)
            changes.append(_begun(look, value, episode, [opened]))
    # Windows that cannot be looked at refute nothing.
    is_failing = run.last.failing_from is not None
    left = [one for one in rest if one.incident.closed_at is None or (one.turns and not is_failing)]
    return [*changes, *(_change(one) if is_failing else _refuted(look, one, run) for one in left)]


def _of_episode(known: Sequence[OpenIncident], episode: Episode, since: datetime) -> OpenIncident | None:
    """Returns the incident on record that is an episode of windows since an instant: the one that was open then; else
    the one that began with the same window, or, since late events may move that, one of the same time.
    """
    if episode.is_continued:
        before = [one for one in known if one.incident.opened_at < since]
        still = [one for one in before if one.incident.close_reason is not CloseReason.RESTATED]
        return next((one for one in still if one.incident.closed_at is None), still[-1] if still else None)
    opened, closed = episode.turns[0].at, episode.closed
    later = [one for one in known if one.incident.opened_at >= since]
    same = next((one for one in later if one.incident.opened_at == opened), None)
    return same or next(
        (
            one
            for one in later
            if (closed is None or one.incident.opened_at <= closed.at)
            and (one.incident.closed_at is None or one.incident.closed_at >= opened)
        ),
        None,
    )


def _change(one: OpenIncident) -> _Change:
    return _Change(
        incident=one.incident, told=one.told, told_at=one.told_at, before=one.incident.state, number=one.entries
    )


def _begun(look: Look, value: str, episode: Episode, turns: Sequence[Turn]) -> _Change:
    """Returns a new incident."""
    opened = turns[0]
    incident = KeptIncident(
        incident_id=f"inc_{secrets.token_hex(10)}",
        rule_id=look.rule.rule_id,
        rule_name=look.rule.draft.name,
        restricted_dimension=look.rule.restricted_dimension,
        restricted_values=look.rule.restricted_values,
        value=value,
        state=episode.state,
        worst=episode.worst,
        severity=look.rule.draft.severity,
        opened_at=opened.at,
        detected_at=look.now,
        closed_at=None,
        close_reason=None,
        peak=episode.peak,
        peak_at=episode.peak_at,
        acknowledged_by="",
        acknowledged_at=None,
        is_restated=False,
        reason=wording.reason(look.gauge, opened.observation, opened.state),
    )
    change = _Change(incident=incident, told=None, told_at=None, before=State.OK, number=0)
    _add(look, change, turns)
    _settle(look.rule.draft.condition, change, episode)
    return change


def _continued(look: Look, known: OpenIncident, episode: Episode, run: Run) -> _Change:
    """Returns an incident that is on record with what windows have changed of it."""
    change, left = _change(known), list(known.turns)
    new = []
    for turn in episode.turns:
        if (turn.at, turn.state) in left:
            left.remove((turn.at, turn.state))
        else:
            new.append(turn)
    _add(look, change, new)
    was = known.turns[-1][1] if known.turns else known.incident.state
    if left and not new and was is not episode.state and run.observation is not None:
        _add(look, change, [_correction(episode.state, run.observation)])
    _settle(look.rule.draft.condition, change, episode)
    if not episode.is_continued and episode.turns[0].at != known.incident.opened_at:
        change.incident = replace(change.incident, opened_at=episode.turns[0].at)
    if any(at <= look.known_until for at, _ in left):  # what was told early may have become worse by the window's end
        change.incident = replace(change.incident, is_restated=True)
    return change


def _correction(state: State, observation: Observation) -> Turn:
    """Returns the turn to a state that windows have without any turn of their own, since one on record has gone."""
    return Turn(
        kind=EntryKind.CLOSED if state is State.OK else EntryKind.CHANGED,
        state=state,
        observation=observation,
        close_reason=CloseReason.RESTATED if state is State.OK else None,
    )


def _refuted(look: Look, known: OpenIncident, run: Run) -> _Change:
    """Returns an incident that windows do not have any more."""
    change = _change(known)
    if known.incident.closed_at is None:
        observation = run.observation or Observation(at=look.until)
        number, text = change.number + 1, "events that came late have shown that there was nothing wrong"
        entry = NewEntry(
            number=number,
            kind=EntryKind.CLOSED,
            state=State.OK,
            at=observation.at,
            measured=observation.measured,
            text=text,
            is_restated=True,
            is_muted=look.is_muted(observation.at),
        )
        change.entries, change.number = [entry], number
    change.incident = replace(
        known.incident,
        state=State.OK,
        closed_at=known.incident.closed_at or max(look.until, known.incident.opened_at),
        close_reason=CloseReason.RESTATED,
        is_restated=True,
    )
    return change


def _add(look: Look, change: _Change, turns: Sequence[Turn]) -> None:
    """Adds turns to what has happened to an incident. Of one that goes to and fro for days the end alone is added."""
    for turn in turns:
        if change.number >= MOST_ENTRIES and turn.kind is not EntryKind.CLOSED:
            continue
        kind = turn.kind if turn.kind is not EntryKind.OPENED or not change.number else EntryKind.CHANGED
        change.number += 1
        is_restated = turn.at <= look.known_until
        entry = NewEntry(
            number=change.number,
            kind=kind,
            state=turn.state,
            at=turn.at,
            measured=turn.observation.measured,
            text=wording.reason(look.gauge, turn.observation, turn.state),
            is_restated=is_restated,
            is_muted=look.is_muted(turn.at),
        )
        change.entries.append(entry)
        if is_restated:
            change.incident = replace(change.incident, is_restated=True)


def _settle(condition: AlertCondition, change: _Change, episode: Episode) -> None:
    """Makes an incident what windows have it be."""
    closed, known = episode.closed, change.incident
    last = change.entries[-1] if change.entries else None
    is_closed = episode.state is State.OK
    closed_at = closed.at if closed is not None else (last.at if is_closed and last is not None else known.closed_at)
    why = closed.close_reason if closed is not None else CloseReason.RESTATED
    peak, peak_at = known.peak, known.peak_at
    if episode.peak is not None and (not episode.is_continued or machine.is_worse(condition, episode.peak, peak)):
        peak, peak_at = episode.peak, episode.peak_at
    change.incident = replace(
        known,
        state=episode.state,
        worst=max(known.worst, episode.worst, key=lambda one: one.rank),
        closed_at=closed_at if is_closed else None,
        close_reason=why if is_closed else None,
        peak=peak,
        peak_at=peak_at,
    )


async def _store(driver: Driver, look: Look, change: _Change) -> None:
    """Stores an incident with what is added to it, and queues what is to be told."""
    organization_id = look.rule.organization_id
    await stored.save_incident(driver, organization_id, change.incident)
    for entry in change.entries:
        if entry.kind in (EntryKind.OPENED, EntryKind.CLOSED):
            telemetry.INCIDENTS.labels(entry.kind.value).inc()
    state = change.before
    for entry in change.entries:
        if _is_told(change, entry):
            await _tell(driver, look, change, entry, state)
        state = entry.state
    late = _late_entry(look, change)
    if late is not None:
        change.entries.append(late)
        await _tell(driver, look, change, late, state)
    await stored.add_entries(driver, organization_id, change.incident.incident_id, change.entries)
    if change.told is not None:
        at = change.told_at or look.now
        await stored.note_told(driver, organization_id, change.incident.incident_id, change.told, at)


def _is_told(change: _Change, entry: NewEntry) -> bool:
    """Returns whether destinations are told: what they do not know. Those who know of an incident are told of its end,
    muted or not; those who do not are not.
    """
    if entry.state is State.OK:
        return change.told not in (None, State.OK)
    has_ended = change.incident.state is State.OK and change.told is State.OK  # and that was told before
    return not entry.is_muted and not has_ended and entry.state is not change.told


def _late_entry(look: Look, change: _Change) -> NewEntry | None:
    """Returns what is told of an open incident although nothing has changed: what was muted, and reminders."""
    incident, draft = change.incident, look.rule.draft
    if incident.closed_at is not None or change.number >= MOST_ENTRIES or look.is_muted(look.until):
        return None
    if change.told is not incident.state:
        kind = EntryKind.UNMUTED
    elif (
        draft.remind_after is not None
        and incident.acknowledged_at is None
        and change.told_at is not None
        and look.now - change.told_at >= draft.remind_after
    ):
        kind = EntryKind.REMINDED
    else:
        return None
    change.number += 1
    return NewEntry(
        number=change.number,
        kind=kind,
        state=incident.state,
        at=look.until,
        measured=incident.peak,
        text=incident.reason,
        is_restated=False,
        is_muted=False,
    )


async def _tell(driver: Driver, look: Look, change: _Change, entry: NewEntry, before: State) -> None:
    """Queues the message of an entry: once, whoever comes with it again."""
    rule, incident = look.rule, change.incident
    message = wording.message(rule, look.gauge, incident, entry, before)
    chosen = rule.draft.destinations or None
    key = f"alert:{incident.incident_id}:{entry.number}"
    await queueing.enqueue(driver, rule.organization_id, message, chosen, key=key)
    change.told, change.told_at = entry.state, look.now
