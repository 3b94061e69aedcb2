"""Tickets of an incident management process as events (UCI 498; Amaral, Fantinato, Peres 2018); their bytes lie beside
the repository and are not part of it.

A ticket is a conversation of its caller: resolved, handed over while somebody else has to act, ended, and reopened when
it becomes active again. The log has minutes; of several events of a ticket in one minute each is a second later than
the one before it.

Or it is a lead: created when it was opened, in the stage of its state with every update, converted when it was
resolved, and in the stage CLOSED when it was closed, at the times of the log.
"""

import csv
import io
import itertools
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tallywire.v1 import event_pb2

DATA = Path(__file__).parents[3] / "shared" / "data" / "uci_incident_log" / "incident_event_log.zip"
_CLOSING = {"Resolved": "conversation.resolved", "Closed": "conversation.ended"}


CLOSED = "closed at last"


def tickets(most: int) -> Iterator[list[dict[str, str]]]:
    """The rows of each of the first tickets of the log, in its order."""
    with zipfile.ZipFile(DATA) as archive, archive.open(archive.namelist()[0]) as file:
        rows = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))
        for _, mine in itertools.islice(itertools.groupby(rows, key=lambda row: row["number"]), most):
            yield list(mine)


def as_leads(rows: list[dict[str, str]]) -> Iterator[event_pb2.Event]:
    """The events of a ticket as a lead."""
    first, last = rows[0], rows[-1]
    yield _of_lead(first, "created", time_of(first["opened_at"]))
    for place, row in enumerate(rows):
        yield _of_lead(row, "stage_entered", time_of(row["sys_updated_at"]), row["incident_state"], str(place))
    if last["resolved_at"] != "?":
        yield _of_lead(last, "converted", time_of(last["resolved_at"]))
    yield _of_lead(last, "stage_entered", time_of(last["closed_at"]), CLOSED, CLOSED.replace(" ", "_"))


def time_of(text: str) -> datetime:
    """A time of the log."""
    return datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def _of_lead(row: dict[str, str], kind: str, at: datetime, stage: str = "", suffix: str = "") -> event_pb2.Event:
    event = event_pb2.Event(
        event_id=f"{row['number']}:lead:{kind}:{suffix}",
        event_type=f"lead.{kind}",
        channel=row["contact_type"],
        lead=event_pb2.LeadDetail(lead_id=row["number"], stage=stage),
    )
    event.occurred_at.FromDatetime(at)
    return event


def events(tickets: int) -> Iterator[event_pb2.Event]:
    """The events of the first tickets of the log."""
    with zipfile.ZipFile(DATA) as archive, archive.open(archive.namelist()[0]) as file:
        state, number, seen, minutes = "", "", 0, Counter[datetime]()
        for place, row in enumerate(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8"))):
            if row["number"] != number:
                number, state, seen, minutes = row["number"], "New", seen + 1, Counter[datetime]()
                if seen > tickets:
                    return
                yield _event(row, "conversation.started", "start", _at(row["opened_at"], minutes))
            before, state = state, row["incident_state"]
            if state != before and (event_type := _type(before, state)):
                event = _event(row, event_type, str(place), _at(row["sys_updated_at"], minutes))
                if event_type == "conversation.escalated":
                    event.conversation.handoff_reason = state
                yield event


def _type(before: str, state: str) -> str:
    if state in _CLOSING:
        return _CLOSING[state]
    if before in _CLOSING:
        return "conversation.reopened"
    return "conversation.escalated" if state.startswith("Awaiting") else ""


def _at(text: str, minutes: Counter[datetime]) -> datetime:
    minute = time_of(text)
    minutes[minute] += 1
    return minute + timedelta(seconds=minutes[minute] - 1)


def _event(row: dict[str, str], event_type: str, suffix: str, at: datetime) -> event_pb2.Event:
    told = {name: "" if row[name] == "?" else row[name] for name in ("caller_id", "assigned_to", "category")}
    event = event_pb2.Event(
        event_id=f"{row['number']}:{suffix}",
        event_type=event_type,
        conversation_id=row["number"],
        user_id=told["caller_id"],
        agent_id=told["assigned_to"],
        channel=row["contact_type"],
    )
    if told["category"]:
        event.conversation.topic = told["category"]
    event.occurred_at.FromDatetime(at)
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a ticket went, by the rows of the log alone: the last state that counts since it was reopened last, how often
    it was reopened, and the minutes from when it was opened to its first closing since.
    """

    outcome: str
    reopenings: int
    minutes: int


def course(rows: list[dict[str, str]]) -> Course:
    """Returns how a ticket went."""
    changes, state = list[tuple[datetime, int, str]](), "New"
    for place, row in enumerate(rows):
        before, state = state, row["incident_state"]
        at = time_of(row["sys_updated_at"])
        if state == before:
            continue
        if state in _CLOSING:
            changes.append((at, place, state))
        elif before in _CLOSING:
            changes.append((at, place, "reopened"))
        elif state.startswith("Awaiting"):
            changes.append((at, place, "handed over"))
    changes.sort()
    reopened = [place for place, (_, _, kind) in enumerate(changes) if kind == "reopened"]
    since = changes[reopened[-1] + 1 :] if reopened else changes
    kinds = {kind for _, _, kind in since}
    outcome = next((one for one in ("handed over", "Resolved", "Closed") if one in kinds), "")
    opened = time_of(rows[0]["opened_at"])
    return Course(
        outcome=outcome,
        reopenings=len(reopened),
        minutes=int((since[0][0] - opened).total_seconds()) // 60 if since else -1,
    )
